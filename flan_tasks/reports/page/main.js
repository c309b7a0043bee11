// The heading, and the sections of a build's page.

find("title").textContent = build.mixture.name;
find("subtitle").textContent = [
  plural(build.examples, "example"),
  build.split,
  build.format,
  build.vocabulary && `vocabulary ${build.vocabulary.slice(0, 15)}`,
]
  .filter(Boolean)
  .join(" · ");

showPage(
  [
    ["overview", "Overview", drawOverview],
    ["datasets", "Datasets", drawDatasets],
    ["examples", "Examples", null],
    ["sources", "Sources", drawSources],
  ],
  {
    name: "examples",
    wait: "Reading the examples…",
    make: async () => {
      const shown = await readBlock("examples");
      return () => makeBrowser(shown);
    },
  },
);
