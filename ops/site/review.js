// Works the queue and a case by keyboard. Links and forms do the same without scripts.
const queue = document.querySelector("[data-queue]");
const rows = queue ? [...queue.querySelectorAll("[data-case]")] : [];
const help = document.getElementById("keys");
let current = -1;

function moveTo(index) {
  if (!rows.length) return;
  current = Math.min(Math.max(index, 0), rows.length - 1);
  for (const row of rows) row.toggleAttribute("data-current", row === rows[current]);
  rows[current].querySelector('a[data-key="open"]').focus();
}

function followLink(name) {
  const scope = queue ? rows[current] : document;
  scope?.querySelector(`a[data-key="${name}"]`)?.click();
}

const actions = {
  j: () => moveTo(current + 1),
  k: () => moveTo(current - 1),
  x: () => rows[current]?.querySelector("input[type=checkbox]")?.click(),
  r: () => followLink("r"),
  v: () => followLink("v"),
  n: () => followLink("n"),
  "?": () => {
    help.open = !help.open;
    if (help.open) help.querySelector("summary").focus();
  },
};

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input:not([type=checkbox]), select, textarea");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || !(event.key in actions)) return;
  event.preventDefault();
  actions[event.key]();
});

// The row that has the focus is the current one, whichever way it got there.
queue?.addEventListener("focusin", (event) => {
  const index = rows.indexOf(event.target.closest("[data-case]"));
  if (index < 0 || index === current) return;
  current = index;
  for (const row of rows) row.toggleAttribute("data-current", row === rows[current]);
});
