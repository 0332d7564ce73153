// The player of a recording: two lanes from stored peaks, keys, speed, skipping of silence, a loop, moments to start from.
// Sound is the page's own <audio>; without this script its controls are shown instead.
import WaveSurfer from "./vendor/wavesurfer.esm.js";
import { free } from "./keyboard.js";
import { draw } from "./marks.js";

const FULL_SCALE = 127;
const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3];
// The style sheet of the part is known to the content policy by its digest, and the height is in its text: one height for all.
const LANE_HEIGHT = 64;
const ORDER = ["agent", "customer"];
const LEAD_S = 0.2;
// A moment is heard from a little before, so that its word is not cut.
const BEFORE_S = 1;

const box = document.getElementById("player");
export const sound = box.querySelector("audio");
const state = { silence: [], skip: false, from: null, to: null, hits: [], here: null, wave: null };

const say = (name) => box.dataset[`words${name[0].toUpperCase()}${name.slice(1)}`];
const length = () => (Number.isFinite(sound.duration) ? sound.duration : Number(box.dataset.duration) || 0);

export function clock(seconds) {
  const mark = document.documentElement.lang === "en" ? ":" : ".";
  const whole = Math.floor(seconds);
  const pad = (n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  return h ? `${h}${mark}${pad(m)}${mark}${pad(s)}` : `${m}${mark}${pad(s)}`;
}

function show() {
  box.querySelector("[data-show=clock]").textContent = `${clock(sound.currentTime)} / ${clock(Math.round(length()))}`;
  box.querySelector("[data-show=speed]").textContent = `${sound.playbackRate.toLocaleString(document.documentElement.lang)}×`;
  box.querySelector("[data-say=play]").hidden = !sound.paused;
  box.querySelector("[data-say=pause]").hidden = sound.paused;
  box.querySelector("[data-do=skip]").setAttribute("aria-pressed", String(state.skip));
}

function seek(to) {
  sound.currentTime = Math.min(Math.max(0, to), Math.max(0, length() - 0.01));
  show();
}

function speed(by) {
  const at = SPEEDS.findIndex((rate) => rate >= sound.playbackRate);
  sound.playbackRate = SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, at + by))];
  show();
}

function mark() {
  if (!state.wave) return;
  draw(box.querySelector(".wave"), { length: length(), silence: state.silence, from: state.from, to: state.to, hits: state.hits, here: state.here });
}

// Ticks on the wave; each hit has `at` in seconds and its `kind`: sure, near. `here` is the one of them that is stood on.
export function markHits(hits, here = null) {
  Object.assign(state, { hits, here });
  mark();
}

// Play from a moment. A browser that lets no page begin to sound by itself stays silent there.
export async function playFrom(at) {
  if (!length()) await new Promise((ready) => sound.addEventListener("loadedmetadata", ready, { once: true }));
  seek(at);
  await sound.play().catch((error) => error.name === "NotAllowedError" || error.name === "AbortError" || trouble());
}

export const playMoment = (at) => playFrom(at - BEFORE_S);

function follow() {
  const moment = /^#t=(\d+(?:\.\d+)?)$/.exec(location.hash);
  if (moment) playFrom(Number(moment[1]));
}

const DO = {
  play: () => (sound.paused ? sound.play().catch(trouble) : sound.pause()),
  back: () => seek(sound.currentTime - 5),
  ahead: () => seek(sound.currentTime + 5),
  "far-back": () => seek(sound.currentTime - 30),
  "far-ahead": () => seek(sound.currentTime + 30),
  slower: () => speed(-1),
  faster: () => speed(1),
  skip: () => { state.skip = !state.skip; show(); },
  "loop-start": () => {
    const looping = state.to !== null;
    state.from = looping ? null : sound.currentTime;
    state.to = null;
    mark();
  },
  "loop-end": () => {
    if (state.from === null || sound.currentTime <= state.from) return;
    state.to = sound.currentTime;
    seek(state.from);
    mark();
  },
};

const KEYS = { " ": "play", ArrowLeft: "back", ArrowRight: "ahead", ",": "slower", ".": "faster", s: "skip", "[": "loop-start", "]": "loop-end" };

