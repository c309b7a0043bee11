// Data as the file holds it: entries column by column, ids as letters, blocks that are compressed.

// A value whose numbers are places in `numbers`, from `start` on; see payload.py.
function filled(shape, numbers, start) {
  if (typeof shape === "number") return numbers[start + shape];
  if (Array.isArray(shape)) return shape.map((item) => filled(item, numbers, start));
  if (shape === null || typeof shape !== "object") return shape;
  const pairs = Object.entries(shape);
  return Object.fromEntries(pairs.map(([key, item]) => [key, filled(item, numbers, start)]));
}

function entriesOf({ count: many, columns }) {
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

// What the second block of the file holds, as text or compressed; it is read once.
async function readBlock(id) {
  const node = find(id);
  let text = node.textContent;
  node.remove();
  if (node.type.includes("gzip")) {
    const data = fromBase64(text);
    const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream("gzip"));
    text = await new Response(stream).text();
  }
  return JSON.parse(text);
}

// Ids as places among those that a page knows: a letter each; see packed_data.py for the codes.
function placesIn(letters, first) {
  const places = [];
  for (const letter of letters) {
    const code = letter.codePointAt(0);
    places.push((code >= 0xe000 ? code - 0x800 : code) - first);
  }
  return places;
}
