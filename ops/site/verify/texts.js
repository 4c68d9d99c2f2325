/** The scripts' texts in the page's language, from hidden elements of the page. */

const texts = new Map(Array.from(document.querySelectorAll("#texts [data-key]"), (p) => [p.dataset.key, p.textContent]));

/** Return a text with its values filled in. */
export function translate(key, values = {}) {
  const text = texts.get(key);
  if (text === undefined) throw new Error(`no text ${key}`);
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}
