// Elements and numbers. Text reaches the page through text nodes alone, never through markup.

const find = (id) => document.getElementById(id);

function make(tag, props, ...children) {
  const [name, ...classes] = tag.split(".");
  const node = document.createElement(name || "div");
  if (classes.length) node.className = classes.join(" ");
  for (const [key, value] of Object.entries(props || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key.startsWith("--")) node.style.setProperty(key, value);
    // Not as an attribute, which the page's policy refuses.
    else if (key === "style") node.style.cssText = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat(2).filter((child) => child !== null && child !== undefined));
  return node;
}

// A part of a picture, with attributes; classes of the style color it.
function draw(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes || {}))
    if (value !== null && value !== undefined) node.setAttribute(key, value);
  node.append(...children.flat(2).filter((child) => child !== null && child !== undefined));
  return node;
}

const count = (number) => number.toLocaleString("en-US");
const percent = (share, digits = 1) =>
  share > 0 && share < 0.5 * 10 ** (-digits - 2)
    ? "<" + (10 ** -digits).toFixed(digits) + "%"
    : (100 * share).toFixed(digits) + "%";
// A number as Python's format writes it: of two that are equally near, the even one.
function fixed(number, digits = 1) {
  const ties = number * 2 ** (digits + 1);
  if (!Number.isInteger(ties) || ties % 2 === 0) return number.toFixed(digits);
  const below = Math.floor(number * 10 ** digits);
  return ((below % 2 === 0 ? below : below + 1) / 10 ** digits).toFixed(digits);
}
const plural = (number, one, many) => `${count(number)} ${number === 1 ? one : many || one + "s"}`;
const short = (number) =>
  number < 10000
    ? count(number)
    : new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 }).format(
        number,
      );
const sum = (values) => values.reduce((total, value) => total + value, 0);

function bytes(number) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let unit = 0;
  for (; number >= 1000 && unit < 4; unit += 1) number /= 1000;
  return `${number >= 100 || unit === 0 ? Math.round(number) : number.toFixed(1)} ${units[unit]}`;
}

const track = (share, largest, requested) =>
  make(
    "span.track",
    { "aria-hidden": "true" },
    share ? make("i", { style: `width:${(100 * share) / largest}%` }) : null,
    requested === undefined ? null : make("b", { style: `left:${(100 * requested) / largest}%` }),
  );

// A table that scrolls by itself where it is wide: cells of its head, and of each line.
const grid = (heads, lines) =>
  make(
    "div.wide",
    null,
    make(
      "table.grid",
      null,
      make("thead", null, make("tr", null, heads)),
      make(
        "tbody",
        null,
        lines.map((cells) => make("tr", null, cells)),
      ),
    ),
  );

// A table of texts, its head first; columns from `numbers` on stand right.
const textTable = ([heads, ...lines], numbers) => {
  const cell = (tag) => (text, place) => make(place >= numbers ? `${tag}.num` : tag, null, text);
  return grid(heads.map(cell("th")), lines.map((cells) => cells.map(cell("td"))));
};

const panel = (title, note, ...children) =>
  make(
    "section.panel",
    { "aria-label": title },
    make("header", null, make("h2", null, title), note ? make("p", null, note) : null),
    ...children,
  );
