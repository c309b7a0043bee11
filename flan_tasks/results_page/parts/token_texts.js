// What a model reads and what is scored, token by token.

const knowsTokens = (shown) => shown.input_ids !== undefined;

function spansOf(shown, letters, kind, { withEnd = true } = {}) {
  const places = placesIn(letters, shown.first_code);
  return (withEnd ? places : places.slice(0, -1)).map((place, position) => {
    const id = shown.ids[place];
    const isEnd = id === shown.eos && position === places.length - 1;
    const isUnknown = id === shown.unknown && !isEnd;
    const what = isEnd ? "EOS" : isUnknown ? "⟨unknown⟩" : shown.pieces[place];
    return make(
      `span.tok${kind}${isEnd ? ".end" : ""}${isUnknown ? ".unknown" : ""}`,
      { title: `${JSON.stringify(what)} · id ${id} · position ${position}` },
      what,
    );
  });
}

const tokenBlock = (title, spans, note) =>
  make(
    "section.block",
    { "aria-label": `Tokens: ${title}` },
    make("h3", null, title, make("span.num", null, note || plural(spans.length, "token"))),
    make("div.tokens", { dir: "ltr" }, spans),
  );

function tokenView(shown, index) {
  const sides = shown.sides.map((side) => side[index]);
  const prompt = spansOf(shown, shown.input_ids[shown.prompt[index]], "");
  const blocks = [tokenBlock("Prompt", prompt)];
  const [places, withEnd] = shown.ranked_lists[shown.ranked[index]];
  const ranked = sides.filter((side) => side && side[3].length);
  if (ranked.length)
    places.forEach((place, option) => {
      const spans = spansOf(shown, shown.option_ids[place], ".trained", { withEnd });
      const sums = ranked.map((side) => side[3][option].toFixed(3)).join(" | ");
      const { options, labels } = shown.option_lists[shown.options[index]];
      const label = labels.length ? `${labels[option]} ` : "";
      blocks.push(
        tokenBlock(
          `Option ${label}${options[option]}`,
          spans,
          `${plural(spans.length, "token")}, log-probability ${sums}`,
        ),
      );
    });
  sides.forEach((side, number) => {
    if (!side || side[3].length) return;
    const written = shown.written[side[2] || side[0]];
    if (written === undefined) return;
    blocks.push(
      tokenBlock(
        isPair ? `Written by ${evaluations[number].name}` : "Written",
        spansOf(shown, shown.written_ids[written], ".trained"),
      ),
    );
  });
  const notes = [page.tokens, "Each text alone, with its end; the tokens of options are what is scored."];
  return [make("p.legend", null, notes.filter(Boolean).join(" ")), ...blocks];
}
