// A list of many entries with filters and search, of which only those in view are in the page, and
// one of them read beside it.

const HEIGHT = 80;

// Makes a listing in a section of the page.
//   name: of its section.
//   total: how many entries there are, numbered from 0.
//   names: of its filters, in their order; each is one word of an address, too.
//   words: {search, list, entry}: what the search looks in, what the list and an entry are called.
//   narrow(from, state, fill): fills the filters that depend on the one that changed, or on "all".
//   test(state, pattern): what says of an entry whether it is meant.
//   status(found): how many entries are found, in words.
//   empty(): what stands where none is found.
//   line(index): what stands in the list.
//   head(index): what stands above an entry that is read.
//   views: [name, label, can(index), why] of the ways to show an entry, `why` it cannot be shown so.
//   blocks(index, view, pattern, open): the entry; `open` goes to another.
//   start: the view at first; toggle: the two views that `t` goes between.
function makeListing(about) {
  const place = find(`page-${about.name}`);
  const state = { text: "", found: [], at: -1, view: about.start };

  const search = make("input", {
    type: "search",
    placeholder: about.words.search,
    "aria-label": about.words.search,
    autocomplete: "off",
    spellcheck: "false",
  });
  const selects = Object.fromEntries(
    about.names.map((name) => [
      name,
      make("select", {
        "aria-label": name,
        onchange: () => {
          state[name] = selects[name].value;
          about.narrow(name, state, fill);
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
  const list = make(
    "div.list",
    { tabindex: 0, role: "listbox", "aria-label": about.words.list },
    canvas,
  );
  const view = make("article.view", { "aria-label": about.words.entry, tabindex: -1 });
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

  // What a filter offers: values with what they are called, the first line meaning any.
  function fill(name, any, values, labelOf = (value) => value, disabled = false) {
    if (!values.includes(state[name])) state[name] = "";
    selects[name].replaceChildren(
      make("option", { value: "" }, any),
      ...values.map((value) => make("option", { value }, labelOf(value))),
    );
    selects[name].value = state[name];
    selects[name].disabled = disabled;
  }
  function reset() {
    for (const name of [...about.names, "text"]) state[name] = "";
    search.value = "";
    about.narrow("all", state, fill);
  }

  function apply() {
    const isMeantHere = about.test(state, matcher(state.text));
    const before = state.found[state.at];
    state.found = [];
    for (let index = 0; index < about.total; index += 1)
      if (isMeantHere(index)) state.found.push(index);
    const many = state.found.length;
    status.textContent = about.status(state.found);
    clear.hidden = many === about.total && !state.text;
    for (const node of Object.values(selects)) node.classList.toggle("set", node.value !== "");
    canvas.style.height = `${many * HEIGHT}px`;
    list.scrollTop = 0;
    const same = state.found.indexOf(before);
    select(many ? Math.max(0, same) : -1, { keepScroll: same < 1 });
  }

  const lineOf = (index, position) =>
    make(
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
      about.line(index),
    );
  function drawList() {
    const first = Math.max(0, Math.floor(list.scrollTop / HEIGHT) - 4);
    const last = Math.min(
      state.found.length,
      Math.ceil((list.scrollTop + list.clientHeight) / HEIGHT) + 4,
    );
    const lines = [];
    for (let position = first; position < last; position += 1)
      lines.push(lineOf(state.found[position], position));
    if (!state.found.length) lines.push(make("p.empty", null, about.empty()));
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
    drawEntry();
  }
  const move = (step) => select(Math.min(Math.max(state.at + step, 0), state.found.length - 1));
  function read() {
    place.classList.add("reading");
    view.scrollTop = 0;
  }
  function open(other) {
    if (!state.found.includes(other)) {
      reset();
      apply();
    }
    select(state.found.indexOf(other));
    view.scrollTop = 0;
  }

  const turn = (label, step, end, sign) =>
    make(
      "button.button",
      { type: "button", "aria-label": label, disabled: state.at === end, onclick: () => move(step) },
      sign,
    );
  function drawEntry() {
    const index = state.found[state.at];
    if (index === undefined) return view.replaceChildren();
    const can = Object.fromEntries(about.views.map(([name, , test]) => [name, test(index)]));
    const current = can[state.view] ? state.view : about.start;
    view.replaceChildren(
      make(
        "div",
        null,
        about.head(index),
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
            about.views.map(([name, label, , why]) =>
              make(
                "button",
                {
                  type: "button",
                  disabled: !can[name],
                  title: can[name] ? null : why,
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
            turn(`Previous ${about.words.entry.toLowerCase()}`, -1, 0, "↑"),
            turn(`Next ${about.words.entry.toLowerCase()}`, 1, state.found.length - 1, "↓"),
          ),
        ),
        ...about.blocks(index, current, matcher(state.text), open).filter(Boolean),
      ),
    );
  }
  function show(name) {
    state.view = name;
    drawEntry();
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
      about.total > 5000 ? 150 : 0,
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
    // In the text of an entry the keys that page scroll it.
    const scrolls = view.contains(document.activeElement) && !["j", "k"].includes(event.key);
    const [first, second] = about.toggle;
    if (event.key in steps && !scrolls) {
      event.preventDefault();
      const step = steps[event.key];
      if (state.found.length)
        Number.isFinite(step) ? move(step) : select(step < 0 ? 0 : state.found.length - 1);
    } else if (event.key === "t" && state.found.length) {
      const [, , can] = about.views.find(([name]) => name === second);
      if (can(state.found[state.at])) show(state.view === second ? first : second);
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
    // Shows what an address names: filters by their names, and a text.
    open(filters) {
      place.classList.remove("reading");
      reset();
      for (const name of about.names) {
        state[name] = filters.get(name) || "";
        selects[name].value = state[name];
        about.narrow(name, state, fill);
      }
      search.value = state.text = filters.get("text") || "";
      apply();
    },
  };
}
