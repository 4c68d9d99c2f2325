/** Verifies a receipt in steps: like → batch → `count` leaf → checkpoint, as `ledger/log/receipt.py` does. */

import { concat, isEqual, toBase64, toHex, utf8 } from "./bytes.js";
import { openCheckpoint } from "./checkpoint.js";
import { readCountLeaf } from "./leaf.js";
import { leafHash, pathLength, rootFromPath } from "./merkle.js";
import { NoteRefused, keyLabel } from "./note.js";
import { likeEntry, readProof } from "./proof.js";

/**
 * Return the proof and its steps, up to the first that fails. Throws MalformedReceipt if there is no proof.
 *
 * A step has a name, values for its sentence, the expected and the actual value, and a code if these two do not
 * state the reason of a failure.
 */
export async function check(bytes, key) {
  const proof = readProof(bytes);
  const steps = [];
  for await (const step of stepsOf(proof, key)) {
    steps.push(step);
    if (!step.holds) break;
  }
  return { proof, steps };
}

async function* stepsOf(proof, key) {
  if (proof.like !== null) yield likeStep(proof);
  yield batchStep(proof.batch);
  yield countStep(proof);
  const { step, checkpoint } = await signatureStep(proof.checkpoint, key);
  yield step;
  yield logStep(proof.count, checkpoint);
}

async function likeStep({ like, batch }) {
  const actual = await leafHash(concat(...likeEntry(like)));
  const holds = isEqual(actual, batch.leaf);
  return { name: "like", values: {}, holds, expected: toHex(batch.leaf), actual: toHex(actual) };
}

async function batchStep({ id, size, index, leaf, path, root }) {
  const values = { batch: id, size, index, hashes: path.length };
  return inclusionStep("batch", values, { path, index, size, leaf, root }, toHex);
}

/** Return the step that checks a leaf's path in a tree. */
async function inclusionStep(name, values, { path, index, size, leaf, root }, encode) {
  const wanted = pathLength(index, size);
  if (wanted === null) return { name, values, holds: false, code: "index" };
  const computed = await rootFromPath(path, index, size, leaf);
  if (computed === null) return { name, values: { ...values, wanted }, holds: false, code: "path" };
  return { name, values, holds: isEqual(computed, root), expected: encode(root), actual: encode(computed) };
}

function countStep({ campaign, batch, count }) {
  const step = { name: "count", values: { batch: batch.id, campaign }, holds: false };
  const leaf = readCountLeaf(count.entry);
  if (leaf === null) return { ...step, code: "leaf", actual: count.entry };
  if (leaf.campaign !== campaign) return { ...step, code: "campaign", expected: campaign, actual: leaf.campaign };
  const wanted = [Number(batch.id), Number(batch.size), toHex(batch.root)];
  const expected = JSON.stringify(wanted);
  const batches = leaf.batches.map((item) => JSON.stringify(item));
  if (batches.includes(expected)) return { ...step, holds: true, expected, actual: expected };
  return { ...step, code: "batch", expected, actual: batches.join(" ") || "[]" };
}

async function signatureStep(note, key) {
  const label = keyLabel(key);
  const step = { name: "signature", values: { key: label }, holds: true, expected: label, actual: label };
  try {
    return { step, checkpoint: await openCheckpoint(note, key) };
  } catch (error) {
    if (!(error instanceof NoteRefused)) throw error;
    return { step: { ...step, holds: false, code: error.code, actual: error.actual } };
  }
}

async function logStep({ index, entry, path }, { size, root }) {
  const values = { index, size, hashes: path.length };
  return inclusionStep("log", values, { path, index, size, leaf: await leafHash(utf8(entry)), root }, toBase64);
}
