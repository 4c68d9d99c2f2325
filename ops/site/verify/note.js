/** Signed notes and verifier keys (https://c2sp.org/signed-note): a text is worth nothing before `openNote`. */

import { fromBase64, joined, same, toHex, utf8 } from "./bytes.js";
import { isSigned } from "./ed25519.js";
import { sha256 } from "./sha.js";

const ED25519 = 1; // signed-note, "Signature types"
const KEY_ID_BYTES = 4;
const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_LINES_MAX = 100;
const NOTE_BYTES_MAX = 1 << 20;

const DASH = "— "; // U+2014 and a space open a signature line
const CONTROL = /[\x00-\x09\x0b-\x1f]|\p{Surrogate}/u;
// Written out, because \s has another idea of what a space is than signed-note.
const SPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

const isName = (name) => name !== "" && !name.includes("+") && !SPACE.test(name) && !CONTROL.test(name);

/** A note that does not open: `why` is the word for it, `found` what is there instead. */
export class NoteRefused extends Error {
  constructor(why, found = "") {
    super(why);
    this.why = why;
    this.found = found;
  }
}

/** Return the key of `name+id+base64`; null if it is none, or its id is another key's. */
export async function readVerifierKey(text) {
  const [name, id] = text.split("+", 2);
  const typed = fromBase64(text.slice(name.length + (id ?? "").length + 2)); // base64 may hold a plus, a name may not
  if (!isName(name) || typed === null) return null;
  if (typed.length !== 1 + PUBLIC_KEY_BYTES || typed[0] !== ED25519) return null;
  const keyId = (await sha256(joined(utf8(`${name}\n`), typed))).slice(0, KEY_ID_BYTES);
  return id === toHex(keyId) ? { name, keyId, publicKey: typed.slice(1) } : null;
}

/** Return the text of a note that the key has signed. NoteRefused otherwise. */
export async function openNote(whole, key) {
  const { text, signatures } = readNote(whole);
  const own = signatures.filter((each) => each.name === key.name && same(each.keyId, key.keyId));
  if (own.length === 0) throw new NoteRefused("unsigned", signatures.map(shown).join(", "));
  for (const { signature } of own) {
    if (!(await isSigned(key.publicKey, signature, utf8(text)))) throw new NoteRefused("false", shown(key));
  }
  return text;
}

/** Return how a key is spoken of. */
export const shown = ({ name, keyId }) => `${name}+${toHex(keyId)}`;

function readNote(whole) {
  const parting = whole.lastIndexOf("\n\n"); // the last empty line parts them: a text may have its own
  if (utf8(whole).length > NOTE_BYTES_MAX || CONTROL.test(whole) || parting < 0 || !whole.endsWith("\n")) {
    throw new NoteRefused("note");
  }
  const lines = whole.slice(parting + 2, -1).split("\n");
  // Without a line below the empty one its second newline is the note's last.
  if (parting + 2 === whole.length || lines.length > SIGNATURE_LINES_MAX) throw new NoteRefused("note");
  return { text: whole.slice(0, parting + 1), signatures: lines.map(readSignature) };
}

function readSignature(line) {
  const [name] = line.slice(DASH.length).split(" ", 1);
  const raw = fromBase64(line.slice(DASH.length + name.length + 1));
  if (!line.startsWith(DASH) || !isName(name) || raw === null || raw.length <= KEY_ID_BYTES) {
    throw new NoteRefused("note", line);
  }
  return { name, keyId: raw.slice(0, KEY_ID_BYTES), signature: raw.slice(KEY_ID_BYTES) };
}
