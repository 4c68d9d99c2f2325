/** Bytes as text: UTF-8, hex and base64, accepting only the canonical encoding (RFC 4648). */

const encoder = new TextEncoder();

/** Return a text as UTF-8. */
export const utf8 = (text) => encoder.encode(text);

/** Return UTF-8 as text; throws if it is invalid. A byte order mark stays, so that JSON.parse rejects it. */
export const fromUtf8 = (bytes) => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);

export const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Return the bytes of lower-case hex; null unless it is exactly `length` bytes. */
export function fromHex(text, length) {
  if (typeof text !== "string" || text.length !== 2 * length || !/^[0-9a-f]*$/.test(text)) return null;
  return Uint8Array.from({ length }, (_, index) => Number.parseInt(text.slice(2 * index, 2 * index + 2), 16));
}

export const toBase64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

/** Return the bytes of base64; null if `toBase64` would encode them differently. */
export function fromBase64(text) {
  try {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    return toBase64(bytes) === text ? bytes : null; // atob ignores spaces, padding and unused bits
  } catch {
    return null;
  }
}

export function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export const isEqual = (a, b) => a.length === b.length && a.every((byte, index) => byte === b[index]);
