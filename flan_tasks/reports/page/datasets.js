// The table of datasets: sortable, each row opening on its templates, skips and source; that of a
// family on a table of its members too.

const columns = [
  ["task", (task) => task.name, "dataset"],
  ["cluster", (task) => task.cluster, "cluster", "second"],
  ["share", (task) => task.realized, "share"],
  ["realized", (task) => task.realized, "examples"],
  ["requested", (task) => task.requested, "requested", "second"],
  ["available", (task) => task.available, "available", "second"],
  ["repeated", (task) => task.repeated, "repeated", "second"],
  ["never_seen", (task) => task.never_seen, "never seen", "second"],
  ["skipped", (task) => sum(Object.values(task.skipped)), "skipped", "second"],
  ["license", (task) => task.license, "license", "second"],
];

const number = (value, kind) =>
  make(`td.num${value ? "" : ".zero"}${kind ? "." + kind : ""}`, null, count(value));

function wording(template) {
  const filled = (text) =>
    text
      .split(/(\{\{|\}\}|\{[a-z][a-z0-9_]*\})/)
      .map((piece) =>
        /^\{[a-z]/.test(piece)
          ? make("span.field", null, piece)
          : piece.replace(/^(\{\{|\}\})$/, (found) => found[0]),
      );
  return make(
    "div.wording",
    { dir: "auto" },
    filled(template.inputs),
    make("span.arrow", null, "target"),
    filled(template.targets),
  );
}

function templateUse(task) {
  // A family has one set of templates.
  const known = build.wordings[build.wording_of[membersOf(task)[0].name]] || [];
  const counts = task.template_counts;
  const kinds = Object.fromEntries(known.map((template) => [template.id, template]));
  const ids = [...new Set([...known.map((template) => template.id), ...Object.keys(counts)])];
  const top = Math.max(1, ...Object.values(counts));
  return ids.map((id) => {
    const template = kinds[id];
    const head = [
      make(
        "span.named",
        null,
        make("span.label.mono", null, id),
        template && template.kind !== "forward"
          ? make("span.tag.inverted", null, template.kind)
          : null,
      ),
      track(counts[id] || 0, top),
      make("span.num", null, count(counts[id] || 0)),
    ];
    return make(
      "details.template",
      null,
      make("summary", null, head),
      template
        ? wording(template)
        : make("p.soft.small", null, "The build does not hold its wording."),
    );
  });
}

function sourceOf(task) {
  const { source, name, version, revision } = task.source;
  return [source, name, version || revision].filter(Boolean).join(" · ");
}

function taskDetail(task) {
  const skips = Object.entries(task.skipped);
  return make(
    "div.detail",
    null,
    make(
      "div",
      null,
      make("h3", null, `${plural(task.templates, "template")}, with the examples of each`),
      templateUse(task),
    ),
    make(
      "div",
      null,
      make("h3", null, "Examples"),
      make(
        "p.small",
        null,
        `${count(task.realized)} here (${count(task.requested)} requested), ${count(task.available)} available; ${count(task.repeated)} repeated, ${count(task.never_seen)} never seen.`,
      ),
      make(
        "p",
        { style: "margin-top:8px" },
        make("a.button", { href: examplesOf(task) }, "Browse its examples"),
      ),
      make("h3", null, "Skipped"),
      make(
        "p.small",
        null,
        skips.length
          ? skips.map(([reason, many]) => `${count(many)} ${reason}`).join(", ")
          : "Nothing.",
      ),
      make("h3", null, "Source"),
      make("p.small", null, sourceOf(task)),
      make("p.small.soft", null, task.citation),
      make("p.small", null, "License: " + task.license),
    ),
    task.members
      ? make("div.members", null, make("h3", null, "Its tasks"), taskTable(task.members, MEMBERS))
      : null,
  );
}

// Rows of members that stand there before a button is asked for the others.
const MEMBERS = 100;

// A table of tasks or families, of which so many rows are shown at first.
function taskTable(some, most) {
  const total = build.examples || 1;
  const top = Math.max(1, ...some.map((task) => task.realized)) / total;
  const body = make("tbody");
  const rows = some.map((task) => ({ task, nodes: null }));
  // Made when they are shown: a family may have thousands.
  function nodesOf(entry) {
    entry.nodes = entry.nodes || rowOf(entry.task);
    return entry.nodes;
  }
  function rowOf(task) {
    const opener = make("button.rowname", { "aria-expanded": "false" }, titleOf(task.name));
    const row = make(
      "tr.task",
      null,
      make("td", null, opener),
      make("td.soft.second", null, task.cluster.replaceAll("_", " ")),
      make("td", null, track(task.realized / total, top)),
      number(task.realized),
      ...["requested", "available", "repeated", "never_seen"].map((key) =>
        number(task[key], "second"),
      ),
      number(sum(Object.values(task.skipped)), "second"),
      make("td.soft.small.second", null, task.license),
    );
    const holder = make("td", { colspan: columns.length });
    const detail = make("tr.open", { hidden: true }, holder);
    row.addEventListener("click", () => {
      detail.hidden = !detail.hidden;
      row.classList.toggle("open", !detail.hidden);
      opener.setAttribute("aria-expanded", String(!detail.hidden));
      if (!holder.firstChild) holder.append(taskDetail(task));
    });
    return [row, detail];
  }

  let [sortKey, down] = ["realized", true];
  const heads = columns.map(([key, , name, kind]) => {
    const head = make(
      `th${["task", "cluster", "share", "license"].includes(key) ? "" : ".num"}${kind ? "." + kind : ""}`,
      { scope: "col" },
    );
    head.append(
      make(
        "button",
        {
          type: "button",
          onclick: () => {
            down = sortKey === key ? !down : !["task", "cluster", "license"].includes(key);
            sortKey = key;
            order();
          },
        },
        name,
      ),
    );
    head.dataset.key = key;
    return head;
  });
  function order() {
    const value = columns.find(([key]) => key === sortKey)[1];
    const compare = (a, b) =>
      typeof value(a.task) === "string"
        ? value(a.task).localeCompare(value(b.task))
        : value(a.task) - value(b.task);
    rows.sort((a, b) => (down ? -1 : 1) * compare(a, b) || a.task.name.localeCompare(b.task.name));
    body.replaceChildren(...rows.slice(0, most).flatMap(nodesOf));
    more.hidden = rows.length <= most;
    for (const head of heads)
      if (head.dataset.key === sortKey)
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
  }
  const more = make(
    "button.button.more",
    {
      type: "button",
      onclick: () => {
        most = rows.length;
        order();
      },
    },
    `Show ${count(rows.length - most)} more`,
  );
  order();
  return make(
    "div.wide",
    null,
    make("table.grid", null, make("thead", null, make("tr", null, heads)), body),
    more,
  );
}

function drawDatasets() {
  const entries = byFamily(tasks);
  find("page-datasets").append(
    panel(
      "Datasets",
      "A row opens on its templates, what was skipped, and its source.",
      taskTable(entries, entries.length),
    ),
  );
}
