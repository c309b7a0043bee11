// The first page: what is missing, the sizes, the shares, the lengths, what was skipped.

function notices() {
  const missing = build.missing;
  const item = ([name, reason]) => make("li", null, make("b", null, name), " — " + reason);
  return [
    missing.length
      ? make(
          "details.notice",
          { open: missing.length <= 4 },
          make(
            "summary",
            null,
            `Rows of ${plural(build.num_missing, "dataset")} were not available; this mixture was built without ${build.num_missing === 1 ? "it" : "them"}`,
          ),
          make("ul", null, missing.map(item)),
        )
      : null,
    (build.warnings || []).length
      ? make(
          "details.notice",
          { open: build.warnings.length <= 4 },
          make("summary", null, plural(build.warnings.length, "warning")),
          make(
            "ul",
            null,
            build.warnings.map((line) => make("li", null, line)),
          ),
        )
      : null,
    build.too_small.length
      ? make(
          "div.notice.plain",
          null,
          make("b", null, "Left out: "),
          build.too_small.map(([name, reason]) => `${name} (${reason})`).join("; "),
        )
      : null,
    build.without_split.length
      ? make(
          "div.notice.plain",
          null,
          make("b", null, `No ${build.split} split, by declaration: `),
          build.without_split.join(", "),
        )
      : null,
  ];
}

// What of the packed rows is tokens and not padding; EOS of every text counts.
function fills() {
  const used = parts.map((part) => build.tokens[part] - build.tokens_over[part] + build.examples);
  if (build.arch === "decoder") return [["tokens", sum(used) / (build.rows * build.lengths.row)]];
  return parts.map((part, place) => [part, used[place] / (build.rows * build.lengths[part])]);
}

function packing() {
  if (!isPacked) return null;
  const { rows, bound } = build.packing;
  const line = ([name, share]) =>
    make(
      "div.share",
      null,
      make("span.label", null, name),
      track(share, 1),
      make("span.num", null, percent(share)),
      make("span.num.soft", null, `${percent(1 - share, 0)} padding`),
    );
  return panel(
    "Packing",
    `${plural(build.examples, "example")} in ${plural(rows, "row")}, ${(build.examples / rows).toFixed(1)} a row; no packing needs fewer than ${count(bound)}`,
    fills().map(line),
  );
}

function tiles() {
  const datasets = new Set(tasks.map((task) => groupOf(task.dataset))).size;
  const repeated = sum(tasks.map((task) => task.repeated));
  const skipped = sum(tasks.map((task) => sum(Object.values(task.skipped))));
  const found = [
    ["Examples", count(build.examples), `${build.split} split, seed ${build.seed}`],
    [
      "Datasets",
      count(datasets),
      `${plural(tasks.length, "task")} in ${plural(clusters.length, "cluster")}`,
    ],
  ];
  if (build.tokens) {
    const all = build.tokens.inputs + build.tokens.targets;
    found.push([
      "Tokens",
      short(all),
      `${percent(build.tokens.targets / all)} in targets, which are trained`,
    ]);
    const over = build.over_length;
    const line = (part) =>
      `${plural(over[part], part.slice(0, -1))} beyond ${count(build.lengths[part])} ${build.long[part]}`;
    found.push([
      "Too long",
      count(over.inputs + over.targets + build.num_left_out),
      [
        ...parts.map(line),
        ...(build.num_left_out ? [`${plural(build.num_left_out, "row")} left out`] : []),
      ].join("; "),
    ]);
  }
  // Builds of before have no such counts.
  if (build.unknown) {
    const unknown = build.unknown.inputs + build.unknown.targets;
    const written = build.control_tokens_written.inputs + build.control_tokens_written.targets;
    const are = build.control_tokens === "special" ? "read as such" : "in texts";
    found.push([
      "Unknown pieces",
      count(unknown),
      `${count(build.unknown.inputs)} in inputs, ${count(build.unknown.targets)} in targets${written ? `; ${plural(written, "control token")} ${are}` : ""}`,
    ]);
  }
  if (isPacked)
    found.push([
      "Packed rows",
      count(build.rows),
      `${fills()
        .map(([part, share]) => `${part} ${percent(share, 0)} filled`)
        .join(", ")}`,
    ]);
  found.push([
    "Repeated",
    count(repeated),
    repeated
      ? `${percent(repeated / build.examples)} of examples were drawn before`
      : "no example stands here twice",
  ]);
  found.push([
    "Skipped",
    count(skipped),
    `of ${plural(sum(tasks.map((task) => task.rows_read)), "row")} read, with a reason each`,
  ]);
  return make(
    "dl.tiles",
    null,
    found.map(([name, value, note]) =>
      make(
        "div.tile",
        null,
        make("dt", null, name),
        make("dd", null, value),
        make("p", null, note),
      ),
    ),
  );
}

