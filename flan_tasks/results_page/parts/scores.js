// The first page: what is missing, the sizes, suites beside published numbers, every dataset over its
// templates, how sure the models are.

function notices() {
  const lines = (kind) =>
    evaluations.flatMap((one) =>
      Object.entries(one[kind]).map(([name, reason]) => `${name}: ${reason}`),
    );
  const notice = (some, title, plain) =>
    some.length
      ? make(
          `details.notice${plain ? ".plain" : ""}`,
          { open: some.length <= 4 },
          make("summary", null, title),
          make("ul", null, [...new Set(some)].map((line) => make("li", null, line))),
        )
      : null;
  const missing = lines("missing");
  const warnings = evaluations.flatMap((one) =>
    one.warnings.map((line) => (isPair ? `${one.name}: ${line}` : line)),
  );
  const others = evaluations.filter((one) => one.others);
  return [
    notice(missing, `Not evaluated: ${plural(missing.length, "dataset")}, whose rows were not available`),
    notice(warnings, plural(warnings.length, "warning")),
    notice(lines("left_out"), "Not asked", true),
    others.map((one) =>
      make(
        "div.notice.plain",
        null,
        `${one.name} keeps answers to ${plural(one.others, "more template")} on some split that its newest command did not name; they are not shown.`,
      ),
    ),
  ].flat();
}

function tiles() {
  const [first] = evaluations;
  const clusters = new Set(datasets.map((entry) => entry.cluster));
  const above = scoreRows.filter(({ line }) => line.chance !== null);
  const better = (place) =>
    above.filter(({ lines }) => lines[place] && lines[place].mean > lines[place].chance).length;
  const wide = scoreRows.filter(({ line }) => line.deviation !== null);
  const widest = wide.reduce(
    (most, row) => (!most || row.line.deviation > most.line.deviation ? row : most),
    null,
  );
  const counted = (name) =>
    sum(
      datasets.flatMap((entry) =>
        entry.sides.filter(Boolean).slice(0, 1).flatMap((side) =>
          Object.entries(side.counts)
            .filter(([key]) => isOwnAnswer(key.split(" ").at(-1)))
            .map(([, of]) => sum(of[name] || [])),
        ),
      ),
    );
  const cells = [
    [
      "Datasets",
      count(datasets.length),
      `in ${plural(clusters.size, "cluster")}${first.suites.length ? `, ${plural(first.suites.length, "suite")}` : ""}`,
    ],
    [
      "Answers",
      count(page.of),
      page.shown === page.of ? "all of them are here" : `${count(page.shown)} of them are here`,
    ],
  ];
  if (above.length)
    cells.push([
      "Better than chance",
      evaluations.map((_, place) => count(better(place))).join(" → "),
      `of ${plural(above.length, "line")} with options, by the mean over templates`,
    ]);
  if (widest && widest.line.deviation > 0)
    cells.push([
      "Wording matters most",
      `sd ${fixed(widest.line.deviation)}`,
      `over the templates of ${widest.entry.name}`,
    ]);
  const fits = ["shortened", "trimmed", "left_out"].map((name) => [counted(name), words(name)]);
  if (fits.some(([number]) => number))
    cells.push([
      "Too long",
      count(sum(fits.map(([number]) => number))),
      fits
        .filter(([number]) => number)
        .map(([number, name]) => `${count(number)} ${name}`)
        .join(", "),
    ]);
  if (page.changes)
    cells.push(["Answers that changed", count(page.changes.flips), "in what they are worth"]);
  return make(
    "dl.tiles",
    null,
    cells.map(([name, value, note]) =>
      make("div.tile", null, make("dt", null, name), make("dd", null, value), make("p", null, note)),
    ),
  );
}

