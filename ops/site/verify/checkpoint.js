/** Checkpoints: signed notes with origin, size and root (https://c2sp.org/tlog-checkpoint). */

import { fromBase64, isEqual, utf8 } from "./bytes.js";
import { NoteRefused, openNote } from "./note.js";
import { HASH_BYTES, sha256 } from "./sha.js";

const SIZE_MAX = 2n ** 63n - 1n;

/** Return the checkpoint in a note signed by the key; its origin is the key's name. Throws NoteRefused otherwise. */
export async function openCheckpoint(note, key) {
  const text = await openNote(note, key);
  const checkpoint = await readCheckpoint(text);
  if (checkpoint === null) throw new NoteRefused("checkpoint", text);
  if (checkpoint.origin !== key.name) throw new NoteRefused("origin", checkpoint.origin);
  return checkpoint;
}

async function readCheckpoint(text) {
  const lines = text.slice(0, -1).split("\n");
  const [origin, size, encoded] = lines;
  if (lines.length < 3 || lines.includes("") || !/^(0|[1-9][0-9]{0,18})$/.test(size)) return null;
  const root = fromBase64(encoded);
  if (BigInt(size) > SIZE_MAX || root === null || root.length !== HASH_BYTES) return null;
  const isEmptyTree = size === "0";
  if (isEmptyTree && !isEqual(root, await sha256(utf8("")))) return null; // RFC 6962, 2.1: MTH({}) = SHA-256()
  return { origin, size: BigInt(size), root };
}
