// Training runs: loss, accuracy, rates and the loss of each task over steps, drawn by uPlot.

// Numbers that are drawn, in this order; others of a run follow.
const DRAWN = [
  ["loss", "Loss", "per target token"],
  ["accuracy", "Accuracy", "share of target tokens"],
  ["learning_rate", "Learning rate", ""],
  ["grad_norm", "Gradient norm", ""],
  ["tokens_per_second", "Tokens a second", ""],
  ["steps_per_second", "Steps a second", ""],
  ["non_padding", "Not padding", "share of positions"],
  ["mfu", "Model FLOPs utilization", ""],
];
// Of all runs; the first is that of the page's accent.
const lineColors = () => ["--bar", "--other", "--warn", "--faint"].map(color);

// A chart of lines over steps.
//   series: [name, steps, values, look]; values may have gaps.
function curve(place, series) {
  const steps = [...new Set(series.flatMap(([, own]) => own))].sort((a, b) => a - b);
  const at = new Map(steps.map((step, number) => [step, number]));
  const columns = series.map(([, own, values]) => {
    const column = Array(steps.length).fill(null);
    own.forEach((step, number) => (column[at.get(step)] = values[number]));
    return column;
  });
  const tip = make("div.tip", { hidden: true });
  function showTip(chart) {
    const number = chart.cursor.idx;
    tip.hidden = number === null || number === undefined || chart.cursor.left < 0;
    if (tip.hidden) return;
    const values = series
      .map(([name], one) => [name, columns[one][number]])
      .filter(([, value]) => value !== null && value !== undefined)
      .map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`);
    tip.textContent = `step ${count(steps[number])}: ${values.join(", ")}`;
    const x = chart.bbox.left / devicePixelRatio + chart.valToPos(steps[number], "x");
    tip.style.left = `${Math.min(Math.max(x, 110), place.clientWidth - 110)}px`;
    tip.style.top = "22px";
  }
  const chart = () => {
    const colors = lineColors();
    return {
      padding: [8, 12, 0, 0],
      cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
      scales: { x: { time: false } },
      x: short,
      y: {
        size: 60,
        text: (value) => (Math.abs(value) >= 10000 ? short(value) : String(Number(value.toPrecision(6)))),
      },
      series: [
        {},
        ...series.map(([, own, , look]) => ({
          stroke: colors[look.color % colors.length],
          width: look.points ? 1.4 : 1.8,
          dash: look.points ? [5, 4] : undefined,
          spanGaps: true,
          points: { show: look.points || own.length === 1, size: 6 },
        })),
      ],
      hooks: { setCursor: [showTip] },
    };
  };
  plotted(place, tip, chart, [steps, ...columns]);
}

function chartPanel(title, note, series) {
  const place = make("div.chart", {
    role: "img",
    "aria-label": series
      .map(([name, , values]) => {
        const some = values.filter((value) => value !== null && value !== undefined);
        return `${name}: from ${some[0]} to ${some[some.length - 1]}`;
      })
      .join("; "),
  });
  const keys = make(
    "span.keys",
    null,
    note ? make("span", null, note) : null,
    series.length > 1
      ? series.map(([name, , , look]) =>
          make(`span.key.line-${look.color % 4}`, null, make(look.points ? "i.dashed" : "i"), name),
        )
      : null,
  );
  return [panel(title, keys, place), () => curve(place, series)];
}

function seriesOf(name) {
  return runs.flatMap((run, number) =>
    ["train", "eval"].flatMap((kind) => {
      const { steps, numbers } = run[kind];
      if (!numbers[name] || !numbers[name].some((value) => value !== null)) return [];
      const said = kind === "train" ? "training" : "evaluation";
      return [
        [
          runs.length > 1 ? `${run.name}, ${said}` : said,
          steps,
          numbers[name],
          { color: number, points: kind === "eval" },
        ],
      ];
    }),
  );
}

// The loss of each task: where it began and ended, and its curve when it is opened.
function taskLosses(run) {
  const kind = Object.keys(run.train.tasks).length ? "train" : "eval";
  const { task_steps: steps, tasks } = run[kind];
  const rows = Object.entries(tasks)
    .map(([name, values]) => {
      const some = values
        .map((value, number) => [steps[number], value])
        .filter(([, value]) => value !== null);
      return { name, some, first: some.length && some[0][1], last: some.length && some[some.length - 1][1] };
    })
    .filter(({ some }) => some.length)
    .sort((one, other) => other.last - one.last);
  if (!rows.length) return null;
  const most = Math.max(...rows.flatMap(({ first, last }) => [first, last]));
  const line = ({ name, some, first, last }) => {
    const node = make(
      "details.group",
      {
        ontoggle: () => {
          if (!node.open || node.children.length > 1) return;
          const place = make("div.chart", { role: "img", "aria-label": `Loss of ${name} over steps` });
          node.append(place);
          curve(place, [
            [name, some.map(([step]) => step), some.map(([, value]) => value), { color: 0, points: false }],
          ]);
        },
      },
      make(
        "summary.share",
        null,
        make("span.label", { title: name }, name),
        track(last, most, first),
        make("span.num", null, last.toFixed(3)),
        make("span.num.soft", null, `from ${first.toFixed(3)}`),
      ),
    );
    return node;
  };
  const keys = make(
    "span.keys",
    null,
    make("span.key", null, make("i"), "last"),
    make("span.key", null, make("b"), "first"),
  );
  const shown = steps.length < run[kind].count ? `, ${count(steps.length)} of ${count(run[kind].count)} lines` : "";
  return panel(
    `Loss of each task${runs.length > 1 ? `, ${run.name}` : ""}`,
    keys,
    make("p.small.soft", null, `${plural(rows.length, "task")} in ${kind === "train" ? "training" : "evaluation"}, the highest last loss first${shown}`),
    folded(rows, line, 30),
  );
}

function drawTraining() {
  const facts = runs.map((run) => {
    const thin = run.train.steps.length < run.train.count;
    return [
      runs.length > 1 ? `${run.name}: ` : "",
      `${plural(run.lines, "line")} of metrics to step ${count(run.last)}`,
      thin ? `, of which ${count(run.train.steps.length)} are drawn` : "",
      run.unreadable ? `; ${plural(run.unreadable, "line")} cannot be read` : "",
    ].join("");
  });
  const known = new Set(DRAWN.map(([name]) => name));
  const more = new Set(
    runs.flatMap((run) => [run.train, run.eval].flatMap(({ numbers }) => Object.keys(numbers))),
  );
  const rest = [...more]
    .filter((name) => !known.has(name) && name !== "step")
    .map((name) => [name, words(name), ""]);
  const charts = [...DRAWN, ...rest]
    .map(([name, title, note]) => [title, note, seriesOf(name)])
    .filter(([, , series]) => series.length)
    .map(([title, note, series]) => chartPanel(title, note, series));
  find("page-training").append(
    ...facts.map((text) => make("p.soft", null, text)),
    make("div.charts", null, charts.map(([node]) => node)),
    ...runs.map(taskLosses).filter(Boolean),
  );
  for (const [, begin] of charts) begin();
}
