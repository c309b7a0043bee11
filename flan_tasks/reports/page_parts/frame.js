// What every page has around its sections: tabs, addresses, the theme, and the listing that comes in
// when the rest is on the screen.

// Shows a page.
//   sections: [name, label, draw] of each; a section is drawn when it is first shown.
//   listing: {name, wait, make}: the section of the listing, what stands there until it is read,
//     and what makes it, a promise of something with `open(filters)`; or null.
function showPage(sections, listing) {
  const nodeOf = (name) => find(`page-${name}`);
  const done = new Set();
  let browser = null;
  find("tabs").append(
    ...sections.map(([name, label]) => make("a", { href: `#${name}`, "data-name": name }, label)),
  );
  const setTop = () =>
    document.documentElement.style.setProperty(
      "--top",
      `${document.querySelector(".top").offsetHeight}px`,
    );

  function route() {
    const [wanted, query] = location.hash.slice(1).split("?");
    if (wanted === "main") return;
    const name = sections.some(([some]) => some === wanted) ? wanted : sections[0][0];
    for (const [some] of sections) nodeOf(some).hidden = some !== name;
    for (const link of find("tabs").children)
      if (link.dataset.name === name) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    const [, , drawSection] = sections.find(([some]) => some === name);
    if (drawSection && !done.has(name)) drawSection();
    done.add(name);
    if (listing && name === listing.name) {
      setTop();
      if (browser) browser.open(new URLSearchParams(query || ""));
      else if (!nodeOf(name).firstChild) nodeOf(name).append(make("p.empty", null, listing.wait));
    } else window.scrollTo(0, 0);
  }

  window.addEventListener("hashchange", route);
  window.addEventListener("resize", setTop);
  route();
  // What follows in the file is the listing's data; the screen is drawn before it is read.
  addEventListener("DOMContentLoaded", () =>
    requestAnimationFrame(() =>
      setTimeout(async () => {
        if (listing) {
          const made = await listing.make();
          nodeOf(listing.name).replaceChildren();
          browser = made();
        }
        document.documentElement.dataset.ready = "true";
        if (listing && !nodeOf(listing.name).hidden) route();
      }),
    ),
  );
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
  const path = draw("path", {
    d: theme === "dark" ? SUN : MOON,
    fill: "none",
    stroke: "currentColor",
    "stroke-width": 1.8,
    "stroke-linecap": "round",
    "stroke-linejoin": "round",
  });
  find("theme").replaceChildren(draw("svg", { viewBox: "0 0 24 24" }, path));
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
