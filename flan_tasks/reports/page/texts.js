// One example as a person reads it: prompt, options, target, with what was searched for marked.

function textBlocks(shown, index, pattern) {
  const options = shown.option_lists[shown.options[index]];
  const target = shown.targets[index];
  const size = (part) =>
    hasTokens(shown)
      ? plural(placesOf(shown, part, index).length, "token")
      : `${count((part === "inputs" ? shown.inputs : shown.targets)[index].length)} characters`;
  return [
    make(
      "section.block",
      { "aria-label": "Prompt" },
      make("h3", null, "Prompt", make("span.num", null, size("inputs"))),
      make("div.text", { dir: "auto" }, marked(shown.inputs[index], pattern)),
    ),
    options.length
      ? make(
          "section.block",
          { "aria-label": "Options" },
          make("h3", null, "Options"),
          make(
            "ul.options",
            null,
            options.map((option) =>
              make(option === target ? "li.answer" : "li", { dir: "auto" }, option),
            ),
          ),
        )
      : null,
    make(
      "section.block.target",
      { "aria-label": "Target" },
      make("h3", null, "Target", make("span.num", null, size("targets"))),
      make("div.text", { dir: "auto" }, marked(target, pattern)),
    ),
  ];
}

function aboutLine(shown, index) {
  const task = tasks[shown.task[index]];
  const [template, kind] = shown.templates[shown.template[index]];
  const key = shown.key[index];
  return make(
    "div.about",
    null,
    make("h2", null, titleOf(task.name)),
    make("span.soft", null, task.cluster.replaceAll("_", " ")),
    template ? make("span.mono.soft", null, template) : null,
    kind && kind !== "forward" ? make("span.tag.inverted", null, kind) : null,
    key
      ? make("span.mono.soft", { title: "key: where the example stands in its source" }, key)
      : null,
  );
}
