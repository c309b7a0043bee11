// Token views of one example, and of a packed row with a color for each segment.

// Trimmed tokens would make room for EOS, which stays.
function cutFrom(part, length) {
  const limit = build.lengths[part];
  return !isPacked && limit && length > limit ? limit - 1 : length;
}

function tokenSpans(shown, part, index) {
  const places = placesOf(shown, part, index);
  const end = cutFrom(part, places.length);
  return places.map((place, position) => {
    const id = shown.ids[place];
    const isEnd = id === shown.eos && position === places.length - 1;
    const cut = position >= end && !isEnd;
    const kinds =
      (part === "targets" && !cut ? ".trained" : "") + (cut ? ".cut" : "") + (isEnd ? ".end" : "");
    const isUnknown = id === shown.unknown && !isEnd;
    const what = isEnd ? "EOS" : isUnknown ? "⟨unknown⟩" : shown.pieces[place];
    return make(
      `span.tok${kinds}${isUnknown ? ".unknown" : ""}`,
      {
        title: `${JSON.stringify(what)} · id ${id} · position ${position}${cut ? ` · ${past(part)}` : part === "targets" ? " · trained" : " · not trained"}`,
      },
      what,
    );
  });
}

function tokenBlocks(shown, index) {
  return [
    make(
      "p.legend",
      null,
      make("span", null, make("span.tok", null, "token"), "read, not trained"),
      make("span", null, make("span.tok.trained", null, "token"), "trained: it carries loss"),
      make(
        "span",
        null,
        make("span.tok.cut", null, "token"),
        past("targets"),
      ),
    ),
    ...parts.map((part) => {
      const spans = tokenSpans(shown, part, index);
      return make(
        part === "targets" ? "section.block.target" : "section.block",
        { "aria-label": `Tokens of the ${part}` },
        make(
          "h3",
          null,
          part === "targets" ? "Target" : "Prompt",
          make(
            "span.num",
            null,
            `${plural(spans.length, "token")} of ${count(build.lengths[part])}`,
          ),
        ),
        make("div.tokens", { dir: "ltr" }, spans),
      );
    }),
  ];
}

const hue = (place) => Math.round((25 + place * 137.5) % 360);

function packedRow(shown, index) {
  return shown.packed.find(([, start, many]) => index >= start && index < start + many);
}

function gauge(title, limit, lengths, current, start, open) {
  const used = sum(lengths);
  return [
    make(
      "p.small.soft",
      null,
      `${title}: ${count(used)} of ${count(limit)} tokens, ${percent(used / limit)} full`,
    ),
    make(
      "div.gauge",
      null,
      lengths.map((length, place) =>
        make("button", {
          type: "button",
          "--hue": hue(place),
          style: `width:${(100 * length) / limit}%;--hue:${hue(place)}`,
          "aria-current": start + place === current ? "true" : null,
          "aria-label": `segment ${place + 1}, ${length} tokens`,
          title: `segment ${place + 1}: ${length} tokens`,
          onclick: () => open(start + place),
        }),
      ),
    ),
  ];
}

function packedBlocks(shown, index, open) {
  const [number, start, many] = packedRow(shown, index);
  const members = Array.from({ length: many }, (_, place) => start + place);
  const size = (part) => members.map((member) => placesOf(shown, part, member).length);
  const inputs = size("inputs");
  const targets = size("targets");
  const both = inputs.map((length, place) => length + targets[place]);
  const decoder = build.arch === "decoder";
  return [
    make(
      "p.legend",
      null,
      `Row ${count(number)}: ${plural(many, "example")} share it, a color each. Attention stays within a segment; underlined tokens are trained.`,
    ),
    make(
      "section.block",
      { style: "padding:10px 16px" },
      decoder
        ? gauge(
            "Row",
            build.lengths.row || build.lengths.inputs + build.lengths.targets,
            both,
            index,
            start,
            open,
          )
        : [
            gauge("Inputs", build.lengths.inputs, inputs, index, start, open),
            gauge("Targets", build.lengths.targets, targets, index, start, open),
          ],
    ),
    ...members.map((member, place) => {
      const task = tasks[shown.task[member]];
      const here = member === index;
      return make(
        "section.segment",
        { style: `--hue:${hue(place)}`, "aria-current": here ? "true" : null },
        make(
          "button",
          { type: "button", onclick: () => open(member) },
          make("b", null, `${place + 1}. ${task.name}`),
          make("span.mono", null, shown.templates[shown.template[member]][0]),
          make("span.num", { style: "margin-left:auto" }, `${inputs[place]} + ${targets[place]}`),
        ),
        make(
          here ? "div.tokens" : "div.tokens.fold",
          { dir: "ltr" },
          tokenSpans(shown, "inputs", member),
          tokenSpans(shown, "targets", member),
        ),
      );
    }),
  ];
}
