/** What was found, drawn: only ever as text, so that nothing in a receipt can become part of the page. */

import { toHex } from "./bytes.js";
import { say } from "./words.js";

const NAMES = ["like", "batch", "count", "signature", "log"];

/** Return an element with text or other elements in it. */
function made(tag, inside, className = "") {
  const element = document.createElement(tag);
  element.append(...[inside].flat());
  if (className) element.className = className;
  return element;
}

/** Show that nothing was checked yet. */
export function showNothing(place) {
  place.replaceChildren(made("p", say("proof_nothing_yet"), "note"));
}

/** Show why nothing could be checked. */
export function showFault(place, text) {
  place.replaceChildren(made("p", [made("strong", say("proof_refused")), ` ${text}`], "verdict false"));
}

/** Show the verdict and each step, those that were not reached among them. */
export function showSteps(place, { proof, steps }, keyIsGiven) {
  const holds = steps.every((step) => step.holds);
  const heading = made("strong", say(holds ? "proof_true" : "proof_false"));
  const trust = holds ? [` ${say(keyIsGiven ? "proof_key_given" : "proof_key_served")}`] : [];
  const items = NAMES.map((name, place) => drawn(name, place + 1, steps, proof));
  const told = holds ? [made("p", say("proof_fate", { fate: proof.fate }), "note")] : [];
  const verdict = made("p", [heading, ...trust], `verdict ${holds}`);
  place.replaceChildren(verdict, made("ol", items, "proof"), ...told);
}

function drawn(name, number, steps, proof) {
  const step = steps.find((each) => each.name === name);
  const title = `${number}. ${say(`proof_step_${name}`)}`;
  if (name === "like" && proof.like === null) return item("unknown", title, [made("p", say("proof_like_unknown"))]);
  if (step === undefined) return item("skipped", title, []);
  return item(step.holds, title, [made("p", say(`proof_says_${name}`, step.words)), ...figures(step, proof)]);
}

/** A sign and a word say how a step went: colour alone would not reach everyone. */
function item(state, title, inside) {
  const mark = made("span", say(`proof_mark_${state}`), "mark");
  return made("li", [made("h3", [title, " ", mark]), ...inside], `${state}`);
}

function figures(step, proof) {
  const rows = step.holds ? shownOf(step, proof) : compared(step);
  return rows.length ? [made("dl", rows.map(([key, text]) => row(say(key), text)))] : [];
}

function row(label, text) {
  return made("div", [made("dt", label), made("dd", made("code", text))]);
}

function compared(step) {
  const why = step.why ? [["proof_why", say(`proof_why_${step.why}`, step.words)]] : [];
  const expected = step.expected ? [["proof_expected", step.expected]] : [];
  return [...why, ...expected, ...(step.found ? [["proof_found", step.found]] : [])];
}

/** Return what a step that holds was about. */
function shownOf({ name, found }, proof) {
  switch (name) {
    case "like":
      return [...likeRows(proof.like), ["proof_leaf", found]];
    case "count":
      return [["proof_entry", proof.count.entry]];
    case "signature":
      return [["proof_checkpoint", proof.checkpoint]];
    default:
      return [["proof_root", found]];
  }
}

function likeRows({ content, eventUs, person }) {
  const moment = new Date(Number(eventUs / 1000n));
  const shown = Number.isNaN(moment.getTime()) ? `${eventUs} µs` : moment.toISOString();
  return [["proof_content", content], ["proof_moment", shown], ["proof_person", toHex(person)]];
}
