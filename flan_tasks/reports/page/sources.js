// Where the rows come from, under which licenses, and how to make the same bytes again.

function drawSources() {
  const licenses = new Map();
  for (const task of tasks) {
    const entry = licenses.get(task.license) || { licensed: [], number: 0 };
    entry.licensed.push(task);
    entry.number += task.realized;
    licenses.set(task.license, entry);
  }
  const sorted = [...licenses].sort((a, b) => b[1].number - a[1].number);
  const copy = make(
    "button.button",
    {
      type: "button",
      onclick: async () => {
        await navigator.clipboard.writeText(build.command);
        copy.textContent = "Copied";
        setTimeout(() => (copy.textContent = "Copy"), 1500);
      },
    },
    "Copy",
  );
  const facts = [
    ["flan_tasks", build.flan_tasks],
    [
      "Mixture",
      `${build.mixture.name}: ${build.mixture.scheme}${build.mixture.scheme === "proportional" ? `, cap ${count(build.mixture.cap)} a ${build.mixture.cap_per}` : ""}`,
    ],
    [
      "Format",
      build.format +
        (build.style && ["jsonl", "parquet"].includes(build.format) ? `, ${build.style}` : ""),
    ],
    ["Vocabulary", build.vocabulary || "none"],
    [
      "Lengths",
      Object.entries(build.lengths)
        .map(([part, length]) => `${part} ${count(length)}`)
        .join(", "),
    ],
    ["Files", `${count(build.num_files)}, ${bytes(build.bytes)}`],
    [
      "Libraries",
      Object.entries(build.libraries)
        .map(([name, version]) => `${name} ${version}`)
        .join(", "),
    ],
    ["Digest", build.digest],
  ];
  find("page-sources").append(
    panel(
      "Made by",
      "The same command on the same data gives the same bytes.",
      make("pre.command", null, build.command),
      copy,
      make(
        "dl.facts",
        { style: "margin-top:16px" },
        facts.map(([name, value]) => [make("dt", null, name), make("dd", null, value)]),
      ),
    ),
    ...(build.licenses.length
      ? [panel("Licenses by part", build.license_note, textTable(build.licenses, 3))]
      : []),
    panel(
      "Licenses",
      build.licenses.length
        ? "as each source states them"
        : ["as each source states them", build.license_note].filter(Boolean).join(". "),
      grid(
        [
          make("th", null, "license"),
          make("th.num", null, "examples"),
          make("th", null, "datasets"),
        ],
        sorted.map(([name, { licensed, number: many }]) => [
          make("td", null, name),
          make("td.num", null, count(many)),
          make(
            "td.soft.small",
            null,
            byFamily(licensed)
              .map((task) => task.name)
              .join(", "),
          ),
        ]),
      ),
    ),
    panel(
      "Sources",
      null,
      grid(
        ["dataset", "source", "citation"].map((name, place) =>
          make(place === 2 ? "th.second" : "th", null, name),
        ),
        byFamily(tasks).map((task) => [
          make("td", null, titleOf(task.name)),
          make("td.small", null, sourceOf(task)),
          make("td.soft.small.second", null, task.citation),
        ]),
      ),
    ),
  );
  if (build.sizes && build.sizes.length)
    find("page-sources").append(
      panel(
        "Rows that differ from declared sizes",
        null,
        make(
          "div.small.soft",
          null,
          folded(build.sizes, (note) => make("p", null, note), 50),
        ),
      ),
    );
}
