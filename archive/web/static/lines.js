// The lines of a transcript as the page has them, and the words in them: times in seconds, places in the text.
// A line says `data-t="start,end"` and for its words `data-w="hundredths,length ..."`; words stand one space apart.

const HUNDREDTHS = 100;
// Two speakers may talk at once: so many lines before the one begun last may still be going on.
const AT_ONCE = 8;

export function linesOf(list) {
  return [...list.querySelectorAll("li")].map((element) => {
    const [start, end] = element.dataset.t.split(",").map(Number);
    return { element, start, end, speaker: element.className.split(" ")[0], words: null };
  });
}

// How many lines have begun by a moment; they are in order of their start.
function begunBy(lines, now) {
  let low = 0;
  let high = lines.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lines[middle].start <= now) low = middle + 1;
    else high = middle;
  }
  return low;
}

// The lines that are being said at a moment.
export function lineAt(lines, now) {
  const begun = begunBy(lines, now);
  return lines.slice(Math.max(0, begun - AT_ONCE), begun).filter((line) => line.end > now);
}

// The line at which a reader is at a moment, in a pause the last one said; undefined before the first.
export function placeAt(lines, now) {
  return lineAt(lines, now)[0] ?? lines[begunBy(lines, now) - 1];
}

export function textOf(line) {
  return line.element.querySelector("p")?.textContent ?? "";
}

// The words of a line; made when they are first asked for.
export function wordsOf(line) {
  if (line.words) return line.words;
  let at = 0;
  line.words = (line.element.dataset.w ?? "").split(" ").filter(Boolean).map((said) => {
    const [after, length] = said.split(",").map(Number);
    const word = wordFrom(line, at, length, line.start + after / HUNDREDTHS);
    at += length + 1;
    return word;
  });
  return line.words;
}

function wordFrom(line, at, length, start) {
  return {
    start,
    at,
    length,
    range: () => rangeOf(line, at, length),
    holds: (node, offset) => {
      const place = placeOf(line, node, offset);
      return place !== null && place >= at && place <= at + length;
    },
  };
}

// When the text from a character on is said: the moment of the word that it lies in, else of its line.
export function momentOf(line, at) {
  return wordsOf(line).findLast((word) => word.at <= at)?.start ?? line.start;
}

function* nodesOf(line) {
  const walker = document.createTreeWalker(line.element.querySelector("p"), NodeFilter.SHOW_TEXT);
  for (let at = 0, node = walker.nextNode(); node; at += node.length, node = walker.nextNode()) yield [node, at];
}

export function rangeOf(line, at, length) {
  const range = new Range();
  for (const [node, begins] of nodesOf(line)) {
    const ends = begins + node.length;
    if (at >= begins && at < ends) range.setStart(node, at - begins);
    if (at + length > begins && at + length <= ends) range.setEnd(node, at + length - begins);
  }
  return range;
}

function placeOf(line, wanted, offset) {
  for (const [node, begins] of nodesOf(line)) if (node === wanted) return begins + offset;
  return null;
}
