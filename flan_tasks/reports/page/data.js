// What the file holds: the numbers at once, the examples when they are asked for.

const build = JSON.parse(find("summary").textContent);
const tasks = tasksOf(build.tasks);
const clusters = [...new Set(tasks.map((task) => task.cluster))].sort();
const isPacked = build.arch !== undefined;
const parts = ["inputs", "targets"];
// What becomes of a part's tokens past its length, where some are shown.
const past = (part) => (build.long[part] === "kept whole" ? "over length, kept whole" : "trimmed");

// A value whose numbers are places in `numbers`, from `start` on; see payload.py.
function filled(shape, numbers, start) {
  if (typeof shape === "number") return numbers[start + shape];
  if (Array.isArray(shape)) return shape.map((item) => filled(item, numbers, start));
  if (shape === null || typeof shape !== "object") return shape;
  const pairs = Object.entries(shape);
  return Object.fromEntries(pairs.map(([key, item]) => [key, filled(item, numbers, start)]));
}

function tasksOf({ count: many, columns }) {
  const all = Array.from({ length: many }, () => ({}));
  for (const [key, { shapes, sizes, shape, numbers }] of Object.entries(columns)) {
    let start = 0;
    for (let place = 0; place < many; place += 1) {
      const which = shape.length ? shape[place] : 0;
      all[place][key] = filled(shapes[which], numbers, start);
      start += sizes[which];
    }
  }
  return all;
}

function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const letters = atob(text);
  const data = new Uint8Array(letters.length);
  for (let place = 0; place < letters.length; place += 1) data[place] = letters.charCodeAt(place);
  return data;
}

async function readExamples() {
  const node = find("examples");
  let text = node.textContent;
  node.remove();
  if (node.type.includes("gzip")) {
    const data = fromBase64(text);
    const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream("gzip"));
    text = await new Response(stream).text();
  }
  return JSON.parse(text);
}

// Ids of an example's part as places in `pieces`; see payload.py for the codes.
function placesOf(shown, part, index) {
  const column = part === "inputs" ? shown.input_ids : shown.target_ids;
  const places = [];
  for (const letter of column[index]) {
    const code = letter.codePointAt(0);
    places.push((code >= 0xe000 ? code - 0x800 : code) - shown.first_code);
  }
  return places;
}

const hasTokens = (shown) => shown.input_ids !== undefined;
const clusterOf = (shown, index) => tasks[shown.task[index]].cluster;