function shares() {
  const rates = sum(tasks.map((task) => task.rate)) || 1;
  const groups = clusters.map((name) => {
    const members = tasks.filter((task) => task.cluster === name);
    const got = sum(members.map((task) => task.realized));
    return { name, members, got, wanted: sum(members.map((task) => task.rate)) / rates };
  });
  groups.sort((a, b) => b.got - a.got);
  const largest =
    Math.max(...groups.map((group) => Math.max(group.got / build.examples, group.wanted))) || 1;
  const line = (name, got, wanted, top) => [
    make("span.label", null, titleOf(name)),
    track(got / build.examples, top, wanted),
    make("span.num", null, percent(got / build.examples)),
    make("span.num.soft", null, count(got)),
  ];
  const single = (task) =>
    make(
      "a.share",
      { href: examplesOf(task), title: `Examples of ${task.name}` },
      line(task.name, task.realized, task.rate / rates, largest),
    );
  // A family's members are drawn when it is opened.
  const family = (entry) => {
    const node = make(
      "details.group.family",
      {
        ontoggle: () => {
          if (!node.open || node.children.length > 1) return;
          const members = [...entry.members].sort((a, b) => b.realized - a.realized);
          node.append(...[folded(members, single, 50)].flat());
        },
      },
      make("summary.share", null, line(entry.name, entry.realized, entry.rate / rates, largest)),
    );
    return node;
  };
  const note = make(
    "span.keys",
    null,
    make("span.key", null, make("i"), "realized"),
    make("span.key", null, make("b"), "requested by the rates"),
  );
  return panel(
    "Shares",
    note,
    make(
      "div",
      null,
      groups.map((group) =>
        make(
          "details.group",
          { open: groups.length === 1 },
          make(
            "summary.share",
            null,
            line(group.name.replaceAll("_", " "), group.got, group.wanted, largest),
          ),
          byFamily(group.members)
            .sort((a, b) => b.realized - a.realized)
            .map((entry) => (entry.members ? family(entry) : single(entry))),
        ),
      ),
    ),
  );
}

// The parts of a mixture as a tree, each with its share; nothing where there are none.
function partShares() {
  const entries = build.parts || [];
  if (!entries.length) return null;
  const line = (part) => {
    const depth = part.path.split("/").length - 1;
    const repeats = `${part.repeats.toFixed(2)} times${part.at_ceiling ? ", at its ceiling" : ""}`;
    return make(
      "div.share",
      { title: `${part.path}: weight ${part.weight}, ${count(part.requested)} requested of ${count(part.available)} available ${part.prompts}` },
      make("span.label", { style: `padding-left:${depth * 14}px` }, part.path.split("/").pop()),
      track(part.realized / build.examples, 1, part.share),
      make("span.num", null, percent(part.realized / build.examples)),
      make("span.num.soft", null, part.available ? repeats : "missing"),
    );
  };
  return panel("Parts", "share of all examples, and how often what is available is drawn", entries.map(line));
}

// How options are listed, where that is varied: styles by part.
function optionStyles() {
  if (!build.option_styles.length) return null;
  const table = textTable(build.option_styles, 1);
  return panel("Options by style", build.style_note, table);
}

function lengths() {
  if (!build.sampled) return [null, () => {}];
  const { unit } = build.histograms;
  const charts = [];
  const boxes = parts.map((part) => {
    const found = build.histograms[part];
    const place = make("div.chart", {
      role: "img",
      "aria-label": `Histogram of ${part} lengths in ${unit}; median ${found.quantiles[0]}, longest ${found.longest}`,
    });
    charts.push([place, found]);
    const [middle, most, nearly] = found.quantiles;
    return make(
      "section.panel",
      { "aria-label": `Length of ${part}` },
      make(
        "header",
        null,
        make("h2", null, `Length of ${part}`),
        make(
          "p",
          null,
          `in ${unit}${unit === "tokens" ? " with EOS" : ""}, from ${count(build.histograms.of)} sampled examples`,
        ),
      ),
      place,
      make(
        "p.quantiles",
        null,
        [
          ["half within", middle],
          ["90 % within", most],
          ["99 % within", nearly],
          ["longest", found.longest],
        ].map(([name, value]) => make("span", null, name + " ", make("b", null, count(value)))),
      ),
    );
  });
  return [
    make("div.two", null, boxes),
    () => charts.forEach(([place, found]) => histogram(place, found, unit)),
  ];
}

