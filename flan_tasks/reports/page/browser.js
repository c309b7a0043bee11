// The examples of a build: by which they are filtered, and how one is shown.

function makeBrowser(shown) {
  const total = shown.row.length;
  const kindOf = (index) => shown.templates[shown.template[index]][1];
  const templateOf = (index) => shown.templates[shown.template[index]][0];
  const all = [...Array(total).keys()];
  const sorted = (values) => [...new Set(values)].filter(Boolean).sort();
  // Names of tasks, and of the families of which there are several.
  const namesOf = (some) => [
    ...some.map((task) => task.name),
    ...byFamily(some).map((entry) => entry.group),
  ];
  const why = build.notes[0] || "";

  return makeListing({
    name: "examples",
    total,
    names: ["cluster", "dataset", "template", "kind"],
    words: { search: "Search prompts and targets", list: "Examples", entry: "Example" },
    start: "text",
    toggle: ["text", "tokens"],
    // What a select offers goes by those before it: datasets of the cluster, templates of the
    // dataset.
    narrow(from, state, fill) {
      if (from === "all")
        fill("cluster", "all clusters", sorted(all.map((index) => clusterOf(shown, index))), (value) =>
          value.replaceAll("_", " "),
        );
      if (["all", "cluster"].includes(from))
        fill(
          "dataset",
          "all datasets",
          sorted(namesOf(tasks.filter((task) => !state.cluster || task.cluster === state.cluster))),
          (value) => (value.endsWith(MEMBER_MARK) ? `${value} all its tasks` : value),
        );
      const indices = all.filter(
        (index) =>
          isMeant(state.dataset, tasks[shown.task[index]].name) &&
          (!state.cluster || clusterOf(shown, index) === state.cluster),
      );
      fill(
        "template",
        state.dataset ? "all templates" : "template: pick a dataset",
        state.dataset ? sorted(indices.map(templateOf)) : [],
        undefined,
        !state.dataset,
      );
      fill("kind", "any kind", sorted(indices.map(kindOf)));
    },
    test(state, pattern) {
      const wanted = tasks.map(
        (task) =>
          (!state.cluster || task.cluster === state.cluster) && isMeant(state.dataset, task.name),
      );
      const styles = shown.templates.map(
        ([id, kind]) =>
          (!state.template || id === state.template) && (!state.kind || kind === state.kind),
      );
      return (index) =>
        wanted[shown.task[index]] &&
        styles[shown.template[index]] &&
        (!pattern || pattern.test(shown.inputs[index]) || pattern.test(shown.targets[index]));
    },
    status: ({ length: many }) =>
      many === total
        ? total === build.examples
          ? `all ${plural(total, "example")}`
          : `${plural(total, "example")} sampled from ${count(build.examples)}`
        : `${count(many)} of ${plural(total, "sampled example")}`,
    empty: () =>
      total
        ? "No sampled example fits. Clear a filter, or sample more: flan report DIR --examples 20000."
        : build.notes[0] || "This report holds no examples.",
    line: (index) => [
      make(
        "div.head",
        null,
        make("b", null, titleOf(tasks[shown.task[index]].name)),
        make("span.mono", null, templateOf(index)),
        make("span.num", null, "#" + count(shown.row[index])),
      ),
      make("p", { dir: "auto" }, shown.inputs[index].slice(0, 300).replace(/\s+/g, " ")),
      make("p.to", { dir: "auto" }, "→ " + shown.targets[index].slice(0, 200).replace(/\s+/g, " ")),
    ],
    head: (index) => aboutLine(shown, index),
    views: [
      ["text", "Text", () => true, ""],
      ["tokens", "Tokens", () => hasTokens(shown), why],
      ...(isPacked
        ? [["row", "Packed row", () => hasTokens(shown) && shown.packed.length > 0, why]]
        : []),
    ],
    blocks(index, view, pattern, open) {
      if (view === "tokens") return tokenBlocks(shown, index);
      if (view === "row") return packedBlocks(shown, index, open);
      const notes = build.notes.length ? make("p.legend", null, build.notes.join(" ")) : null;
      return [notes, ...textBlocks(shown, index, pattern)];
    },
  });
}
