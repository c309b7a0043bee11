// The examples: filters and search, a list that draws only what is in view, and one example read.

const HEIGHT = 80;
const VIEWS = [
  ["text", "Text"],
  ["tokens", "Tokens"],
  ["row", "Packed row"],
];

function makeBrowser(shown) {
  const place = find("page-examples");
  const total = shown.row.length;
  const state = {
    cluster: "",
    dataset: "",
    template: "",
    kind: "",
    text: "",
    found: [],
    at: -1,
    view: "text",
  };
  const kindOf = (index) => shown.templates[shown.template[index]][1];
  const templateOf = (index) => shown.templates[shown.template[index]][0];

  const search = make("input", {
    type: "search",
    placeholder: "Search prompts and targets",
    "aria-label": "Search prompts and targets",
    autocomplete: "off",
    spellcheck: "false",
  });
  const selects = Object.fromEntries(
    ["cluster", "dataset", "template", "kind"].map((name) => [
      name,
      make("select", {
        "aria-label": name,
        onchange: () => {
          state[name] = selects[name].value;
          narrow(name);
          apply();
        },
      }),
    ]),
  );
  const status = make("span", { role: "status" });
  const clear = make(
    "button",
    {
      type: "button",
      hidden: true,
      onclick: () => {
        reset();
        apply();
      },
    },
    "Clear filters",
  );
  const canvas = make("div", { style: "position:relative" });
  const list = make("div.list", { tabindex: 0, role: "listbox", "aria-label": "Examples" }, canvas);
  const view = make("article.view", { "aria-label": "Example", tabindex: -1 });
  place.append(
    make(
      "div.side",
      null,
      make(
        "div.filters",
        null,
        make("div.search", null, search, make("kbd", { "aria-hidden": "true" }, "/")),
        Object.values(selects),
        make("div.count", null, status, clear),
      ),
      list,
    ),
    view,
  );

  function labelOf(name, value) {
    if (name === "cluster") return value.replaceAll("_", " ");
    if (name === "dataset" && value.endsWith(MEMBER_MARK)) return `${value} all its tasks`;
    return value;
  }
  // Names of tasks, and of the families of which there are several.
  const namesOf = (some) => [
    ...some.map((task) => task.name),
    ...byFamily(some).map((entry) => entry.group),
  ];
  function fill(name, values) {
    const few = [...new Set(values)].filter(Boolean).sort();
    if (!few.includes(state[name])) state[name] = "";
    selects[name].replaceChildren(
      make("option", { value: "" }, name === "kind" ? "any kind" : `all ${name}s`),
      ...few.map((value) => make("option", { value }, labelOf(name, value))),
    );
    selects[name].value = state[name];
  }
  // What a select offers goes by those before it: datasets of the cluster, templates of the dataset.
  function narrow(from) {
    if (from === "all")
      fill(
        "cluster",
        shown.task.map((task) => tasks[task].cluster),
      );
    if (["all", "cluster"].includes(from))
      fill(
        "dataset",
        namesOf(tasks.filter((task) => !state.cluster || task.cluster === state.cluster)),
      );
    const indices = [...Array(total).keys()].filter(
      (index) =>
        isMeant(state.dataset, tasks[shown.task[index]].name) &&
        (!state.cluster || clusterOf(shown, index) === state.cluster),
    );
    fill("template", state.dataset ? indices.map(templateOf) : []);
    selects.template.disabled = !state.dataset;
    if (!state.dataset) selects.template.firstChild.textContent = "template: pick a dataset";
    fill("kind", indices.map(kindOf));
  }
  function reset() {
    for (const name of ["cluster", "dataset", "template", "kind", "text"]) state[name] = "";
    search.value = "";
    narrow("all");
  }

  function apply() {
    const pattern = matcher(state.text);
    const wanted = tasks.map(
      (task) =>
        (!state.cluster || task.cluster === state.cluster) &&
        isMeant(state.dataset, task.name),
    );
    const styles = shown.templates.map(
      ([id, kind]) =>
        (!state.template || id === state.template) && (!state.kind || kind === state.kind),
    );
    const before = state.found[state.at];
    state.found = [];
    for (let index = 0; index < total; index += 1)
      if (
        wanted[shown.task[index]] &&
        styles[shown.template[index]] &&
        (!pattern || pattern.test(shown.inputs[index]) || pattern.test(shown.targets[index]))
      )
        state.found.push(index);
    const many = state.found.length;
    status.textContent =
      many === total
        ? total === build.examples
          ? `all ${plural(total, "example")}`
          : `${plural(total, "example")} sampled from ${count(build.examples)}`
        : `${count(many)} of ${plural(total, "sampled example")}`;
    clear.hidden = many === total && !state.text;
    for (const node of Object.values(selects)) node.classList.toggle("set", node.value !== "");
    canvas.style.height = `${many * HEIGHT}px`;
    list.scrollTop = 0;
    const same = state.found.indexOf(before);
    select(many ? Math.max(0, same) : -1, { keepScroll: same < 1 });
  }

  function line(index, position) {
    const text = shown.inputs[index].slice(0, 300).replace(/\s+/g, " ");
    return make(
      "div.item",
      {
        role: "option",
        id: `item-${position}`,
        "aria-selected": String(position === state.at),
        style: `top:${position * HEIGHT}px`,
        onclick: () => {
          select(position);
          read();
        },
      },
      make(
        "div.head",
        null,
        make("b", null, titleOf(tasks[shown.task[index]].name)),
        make("span.mono", null, templateOf(index)),
        make("span.num", null, "#" + count(shown.row[index])),
      ),
      make("p", { dir: "auto" }, text),
      make("p.to", { dir: "auto" }, "→ " + shown.targets[index].slice(0, 200).replace(/\s+/g, " ")),
    );
  }
  function drawList() {
    const first = Math.max(0, Math.floor(list.scrollTop / HEIGHT) - 4);
    const last = Math.min(
      state.found.length,
      Math.ceil((list.scrollTop + list.clientHeight) / HEIGHT) + 4,
    );
    const lines = [];
    for (let position = first; position < last; position += 1)
      lines.push(line(state.found[position], position));
    if (!state.found.length)
      lines.push(
        make(
          "p.empty",
          null,
          total
            ? "No sampled example fits. Clear a filter, or sample more: flan report DIR --examples 20000."
            : build.notes[0] || "This report holds no examples.",
        ),
      );
    canvas.replaceChildren(...lines);
  }

  function select(position, { keepScroll = false } = {}) {
    state.at = position;
    if (position >= 0 && !keepScroll) {
      const top = position * HEIGHT;
      if (top < list.scrollTop) list.scrollTop = top;
      else if (top + HEIGHT > list.scrollTop + list.clientHeight)
        list.scrollTop = top + HEIGHT - list.clientHeight;
    }
    drawList();
    if (position >= 0) list.setAttribute("aria-activedescendant", `item-${position}`);
    else list.removeAttribute("aria-activedescendant");
    drawExample();
  }
  const move = (step) => select(Math.min(Math.max(state.at + step, 0), state.found.length - 1));
  function read() {
    place.classList.add("reading");
    view.scrollTop = 0;
  }

  function drawExample() {
    const index = state.found[state.at];
    if (index === undefined) return view.replaceChildren();
    const can = {
      text: true,
      tokens: hasTokens(shown),
      row: hasTokens(shown) && shown.packed.length > 0,
    };
    const current = can[state.view] ? state.view : "text";
    const open = (other) => {
      if (!state.found.includes(other)) {
        reset();
        apply();
      }
      select(state.found.indexOf(other));
      view.scrollTop = 0;
    };
    const blocks =
      current === "tokens"
        ? tokenBlocks(shown, index)
        : current === "row"
          ? packedBlocks(shown, index, open)
          : textBlocks(shown, index, matcher(state.text));
    view.replaceChildren(
      make(
        "div",
        null,
        aboutLine(shown, index),
        make(
          "div.tools",
          null,
          make(
            "button.button.back",
            {
              type: "button",
              "aria-label": "Back to the list",
              onclick: () => {
                place.classList.remove("reading");
                drawList();
              },
            },
            "←",
          ),
          make(
            "span.choice",
            { role: "group", "aria-label": "Show as" },
            VIEWS.filter(([name]) => name !== "row" || isPacked).map(([name, label]) =>
              make(
                "button",
                {
                  type: "button",
                  disabled: !can[name],
                  title: can[name] ? null : build.notes[0] || "",
                  "aria-pressed": String(name === current),
                  onclick: () => show(name),
                },
                label,
              ),
            ),
          ),
          make(
            "span.turn",
            null,
            make(
              "button.button",
              {
                type: "button",
                "aria-label": "Previous example",
                disabled: state.at === 0,
                onclick: () => move(-1),
              },
              "↑",
            ),
            make(
              "button.button",
              {
                type: "button",
                "aria-label": "Next example",
                disabled: state.at === state.found.length - 1,
                onclick: () => move(1),
              },
              "↓",
            ),
          ),
        ),
        current === "text" && build.notes.length
          ? make("p.legend", null, build.notes.join(" "))
          : null,
        ...blocks.filter(Boolean),
      ),
    );
  }
  function show(name) {
    state.view = name;
    drawExample();
    const pressed = view.querySelector('.choice [aria-pressed="true"]');
    if (pressed) pressed.focus({ preventScroll: true });
  }

  let waiting = 0;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(
      () => {
        state.text = search.value;
        apply();
      },
      total > 5000 ? 150 : 0,
    );
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "Enter") {
      event.preventDefault();
      list.focus();
    }
    if (event.key === "Escape" && !search.value) search.blur();
  });
  list.addEventListener("scroll", drawList, { passive: true });
  new ResizeObserver(drawList).observe(list);

  function key(event) {
    const inside = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
    if (event.metaKey || event.ctrlKey || event.altKey || place.hidden) return;
    if (event.key === "/" && !inside) {
      event.preventDefault();
      place.classList.remove("reading");
      search.focus();
      search.select();
    }
    if (inside) return;
    const onButton = document.activeElement.tagName === "BUTTON";
    const page = Math.max(1, Math.floor(list.clientHeight / HEIGHT) - 1);
    const steps = {
      ArrowDown: 1,
      ArrowUp: -1,
      j: 1,
      k: -1,
      PageDown: page,
      PageUp: -page,
      Home: -Infinity,
      End: Infinity,
    };
    // In the text of an example the keys that page scroll it.
    const scrolls = view.contains(document.activeElement) && !["j", "k"].includes(event.key);
    if (event.key in steps && !scrolls) {
      event.preventDefault();
      const step = steps[event.key];
      if (state.found.length)
        Number.isFinite(step) ? move(step) : select(step < 0 ? 0 : state.found.length - 1);
    } else if (event.key === "t" && hasTokens(shown)) {
      show(state.view === "tokens" ? "text" : "tokens");
    } else if (event.key === "Enter" && !onButton) {
      read();
      view.focus();
    } else if (event.key === "Escape") {
      place.classList.remove("reading");
      list.focus();
    }
  }
  document.addEventListener("keydown", key);

  reset();
  return {
    open(filters) {
      place.classList.remove("reading");
      reset();
      for (const name of Object.keys(selects)) {
        state[name] = filters.get(name) || "";
        narrow(name === "cluster" ? "cluster" : "dataset");
        selects[name].value = state[name];
      }
      search.value = state.text = filters.get("text") || "";
      apply();
    },
    resize: drawList,
  };
}
