// What the file holds: the numbers at once, the examples when they are asked for.

const build = JSON.parse(find("summary").textContent);
const tasks = entriesOf(build.tasks);
const clusters = [...new Set(tasks.map((task) => task.cluster))].sort();
const isPacked = build.arch !== undefined;
const parts = ["inputs", "targets"];
// What becomes of a part's tokens past its length, where some are shown.
const past = (part) => (build.long[part] === "kept whole" ? "over length, kept whole" : "trimmed");

// Ids of an example's part as places in `pieces`.
const placesOf = (shown, part, index) =>
  placesIn((part === "inputs" ? shown.input_ids : shown.target_ids)[index], shown.first_code);

const hasTokens = (shown) => shown.input_ids !== undefined;
const clusterOf = (shown, index) => tasks[shown.task[index]].cluster;
