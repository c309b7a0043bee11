// Pictures of numbers: templates on an axis, a change with its interval, confidence against being
// right, classes against answers. They are elements and shapes, which a screen reader tells in words.

const everyValue = datasets.flatMap((entry) =>
  entry.sides.flatMap((side) => (side ? side.lines.flatMap((line) => line.values) : [])),
);
// From 0 to 100, and as far below and above as correlations and distances go, in steps of 25.
const STEP = 25;
// What rounding leaves of 0 and 100 is none of it.
const NEAR = 1e-6;
const least = everyValue.reduce((some, value) => Math.min(some, value || 0), 0);
const most = everyValue.reduce((some, value) => Math.max(some, value || 0), 100);
const LOWEST = STEP * Math.floor((least + NEAR) / STEP);
const HIGHEST = STEP * Math.ceil((most - NEAR) / STEP);
const STEPS = (HIGHEST - LOWEST) / STEP;
document.documentElement.style.setProperty("--steps", STEPS);
const onAxis = (value) => `${(100 * (value - LOWEST)) / (HIGHEST - LOWEST)}%`;

const mark = (tag, value, title) =>
  value === null || value === undefined
    ? null
    : make(tag, { style: `left:${onAxis(value)}`, title });

// Templates as dots, their mean as a line, what guessing gets as a dashed one.
//   lines: of each evaluation; null where it has none.
//   others: [value, what it is]: numbers that others published.
function strip(lines, others = []) {
  const some = lines.filter(Boolean);
  const said = some.map((line) => {
    const place = lines.indexOf(line);
    const who = isPair ? `${evaluations[place].name}: ` : "";
    return `${who}${plural(line.num_templates, "template")} from ${fixed(line.lowest)} to ${fixed(line.highest)}, mean ${fixed(line.mean)}`;
  });
  const [first] = some;
  const levels = ["chance", "majority"].filter((name) => first[name] !== null);
  said.push(...levels.map((name) => `${name} ${fixed(first[name])}`));
  return make(
    `span.strip${isPair ? ".two-lanes" : ""}`,
    { role: "img", "aria-label": said.join("; ") },
    make("span.ground"),
    levels.map((name) => mark(`u.${name}`, first[name], `${name} ${fixed(first[name])}`)),
    others.map(([value, what]) => mark("u.published", value, `${what}: ${fixed(value)}`)),
    lines.map((line, place) =>
      line
        ? make(
            `span.lane.of-${LETTERS[place]}`,
            null,
            line.values.map((value) => mark("i", value)),
            mark("b", line.mean, `mean ${fixed(line.mean)}`),
          )
        : null,
    ),
  );
}

// One value of each evaluation on the axis, null where it has none.
const dots = (values) =>
  make(
    `span.strip.small${isPair ? ".two-lanes" : ""}`,
    { "aria-hidden": "true" },
    make("span.ground"),
    values.map((value, place) =>
      make(`span.lane.of-${LETTERS[place]}`, null, value === null ? null : mark("i", value)),
    ),
  );

// A change between -most and most, with its interval.
function changeStrip(change, most) {
  const at = (value) => `${50 + (50 * Math.max(-most, Math.min(most, value))) / most}%`;
  const isGain = change.less_is_better ? change.change < 0 : change.change > 0;
  const [low, high] = change.interval || [null, null];
  const from = Math.min(0, change.change);
  return make(
    "span.strip.change",
    {
      role: "img",
      "aria-label": `${signed(change.change)}${low === null ? "" : `, ${signed(low)} to ${signed(high)}`}`,
    },
    make("span.ground"),
    make(`i.${isGain ? "gain" : "loss"}`, {
      style: `left:${at(from)};width:${(50 * Math.min(Math.abs(change.change), most)) / most}%`,
    }),
    low === null
      ? null
      : make("b", { style: `left:${at(low)};right:calc(100% - ${at(high)})` }),
  );
}
const signed = (value) => (value < 0 || Object.is(value, -0) ? "" : "+") + fixed(value);

