/** JSON that every reader reads alike (RFC 7493): whole numbers up to 2^53 - 1, text without lone surrogates. */

const DEPTH_MAX = 64; // of lists and objects within each other
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;

export class NotAlike extends Error {}

/** Return the value of a JSON text. SyntaxError if it is none, NotAlike if readers could differ on it. */
export function readJson(text) {
  const value = JSON.parse(text);
  // JSON.parse makes 1.0 and 1 one number: only the text tells them apart.
  for (const [token] of text.matchAll(TOKENS)) {
    if (token[0] !== '"' && !isWhole(token)) throw new NotAlike(token);
  }
  refuse(value, 0);
  return value;
}

const isWhole = (token) => /^-?\d+$/.test(token) && Number.isSafeInteger(Number(token));

function refuse(value, depth) {
  if (depth > DEPTH_MAX) throw new NotAlike("depth");
  if (typeof value === "string" && /\p{Surrogate}/u.test(value)) throw new NotAlike("surrogate");
  if (value === null || typeof value !== "object") return;
  for (const [name, member] of Object.entries(value)) {
    refuse(name, 0);
    refuse(member, depth + 1);
  }
}

/** Return a value's canonical text: RFC 8785 took its forms of numbers and strings from JSON.stringify. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const names = Object.keys(value).sort(); // by UTF-16 code units, as RFC 8785, 3.2.3 asks
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}
