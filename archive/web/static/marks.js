// What lies over the waveform: silence made pale, the loop, ticks. Drawn as SVG, so that no inline style is needed.

const SVG = "http://www.w3.org/2000/svg";
// More ticks than this would hide the wave: then they stand at its upper edge, and only the one stood on goes through.
const MANY = 40;
const EDGE = 0.12;

function shape(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}

// All times are seconds; x runs from 0 to the length of the recording. `here` is the hit that is stood on.
export function draw(place, { length, silence, from, to, hits = [], here = null }) {
  place.querySelector("svg.marks")?.remove();
  if (!length) return;
  const picture = shape("svg", { class: "marks", viewBox: `0 0 ${length} 1`, preserveAspectRatio: "none", "aria-hidden": "true" });
  for (const [start, end] of silence) {
    picture.append(shape("rect", { class: "silence", x: start, width: Math.max(0, end - start), y: 0, height: 1 }));
  }
  // The edge keeps a tick apart from a wave of any colour.
  for (const name of ["edge", "hit"]) {
    for (const hit of hits) {
      const y2 = hits.length > MANY && hit !== here ? EDGE : 1;
      picture.append(shape("line", { class: `${name} ${hit.kind}`, x1: hit.at, x2: hit.at, y1: 0, y2 }));
    }
  }
  if (from !== null) {
    const end = to ?? from + length / 400;
    picture.append(shape("rect", { class: "loop", x: from, width: end - from, y: 0, height: 1 }));
  }
  place.append(picture);
}
