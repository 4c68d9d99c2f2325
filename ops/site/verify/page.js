/** The page /verify: takes a receipt as text, file or id, and checks it here. All of it is loaded before it is used. */

import { fromUtf8, utf8 } from "./bytes.js";
import { canCheckSignatures } from "./ed25519.js";
import { readVerifierKey } from "./note.js";
import { MalformedReceipt } from "./proof.js";
import { check } from "./receipt.js";
import { showFault, showNothing, showSteps } from "./view.js";
import { say } from "./words.js";

const at = (id) => document.getElementById(id);
const [receipt, given, result] = [at("receipt"), at("key"), at("result")];
let served = ""; // the key as /log/key said it when the page was opened
let turns = 0;

/** Do what was asked for and show what it returns; nothing that goes wrong may look like a proof. */
function telling(act) {
  return async (happened) => {
    happened?.preventDefault();
    const turn = begun();
    const show = await act().catch((fault) => () => showFault(result, told(fault)));
    if (turn !== turns) return; // the reader has asked for something else since
    show();
    result.closest("section").scrollIntoView({ block: "nearest" });
  };
}

/** Take away what was found before: it is not about what stands in the fields now. */
function begun() {
  showNothing(result);
  turns += 1;
  return turns;
}

function told(fault) {
  if (fault instanceof MalformedReceipt) return say(`proof_no_${fault.why}`, { where: fault.where });
  return fault instanceof Told ? fault.message : say("proof_no_bug", { fault: String(fault) });
}

/** What the reader is told instead of a proof. */
class Told extends Error {}

async function checkReceipt() {
  if (receipt.value.trim() === "") throw new Told(say("proof_no_receipt"));
  const keyIsGiven = given.value.trim() !== "";
  const key = await readVerifierKey((keyIsGiven ? given.value : served).trim());
  if (key === null) throw new Told(say(keyIsGiven ? "proof_no_given_key" : "proof_no_served_key"));
  const found = await check(utf8(receipt.value), key);
  return () => showSteps(result, found, keyIsGiven);
}

async function fetchReceipt() {
  const named = at("named").value.trim();
  if (!/^rcp_[\w-]+$/.test(named)) throw new Told(say("proof_no_id"));
  const answer = await answerOf(`/v1/receipts/${named}`);
  if (answer.status === 404) throw new Told(say("proof_no_such"));
  if (!answer.ok) throw new Told(say("proof_no_answer", { status: answer.status }));
  return take(await answer.arrayBuffer());
}

async function readFile() {
  const [file] = at("file").files;
  return file === undefined ? () => {} : take(await file.arrayBuffer());
}

/** Show the receipt as it came, so that the reader sees what is checked, and check it. */
async function take(buffer) {
  try {
    receipt.value = fromUtf8(new Uint8Array(buffer));
  } catch {
    throw new MalformedReceipt("json");
  }
  return checkReceipt();
}

async function answerOf(address) {
  try {
    return await fetch(address, { cache: "no-cache", credentials: "omit" });
  } catch {
    throw new Told(say("proof_no_network"));
  }
}

/** Show the key that this site gives; without it the reader's own does. */
async function readServedKey() {
  const answer = await answerOf("/log/key").catch(() => null);
  served = answer?.ok ? (await answer.text()).trim() : "";
  at("served").textContent = served || say("proof_no_served_key");
}

async function begin() {
  if (!(await canCheckSignatures())) {
    at("unable").classList.remove("late");
    return;
  }
  at("unable").hidden = true;
  await readServedKey();
  at("fetch").addEventListener("submit", telling(fetchReceipt));
  at("check").addEventListener("submit", telling(checkReceipt));
  at("file").addEventListener("change", telling(readFile));
  for (const field of [receipt, given]) field.addEventListener("input", begun);
  at("forms").hidden = false;
  const asked = new URLSearchParams(location.search).get("receipt");
  if (asked !== null) {
    at("named").value = asked;
    keepInOtherLanguage(asked);
    await telling(fetchReceipt)();
  }
  document.documentElement.dataset.ready = "true";
}

function keepInOtherLanguage(asked) {
  const link = document.querySelector("a[hreflang]");
  const address = new URL(link.href);
  address.searchParams.set("receipt", asked);
  link.href = address.href;
}

await begin();
