// Updates the editor's preview while the visitor types. Without scripts, the button does the same.
const form = document.querySelector("form[data-preview]");
const panel = form && document.getElementById(form.dataset.preview);
let timer, requests = 0;

async function updatePreview() {
  const request = ++requests;
  const body = new URLSearchParams(new FormData(form));
  body.set("do", "preview");
  try {
    const response = await fetch(form.action, { method: "POST", body, redirect: "error" });
    const html = await response.text();
    if (response.ok && request === requests) panel.innerHTML = html; // the server has escaped the typed values
  } catch {
    // The button still works.
  }
}

form?.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(updatePreview, 400);
});
document.getElementById("faults")?.focus();
