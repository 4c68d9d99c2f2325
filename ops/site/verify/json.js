/** I-JSON (RFC 7493), which every parser reads alike: integers up to 2^53 - 1, text without lone surrogates. */

const DEPTH_MAX = 64; // nested lists and objects
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;

export class AmbiguousJson extends Error {}

/** Return the value of a JSON text. Throws SyntaxError if it is not JSON, AmbiguousJson if parsers may differ on it. */
export function readJson(text) {
  const value = JSON.parse(text);
  // JSON.parse reads 1.0 and 1 as the same number: only the text differs.
  for (const [token] of text.matchAll(TOKENS)) {
    if (token[0] !== '"' && !isWhole(token)) throw new AmbiguousJson(token);
  }
  rejectAmbiguous(value, 0);
  return value;
}

const isWhole = (token) => /^-?\d+$/.test(token) && Number.isSafeInteger(Number(token));

function rejectAmbiguous(value, depth) {
  if (depth > DEPTH_MAX) throw new AmbiguousJson("depth");
  if (typeof value === "string" && /\p{Surrogate}/u.test(value)) throw new AmbiguousJson("surrogate");
  if (value === null || typeof value !== "object") return;
  for (const [name, member] of Object.entries(value)) {
    rejectAmbiguous(name, 0);
    rejectAmbiguous(member, depth + 1);
  }
}

/** Return a value's canonical JSON; RFC 8785 writes numbers and strings as JSON.stringify does. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const names = Object.keys(value).sort(); // by UTF-16 code units (RFC 8785, section 3.2.3)
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}
