// The answers: by which they are filtered, and how one is shown.

// What of a side's answer stands where; see shown_answers.py.
const ANSWER = 0, WORTH = 1, WRITTEN = 2, SUMS = 3, TOKENS = 4, EQUAL = 5, TRIMMED = 6;
const VERDICTS = ["right", "partly right", "wrong", "no number of its own"];
const CHANGES = ["became right", "became wrong", "better", "worse", "another answer, as good", "same"];

function verdictOf(side) {
  if (!side) return "";
  const worth = side[WORTH];
  if (worth === null) return VERDICTS[3];
  return worth >= 100 ? VERDICTS[0] : worth > 0 ? VERDICTS[1] : VERDICTS[2];
}
function changedHow([before, after]) {
  if (!before || !after) return "";
  const [was, is] = [before[WORTH], after[WORTH]];
  if (was !== null && is !== null && was !== is) {
    if (is >= 100) return CHANGES[0];
    if (was >= 100 && is <= 0) return CHANGES[1];
    return is > was ? CHANGES[2] : CHANGES[3];
  }
  return before[ANSWER] === after[ANSWER] ? CHANGES[5] : CHANGES[4];
}

// Shares of options in the probability of all of them.
function sharesOf(scores) {
  const highest = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - highest));
  return weights.map((weight) => weight / sum(weights));
}
const byToken = (side) => side[SUMS].map((score, option) => score / side[TOKENS][option]);

const SIGNS = { right: "✓", "partly right": "◐", wrong: "✗" };
const verdictMark = (verdict) =>
  SIGNS[verdict]
    ? make(`span.verdict.${verdict.split(" ")[0]}`, { title: verdict, "aria-label": verdict }, SIGNS[verdict])
    : null;

