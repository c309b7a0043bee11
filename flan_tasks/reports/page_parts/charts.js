// Charts, drawn by uPlot in the colors of the theme and drawn anew when it changes.

const drawn = [];
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Draws a chart into a place, and again when the colors or the width of the place change.
//   chart: returns what uPlot takes beside size and axes; `x` makes the text of a mark of the lower
//   axis, `y` has the size and the text of those of the left one.
function plotted(place, tip, chart, data) {
  let plot = null;
  function draw() {
    if (plot) plot.destroy();
    if (!place.clientWidth) return;
    const { x, y, ...more } = chart();
    const axis = {
      stroke: color("--soft"),
      font: `12px ${getComputedStyle(document.body).fontFamily}`,
      ticks: { show: false },
    };
    plot = new uPlot(
      {
        width: place.clientWidth,
        height: place.clientHeight,
        legend: { show: false },
        axes: [
          { ...axis, grid: { show: false }, size: 28, values: (_, marks) => marks.map(x) },
          { ...axis, grid: { stroke: color("--line"), width: 1 }, size: y.size, values: (_, marks) => marks.map(y.text) },
        ],
        ...more,
      },
      data,
      place,
    );
    place.append(tip);
  }
  drawn.push(draw);
  draw();
  new ResizeObserver(() => {
    if (!plot || plot.width !== place.clientWidth) draw();
  }).observe(place);
}

function histogram(place, { width, counts, limit }, unit) {
  const edges = counts.map((_, bin) => bin * width);
  const end = counts.length * width;
  const tip = make("div.tip", { hidden: true });

  function showTip(chart) {
    const bin = chart.cursor.idx;
    tip.hidden = bin === null || bin === undefined || chart.cursor.left < 0;
    if (tip.hidden) return;
    const last = bin === counts.length - 1;
    const range = last
      ? `${count(edges[bin])} or more`
      : width === 1
        ? count(edges[bin])
        : `${count(edges[bin])}–${count(edges[bin] + width - 1)}`;
    tip.textContent = `${range} ${unit}: ${plural(counts[bin], "example")}`;
    const scale = devicePixelRatio;
    const x = chart.bbox.left / scale + chart.valToPos(edges[bin] + width / 2, "x");
    const y = chart.bbox.top / scale + chart.valToPos(counts[bin], "y");
    tip.style.left = `${Math.min(Math.max(x, 80), place.clientWidth - 80)}px`;
    tip.style.top = `${Math.max(y - 4, 22)}px`;
  }

  function drawLimit(chart) {
    if (!limit || limit > end) return;
    const { ctx, bbox } = chart;
    const x = Math.round(chart.valToPos(limit, "x", true));
    const scale = devicePixelRatio;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = color("--warn");
    ctx.lineWidth = 1.5 * scale;
    ctx.setLineDash([4 * scale, 3 * scale]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.font = `${12 * scale}px ${getComputedStyle(document.body).fontFamily}`;
    ctx.textAlign = x > bbox.left + bbox.width * 0.7 ? "right" : "left";
    ctx.fillText(
      `limit ${count(limit)}`,
      x + (ctx.textAlign === "right" ? -6 : 6) * scale,
      bbox.top + 13 * scale,
    );
    ctx.restore();
  }

  const chart = () => ({
    padding: [8, 8, 0, 0],
    cursor: { y: false, x: false, points: { show: false }, drag: { x: false, y: false } },
    scales: {
      x: { time: false, range: [0, end] },
      y: { range: (_, low, high) => [0, high * 1.08 || 1] },
    },
    x: count,
    y: { size: 52, text: short },
    series: [
      {},
      {
        stroke: color("--bar"),
        fill: color("--bar"),
        width: 0,
        points: { show: false },
        paths: uPlot.paths.bars({ size: [0.86, 60], align: 1 }),
      },
    ],
    hooks: { draw: [drawLimit], setCursor: [showTip] },
  });
  plotted(place, tip, chart, [edges, counts]);
}

const drawCharts = () => drawn.forEach((draw) => draw());
