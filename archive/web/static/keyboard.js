// Keys for lists, moves and buttons. A button or link says its key in data-key; a list of rows is any [data-rows].
// Keys of the player are in player.js, which asks `free` whether a key is somebody's typing.

const GO_MS = 1200;
let going = 0;

export function free(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return false;
  const place = event.target;
  return !(place instanceof HTMLElement && place.closest("input:not([type=checkbox]), textarea, select, [contenteditable]"));
}

function rows() {
  return [...document.querySelectorAll("[data-rows] > [data-row]")].filter((row) => row.offsetParent !== null);
}

function here() {
  return document.querySelector("[data-rows] > .here");
}

function stand(row) {
  if (!row) return;
  here()?.classList.remove("here");
  row.classList.add("here");
  row.scrollIntoView({ block: "nearest" });
  row.querySelector("a, button, summary, input")?.focus({ preventScroll: true });
  row.dispatchEvent(new CustomEvent("row:here", { bubbles: true }));
}

function step(by) {
  const all = rows();
  const at = all.indexOf(here());
  stand(all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + by))]);
}

function select() {
  const box = here()?.querySelector("input[type=checkbox]");
  if (!box) return;
  box.click();
  here().classList.toggle("chosen", box.checked);
}

// The innermost open dialog hears keys alone; in a list, the row stood on comes before the page.
function holder(key) {
  const wanted = `[data-key="${CSS.escape(key)}"]`;
  const dialog = document.querySelector("dialog[open]");
  const candidates = dialog
    ? [...dialog.querySelectorAll(wanted)]
    : [...(here()?.querySelectorAll(wanted) ?? []), ...[...document.querySelectorAll(wanted)].filter((e) => !e.closest("[data-row]"))];
  return candidates.find((element) => element.offsetParent !== null);
}

function press(element) {
  if (element.matches("input, select, textarea")) element.focus();
  else element.click();
  if (element.matches("summary")) element.parentElement.querySelector("input:not([type=hidden]), textarea, select, .sheet button")?.focus();
}

function close() {
  const open = document.querySelector("details.menu[open], details.action[open]");
  if (open) {
    open.open = false;
    open.querySelector("summary").focus();
  } else if (document.activeElement instanceof HTMLElement) {
    document.activeElement.blur();
  }
}

function go(key) {
  going = 0;
  document.querySelector(`[data-go="${CSS.escape(key)}"]`)?.click();
}

const ARROWS = { ArrowLeft: "←", ArrowRight: "→" };

// A button's words without its key; a field has none and is known by its title.
function wordsOf(element) {
  const copy = element.cloneNode(true);
  for (const aside of copy.querySelectorAll("kbd, [hidden]")) aside.remove();
  return element.title || copy.textContent.trim();
}

function tell() {
  const list = document.getElementById("help-here");
  const named = [...document.querySelectorAll("[data-key], main [aria-keyshortcuts]")].filter((e) => e.offsetParent !== null && !e.closest("dialog, .bar"));
  const lines = new Map(named.map((e) => [e.dataset.key ?? ARROWS[e.getAttribute("aria-keyshortcuts")] ?? e.getAttribute("aria-keyshortcuts"), wordsOf(e)]));
  list?.replaceChildren(
    ...[...lines].flatMap(([key, text]) => {
      const [term, words, sign] = ["dt", "dd", "kbd"].map((name) => document.createElement(name));
      sign.textContent = key;
      words.textContent = text;
      term.append(sign);
      return [term, words];
    }),
  );
  document.getElementById("help")?.showModal();
}

const KEYS = {
  "/": () => document.getElementById("q")?.focus(),
  "?": tell,
  g: () => { going = Date.now(); },
  j: () => step(1),
  k: () => step(-1),
  x: select,
  Enter: () => here()?.querySelector("a[href]")?.click(),
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) {
    // The browser would empty the search box while its hits and the address stay.
    if (event.target.id === "q") event.preventDefault();
    return close();
  }
  if (!free(event)) return;
  // Enter on a button or link is the browser's own.
  if (event.key === "Enter" && event.target.closest?.("a, button, summary, input")) return;
  if (going && Date.now() - going < GO_MS) {
    event.preventDefault();
    return go(event.key);
  }
  const own = event.key.length === 1 ? holder(event.key) : null;
  const does = own ? () => press(own) : document.querySelector("dialog[open]") ? null : KEYS[event.key];
  if (!does) return;
  event.preventDefault();
  does();
});

document.addEventListener("focusin", (event) => {
  const row = event.target.closest?.("[data-rows] > [data-row]");
  if (row && row !== here()) {
    here()?.classList.remove("here");
    row.classList.add("here");
  }
});
