/** SHA-256 by the browser (W3C Web Cryptography, FIPS 180-4). */

export const HASH_BYTES = 32;

export async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}
