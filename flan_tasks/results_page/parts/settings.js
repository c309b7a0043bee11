// What decided the answers, and what a run was told.

// Settings as lines: those of a setting with parts behind its name.
function flat(values, lead = "") {
  return Object.entries(values).flatMap(([name, value]) =>
    value !== null && typeof value === "object" && !Array.isArray(value)
      ? flat(value, `${lead}${name}, `)
      : [[`${lead}${name}`, name === "examples" && value === null ? "all" : textOf(value)]],
  );
}
const textOf = (value) =>
  value === null
    ? "none"
    : Array.isArray(value)
      ? value.map(String).join(", ") || "none"
      : String(value);

function settingsPanel() {
  const columns = evaluations.map((one) => new Map(flat(one.settings)));
  const names = [...new Set(columns.flatMap((column) => [...column.keys()]))];
  return panel(
    "What decided the answers",
    "settings.json of each evaluation",
    grid(
      [
        make("th", null, "setting"),
        ...evaluations.map((one) => make("th", null, isPair ? one.name : "")),
      ],
      names.map((name) => {
        const values = columns.map((column) => column.get(name) ?? "");
        const differs = new Set(values).size > 1;
        return [
          make("td.soft", null, words(name)),
          ...values.map((value) => make(`td.setting${differs ? ".differs" : ""}`, null, value)),
        ];
      }),
    ),
  );
}

function drawSettings() {
  const protocols = new Map(
    evaluations.flatMap((one) => one.suites.map((suite) => [suite.name, suite])),
  );
  find("page-settings").append(
    ...[
      evaluations.length ? settingsPanel() : null,
      ...[...protocols.values()].map((suite) =>
        panel(
          suite.name,
          suite.source,
          make(
            "dl.facts",
            null,
            flat(suite.reading).map(([name, value]) => [
              make("dt", null, words(name)),
              make("dd", null, JSON.stringify(value).slice(1, -1)),
            ]),
          ),
        ),
      ),
      ...runs
        .filter((run) => run.config)
        .map((run) => panel(run.name, "operative_config.gin", make("pre.command", null, run.config))),
      panel(
        "This page",
        null,
        make(
          "p.small",
          null,
          `Written by flan_tasks ${page.flan_tasks}. Scores, errors, spreads and classes are of all answers and those of scores.json; answers that can be read here are ${evaluations.length ? `${count(page.shown)} of ${count(page.of)}` : "none"}, the same examples under each template.`,
        ),
      ),
    ].filter(Boolean),
  );
}