// Averages of suites, beside what others published of them.
function suites() {
  const names = [...new Set(evaluations.flatMap((one) => one.suites.map((suite) => suite.name)))];
  return names.map((name) => {
    const of = evaluations.map((one) => one.suites.find((suite) => suite.name === name));
    const suite = of.find(Boolean);
    // Two evaluations need not have the same groups.
    const isSameAverage = (one, other) => one.name === other.name && one.group === other.group;
    const every = of.flatMap((one) => (one ? one.averages : []));
    const distinct = every.filter(
      (one, place) => every.findIndex((other) => isSameAverage(one, other)) === place,
    );
    const averages = distinct.map((average) => {
      const published = average.group
        ? []
        : suite.published.filter((one) => one.average === average.name);
      const owns = of.map((one) => one && one.averages.find((own) => isSameAverage(own, average)));
      const lines = owns.map((own) =>
        own
          ? { values: [own.value], mean: own.value, lowest: own.value, highest: own.value }
          : null,
      );
      const levels = { num_templates: 1, chance: average.chance, majority: null };
      return [
        make("td", null, average.group ? `${average.name}, ${average.group}` : average.name),
        make(
          "td.pictured",
          null,
          strip(
            lines.map((line) => line && { ...line, ...levels }),
            published.map((one) => [one.value, one.model]),
          ),
        ),
        ...owns.map((own) =>
          make("td.num", null, own ? withError(own.value, own.error, own.num_examples) : "-"),
        ),
        make("td.num", null, orDash(average.chance)),
        make("td.num", null, count(average.num_tasks)),
        make("td.num", null, count(average.num_examples)),
      ];
    });
    return panel(
      name,
      `${suite.source}; ${suite.split} split, ${fixed(suite.shots, 0)} shots`,
      grid(
        [
          make("th", null, "average"),
          make("th", null, ""),
          ...of.map((_, place) =>
            make("th.num", null, isPair ? evaluations[place].name : suite.number),
          ),
          ...["chance", "tasks", "examples"].map((head) => make("th.num", null, head)),
        ],
        averages,
      ),
      suite.published.length
        ? make(
            "div.published-list",
            null,
            make("h3", null, "Published"),
            suite.published.map((one) =>
              make(
                "p.small",
                null,
                make("span.key", null, make("u.published")),
                ` ${one.model}: ${fixed(one.value)} (${one.average}), read in ${one.source}`,
              ),
            ),
          )
        : null,
      suite.differs.map((line) => make("p.small.soft", null, `not the published suite: ${line}`)),
    );
  });
}

const ORDERS = {
  cluster: null,
  mean: (row) => -row.line.mean,
  "above chance": (row) => (row.line.chance === null ? Infinity : row.line.chance - row.line.mean),
  spread: (row) => -(row.line.deviation || 0),
  change: (row) => {
    const change = changeOf(row);
    return change ? -change.change : Infinity;
  },
};

function rowNode(row) {
  const { entry, line, lines } = row;
  const change = changeOf(row);
  const numbers = isPair
    ? [
        ...lines.map((of) => make("span.num", null, of ? fixed(of.mean) : "-")),
        make("span.num.soft", null, change ? signed(change.change) : ""),
      ]
    : [
        make("span.num", null, fixed(line.mean)),
        make("span.num.soft", null, orDash(line.deviation)),
        make("span.num.soft", null, orDash(line.chance)),
      ];
  const node = make(
    "details.scored",
    {
      "data-name": entry.name,
      ontoggle: () => {
        if (node.open && node.children.length === 1) node.append(detailOf(entry, line));
      },
    },
    make(
      `summary${isPair ? ".pair" : ""}`,
      null,
      make(
        "span.label",
        { title: entry.name },
        entry.name,
        make("span.inpart", null, ` ${line.number}${row.by ? `, ${row.by}` : ""}`),
      ),
      strip(lines),
      numbers,
    ),
  );
  return node;
}

