/** Shows the result of a verification; values are only inserted as text, never as markup. */

import { toHex } from "./bytes.js";
import { translate } from "./texts.js";

const FATES = new Map([
  ["counted", "proof_fate_counted"],
  ["withdrawn", "proof_fate_withdrawn"],
  ["quarantined", "proof_fate_quarantined"],
  ["void", "proof_fate_void"],
  ["over_limit", "proof_fate_over_limit"],
  ["low_quality", "proof_fate_low_quality"],
  ["gone", "proof_fate_gone"],
  ["forgotten", "proof_fate_forgotten"],
]);
const HELD_FATES = ["quarantined", "void"];
const LANGUAGE = document.documentElement.lang.startsWith("zh") ? "zh" : "en";
const NAMES = ["like", "batch", "count", "signature", "log"];

/** Return an element with texts or elements as its content. */
function createElement(tag, content, className = "") {
  const element = document.createElement(tag);
  element.append(...[content].flat());
  if (className) element.className = className;
  return element;
}

/** Show that nothing has been verified yet. */
export function showNothing(panel) {
  panel.replaceChildren(createElement("p", translate("proof_nothing_yet"), "note"));
}

/** Show why nothing could be verified. */
export function showError(panel, text) {
  panel.replaceChildren(createElement("p", [createElement("strong", translate("proof_refused")), ` ${text}`], "verdict false"));
}

/** Show the verdict and every step, including those that were not reached. */
export function showSteps(panel, { proof, steps }, isKeyEntered) {
  const holds = steps.every((step) => step.holds);
  const heading = createElement("strong", translate(holds ? "proof_true" : "proof_false"));
  const trust = holds ? [` ${translate(isKeyEntered ? "proof_key_entered" : "proof_key_served")}`] : [];
  const items = NAMES.map((name, index) => stepItem(name, index + 1, steps, proof));
  const notes = holds ? fateSentences(proof).map((sentence) => createElement("p", sentence, "note")) : [];
  const verdict = createElement("p", [heading, ...trust], `verdict ${holds}`);
  panel.replaceChildren(verdict, createElement("ol", items, "proof"), ...notes);
}

/** Return what the site says about the like now, in words: no number, so that nobody learns a threshold. */
function fateSentences({ fate, verdict }) {
  const state = translate(FATES.get(fate) ?? "proof_fate_other");
  const sentence = translate("proof_fate", { fate: state });
  if (verdict === null || !HELD_FATES.includes(fate)) return [sentence];
  const decider = translate(verdict.isByPeople ? "proof_verdict_people" : "proof_verdict_rules");
  const reason = verdict.reason[LANGUAGE] ? [translate("proof_verdict_reason", { reason: verdict.reason[LANGUAGE] })] : [];
  return [sentence, ...reason, decider, ...(verdict.mayAppeal ? [translate("proof_verdict_appeal")] : [])];
}

function stepItem(name, number, steps, proof) {
  const step = steps.find((candidate) => candidate.name === name);
  const title = `${number}. ${translate(`proof_step_${name}`)}`;
  if (name === "like" && proof.like === null) return item("unknown", title, [createElement("p", translate("proof_like_unknown"))]);
  if (step === undefined) return item("skipped", title, []);
  return item(step.holds, title, [createElement("p", translate(`proof_says_${name}`, step.values)), ...figures(step, proof)]);
}

/** Return a step's list item; its state is a word, because not everyone sees its colour. */
function item(state, title, content) {
  const mark = createElement("span", translate(`proof_mark_${state}`), "mark");
  return createElement("li", [createElement("h3", [title, " ", mark]), ...content], `${state}`);
}

function figures(step, proof) {
  const rows = step.holds ? provenRows(step, proof) : comparedRows(step);
  return rows.length ? [createElement("dl", rows.map(([key, text]) => row(translate(key), text)))] : [];
}

function row(label, text) {
  return createElement("div", [createElement("dt", label), createElement("dd", createElement("code", text))]);
}

function comparedRows(step) {
  const reason = step.code ? [["proof_why", translate(`proof_why_${step.code}`, step.values)]] : [];
  const expected = step.expected ? [["proof_expected", step.expected]] : [];
  return [...reason, ...expected, ...(step.actual ? [["proof_actual", step.actual]] : [])];
}

/** Return the values that a successful step has proven. */
function provenRows({ name, actual }, proof) {
  switch (name) {
    case "like":
      return [...likeRows(proof.like), ["proof_leaf", actual]];
    case "count":
      return [["proof_entry", proof.count.entry]];
    case "signature":
      return [["proof_checkpoint", proof.checkpoint]];
    default:
      return [["proof_root", actual]];
  }
}

function likeRows({ content, eventUs, person }) {
  const moment = new Date(Number(eventUs / 1000n));
  const time = Number.isNaN(moment.getTime()) ? `${eventUs} µs` : moment.toISOString();
  return [["proof_content", content], ["proof_moment", time], ["proof_person", toHex(person)]];
}
