/** Ed25519 by the browser (WICG Secure Curves, RFC 8032); in older browsers, which lack it, nothing verifies. */

import { fromHex, utf8 } from "./bytes.js";

// RFC 8032, section 7.1, test 2: a valid signature of one byte.
const KEY = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
const SIGNATURE =
  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
  "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";

/** Return whether a signature is valid; false also if the key is not a point of the curve. */
export async function isSigned(publicKey, signature, message) {
  try {
    const key = await crypto.subtle.importKey("raw", publicKey, { name: "Ed25519" }, false, ["verify"]);
    return await crypto.subtle.verify({ name: "Ed25519" }, key, signature, message);
  } catch {
    return false;
  }
}

/** Return whether this browser can verify signatures. Without HTTPS there is no `crypto.subtle`. */
export async function canCheckSignatures() {
  const [key, signature] = [fromHex(KEY, 32), fromHex(SIGNATURE, 64)];
  return (await isSigned(key, signature, utf8("r"))) && !(await isSigned(key, signature, utf8("s")));
}
