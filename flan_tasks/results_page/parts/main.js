// The heading, and the sections of the page.

const whose = [...evaluations, ...runs].map((one) => one.name);
find("title").textContent = whose.join(" | ");
find("subtitle").textContent = [
  evaluations.length && plural(datasets.length, "dataset"),
  evaluations.length && plural(page.of, "answer"),
  runs.length && plural(runs.length, "training run"),
  evaluations.length && !isPair && (evaluations[0].settings.model || "predictions made elsewhere"),
]
  .filter(Boolean)
  .join(" · ");

const DRAWS = {
  overview: drawOverview,
  changes: drawChanges,
  answers: null,
  training: drawTraining,
  settings: drawSettings,
};
showPage(
  page.sections.map(([name, label]) => [name, label, DRAWS[name]]),
  evaluations.length
    ? {
        name: "answers",
        wait: "Reading the answers…",
        make: async () => {
          await tallies;
          const shown = await readBlock("answers");
          return () => makeAnswers(shown);
        },
      }
    : null,
);