function lengthsByCluster() {
  if (!build.sampled) return null;
  const { inputs, targets, unit } = build.histograms;
  const names = clusters.filter((name) => inputs.clusters[name]);
  const cell = (value) => make("td.num", null, count(value));
  return panel(
    "Lengths by cluster",
    `${unit}: half, 90 % and 99 % of the sampled examples are within`,
    grid(
      [
        make("th", null, "cluster"),
        ["inputs 50 %", "90 %", "99 %", "targets 50 %", "90 %", "99 %"].map((name) =>
          make("th.num", null, name),
        ),
      ].flat(),
      names.map((name) => [
        make("td", null, name.replaceAll("_", " ")),
        ...inputs.clusters[name].map(cell),
        ...targets.clusters[name].map(cell),
      ]),
    ),
  );
}

// Tasks some of whose texts were too long, unknown or hold control tokens; builds of before say none.
function losses() {
  const kinds = ["over_length", "unknown", "only_unknown", "control_tokens"];
  const lines = byFamily(tasks).flatMap((task) =>
    parts
      .filter((part) => task.texts && kinds.some((kind) => task.texts[part][kind]))
      .map((part) => [task.name, part, task.texts[part]]),
  );
  if (!lines.length) return null;
  const heads = ["too long", "unknown ids", "of all", "nothing but unknown", "control tokens"];
  return panel(
    "From text to ids",
    "tasks some of whose texts were too long, unknown to the vocabulary, or hold control tokens",
    grid(
      [
        ...["task", "part"].map((name) => make("th", null, name)),
        ...heads.map((name) => make("th.num", null, name)),
      ],
      lines.map(([name, part, counts]) => [
        make("td", null, titleOf(name)),
        make("td", null, part),
        ...[
          count(counts.over_length),
          count(counts.unknown),
          percent(counts.unknown / Math.max(counts.tokens, 1), 2),
          count(counts.only_unknown),
          count(counts.control_tokens),
        ].map((value) => make("td.num", null, value)),
      ]),
    ),
  );
}

// Which fields gave way, which answers went with them, and which rows were left out.
function fitting() {
  if (!build.fitting.length) return null;
  return panel(
    "Prompts that were too long",
    "shortened or left out, never cut at their end",
    build.fitting.map((line) => make("p", null, line)),
  );
}

function skipped() {
  const reasons = new Map();
  for (const task of tasks)
    for (const [reason, number] of Object.entries(task.skipped)) {
      const entry = reasons.get(reason) || { number: 0, skipping: [] };
      entry.number += number;
      entry.skipping.push(task);
      reasons.set(reason, entry);
    }
  const sorted = [...reasons].sort((a, b) => b[1].number - a[1].number);
  const top = sorted.length ? sorted[0][1].number : 1;
  return panel(
    "Skipped rows",
    sorted.length ? "by reason; every row read is an example or stands here" : null,
    sorted.length
      ? folded(sorted, ([reason, { number, skipping }]) =>
          make(
            "details.group",
            null,
            make(
              "summary.share",
              null,
              make("span.label", null, reason),
              track(number, top),
              make("span.num", null, count(number)),
              make("span.num.soft", null, plural(skipping.length, "task")),
            ),
            make(
              "p.small.soft",
              { style: "padding:2px 0 6px 22px" },
              byFamily(skipping)
                .map((task) => `${task.name} ${count(task.skipped[reason])}`)
                .join(", "),
            ),
          ),
        )
      : make("p.soft", null, "No row was skipped."),
  );
}

function repeats() {
  const columns = [
    [
      "Repeated most",
      "repeated",
      "examples drawn more than once, as the rate asks for more than there are",
    ],
    ["Never seen", "never_seen", "available examples that the cap leaves out of this pass"],
  ];
  return make(
    "div.two",
    null,
    columns.map(([title, key, note]) => {
      const some = byFamily(tasks.filter((task) => task[key] > 0)).sort((a, b) => b[key] - a[key]);
      const top = some.length ? some[0][key] : 1;
      const line = (task) =>
        make(
          "div.share",
          null,
          make("span.label", { title: task.name }, titleOf(task.name)),
          track(task[key], top),
          make(
            "span.num",
            null,
            percent(task[key] / (key === "repeated" ? task.realized : task.available), 0),
          ),
          make("span.num.soft", null, count(task[key])),
        );
      return panel(
        title,
        note,
        some.length ? some.slice(0, 8).map(line) : make("p.soft", null, "None."),
        some.length > 8
          ? make(
              "p.small.soft",
              { style: "margin-top:6px" },
              make(
                "a",
                { href: "#datasets" },
                `${count(some.length - 8)} more in the table of datasets`,
              ),
            )
          : null,
      );
    }),
  );
}

function drawOverview() {
  const [boxes, draw] = lengths();
  find("page-overview").append(
    ...[
      ...notices(),
      tiles(),
      partShares(),
      optionStyles(),
      shares(),
      packing(),
      boxes,
      lengthsByCluster(),
      fitting(),
      losses(),
      skipped(),
      repeats(),
    ].filter(Boolean),
  );
  draw();
}
