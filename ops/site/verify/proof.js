/** Parses a receipt file; accepts exactly what `ledger/log/receipt_file.py` accepts. */

import { fromBase64, fromHex, fromUtf8, utf8 } from "./bytes.js";
import { AmbiguousJson, readJson } from "./json.js";
import { HASH_BYTES } from "./sha.js";

const RECEIPT_BYTES_MAX = 1 << 20;
const NONCE_BYTES = 16;
const PERSON_BYTES = 16;

/** The file is not a receipt with a proof: `code` states the reason, `where` the member. */
export class MalformedReceipt extends Error {
  constructor(code, where = "") {
    super(`${code} ${where}`);
    this.code = code;
    this.where = where;
  }
}

/** Return a receipt's values. Throws MalformedReceipt if it contains no proof. */
export function readProof(bytes) {
  if (bytes.length > RECEIPT_BYTES_MAX) throw new MalformedReceipt("large");
  const receipt = membersOf(parse(bytes), "");
  const batch = readBatch(membersOf(receipt.batch, "batch"));
  const like = receipt.like === null ? null : readLike(membersOf(receipt.like, "like"));
  if (receipt.checkpoint === null) throw new MalformedReceipt("waiting");
  const checkpoint = text(receipt.checkpoint, "checkpoint");
  const count = readCount(membersOf(receipt.count, "count"));
  const campaign = text(receipt.campaign, "campaign");
  return { campaign, fate: receipt.fate, verdict: readVerdict(receipt.verdict), like, batch, count, checkpoint };
}

/** Return what the site says about a verdict, or null: it proves nothing, so that nothing of it is refused. */
function readVerdict(verdict) {
  if (verdict === null || typeof verdict !== "object") return null;
  const reason = verdict.reason ?? {};
  const zh = typeof reason.zh === "string" ? reason.zh : "";
  const en = typeof reason.en === "string" ? reason.en : "";
  const until = typeof verdict.appeal_until === "string" ? Date.parse(verdict.appeal_until) : 0;
  return { reason: { zh, en }, isByPeople: verdict.decided_by === "people", mayAppeal: until > Date.now() };
}

function parse(bytes) {
  try {
    return readJson(fromUtf8(bytes));
  } catch (error) {
    if (error instanceof AmbiguousJson) throw new MalformedReceipt("number", error.message);
    throw new MalformedReceipt("json");
  }
}

function readLike(like) {
  // The lengths are fixed: otherwise the same bytes could be split into another like.
  return {
    nonce: hex(like.nonce, NONCE_BYTES, "like.nonce"),
    person: hex(like.person, PERSON_BYTES, "like.person"),
    eventUs: number(like.event_us, "like.event_us"),
    content: text(like.content, "like.content"),
  };
}

function readBatch(batch) {
  return {
    id: number(batch.id, "batch.id"),
    size: number(batch.size, "batch.size"),
    index: number(batch.index, "batch.index"),
    leaf: hex(batch.leaf, HASH_BYTES, "batch.leaf"),
    path: list(batch.path, "batch.path").map((node) => hex(node, HASH_BYTES, "batch.path")),
    root: hex(batch.root, HASH_BYTES, "batch.root"),
  };
}

function readCount(count) {
  return {
    index: number(count.index, "count.index"),
    entry: text(count.entry, "count.entry"),
    path: list(count.path, "count.path").map((node) => hash(node, "count.path")),
  };
}

function membersOf(value, where) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) rejectMember(where);
  return value;
}

function number(value, where) {
  if (!Number.isSafeInteger(value) || value < 0) rejectMember(where);
  return BigInt(value);
}

function text(value, where) {
  if (typeof value !== "string") rejectMember(where);
  return value;
}

function list(value, where) {
  if (!Array.isArray(value)) rejectMember(where);
  return value;
}

function hex(value, length, where) {
  const bytes = fromHex(value, length);
  if (bytes === null) rejectMember(where);
  return bytes;
}

function hash(value, where) {
  const bytes = typeof value === "string" ? fromBase64(value) : null;
  if (bytes === null || bytes.length !== HASH_BYTES) rejectMember(where);
  return bytes;
}

function rejectMember(where) {
  throw new MalformedReceipt("member", where);
}

/** Return the parts of a batch's leaf entry: version, nonce, pseudonym, microseconds (8 bytes), content. */
export function likeEntry({ nonce, person, eventUs, content }) {
  const moment = new Uint8Array(8);
  new DataView(moment.buffer).setBigUint64(0, eventUs);
  return [Uint8Array.of(1), nonce, person, moment, utf8(content)];
}
