// Names of tasks as they are read, and long lists that open.

const MEMBER_MARK = ":";

// The family of a task with the mark behind it, or the name of one that stands for itself.
function groupOf(name) {
  const mark = name.indexOf(MEMBER_MARK);
  return mark < 0 ? name : name.slice(0, mark + 1);
}

// Whether a name of the page's filters means a task: its own, or that of its family.
const isMeant = (wanted, name) =>
  !wanted || name === wanted || (wanted.endsWith(MEMBER_MARK) && groupOf(name) === wanted);

// A task's name as it is read: the dataset, and behind it the part of the mixture it is in.
function titleOf(name) {
  const slash = name.lastIndexOf("/");
  if (slash < 0) return [name];
  return [name.slice(slash + 1), make("span.inpart", null, ` in ${name.slice(0, slash)}`)];
}

// The first lines, and the others behind a button.
function folded(values, line, most = 8) {
  const holder = make("div", null, values.slice(0, most).map(line));
  const rest = values.slice(most);
  if (rest.length < 3) return [...holder.children, ...rest.map(line)];
  const more = make(
    "button.button.more",
    { type: "button", onclick: () => more.replaceWith(...rest.map(line)) },
    `Show ${count(rest.length)} more`,
  );
  holder.append(more);
  return holder;
}
