/** A receipt, checked step by step: like → batch → `count` leaf → checkpoint. As `ledger/log/receipt.py` decides. */

import { joined, same, toBase64, toHex, utf8 } from "./bytes.js";
import { openCheckpoint } from "./checkpoint.js";
import { readCountLeaf } from "./leaf.js";
import { leafHash, pathLength, reachedRoot } from "./merkle.js";
import { NoteRefused, shown } from "./note.js";
import { likeEntry, readProof } from "./proof.js";

/**
 * Return the proof, and its steps until one does not hold. MalformedReceipt if there is no proof.
 *
 * A step has a name, words to fill its sentence with, what was expected and found, and, where those two do not say
 * it, why it is false.
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
  const found = await leafHash(joined(...likeEntry(like)));
  const holds = same(found, batch.leaf);
  return { name: "like", words: {}, holds, expected: toHex(batch.leaf), found: toHex(found) };
}

async function batchStep({ id, size, index, leaf, path, root }) {
  const words = { batch: id, size, index, hashes: path.length };
  return inTree("batch", words, { path, index, size, leaf, root }, toHex);
}

/** The one judge of both trees. */
async function inTree(name, words, { path, index, size, leaf, root }, write) {
  const wanted = pathLength(index, size);
  if (wanted === null) return { name, words, holds: false, why: "place" };
  const reached = await reachedRoot(path, index, size, leaf);
  if (reached === null) return { name, words: { ...words, wanted }, holds: false, why: "path" };
  return { name, words, holds: same(reached, root), expected: write(root), found: write(reached) };
}

function countStep({ campaign, batch, count }) {
  const step = { name: "count", words: { batch: batch.id, campaign }, holds: false };
  const told = readCountLeaf(count.entry);
  if (told === null) return { ...step, why: "leaf", found: count.entry };
  if (told.campaign !== campaign) return { ...step, why: "campaign", expected: campaign, found: told.campaign };
  const wanted = [Number(batch.id), Number(batch.size), toHex(batch.root)];
  const expected = JSON.stringify(wanted);
  const named = told.batches.map((each) => JSON.stringify(each));
  if (named.includes(expected)) return { ...step, holds: true, expected, found: expected };
  return { ...step, why: "batch", expected, found: named.join(" ") || "[]" };
}

async function signatureStep(note, key) {
  const own = shown(key);
  const step = { name: "signature", words: { key: own }, holds: true, expected: own, found: own };
  try {
    return { step, checkpoint: await openCheckpoint(note, key) };
  } catch (fault) {
    if (!(fault instanceof NoteRefused)) throw fault;
    return { step: { ...step, holds: false, why: fault.why, found: fault.found } };
  }
}

async function logStep({ index, entry, path }, { size, root }) {
  const words = { index, size, hashes: path.length };
  return inTree("log", words, { path, index, size, leaf: await leafHash(utf8(entry)), root }, toBase64);
}