// Bins of several templates or datasets together.
function summed(some) {
  const total = Array.from({ length: 10 }, () => [0, 0, 0]);
  for (const bins of some)
    bins.forEach((bin, place) => bin.forEach((value, part) => (total[place][part] += value)));
  return total;
}
// Expected calibration error: how far confidence is from being right, on average over answers.
function calibrationError(bins) {
  const answers = sum(bins.map(([number]) => number));
  return (100 * sum(bins.map(([, right, confidence]) => Math.abs(right - confidence)))) / answers;
}

// Share of right answers over confidence, a point for each bin, the larger the more answers.
function reliability(sides) {
  const left = 34;
  const size = 200;
  const x = (share) => left + size * share;
  const y = (share) => 8 + size * (1 - share);
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  const drawSide = (bins, place) => {
    if (!bins) return null;
    const total = sum(bins.map(([number]) => number));
    const points = bins
      .filter(([number]) => number)
      .map(([number, right, confidence]) => [confidence / number, right / number, number]);
    return draw(
      "g",
      { class: `of-${LETTERS[place]}` },
      draw("polyline", { points: points.map(([c, r]) => `${x(c)},${y(r)}`).join(" ") }),
      points.map(([c, r, number]) =>
        draw(
          "circle",
          { cx: x(c), cy: y(r), r: 3 + 7 * Math.sqrt(number / total) },
          draw(
            "title",
            null,
            `${plural(number, "answer")}: confidence ${percent(c)}, right ${percent(r)}`,
          ),
        ),
      ),
    );
  };
  const said = sides.map((bins, place) =>
    bins
      ? `${evaluations[place].name}: expected calibration error ${fixed(calibrationError(bins))}`
      : "",
  );
  return draw(
    "svg",
    {
      viewBox: `0 0 ${left + size + 14} ${size + 44}`,
      class: "reliability",
      role: "img",
      "aria-label": said.filter(Boolean).join("; "),
    },
    ticks.map((share) => [
      draw("path", { class: "rule", d: `M${x(0)} ${y(share)}H${x(1)}` }),
      draw("text", { x: left - 6, y: y(share) + 4, "text-anchor": "end" }, `${100 * share}`),
      draw("text", { x: x(share), y: y(0) + 16, "text-anchor": "middle" }, `${100 * share}`),
    ]),
    draw("path", { class: "ideal", d: `M${x(0)} ${y(0)}L${x(1)} ${y(1)}` }),
    draw("text", { x: x(0.5), y: y(0) + 33, "text-anchor": "middle" }, "confidence, %"),
    draw("text", { x: x(0) + 6, y: y(1) + 12 }, "right, %"),
    sides.map(drawSide),
  );
}

// A table of classes: what is right by row, what was answered by column.
function classTable({ labels, cells }) {
  const size = labels.length;
  const grid = labels.map(() => Array(size + 1).fill(0));
  for (const [right, answered, number] of cells) grid[right][answered] += number;
  const hasNone = grid.some((row) => row[size]);
  const columns = [...labels, ...(hasNone ? ["none of them"] : [])];
  return make(
    "div.wide.classes",
    null,
    make(
      "table",
      null,
      make(
        "thead",
        null,
        make(
          "tr",
          null,
          make("td.corner", null, "right ↓ answered →"),
          columns.map((label) => make("th", { scope: "col", title: label, dir: "auto" }, label)),
          make("th.num", { scope: "col" }, "found"),
        ),
      ),
      make(
        "tbody",
        null,
        grid.map((row, right) => {
          const total = sum(row);
          return make(
            "tr",
            null,
            make("th", { scope: "row", title: labels[right], dir: "auto" }, labels[right]),
            columns.map((label, answered) =>
              make(
                `td.num${right === answered ? ".right" : ""}`,
                { "--share": total ? row[answered] / total : 0 },
                count(row[answered]),
              ),
            ),
            make("td.num.soft", null, total ? percent(row[right] / total, 0) : "-"),
          );
        }),
      ),
    ),
  );
}
