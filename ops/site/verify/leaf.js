/** The `count` leaf, versions 1 and 2 (`/log/schemas/count-2.json`): canonical JSON with exactly the schema's members. */

import { canonical, readJson } from "./json.js";

const MEMBERS = "batches,campaign,days,kind,v";
const DAY_MEMBERS = new Map([
  [1, "counted,day,void,withdrawn"],
  [2, "counted,day,low_quality,quarantined,void,withdrawn"],
]);

const isCount = (value) => Number.isSafeInteger(value) && value >= 0;
const isSlug = (value) => typeof value === "string" && /^[a-z0-9][a-z0-9-]{0,62}$/.test(value);
const isHash = (value) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
const isObject = (value) => value !== null && typeof value === "object";
const has = (value, names) => isObject(value) && Object.keys(value).sort().join() === names;

/** Return the leaf's members; null if the text is not a valid `count` leaf. */
export function readCountLeaf(entry) {
  let leaf;
  try {
    leaf = readJson(entry);
  } catch {
    return null;
  }
  return canonical(leaf) === entry && isCountLeaf(leaf) ? leaf : null;
}

function isCountLeaf(leaf) {
  if (!has(leaf, MEMBERS) || leaf.kind !== "count" || !DAY_MEMBERS.has(leaf.v) || !isSlug(leaf.campaign)) return false;
  const members = DAY_MEMBERS.get(leaf.v);
  return isListOf(leaf.days, (day) => isDayCount(day, members)) && isListOf(leaf.batches, isBatch);
}

const isListOf = (value, isItem) => Array.isArray(value) && value.every(isItem);

function isDayCount(value, members) {
  if (!has(value, members) || !isDay(value.day)) return false;
  return Object.entries(value).every(([name, count]) => name === "day" || isCount(count));
}

function isDay(text) {
  if (typeof text !== "string" || !/^\d{4}-\d\d-\d\d$/.test(text) || text.startsWith("0000")) return false;
  const moment = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(moment.getTime()) && moment.toISOString().slice(0, 10) === text;
}

function isBatch(value) {
  if (!Array.isArray(value) || value.length !== 3) return false;
  const [id, size, root] = value;
  return isCount(id) && id > 0 && isCount(size) && size > 0 && isHash(root);
}
