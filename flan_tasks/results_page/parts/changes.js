// Two models on the same prompts: what changed, how surely, and on which tasks.

const SHOWN_FLIPS = ["became right", "became wrong"];

function changePicture() {
  const { changes } = page.changes;
  const most = Math.max(
    5,
    ...changes.flatMap((change) => [Math.abs(change.change), ...(change.interval || []).map(Math.abs)]),
  );
  const sorted = [...changes].sort((one, other) => other.change - one.change);
  const line = (change) =>
    make(
      "a.share.change-line",
      { href: answersOf({ dataset: change.name, change: SHOWN_FLIPS[change.change < 0 ? 1 : 0] }) },
      make("span.label", { title: change.name }, change.name, make("span.inpart", null, ` ${change.number}`)),
      changeStrip(change, most),
      make("span.num", null, signed(change.change)),
      make(
        "span.num.soft",
        null,
        change.won === null ? "" : `${count(change.won)} won, ${count(change.lost)} lost`,
      ),
    );
  return panel(
    "Change of each dataset",
    `${evaluations[0].name} → ${evaluations[1].name}; the line is where the change lies with 95 % confidence, from ${page.few} examples or passages on`,
    folded(sorted, line, 100),
  );
}

function drawChanges() {
  const { tables, settings, left_out: leftOut, flips } = page.changes;
  const isText = (name) => ["dataset", "metric", "mean of", "model"].includes(name);
  find("page-changes").append(
    ...[
      settings.length
        ? make(
            "details.notice",
            { open: true },
            make("summary", null, "Settings differ"),
            make("ul", null, settings.map((text) => make("li", null, text))),
          )
        : null,
      leftOut.length
        ? make("div.notice.plain", null, make("b", null, "Not in both, so left out: "), leftOut.join(", "))
        : null,
      changePicture(),
      ...tables.map(([caption, columns, lines]) =>
        panel(
          caption[0].toUpperCase() + caption.slice(1),
          null,
          grid(
            columns.map((name) => make(isText(name) ? "th" : "th.num", null, name)),
            lines.map((cells) =>
              cells.map((cell, place) => make(isText(columns[place]) ? "td" : "td.num", null, cell)),
            ),
          ),
        ),
      ),
      make(
        "p.small.soft.below",
        null,
        `95%: of the change, with other examples of these datasets; p: were there no difference, corrected for ${plural(page.changes.changes.length, "dataset")}. ${plural(flips, "answer")} changed in worth. `,
        make("a", { href: answersOf({ change: SHOWN_FLIPS[0] }) }, "Browse those that became right"),
        ", ",
        make("a", { href: answersOf({ change: SHOWN_FLIPS[1] }) }, "those that became wrong"),
        ".",
      ),
    ].filter(Boolean),
  );
}
