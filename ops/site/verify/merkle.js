/** The Merkle tree's judge: where a leaf's path leads (RFC 6962, section 2.1). BigInt: a log may outgrow 2^53. */

import { joined } from "./bytes.js";
import { sha256 } from "./sha.js";

const LEAF = Uint8Array.of(0); // RFC 6962, 2.1: so that no node can pass for a leaf
const NODE = Uint8Array.of(1);

export const leafHash = (entry) => sha256(joined(LEAF, entry));

export const nodeHash = (left, right) => sha256(joined(NODE, left, right));

/** Return how many hashes lead from a leaf to the root, or null if the tree has no such leaf. */
export function pathLength(index, size) {
  return siblings(index, size)?.length ?? null;
}

/** Return the root that a path leads to; null where it can be no path of that leaf in a tree of that size. */
export async function reachedRoot(path, index, size, leaf) {
  const sides = siblings(index, size);
  if (sides === null || sides.length !== path.length) return null;
  let reached = leaf;
  for (const [place, side] of sides.entries()) {
    reached = side === "left" ? await nodeHash(path[place], reached) : await nodeHash(reached, path[place]);
  }
  return reached;
}

/** Return on which side each sibling stands, the leaf's own first: PATH(m, D[n]) of RFC 6962, 2.1.1. */
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

/** Return the largest power of two below the number of leaves: so many stand on the left (RFC 6962, 2.1). */
function leftLeaves(leaves) {
  let left = 1n;
  while (left * 2n < leaves) left *= 2n;
  return left;
}
