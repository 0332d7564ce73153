// Marks in the messages of a chat what was searched for (?q= in the address), and goes from one to the next by key.
// The search names a message by its number and a word by its place in it. Nothing is put into the text: marks are
// highlights over it.

const KINDS = ["sure", "near"];
const box = document.getElementById("conversation");
const state = { hits: [], here: -1 };

const part = (query) => box.querySelector(query);

// The search counts characters, a browser halves of surrogate pairs.
function rangeOf({ text, at, length }) {
  const characters = Array.from(text.data);
  const start = characters.slice(0, at).join("").length;
  const range = new Range();
  range.setStart(text, start);
  range.setEnd(text, start + characters.slice(at, at + length).join("").length);
  return range;
}

function placed(found) {
  return found
    .map((hit) => ({ ...hit, text: part(`#m${Number(hit.message)} .text`)?.firstChild }))
    .filter((hit) => hit.text);
}

function show() {
  for (const kind of KINDS) {
    const ranges = state.hits.filter((hit) => hit.kind === kind).map(rangeOf);
    globalThis.CSS?.highlights?.set(kind, new Highlight(...ranges));
  }
  part(".hits").hidden = false;
  for (const mover of box.querySelectorAll("[data-hit]")) mover.hidden = !state.hits.length;
  if (!state.hits.length) part("[data-show=hits]").textContent = box.dataset.wordsNone;
}

function go(step) {
  if (!state.hits.length) return;
  state.here = (state.here + step + state.hits.length) % state.hits.length;
  const hit = state.hits[state.here];
  globalThis.CSS?.highlights?.set("here", Object.assign(new Highlight(rangeOf(hit)), { priority: 2 }));
  hit.text.parentElement.closest("li").scrollIntoView({ block: "center" });
  const told = box.dataset.wordsHit.replace("{place}", state.here + 1).replace("{all}", state.hits.length);
  part("[data-show=hits]").textContent = hit.kind === "near" ? `${told} · ${box.dataset.wordsNear}` : told;
}

async function ask(words) {
  const address = `${box.dataset.hits}?${new URLSearchParams({ q: words })}`;
  const answer = await fetch(address, { headers: { Accept: "application/json" } }).catch(() => null);
  state.hits = answer?.ok ? placed((await answer.json()).hits) : [];
  show();
  if (!named() && !location.hash) go(1);
}

// An address that names a message stands on the first hit in it; whether there is one.
function named() {
  const place = state.hits.findIndex((hit) => `#${hit.text.parentElement.closest("li").id}` === location.hash);
  if (place < 0) return false;
  state.here = place;
  go(0);
  return true;
}

const words = new URLSearchParams(location.search).get("q")?.trim();
if (box && words) {
  box.addEventListener("click", (event) => {
    const mover = event.target.closest("[data-hit]");
    if (mover) go(Number(mover.dataset.hit));
  });
  addEventListener("hashchange", named);
  ask(words);
}
