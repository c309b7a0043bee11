// A dataset that is opened: its numbers under every template, its classes, how sure the model is.

const lineName = (line) => `${line.number}, ${line.split}, ${WAYS[line.way]}`;
const lineKey = (line) => [line.number, line.split, line.way].join(" ");

function detailOf(entry, first) {
  const side = entry.sides.find(Boolean);
  const body = make("div");
  const fill = (line) => body.replaceChildren(...lineDetail(entry, line));
  const select = make(
    "select.pick",
    {
      "aria-label": "Number shown",
      onchange: () => fill(side.lines.find((line) => lineKey(line) === select.value)),
    },
    side.lines.map((line) =>
      make("option", { value: lineKey(line), selected: line === first }, lineName(line)),
    ),
  );
  fill(first);
  return make(
    "div.opened",
    null,
    make(
      "div.tools",
      null,
      side.lines.length > 1 ? select : make("span.soft", null, lineName(first)),
      page.units.some(([name]) => name === entry.name)
        ? make("a.button", { href: answersOf({ dataset: entry.name }) }, "Browse its answers")
        : null,
    ),
    body,
    notesOf(entry),
  );
}

function notesOf(entry) {
  const lines = entry.sides.flatMap((side, place) =>
    side
      ? [
          ...side.best
            .filter((best) => best.decided)
            .map(
              (best) =>
                `best on validation by ${best.way}: ${best.template}, ${fixed(best.validation)}; on test ${withError(best.test, best.error, page.few)} (${best.number})`,
            ),
          ...Object.entries(side.unasked).map(
            ([name, number]) => `${plural(number, "prompt")} of ${name} do not fit`,
          ),
          ...side.remarks,
          ...Object.entries(side.signatures).map(([name, text]) => `${name} signature: ${text}`),
        ].map((line) => (isPair ? `${evaluations[place].name}: ${line}` : line))
      : [],
  );
  return [...new Set(lines)].map((line) => make("p.small.soft", null, line));
}

function lineDetail(entry, line) {
  const lines = entry.sides.map(
    (side) => side && side.lines.find((other) => isSame(line, other)),
  );
  const classes = make("div");
  const sure = make("div");
  tallies.then((every) => fillTallies(every[entry.name], line, classes, sure));
  return [
    make(
      "div.detail",
      null,
      make(
        "div",
        null,
        make("h3", null, `Templates, ${plural(line.num_examples, "example")} each`),
        templateTable(entry, line, lines),
      ),
      make("div", null, sure),
      make("div.members", null, classes),
    ),
  ];
}

