/** The page's texts, in the language that it was written in: they stand in the page, hidden, each under its key. */

const texts = new Map(Array.from(document.querySelectorAll("#words [data-say]"), (p) => [p.dataset.say, p.textContent]));

/** Return a text with its words in braces filled in. */
export function say(key, words = {}) {
  const text = texts.get(key);
  if (text === undefined) throw new Error(`no text ${key}`);
  return text.replace(/\{(\w+)\}/g, (_, name) => String(words[name]));
}