function makeAnswers(shown) {
  const total = shown.unit.length;
  const all = [...Array(total).keys()];
  const unitOf = (index) => page.units[shown.unit[index]];
  const sidesOf = (index) => shown.sides.map((side) => side[index]);
  const last = (index) => sidesOf(index)[evaluations.length - 1] || sidesOf(index).find(Boolean);
  const verdicts = all.map((index) => verdictOf(last(index)));
  const changes = isPair ? all.map((index) => changedHow(sidesOf(index))) : [];
  const clusterOf = Object.fromEntries(datasets.map((entry) => [entry.name, entry.cluster]));
  const sorted = (values) => [...new Set(values)].filter(Boolean).sort();
  const inOrder = (values, order) => order.filter((value) => values.includes(value));
  const has = (place) => new Set(page.units.map((unit) => unit[place])).size > 1;
  const kinds = { split: 2, method: 3 };
  // Other templates' answers to the same example.
  const sameExample = new Map();
  const exampleKey = (index) => {
    const [name, , split, method] = unitOf(index);
    return JSON.stringify([name, split, method, shown.key[index]]);
  };
  for (const index of all) {
    const key = exampleKey(index);
    sameExample.set(key, [...(sameExample.get(key) || []), index]);
  }
  const names = ["cluster", "dataset", "template", ...Object.keys(kinds).filter((name) => has(kinds[name]))];
  names.push("answer");
  if (isPair) names.push("change");

  const namesOf = (units) => {
    const own = sorted(units.map(([name]) => name));
    const groups = own.map(groupOf).filter((group) => group.endsWith(MEMBER_MARK));
    return sorted([...own, ...groups.filter((group, place) => groups.indexOf(group) !== place)]);
  };
  const isUnit = (state) => (unit) =>
    (!state.cluster || clusterOf[unit[0]] === state.cluster) &&
    isMeant(state.dataset, unit[0]) &&
    (!state.template || unit[1] === state.template) &&
    (!state.split || unit[2] === state.split) &&
    (!state.method || unit[3] === state.method);

  function textBlocks(index, pattern, open) {
    const sides = sidesOf(index);
    const { options, labels } = shown.option_lists[shown.options[index]];
    const right = shown.right_lists[shown.right[index]];
    const ranked = sides.some((side) => side && side[SUMS].length);
    return [
      make(
        "section.block",
        { "aria-label": "Prompt" },
        make("h3", null, "Prompt", make("span.num", null, sizeOf(index))),
        make("div.text", { dir: "auto" }, marked(shown.inputs[index], pattern)),
      ),
      ranked ? rankedBlock(sides, options, labels, right, pattern) : null,
      ...(ranked ? [] : sides.map((side, place) => writtenBlock(side, place, pattern))),
      ranked
        ? null
        : make(
            "section.block.target",
            { "aria-label": "Right" },
            make("h3", null, right.length > 1 ? "Right, each of these" : "Right"),
            right.map((text) => make("div.text", { dir: "auto" }, marked(text, pattern))),
          ),
      others(index, open),
    ];
  }

  function sizeOf(index) {
    const tokens = knowsTokens(shown)
      ? plural([...shown.input_ids[shown.prompt[index]]].length, "token")
      : `${count(shown.inputs[index].length)} characters`;
    return sidesOf(index).some((side) => side && side[TRIMMED]) ? `${tokens}; cut to fit` : tokens;
  }

  function rankedBlock(sides, options, labels, right, pattern) {
    const shares = sides.map((side) => (side ? sharesOf(side[SUMS]) : null));
    const means = sides.map((side) => (side && side[TOKENS].length ? sharesOf(byToken(side)) : null));
    const chosen = (values, option) => values && values[option] === Math.max(...values);
    const line = (text, option) => {
      const isRight = right.includes(text);
      return make(
        `div.option${isRight ? ".answer" : ""}`,
        null,
        make(
          "p.name",
          { dir: "auto" },
          labels.length ? make("b", null, `${labels[option]} `) : null,
          marked(text, pattern),
          isRight ? make("span.tag.is-right", null, "right") : null,
        ),
        sides.map((side, place) =>
          side
            ? make(
                `div.chance-line.of-${LETTERS[place]}`,
                {
                  title: `sum ${side[SUMS][option]}${side[TOKENS].length ? `, ${plural(side[TOKENS][option], "token")}` : ""}`,
                },
                make("span.who", null, isPair ? evaluations[place].name : ""),
                track(shares[place][option], 1),
                make(
                  "span.num",
                  null,
                  chosen(shares[place], option) ? "→ " : "",
                  percent(shares[place][option]),
                ),
                make(
                  "span.num.soft",
                  null,
                  means[place] ? `${percent(means[place][option])}${chosen(means[place], option) ? " ←" : ""}` : "",
                ),
              )
            : null,
        ),
      );
    };
    const tied = sides.some((side) => side && side[EQUAL].length);
    return make(
      "section.block",
      { "aria-label": "Options" },
      make(
        "h3",
        null,
        "Options",
        make("span.num", null, means.some(Boolean) ? "share by sum, and by mean a token" : "share by sum"),
      ),
      make("div.ranked", null, options.map(line)),
      tied ? make("p.small.soft.inside", null, "Some options have the same ids; where one of them is the likeliest there is no answer.") : null,
    );
  }

  function writtenBlock(side, place, pattern) {
    if (!side) return null;
    const verdict = verdictOf(side);
    const worth = side[WORTH] === null || ["right", "wrong"].includes(verdict) ? "" : ` ${fixed(side[WORTH])}`;
    const title = isPair ? `Written by ${evaluations[place].name}` : "Written";
    return make(
      "section.block",
      { "aria-label": title },
      make("h3", null, title, verdictMark(verdict), make("span.num", null, `${verdict}${worth}`)),
      make("div.text", { dir: "auto" }, marked(side[WRITTEN] || side[ANSWER] || "(nothing)", pattern)),
      side[WRITTEN]
        ? make("div.text.read-as", { dir: "auto" }, make("span.soft", null, "read as "), side[ANSWER] || "no answer")
        : null,
    );
  }

  function others(index, open) {
    const same = sameExample.get(exampleKey(index));
    if (same.length < 2) return null;
    const rights = same.filter((other) => verdicts[other] === "right").length;
    return make(
      "section.block",
      { "aria-label": "The same example under other templates" },
      make(
        "h3",
        null,
        "The same example under each template",
        make("span.num", null, `${count(rights)} of ${count(same.length)} right${isPair ? ` by ${evaluations[1].name}` : ""}`),
      ),
      make(
        "div.chips",
        null,
        same.map((other) =>
          make(
            "button",
            {
              type: "button",
              "aria-current": other === index ? "true" : null,
              onclick: () => open(other),
            },
            verdictMark(verdicts[other]),
            make("span.mono", null, unitOf(other)[1]),
          ),
        ),
      ),
    );
  }

  return makeListing({
    name: "answers",
    total,
    names,
    words: { search: "Search prompts and answers", list: "Answers", entry: "Answer" },
    start: "text",
    toggle: ["text", "tokens"],
    narrow(from, state, fill) {
      const units = page.units;
      if (from === "all") {
        fill("cluster", "all clusters", sorted(units.map(([name]) => clusterOf[name])), words);
        const by = isPair ? ` by ${evaluations[1].name}` : "";
        fill("answer", `any answer${by}`, inOrder(verdicts, VERDICTS), (value) => value + by);
        if (isPair) fill("change", "any change", inOrder(changes, CHANGES));
        for (const [name, place] of Object.entries(kinds))
          if (names.includes(name))
            fill(name, `any ${name}`, sorted(units.map((unit) => unit[place])), (value) =>
              value === "rank" ? "options ranked" : value === "generate" ? "text written" : value,
            );
      }
      if (["all", "cluster"].includes(from))
        fill(
          "dataset",
          "all datasets",
          namesOf(units.filter(([name]) => !state.cluster || clusterOf[name] === state.cluster)),
          (value) => (value.endsWith(MEMBER_MARK) ? `${value} all its tasks` : value),
        );
      if (["all", "cluster", "dataset"].includes(from)) {
        const own = state.dataset ? units.filter(([name]) => isMeant(state.dataset, name)) : [];
        fill(
          "template",
          state.dataset ? "all templates" : "template: pick a dataset",
          sorted(own.map((unit) => unit[1])),
          undefined,
          !state.dataset,
        );
      }
    },
    test(state, pattern) {
      const wanted = page.units.map(isUnit(state));
      const inTexts = (index) =>
        [
          shown.inputs[index],
          ...shown.right_lists[shown.right[index]],
          ...sidesOf(index).flatMap((side) => (side ? [side[ANSWER], side[WRITTEN] || ""] : [])),
        ].some((text) => pattern.test(text));
      return (index) =>
        wanted[shown.unit[index]] &&
        (!state.answer || verdicts[index] === state.answer) &&
        (!state.change || changes[index] === state.change) &&
        (!pattern || inTexts(index));
    },
    status: ({ length: many }) => {
      const of = page.shown === page.of ? "" : `, of ${count(page.of)} in all`;
      return many === total
        ? page.shown === page.of
          ? `all ${plural(total, "answer")}`
          : `${plural(total, "answer")} of ${count(page.of)}`
        : `${count(many)} of ${count(total)} here${of}`;
    },
    empty: () =>
      page.shown === page.of
        ? "No answer fits. Clear a filter."
        : "No answer that is shown here fits. Clear a filter, or show more: flan results DIR --answers 50000.",
    line: (index) => {
      const sides = sidesOf(index);
      const [name, template] = unitOf(index);
      const answer = (side) => (side ? (side[ANSWER] || "no answer").slice(0, 160).replace(/\s+/g, " ") : "-");
      return [
        make(
          "div.head",
          null,
          sides.map((side) => verdictMark(verdictOf(side))),
          make("b", null, name),
          make("span.mono", null, template),
        ),
        make("p", { dir: "auto" }, shown.inputs[index].slice(0, 300).replace(/\s+/g, " ")),
        make("p.to", { dir: "auto" }, "→ " + sides.map(answer).join("  ⇒  ")),
      ];
    },
    head: (index) => {
      const [name, template, split] = unitOf(index);
      return make(
        "div.about",
        null,
        make("h2", null, name),
        make("span.soft", null, words(clusterOf[name] || "")),
        make("span.mono.soft", null, template),
        make("span.soft", null, split),
        shown.shots[index] ? make("span.tag", null, plural(shown.shots[index], "shot")) : null,
        make("span.mono.soft", { title: "key: where the example stands in its source" }, shown.key[index]),
        sidesOf(index).map((side, place) =>
          make("span.soft", null, isPair ? `${evaluations[place].name} ` : "", verdictMark(verdictOf(side)), ` ${verdictOf(side)}`),
        ),
      );
    },
    views: [
      ["text", "Text", () => true, ""],
      ["tokens", "Tokens", () => knowsTokens(shown), page.tokens],
    ],
    blocks: (index, view, pattern, open) =>
      view === "tokens" ? tokenView(shown, index) : textBlocks(index, pattern, open),
  });
}