function templateTable(entry, line, lines) {
  const first = entry.sides.findIndex(Boolean);
  const { templates } = entry.sides[first];
  const counts = entry.sides.map((side) =>
    side ? side.counts[`${line.split} ${line.way}`] || {} : {},
  );
  const rows = templates
    .map((name, place) => ({
      name,
      cells: lines.map((of, side) =>
        of && of.values[place] !== null && of.values[place] !== undefined
          ? { value: of.values[place], error: of.errors[place], side }
          : null,
      ),
      flags: ["shots", "trimmed", "shortened", "left_out", "ties"].flatMap((kind) =>
        counts.slice(0, 1).flatMap((of) => (of[kind] && of[kind][place] ? [[kind, of[kind][place]]] : [])),
      ),
      examples: counts.map((of) => (of.num_examples ? of.num_examples[place] : line.num_examples)),
    }))
    .filter((row) => row.cells.some(Boolean));
  const cell = (one, examples) =>
    make("td.num", null, one ? withError(one.value, one.error, examples) : "");
  const heads = lines.map((of, place) => make("th.num", null, isPair ? evaluations[place].name : line.number));
  const both = isPair && lines.every(Boolean);
  const summary = (name, value) =>
    lines.some((of) => of && value(of) !== null)
      ? make(
          "tr.sum",
          null,
          make("td", null, name),
          make("td.second"),
          lines.map((of) => make("td.num", null, of && value(of) !== null ? value(of) : "-")),
          both ? make("td.num", null, name === "mean" ? signed(lines[1].mean - lines[0].mean) : "") : null,
          make("td.second"),
        )
      : null;
  const range = (pair) => (pair ? `${fixed(pair[0])}-${fixed(pair[1])}` : null);
  return make(
    "div.wide",
    null,
    make(
      "table.grid",
      null,
      make(
        "thead",
        null,
        make(
          "tr",
          null,
          make("th", null, "template"),
          make("th.second"),
          heads,
          both ? make("th.num", null, "change") : null,
          make("th.second"),
        ),
      ),
      make(
        "tbody",
        null,
        rows.map((row) =>
          make(
            "tr",
            null,
            make(
              "td.mono",
              null,
              make("a", { href: answersOf({ dataset: entry.name, template: row.name }) }, row.name),
            ),
            make("td.second", null, dots(row.cells.map((one) => one && one.value))),
            row.cells.map((one, place) => cell(one, row.examples[place])),
            both
              ? make(
                  "td.num",
                  null,
                  row.cells.every(Boolean) ? signed(row.cells[1].value - row.cells[0].value) : "",
                )
              : null,
            make(
              "td.second.small.soft",
              null,
              row.flags
                .map(([kind, number]) =>
                  kind === "shots" ? `${fixed(number)} shots` : `${count(number)} ${words(kind)}`,
                )
                .join(", "),
            ),
          ),
        ),
        summary("mean", (of) => fixed(of.mean)),
        summary("standard deviation", (of) => (of.deviation === null ? null : fixed(of.deviation))),
        summary("median", (of) => (of.median === null ? null : fixed(of.median))),
        summary("interquartile range", (of) => range(of.quartiles)),
        summary("chance", (of) => (of.chance === null ? null : fixed(of.chance))),
        summary("majority", (of) => (of.majority === null ? null : fixed(of.majority))),
      ),
    ),
  );
}

// Cells of several templates together.
function addedCells(some) {
  const cells = new Map();
  for (const { cells: own } of some)
    for (const [right, answered, number] of own) {
      const key = `${right} ${answered}`;
      const entry = cells.get(key) || [right, answered, 0];
      entry[2] += number;
      cells.set(key, entry);
    }
  return [...cells.values()];
}

function fillTallies(sides, line, classes, sure) {
  if (!sides) return;
  const of = sides.map((side) => side[`${line.split} ${line.way}`] || {});
  const templates = [...new Set(of.flatMap((side) => Object.keys(side)))];
  const show = (name) => {
    const chosen = of.map((side) =>
      Object.entries(side)
        .filter(([template]) => !name || template === name)
        .map(([, tally]) => tally),
    );
    classes.replaceChildren(...classBlocks(chosen, pick));
    sure.replaceChildren(...sureBlocks(chosen));
  };
  const pick = make(
    "select.pick",
    { "aria-label": "Template of the classes", onchange: () => show(pick.value) },
    make("option", { value: "" }, "all templates together"),
    templates.map((name) => make("option", { value: name }, name)),
  );
  show("");
}

function classBlocks(chosen, pick) {
  const tables = chosen.map((some) => {
    const own = some.map((tally) => tally.classes).filter(Boolean);
    // Templates that have other labels are no table together.
    if (!own.length || own.some((one) => one.labels.join("\n") !== own[0].labels.join("\n")))
      return null;
    return classTable({ labels: own[0].labels, cells: addedCells(own) });
  });
  if (!tables.some(Boolean)) return [];
  return [
    make("div.tools", null, make("h3", null, "Classes"), pick),
    make(
      "div.side-by-side",
      null,
      tables.map((table, place) => (table ? make("div", null, sideTag(place), table) : null)),
    ),
  ];
}

function sureBlocks(chosen) {
  const bins = chosen.map((some) => {
    const own = some.map((tally) => tally.bins).filter(Boolean);
    return own.length ? summed(own) : null;
  });
  if (!bins.some(Boolean)) return [];
  return [
    make("h3", null, "Calibration"),
    make("p.small", null, errorWords(bins)),
    reliability(bins),
  ];
}

const errorWords = (bins) =>
  bins
    .map((own, place) =>
      own
        ? `${isPair ? `${evaluations[place].name}: ` : ""}expected calibration error ${fixed(calibrationError(own))}`
        : null,
    )
    .filter(Boolean)
    .join("; ");
