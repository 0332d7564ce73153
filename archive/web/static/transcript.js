// The transcript beside the player: words lit as they are spoken, a click or Enter on a line plays it from there.
// Finding in it is hits.js, the lines and their words lines.js. Nothing is put into the text: marks are highlights over it.
import { playFrom, sound } from "./player.js";
import { begin } from "./hits.js";
import { lineAt, linesOf, placeAt, wordsOf } from "./lines.js";

const box = document.getElementById("words");
// A word is begun a little early, so that its first sound is heard.
const EARLY_S = 0.15;
// So long after a reader has scrolled, the text does not follow the sound.
const LEFT_ALONE_MS = 4000;
// So long the words wait for a sound that is to begin: two hours of them keep a browser and a server busy meanwhile.
const SOUND_FIRST_MS = 1000;

const state = { lines: [], lit: [], followed: null, word: null, timer: 0, touched: -Infinity };

function light(event) {
  clearTimeout(state.timer);
  const now = sound.currentTime;
  const spoken = lineAt(state.lines, now);
  for (const line of state.lit) if (!spoken.includes(line)) line.element.classList.remove("spoken");
  for (const line of spoken) if (!state.lit.includes(line)) line.element.classList.add("spoken");
  if (event?.type === "seeked") follow(placeAt(state.lines, now));
  else if (!sound.paused && spoken[0] !== state.lit[0]) follow(spoken[0]);
  state.lit = spoken;
  const next = mark(spoken, now);
  if (!sound.paused && next < Infinity) state.timer = setTimeout(light, Math.max(20, ((next - now) * 1000) / sound.playbackRate));
}

// Light the word that is being said on each lit line; when the next one begins, in seconds.
function mark(spoken, now) {
  let next = Infinity;
  const said = [];
  for (const line of spoken) {
    const words = wordsOf(line);
    const after = words.findIndex((word) => word.start > now);
    const word = words[after < 0 ? words.length - 1 : after - 1];
    if (word) said.push(word);
    next = Math.min(next, after < 0 ? line.end : words[after].start);
  }
  if (said.length !== state.word?.length || said.some((word, at) => word !== state.word[at])) {
    state.word = said;
    globalThis.CSS?.highlights?.set("spoken", new Highlight(...said.map((word) => word.range())));
  }
  return next;
}

// Keep what is spoken in view: in the list, and in the window if the last line was in view there.
function follow(line) {
  if (!line || performance.now() - state.touched < LEFT_ALONE_MS) return;
  const last = state.followed?.element.getBoundingClientRect();
  const element = line.element;
  state.followed = line;
  const list = element.closest(".lines");
  const top = element.getBoundingClientRect().top - list.getBoundingClientRect().top;
  if (top < 0 || top + element.offsetHeight > list.clientHeight) list.scrollTop += top - list.clientHeight / 3;
  if (last && last.bottom > 0 && last.top < innerHeight) element.scrollIntoView({ block: "nearest" });
}

function play(element, at) {
  const line = state.lines.find((one) => one.element === element);
  if (line) playFrom(Math.max(0, (at ?? line.start) - EARLY_S));
}

// The word under the pointer, from the place in the text that the browser names.
function wordUnder(event, element) {
  const place = document.caretPositionFromPoint?.(event.clientX, event.clientY);
  const range = place ? null : document.caretRangeFromPoint?.(event.clientX, event.clientY);
  const [node, offset] = place ? [place.offsetNode, place.offset] : [range?.startContainer, range?.startOffset];
  const line = state.lines.find((one) => one.element === element);
  if (!node || !line || !element.contains(node)) return null;
  return wordsOf(line).find((word) => word.holds(node, offset)) ?? null;
}

function clicked(event) {
  const element = event.target.closest?.("#said .lines li");
  if (!element) return;
  if (event.target.closest("a")) event.preventDefault();
  else if (!getSelection().isCollapsed) return;
  play(element, event.target.closest("p") ? wordUnder(event, element)?.start : undefined);
}

// One tab stop for the whole list; j and k move in it.
function rove(list) {
  for (const link of list.querySelectorAll("a[tabindex='0'], a:not([tabindex])")) link.tabIndex = -1;
  const first = list.querySelector("li.here a") ?? list.querySelector("a");
  if (first) first.tabIndex = 0;
  list.addEventListener("focusin", (event) => {
    const link = event.target.closest("a");
    if (!link || link.tabIndex === 0) return;
    for (const old of list.querySelectorAll("a[tabindex='0']")) old.tabIndex = -1;
    link.tabIndex = 0;
  });
}

function open() {
  const list = box.querySelector("#said .lines");
  if (!list || list.dataset.ready) return;
  list.dataset.ready = "yes";
  box.querySelector(".menu").hidden = false;
  state.lines = linesOf(list);
  state.lit = [];
  state.followed = null;
  rove(list);
  for (const name of ["wheel", "touchmove"]) list.addEventListener(name, () => { state.touched = performance.now(); }, { passive: true });
  light();
  // Where the sound is already: an address may name a moment, and the browser may not let it play.
  follow(placeAt(state.lines, sound.currentTime));
  begin(box, state.lines);
}

// htmx may not have come to listen yet.
function want() {
  const said = box.querySelector("#said[hx-get]");
  if (!said) return;
  const ask = () => said.dispatchEvent(new Event("words:wanted"));
  if (said.hasAttribute("data-htmx-powered")) ask();
  else said.addEventListener("htmx:after:init", () => setTimeout(ask), { once: true });
}

// The words are asked for when the moment that the address names is heard, and without one at once.
function soundFirst() {
  if (!location.hash.startsWith("#t=") || sound.readyState > HTMLMediaElement.HAVE_CURRENT_DATA) return want();
  const go = () => { stop.abort(); want(); };
  const stop = new AbortController();
  for (const name of ["playing", "canplay", "error"]) sound.addEventListener(name, go, { signal: stop.signal });
  const timer = setTimeout(go, SOUND_FIRST_MS);
  stop.signal.addEventListener("abort", () => clearTimeout(timer));
}

box.addEventListener("click", clicked);
for (const name of ["timeupdate", "play", "pause", "seeked", "ratechange"]) sound.addEventListener(name, light);
document.addEventListener("htmx:after:swap", open);
open();
soundFirst();
