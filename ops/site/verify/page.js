/** The page /verify: accepts a receipt as text, file or id and verifies it in the browser. */

import { fromUtf8, utf8 } from "./bytes.js";
import { canCheckSignatures } from "./ed25519.js";
import { readVerifierKey } from "./note.js";
import { MalformedReceipt } from "./proof.js";
import { check } from "./receipt.js";
import { showError, showNothing, showSteps } from "./view.js";
import { translate } from "./texts.js";

const byId = (id) => document.getElementById(id);
const [receipt, keyInput, result] = [byId("receipt"), byId("key"), byId("result")];
let servedKey = ""; // the key at /log/key when the page was opened
let turns = 0;

/** Return an event handler that shows an action's result; an error must never look like a proof. */
function handle(act) {
  return async (event) => {
    event?.preventDefault();
    const turn = reset();
    const show = await act().catch((error) => () => showError(result, errorText(error)));
    if (turn !== turns) return; // the reader has started another action
    show();
    result.closest("section").scrollIntoView({ block: "nearest" });
  };
}

/** Remove the previous result: it does not belong to the current inputs. */
function reset() {
  showNothing(result);
  turns += 1;
  return turns;
}

function errorText(error) {
  if (error instanceof MalformedReceipt) return translate(`proof_no_${error.code}`, { where: error.where });
  return error instanceof UserError ? error.message : translate("proof_no_bug", { error: String(error) });
}

/** An error whose message is a sentence for the reader. */
class UserError extends Error {}

async function checkReceipt() {
  if (receipt.value.trim() === "") throw new UserError(translate("proof_no_receipt"));
  const isKeyEntered = keyInput.value.trim() !== "";
  const key = await readVerifierKey((isKeyEntered ? keyInput.value : servedKey).trim());
  if (key === null) throw new UserError(translate(isKeyEntered ? "proof_no_entered_key" : "proof_no_served_key"));
  const outcome = await check(utf8(receipt.value), key);
  return () => showSteps(result, outcome, isKeyEntered);
}

async function fetchReceipt() {
  const id = byId("receipt-id").value.trim();
  if (!/^rcp_[\w-]+$/.test(id)) throw new UserError(translate("proof_no_id"));
  const response = await request(`/v1/receipts/${id}`);
  if (response.status === 404) throw new UserError(translate("proof_no_such"));
  if (!response.ok) throw new UserError(translate("proof_no_answer", { status: response.status }));
  return take(await response.arrayBuffer());
}

async function readFile() {
  const [file] = byId("file").files;
  return file === undefined ? () => {} : take(await file.arrayBuffer());
}

/** Show the receipt's text and verify it. */
async function take(buffer) {
  try {
    receipt.value = fromUtf8(new Uint8Array(buffer));
  } catch {
    throw new MalformedReceipt("json");
  }
  return checkReceipt();
}

async function request(url) {
  try {
    return await fetch(url, { cache: "no-cache", credentials: "omit" });
  } catch {
    throw new UserError(translate("proof_no_network"));
  }
}

/** Show the key that this site serves; without it the reader can enter one. */
async function readServedKey() {
  const response = await request("/log/key").catch(() => null);
  servedKey = response?.ok ? (await response.text()).trim() : "";
  byId("served").textContent = servedKey || translate("proof_no_served_key");
}

async function begin() {
  if (!(await canCheckSignatures())) {
    byId("unable").classList.remove("late");
    return;
  }
  byId("unable").hidden = true;
  await readServedKey();
  byId("fetch").addEventListener("submit", handle(fetchReceipt));
  byId("check").addEventListener("submit", handle(checkReceipt));
  byId("file").addEventListener("change", handle(readFile));
  for (const field of [receipt, keyInput]) field.addEventListener("input", reset);
  byId("forms").hidden = false;
  const id = new URLSearchParams(location.search).get("receipt");
  if (id !== null) {
    byId("receipt-id").value = id;
    keepInOtherLanguage(id);
    await handle(fetchReceipt)();
  }
  document.documentElement.dataset.ready = "true";
}

function keepInOtherLanguage(id) {
  const link = document.querySelector("a[hreflang]");
  const url = new URL(link.href);
  url.searchParams.set("receipt", id);
  link.href = url.href;
}

await begin();
