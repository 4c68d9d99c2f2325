/** Signed notes and verifier keys (https://c2sp.org/signed-note); only `openNote` returns a verified text. */

import { fromBase64, concat, isEqual, toHex, utf8 } from "./bytes.js";
import { isSigned } from "./ed25519.js";
import { sha256 } from "./sha.js";

const ED25519 = 1; // signed-note, "Signature types"
const KEY_ID_BYTES = 4;
const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_LINES_MAX = 100;
const NOTE_BYTES_MAX = 1 << 20;

const DASH = "— "; // U+2014 and a space start a signature line
const CONTROL = /[\x00-\x09\x0b-\x1f]|\p{Surrogate}/u;
// Written out, because \s and signed-note differ on which characters are spaces.
const SPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

const isName = (name) => name !== "" && !name.includes("+") && !SPACE.test(name) && !CONTROL.test(name);

/** A note that is not accepted: `code` states the reason, `actual` the offending value. */
export class NoteRefused extends Error {
  constructor(code, actual = "") {
    super(code);
    this.code = code;
    this.actual = actual;
  }
}

/** Return the key in `name+id+base64`; null if it is malformed or the id does not match. */
export async function readVerifierKey(text) {
  const [name, id] = text.split("+", 2);
  const keyBytes = fromBase64(text.slice(name.length + (id ?? "").length + 2)); // base64 may contain a plus, a name may not
  if (!isName(name) || keyBytes === null) return null;
  if (keyBytes.length !== 1 + PUBLIC_KEY_BYTES || keyBytes[0] !== ED25519) return null;
  const keyId = (await sha256(concat(utf8(`${name}\n`), keyBytes))).slice(0, KEY_ID_BYTES);
  return id === toHex(keyId) ? { name, keyId, publicKey: keyBytes.slice(1) } : null;
}

/** Return the text of a note signed by the key. Throws NoteRefused otherwise. */
export async function openNote(note, key) {
  const { text, signatures } = parseNote(note);
  const matching = signatures.filter(({ name, keyId }) => name === key.name && isEqual(keyId, key.keyId));
  if (matching.length === 0) throw new NoteRefused("unsigned", signatures.map(keyLabel).join(", "));
  for (const { signature } of matching) {
    if (!(await isSigned(key.publicKey, signature, utf8(text)))) throw new NoteRefused("false", keyLabel(key));
  }
  return text;
}

/** Return a key's name and id, as in a verifier key. */
export const keyLabel = ({ name, keyId }) => `${name}+${toHex(keyId)}`;

function parseNote(note) {
  const end = note.lastIndexOf("\n\n"); // the last empty line: the text may contain others
  if (utf8(note).length > NOTE_BYTES_MAX || CONTROL.test(note) || end < 0 || !note.endsWith("\n")) {
    throw new NoteRefused("note");
  }
  const lines = note.slice(end + 2, -1).split("\n");
  // A note that ends with the empty line has no signature.
  if (end + 2 === note.length || lines.length > SIGNATURE_LINES_MAX) throw new NoteRefused("note");
  return { text: note.slice(0, end + 1), signatures: lines.map(readSignature) };
}

function readSignature(line) {
  const [name] = line.slice(DASH.length).split(" ", 1);
  const raw = fromBase64(line.slice(DASH.length + name.length + 1));
  if (!line.startsWith(DASH) || !isName(name) || raw === null || raw.length <= KEY_ID_BYTES) {
    throw new NoteRefused("note", line);
  }
  return { name, keyId: raw.slice(0, KEY_ID_BYTES), signature: raw.slice(KEY_ID_BYTES) };
}
