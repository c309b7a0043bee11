// Tasks as they are shown: those of a family as one, which opens on its members. The rules are those
// of engine/folded.py, which does the same for tables in a terminal.

const SUMS = ["rate", "available", "requested", "realized", "repeated", "never_seen", "rows_read"];

function addCounts(total, counts) {
  for (const [name, number] of Object.entries(counts)) total[name] = (total[name] || 0) + number;
  return total;
}

const sameOf = (values) => (new Set(values).size === 1 ? values[0] : null);

// What of the objects is the same in all of them.
const common = (objects) =>
  Object.fromEntries(
    Object.entries(objects[0]).filter(([key, value]) =>
      objects.every((other) => JSON.stringify(other[key]) === JSON.stringify(value)),
    ),
  );

function together(group, members) {
  const sums = SUMS.map((key) => [key, sum(members.map((task) => task[key]))]);
  const counts = (key) => members.map((task) => task[key]).reduce(addCounts, {});
  const several = (key, word) =>
    sameOf(members.map((task) => task[key])) ||
    `${count(new Set(members.map((task) => task[key])).size)} ${word}`;
  const texts = (part) => members.map((task) => task.texts[part]).reduce(addCounts, {});
  return {
    ...members[0],
    ...Object.fromEntries(sums),
    group,
    members,
    name: `${group.slice(0, -1)} (${count(members.length)} tasks)`,
    cluster: several("cluster", "clusters"),
    license: several("license", "licenses"),
    citation: sameOf(members.map((task) => task.citation)) || "as each of its tasks says",
    source: common(members.map((task) => task.source)),
    templates: Math.max(...members.map((task) => task.templates)),
    skipped: counts("skipped"),
    template_counts: counts("template_counts"),
    texts: members.every((task) => task.texts)
      ? Object.fromEntries(parts.map((part) => [part, texts(part)]))
      : null,
  };
}

// Entries of tasks, a family where its first member stands; of one member, that member.
function byFamily(some) {
  const groups = new Map();
  for (const task of some) {
    const group = groupOf(task.name);
    if (groups.has(group)) groups.get(group).push(task);
    else groups.set(group, [task]);
  }
  return [...groups].map(([group, members]) =>
    members.length === 1 ? members[0] : together(group, members),
  );
}

const membersOf = (entry) => entry.members || [entry];
// How many tasks some entries are.
const numTasks = (entries) => sum(entries.map((entry) => membersOf(entry).length));
const examplesOf = (entry) => `#examples?dataset=${encodeURIComponent(entry.group || entry.name)}`;
