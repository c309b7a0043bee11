// The scripts of a report's page in node, with as much of a document as they use, and no layout.
// Usage: node page_dom.js PAGE.html SCRIPT...: reads statements from stdin and prints what they return as
// JSON. In them `page` has the functions and values of the page's scripts.

const fs = require("fs");

class Node {
  constructor(name, text) {
    this.name = name;
    this.text = text;
    this.children = [];
    this.attributes = {};
    this.listeners = {};
    this.dataset = {};
    this.className = "";
    this.style = { setProperty() {}, cssText: "" };
    this.classList = { toggle: () => {}, add: () => {}, remove: () => {} };
    this.open = false;
    this.hidden = false;
  }
  append(...nodes) {
    for (const node of nodes) {
      const child = node instanceof Node ? node : new Node("#text", String(node));
      if (child.parent) child.parent.children = child.parent.children.filter((c) => c !== child);
      child.parent = this;
      this.children.push(child);
    }
  }
  replaceChildren(...nodes) {
    for (const child of this.children) child.parent = null;
    this.children = [];
    this.append(...nodes);
  }
  replaceWith(...nodes) {
    const { parent } = this;
    const behind = parent.children.slice(parent.children.indexOf(this) + 1);
    parent.children = parent.children.slice(0, parent.children.indexOf(this));
    parent.append(...nodes);
    parent.children.push(...behind);
  }
  get firstChild() {
    return this.children[0] || null;
  }
  get textContent() {
    return this.text !== undefined ? this.text : this.children.map((c) => c.textContent).join("");
  }
  set textContent(text) {
    this.replaceChildren(text);
  }
  setAttribute(name, value) {
    this.attributes[name] = value;
    if (name === "open" || name === "hidden") this[name] = true;
  }
  removeAttribute(name) {
    delete this.attributes[name];
  }
  addEventListener(name, listener) {
    this.listeners[name] = listener;
  }
  // All nodes below with a name and a class: `tr.task`.
  all(selector) {
    const [name, kind] = selector.split(".");
    const below = this.children.flatMap((child) => [child, ...child.all(selector)]);
    const is = (node) =>
      (!name || node.name === name) && (!kind || node.className.split(" ").includes(kind));
    return [...new Set(below)].filter(is);
  }
  click() {
    this.listeners.click({ preventDefault() {} });
  }
}

const html = fs.readFileSync(process.argv[2], "utf-8");
const part = (start, end) => html.split(start)[1].split(end)[0];
const ids = {};
global.document = {
  createElement: (name) => new Node(name),
  getElementById: (id) => (ids[id] = ids[id] || new Node("div")),
};
document.getElementById("summary").text = part(
  '<script id="summary" type="application/json">',
  "</script>",
);
const files = process.argv.slice(3);
const scripts = files.map((file) => fs.readFileSync(file, "utf-8")).join("\n");
const page = new Function(
  `"use strict"; const histogram = () => {};\n${scripts}
  return { tasks, byFamily, isMeant, examplesOf, titleOf, shares, losses, skipped, repeats,
    notices, tiles, optionStyles, drawDatasets, drawSources, find };`,
)();
console.log(JSON.stringify(new Function("page", fs.readFileSync(0, "utf-8"))(page)));
