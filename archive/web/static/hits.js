// Finding in the transcript: marks in the text, ticks on the wave, next and previous by key.
// While one types, the letters themselves are looked for; Enter asks the search, which knows inflections and near words.
import { clock, markHits, playMoment, sound } from "./player.js";
import { momentOf, rangeOf, textOf } from "./lines.js";

const KINDS = ["sure", "near"];
const TYPED_MS = 150;
// Fewer letters are in every second line.
const LEAST = 2;

const state = { box: null, lines: [], hits: [], here: -1, asked: null, hidesNear: new URLSearchParams(location.search).get("near") === "0", timer: 0 };

const part = (query) => state.box.querySelector(query);
const field = () => part("#find-said");
const shown = () => (state.hidesNear ? state.hits.filter((hit) => hit.kind !== "near") : state.hits);

export function begin(box, lines) {
  Object.assign(state, { box, lines, here: -1 });
  const finder = part(".finder");
  if (finder.hidden) listen(finder);
  finder.hidden = false;
  field().value ||= new URLSearchParams(location.search).get("q") ?? "";
  if (field().value.trim()) ask();
}

function listen(finder) {
  finder.addEventListener("submit", (event) => { event.preventDefault(); enter(1); });
  field().addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.shiftKey) { event.preventDefault(); enter(-1); }
    // Leaving the field is not emptying it.
    if (event.key === "Escape") event.preventDefault();
  });
  field().addEventListener("input", () => {
    clearTimeout(state.timer);
    state.timer = setTimeout(() => show(literal(field().value)), TYPED_MS);
  });
  state.box.addEventListener("click", (event) => {
    const mover = event.target.closest("[data-hit]");
    if (mover) go(Number(mover.dataset.hit));
    if (event.target.closest("[data-hide]")) {
      state.hidesNear = !state.hidesNear;
      show(state.hits);
    }
  });
}

// Enter asks the search once for these words, then goes from hit to hit.
async function enter(step) {
  clearTimeout(state.timer);
  if (state.asked !== field().value.trim()) await ask();
  go(step);
}

async function ask() {
  const words = field().value.trim();
  state.asked = words;
  remember(words);
  let found = literal(words);
  if (words) {
    const answer = await fetch(`${state.box.dataset.hits}?${new URLSearchParams({ q: words })}`, { headers: { Accept: "application/json" } }).catch(() => null);
    if (state.asked !== words) return;
    if (answer?.ok && answer.headers.get("Content-Type")?.startsWith("application/json")) found = united(placed((await answer.json()).hits), found);
  }
  show(found);
}

// The address bar holds what is looked for, so that the page can be handed on and reloaded.
function remember(words) {
  const address = new URL(location.href);
  if (words) address.searchParams.set("q", words);
  else address.searchParams.delete("q");
  if (address.href !== location.href) history.replaceState(history.state, "", address);
}

function literal(text) {
  const wanted = text.trim().toLowerCase();
  if (wanted.length < LEAST) return [];
  return state.lines.flatMap((line) => {
    const said = textOf(line).toLowerCase();
    const hits = [];
    for (let at = said.indexOf(wanted); at >= 0; at = said.indexOf(wanted, at + wanted.length)) hits.push({ line, start: at, length: wanted.length, kind: "sure" });
    return hits.map((hit) => ({ ...hit, at: momentOf(line, hit.start) }));
  });
}

// What the search found, in the lines of this page: it names a line by its start and speaker, a word by its place in it.
function placed(found) {
  const place = (start, speaker) => `${start.toFixed(2)} ${speaker || "unknown"}`;
  const lines = new Map(state.lines.map((line) => [place(line.start, line.speaker), line]));
  return found
    .map((hit) => ({ ...hit, line: lines.get(place(hit.start_s, hit.speaker)) }))
    .filter((hit) => hit.line)
    .map(({ line, at, length, kind }) => ({ line, kind, ...counted(textOf(line), at, length) }))
    .map((hit) => ({ ...hit, at: momentOf(hit.line, hit.start) }));
}

// The letters themselves may stand where the search finds nothing: within a word, or before the words are in the index.
function united(found, letters) {
  const meets = (one, other) => one.line === other.line && one.start < other.start + other.length && other.start < one.start + one.length;
  const more = letters.filter((letter) => !found.some((hit) => meets(hit, letter)));
  return [...found, ...more].sort((one, other) => one.at - other.at);
}

// The search counts characters, a browser halves of surrogate pairs.
function counted(text, at, length) {
  const characters = Array.from(text);
  const start = characters.slice(0, at).join("").length;
  return { start, length: characters.slice(at, at + length).join("").length };
}

function show(hits) {
  state.hits = hits;
  state.here = -1;
  const seen = shown();
  for (const kind of KINDS) {
    const ranges = seen.filter((hit) => hit.kind === kind).map((hit) => rangeOf(hit.line, hit.start, hit.length));
    globalThis.CSS?.highlights?.set(kind, new Highlight(...ranges));
  }
  globalThis.CSS?.highlights?.delete("here");
  markHits(seen);
  const hide = part("[data-hide]");
  hide.hidden = !hits.some((hit) => hit.kind === "near");
  hide.setAttribute("aria-pressed", String(state.hidesNear));
  part(".hits").hidden = !field().value.trim();
  for (const mover of state.box.querySelectorAll("[data-hit]")) mover.hidden = !seen.length;
  part("[data-show=hits]").textContent = seen.length ? String(seen.length) : state.box.dataset.wordsNone;
}

// The first step goes on from where the sound is; the list goes round.
function go(step) {
  const seen = shown();
  if (!seen.length) return;
  if (state.here < 0) {
    const after = seen.findIndex((hit) => hit.at >= sound.currentTime);
    state.here = step > 0 ? (after < 0 ? 0 : after) : (after < 0 ? seen.length : after) - 1;
  } else state.here += step;
  state.here = (state.here + seen.length) % seen.length;
  const hit = seen[state.here];
  globalThis.CSS?.highlights?.set("here", Object.assign(new Highlight(rangeOf(hit.line, hit.start, hit.length)), { priority: 2 }));
  markHits(seen, hit);
  hit.line.element.scrollIntoView({ block: "nearest" });
  const told = state.box.dataset.wordsHit.replace("{place}", state.here + 1).replace("{all}", seen.length).replace("{time}", clock(hit.at));
  part("[data-show=hits]").textContent = hit.kind === "near" ? `${told} · ${state.box.dataset.wordsNear}` : told;
  playMoment(hit.at);
}