function scores() {
  if (!scoreRows.length) return null;
  const body = make("div.scores");
  // A family of many tasks is one line that opens on them.
  const several = (rows) => {
    const groups = new Map();
    for (const row of rows) {
      const group = groupOf(row.entry.name);
      groups.set(group, [...(groups.get(group) || []), row]);
    }
    return [...groups].map(([group, some]) => {
      if (some.length < 4 || !group.endsWith(MEMBER_MARK)) return some.map(rowNode);
      const node = make(
        "details.group.family",
        {
          ontoggle: () => {
            if (node.open && node.children.length === 1)
              node.append(...[folded(some, rowNode, 60)].flat());
          },
        },
        make(
          "summary",
          null,
          make("span.label", null, `${group.slice(0, -1)}, ${plural(some.length, "line")}`),
        ),
      );
      return node;
    });
  };
  const show = (name) => {
    const key = ORDERS[name];
    if (key) {
      const sorted = scoreRows
        .map((row) => [key(row), row])
        .sort((one, other) => one[0] - other[0])
        .map(([, row]) => row);
      body.replaceChildren(...[folded(sorted, rowNode, 200)].flat());
      return;
    }
    const heads = [...new Set(scoreRows.map(({ entry }) => entry.suite || words(entry.cluster)))];
    const nodes = heads.flatMap((head) => [
      make("h3", null, head),
      ...several(
        scoreRows.filter(({ entry }) => (entry.suite || words(entry.cluster)) === head),
      ).flat(),
    ]);
    body.replaceChildren(...nodes);
  };
  const select = make(
    "select.pick",
    { "aria-label": "Order", onchange: () => show(select.value) },
    Object.keys(ORDERS)
      .filter((name) => name !== "change" || page.changes)
      .map((name) => make("option", { value: name }, `by ${name}`)),
  );
  show("cluster");
  const heads = isPair
    ? [...evaluations.map((one) => one.name), "change"]
    : ["mean", "sd", "chance"];
  const [first] = evaluations;
  return panel(
    "Scores over templates",
    first.caption,
    make(
      "div.tools",
      null,
      select,
      make(
        "span.keys",
        null,
        evaluations.map((one, place) =>
          make(
            `span.key.of-${LETTERS[place]}`,
            null,
            make("span.sample", null, make("i"), make("b")),
            isPair ? `${one.name}: templates, mean` : "a template, their mean",
          ),
        ),
        make("span.key", null, make("u.chance"), "chance"),
        make("span.key", null, make("u.majority"), "commonest answer"),
      ),
    ),
    make(
      `div.score-heads${isPair ? ".pair" : ""}`,
      { "aria-hidden": "true" },
      make("span"),
      make(
        "span.axis",
        null,
        Array.from({ length: STEPS + 1 }, (_, number) => LOWEST + number * STEP)
          .filter((tick) => STEPS <= 6 || tick % 100 === 0)
          .map((tick) => make("span", { style: `left:${onAxis(tick)}` }, count(tick))),
      ),
      heads.map((head) => make("span.num.soft", { title: head }, head)),
    ),
    body,
    make("div.legend-lines", null, first.legend.map((line) => make("p.small.soft", null, line))),
  );
}

function overPrompts() {
  const some = evaluations.filter((one) => one.over_prompts[1].length);
  return some.map((one) => {
    const [columns, lines] = one.over_prompts;
    return panel(
      "Over the prompts of a data set of P3",
      `as T0 is reported${isPair ? `; ${one.name}` : ""}`,
      grid(
        columns.map((name, place) => make(place < 4 ? "th" : "th.num", null, name)),
        lines.map((cells) =>
          cells.map((cell, place) => make(place < 4 ? "td" : "td.num", null, cell)),
        ),
      ),
    );
  });
}

function sureOfAll() {
  const place = make("div");
  const node = panel(
    "Calibration",
    "all answers by rank: how often the option is right that the model finds likeliest",
    place,
  );
  node.hidden = true;
  tallies.then((every) => {
    const bins = evaluations.map((_, side) => {
      const own = Object.values(every).flatMap((sides) =>
        Object.entries(sides[side] || {})
          .filter(([key]) => key.endsWith(" sum"))
          .flatMap(([, templates]) => Object.values(templates).map((tally) => tally.bins)),
      );
      return own.some(Boolean) ? summed(own.filter(Boolean)) : null;
    });
    if (!bins.some(Boolean)) return;
    node.hidden = false;
    place.append(
      make(
        "div.calibrated",
        null,
        reliability(bins),
        make(
          "div",
          null,
          make("p", null, errorWords(bins)),
          make(
            "p.small.soft",
            null,
            "Confidence is the share of the likeliest option in the probability of all options of the example. A point is a tenth of the axis, the larger the more answers; on the dashed line a model is as often right as it is sure.",
          ),
          evaluations.map((one, side) =>
            bins[side] && isPair ? make("p", null, sideTag(side)) : null,
          ),
        ),
      ),
    );
  });
  return node;
}

function drawOverview() {
  find("page-overview").append(
    ...[...notices(), tiles(), ...suites(), scores(), ...overPrompts(), sureOfAll()].filter(Boolean),
  );
}
