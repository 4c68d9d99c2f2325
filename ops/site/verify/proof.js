/** A receipt's file as values: what `ledger/log/receipt_file.py` refuses is refused here. */

import { fromBase64, fromHex, fromUtf8, utf8 } from "./bytes.js";
import { NotAlike, readJson } from "./json.js";
import { HASH_BYTES } from "./sha.js";

const RECEIPT_BYTES_MAX = 1 << 20;
const NONCE_BYTES = 16;
const PERSON_BYTES = 16;

/** The file is no receipt with a proof: `why` is the word for it, `where` the member. */
export class MalformedReceipt extends Error {
  constructor(why, where = "") {
    super(`${why} ${where}`);
    this.why = why;
    this.where = where;
  }
}

/** Return what a receipt's bytes say. MalformedReceipt if there is no proof in them. */
export function readProof(bytes) {
  if (bytes.length > RECEIPT_BYTES_MAX) throw new MalformedReceipt("large");
  const told = membersOf(parse(bytes), "");
  const batch = readBatch(membersOf(told.batch, "batch"));
  const like = told.like === null ? null : readLike(membersOf(told.like, "like"));
  if (told.checkpoint === null) throw new MalformedReceipt("waiting");
  const checkpoint = text(told.checkpoint, "checkpoint");
  const count = readCount(membersOf(told.count, "count"));
  return { campaign: text(told.campaign, "campaign"), fate: told.fate, like, batch, count, checkpoint };
}

function parse(bytes) {
  try {
    return readJson(fromUtf8(bytes));
  } catch (fault) {
    if (fault instanceof NotAlike) throw new MalformedReceipt("number", fault.message);
    throw new MalformedReceipt("json");
  }
}

function readLike(told) {
  // Of these lengths and no others: else the same bytes could be cut into another like.
  return {
    nonce: hex(told.nonce, NONCE_BYTES, "like.nonce"),
    person: hex(told.person, PERSON_BYTES, "like.person"),
    eventUs: number(told.event_us, "like.event_us"),
    content: text(told.content, "like.content"),
  };
}

function readBatch(told) {
  return {
    id: number(told.id, "batch.id"),
    size: number(told.size, "batch.size"),
    index: number(told.index, "batch.index"),
    leaf: hex(told.leaf, HASH_BYTES, "batch.leaf"),
    path: list(told.path, "batch.path").map((node) => hex(node, HASH_BYTES, "batch.path")),
    root: hex(told.root, HASH_BYTES, "batch.root"),
  };
}

function readCount(told) {
  return {
    index: number(told.index, "count.index"),
    entry: text(told.entry, "count.entry"),
    path: list(told.path, "count.path").map((node) => hash(node, "count.path")),
  };
}

function membersOf(value, where) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) refuse(where);
  return value;
}

function number(value, where) {
  if (!Number.isSafeInteger(value) || value < 0) refuse(where);
  return BigInt(value);
}

function text(value, where) {
  if (typeof value !== "string") refuse(where);
  return value;
}

function list(value, where) {
  if (!Array.isArray(value)) refuse(where);
  return value;
}

function hex(value, length, where) {
  const bytes = fromHex(value, length);
  if (bytes === null) refuse(where);
  return bytes;
}

function hash(value, where) {
  const bytes = typeof value === "string" ? fromBase64(value) : null;
  if (bytes === null || bytes.length !== HASH_BYTES) refuse(where);
  return bytes;
}

function refuse(where) {
  throw new MalformedReceipt("member", where);
}

/** Return the parts of what a batch's leaf commits to: version, nonce, pseudonym, microseconds (8 bytes), content. */
export function likeEntry({ nonce, person, eventUs, content }) {
  const moment = new Uint8Array(8);
  new DataView(moment.buffer).setBigUint64(0, eventUs);
  return [Uint8Array.of(1), nonce, person, moment, utf8(content)];
}
