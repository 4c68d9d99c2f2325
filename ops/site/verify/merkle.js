/** Merkle inclusion proofs (RFC 6962, section 2.1). Indexes are BigInt: a log may exceed 2^53 leaves. */

import { concat } from "./bytes.js";
import { sha256 } from "./sha.js";

const LEAF = Uint8Array.of(0); // RFC 6962, section 2.1: keeps a node from being accepted as a leaf
const NODE = Uint8Array.of(1);

export const leafHash = (entry) => sha256(concat(LEAF, entry));

export const nodeHash = (left, right) => sha256(concat(NODE, left, right));

/** Return the number of hashes from a leaf to the root; null if the tree has no such leaf. */
export function pathLength(index, size) {
  return siblings(index, size)?.length ?? null;
}

/** Return the root computed from a leaf and its path; null if the path does not fit the index and size. */
export async function rootFromPath(path, index, size, leaf) {
  const sides = siblings(index, size);
  if (sides === null || sides.length !== path.length) return null;
  let node = leaf;
  for (const [level, side] of sides.entries()) {
    node = side === "left" ? await nodeHash(path[level], node) : await nodeHash(node, path[level]);
  }
  return node;
}

/** Return the side of each sibling on the path, from the leaf upwards: PATH(m, D[n]) of RFC 6962, section 2.1.1. */
function siblings(index, size) {
  if (index < 0n || index >= size) return null;
  const sides = [];
  let [start, end] = [0n, size];
  while (end - start > 1n) {
    const middle = start + leftLeaves(end - start);
    sides.unshift(index < middle ? "right" : "left");
    [start, end] = index < middle ? [start, middle] : [middle, end];
  }
  return sides;
}

/** Return the number of leaves in the left subtree: the largest power of two below `leaves` (RFC 6962, section 2.1). */
function leftLeaves(leaves) {
  let left = 1n;
  while (left * 2n < leaves) left *= 2n;
  return left;
}