document.addEventListener("keydown", (event) => {
  if (!free(event) || document.querySelector("dialog[open]")) return;
  if (event.key === " " && event.target.closest?.("button, summary, a, input")) return;
  const name = event.shiftKey && event.key.startsWith("Arrow") ? `far-${KEYS[event.key]}` : KEYS[event.key];
  if (/^[1-9]$/.test(event.key)) seek((length() * Number(event.key)) / 10);
  else if (DO[name]) DO[name]();
  else return;
  event.preventDefault();
});

box.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) DO[button.dataset.do]();
});

function tick() {
  const now = sound.currentTime;
  if (state.to !== null && now >= state.to) seek(state.from);
  else if (state.skip && !sound.paused) {
    const span = state.silence.find(([start, end]) => now > start + LEAD_S && now < end - LEAD_S);
    if (span) seek(span[1] - LEAD_S);
  }
  show();
}

function trouble() {
  if (box.querySelector("[role=alert]")) return;
  const text = document.createElement("p");
  text.className = "trouble";
  text.setAttribute("role", "alert");
  text.textContent = say("trouble");
  box.append(text);
}

function colours() {
  const style = getComputedStyle(document.documentElement);
  const named = (name) => style.getPropertyValue(name).trim();
  const pair = { agent: ["--agent", "--agent-pale"], customer: ["--customer", "--customer-pale"] };
  return (role) => (pair[role] ?? ["--muted", "--line"]).map(named);
}

// Agent above, customer below, whatever the order of the channels.
function lanes(peaks) {
  const roles = box.dataset.lanes.split(",");
  const found = peaks.map((channel, at) => ({ role: roles[at] || "unknown", levels: channel.map((level) => level / FULL_SCALE) }));
  const place = ({ role }) => (ORDER.indexOf(role) + 1 || ORDER.length + 1);
  return found.sort((one, other) => place(one) - place(other));
}

function wave(drawn) {
  const colour = colours();
  const channels = drawn.map(({ role }) => {
    const [strong, pale] = colour(role);
    return { waveColor: pale, progressColor: strong, height: LANE_HEIGHT };
  });
  const loudest = Math.max(0.05, ...drawn.flatMap(({ levels }) => levels.reduce((most, level) => Math.max(most, level), 0)));
  return {
    splitChannels: channels,
    height: LANE_HEIGHT,
    maxPeak: loudest,
    normalize: true,
    cursorColor: getComputedStyle(document.documentElement).getPropertyValue("--text").trim(),
    cursorWidth: 2,
    hideScrollbar: true,
  };
}

function name(drawn) {
  const who = box.querySelector(".who");
  who.classList.toggle("one", drawn.length === 1);
  who.replaceChildren(
    ...drawn.map(({ role }, at) => {
      const text = document.createElement("span");
      text.className = `party ${role}`;
      text.textContent = role === "unknown" ? `${say("unknown")} ${at + 1}` : say(role === "third_party" ? "other" : role) ?? role;
      return text;
    }),
  );
}

async function open() {
  const answer = await fetch(box.dataset.peaks, { headers: { Accept: "application/json" } });
  if (!answer.ok) return;
  const kept = await answer.json();
  const drawn = lanes(kept.peaks);
  state.silence = kept.silence;
  box.querySelector(".lanes").hidden = false;
  name(drawn);
  state.wave = WaveSurfer.create({
    ...wave(drawn),
    container: box.querySelector(".wave"),
    media: sound,
    peaks: drawn.map(({ levels }) => levels),
    duration: kept.duration_s,
  });
  mark();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => state.wave.setOptions(wave(drawn)));
  box.dataset.drawn = "yes";
}

sound.controls = false;
sound.hidden = true;
sound.preservesPitch = true;
box.querySelector(".controls").hidden = false;
for (const name of ["timeupdate", "play", "pause", "ratechange", "durationchange", "seeked"]) sound.addEventListener(name, tick);
sound.addEventListener("error", trouble);
show();
if (box.dataset.peaks) open();
addEventListener("hashchange", follow);
follow();
