// What the file holds: scores at once, classes and answers when they are read.

const page = JSON.parse(find("summary").textContent);
const { evaluations, datasets, runs } = page;
const isPair = evaluations.length === 2;
const WAYS = {
  sum: "options ranked",
  normalized: "options ranked, a token",
  characters: "options ranked, a character",
  bytes: "options ranked, a byte",
  unconditional: "options ranked, beyond their sum without the question",
  generated: "text written",
};
// Of an answer by rank the others are read besides: what is counted, is counted of the sum.
const isOwnAnswer = (way) => way === "sum" || way === "generated";
// The letters that stand for two models where there is no room for names.
const LETTERS = ["a", "b"];

// Dataset -> for each evaluation "split way" -> template -> classes and bins; behind the scripts.
const tallies = new Promise((resolve) =>
  addEventListener("DOMContentLoaded", () => setTimeout(() => resolve(readBlock("tallies")))),
);

// The lines that a terminal shows: the first number of each method, on test where there is one.
function shownLines(side) {
  const isTest = side.lines.some((line) => line.split === "test");
  const split = isTest ? "test" : side.lines[0].split;
  const shown = new Map();
  for (const line of side.lines)
    if (line.split === split && isOwnAnswer(line.way)) {
      const kind = line.way === "generated";
      if (!shown.has(kind)) shown.set(kind, line);
    }
  return [...shown.values()];
}

const isSame = (line, other) =>
  line.split === other.split && line.way === other.way && line.number === other.number;

// Each dataset with a line that is shown of it, and that of the other model.
const scoreRows = datasets.flatMap((entry) => {
  const first = entry.sides.find(Boolean);
  const lines = shownLines(first);
  return lines.map((line) => ({
    entry,
    line,
    // Said where it tells lines of one dataset apart.
    by: lines.length > 1 ? WAYS[line.way] : null,
    lines: entry.sides.map((side) => side && side.lines.find((other) => isSame(line, other))),
  }));
});

const changeOf = (row) =>
  page.changes &&
  page.changes.changes.find(
    (change) =>
      change.name === row.entry.name &&
      isSame(row.line, change),
  );

// A number with its standard error, where that says something.
const withError = (value, error, examples) =>
  error && examples >= page.few ? `${fixed(value)} ± ${fixed(error)}` : fixed(value);
const orDash = (value) => (value === null || value === undefined ? "-" : fixed(value));
const words = (name) => name.replaceAll("_", " ");
const answersOf = (filters) => `#answers?${new URLSearchParams(filters)}`;
const sideTag = (place) =>
  isPair ? make(`span.side-tag.of-${LETTERS[place]}`, null, evaluations[place].name) : null;
