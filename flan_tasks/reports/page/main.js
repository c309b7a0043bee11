// Heading, sections, theme; the examples come in when the rest is on the screen.

const SECTIONS = [
  ["overview", "Overview"],
  ["datasets", "Datasets"],
  ["examples", "Examples"],
  ["sources", "Sources"],
];
const nodeOf = (name) => find(`page-${name}`);
const done = new Set();
let browser = null;

find("title").textContent = build.mixture.name;
find("subtitle").textContent = [
  plural(build.examples, "example"),
  build.split,
  build.format,
  build.vocabulary && `vocabulary ${build.vocabulary.slice(0, 15)}`,
]
  .filter(Boolean)
  .join(" · ");
find("tabs").append(
  ...SECTIONS.map(([name, label]) => make("a", { href: `#${name}`, "data-name": name }, label)),
);

function route() {
  const [wanted, query] = location.hash.slice(1).split("?");
  if (wanted === "main") return;
  const name = SECTIONS.some(([some]) => some === wanted) ? wanted : "overview";
  for (const [some] of SECTIONS) nodeOf(some).hidden = some !== name;
  for (const link of find("tabs").children)
    if (link.dataset.name === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  const draw = { overview: drawOverview, datasets: drawDatasets, sources: drawSources }[name];
  if (draw && !done.has(name)) draw();
  done.add(name);
  if (name === "examples") {
    document.documentElement.style.setProperty(
      "--top",
      `${document.querySelector(".top").offsetHeight}px`,
    );
    if (browser) browser.open(new URLSearchParams(query || ""));
    else if (!nodeOf(name).firstChild)
      nodeOf(name).append(make("p.empty", null, "Reading the examples…"));
  } else window.scrollTo(0, 0);
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const SUN =
  "M12 7.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M12 2v2.5M12 19.5V22M2 12h2.5M19.5 12H22M4.9 4.9l1.8 1.8M17.3 17.3l1.8 1.8M4.9 19.1l1.8-1.8M17.3 6.7l1.8-1.8";
const MOON = "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z";
function remembered(value) {
  // Some browsers give files no storage.
  try {
    if (value === undefined) return localStorage.getItem("flan-report-theme");
    localStorage.setItem("flan-report-theme", value);
  } catch {
    /* the choice lasts as long as the page */
  }
  return null;
}
function paint(theme) {
  document.documentElement.dataset.theme = theme;
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  icon.setAttribute("viewBox", "0 0 24 24");
  path.setAttribute("d", theme === "dark" ? SUN : MOON);
  for (const [name, value] of [
    ["fill", "none"],
    ["stroke", "currentColor"],
    ["stroke-width", "1.8"],
    ["stroke-linecap", "round"],
    ["stroke-linejoin", "round"],
  ])
    path.setAttribute(name, value);
  icon.append(path);
  find("theme").replaceChildren(icon);
  drawCharts();
}
paint(remembered() || (dark.matches ? "dark" : "light"));
dark.addEventListener("change", () => {
  if (!remembered()) paint(dark.matches ? "dark" : "light");
});
find("theme").addEventListener("click", () => {
  const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  remembered(next);
  paint(next);
});

window.addEventListener("hashchange", route);
window.addEventListener("resize", () =>
  document.documentElement.style.setProperty(
    "--top",
    `${document.querySelector(".top").offsetHeight}px`,
  ),
);
route();
// What follows in the file is the examples; the screen is drawn before they are read.
addEventListener("DOMContentLoaded", () =>
  requestAnimationFrame(() =>
    setTimeout(async () => {
      const shown = await readExamples();
      nodeOf("examples").replaceChildren();
      browser = makeBrowser(shown);
      document.documentElement.dataset.ready = "true";
      if (!nodeOf("examples").hidden) route();
    }),
  ),
);
