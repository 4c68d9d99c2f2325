// Draws the editor's preview anew while somebody types. The page does all of it without this, at the press of a button.
const form = document.querySelector("form[data-preview]");
const place = form && document.getElementById(form.dataset.preview);
let waiting, asked = 0;

async function draw() {
  const mine = ++asked;
  const body = new URLSearchParams(new FormData(form));
  body.set("do", "preview");
  try {
    const answer = await fetch(form.action, { method: "POST", body, redirect: "error" });
    const drawn = await answer.text();
    if (answer.ok && mine === asked) place.innerHTML = drawn; // written by the server, which escapes what was typed
  } catch {
    // The button still does it.
  }
}

form?.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(draw, 400);
});
document.getElementById("faults")?.focus();
