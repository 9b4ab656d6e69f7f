// ---- the data: a line for each step (index.py), its whole only when it is unfolded ---------------------------------------

const run = JSON.parse($("run").textContent);
const names = run.collections || [];
const steps = [];
for (const block of document.querySelectorAll("script.index")) {
  for (const line of JSON.parse(block.textContent)) steps.push(read(line));
  block.remove();
}

function read(line) {
  const [n, group, row, id, name, item, status, method, url, came, start, took, received, bars, failure] = line;
  const step = {n, group, row, id, name, item, status, method, url, came, start, took, received, bars, failure};
  step.sent = bars.filter((bar) => bar[2] !== "renew").length;
  step.retried = bars.some((bar) => bar[2] === "retry");
  step.of = [item, row].filter((text) => text !== null).join(" \u00b7 ");
  step.first = Math.min(start, ...bars.map((bar) => bar[0]));
  step.end = Math.max(start + took, ...bars.map((bar) => bar[0] + bar[1]));
  const words = [id, name, step.of, names[group] && names[group].name, method, url, came, status, failure];
  step.words = words
    .filter((text) => text !== null && text !== undefined)
    .join("\n")
    .toLowerCase();
  return step;
}

// Addresses in the list are without what all have in common.
const origins = new Set(
  steps.map((step) => step.url && step.url.match(/^[^/]*\/\/[^/?#]*/)).map((found) => found && found[0]),
);
origins.delete(null);

function shortened(url) {
  const bare = url.replace(/^[^/]*\/\/[^/?#]*/, (origin) => (origins.size > 1 ? origin.replace(/^[^/]*\/\//, "") : ""));
  return bare || "/";
}

// What a link names a step by: its id, and where several have it (items, rows), which of them.
const byKey = new Map();
{
  const seen = new Map();
  for (const step of steps) seen.set(step.id, (seen.get(step.id) || 0) + 1);
  const nth = new Map();
  for (const step of steps) {
    nth.set(step.id, (nth.get(step.id) || 0) + 1);
    step.key = seen.get(step.id) === 1 ? step.id : step.id + "~" + nth.get(step.id);
    byKey.set(step.key, step);
  }
}

/** All of a step, with the names of tree.Step; null where the file has not come so far, or ends in the midst of it. */
function whole(step) {
  const block = $("step-" + step.n);
  try {
    return block && JSON.parse(block.textContent);
  } catch {
    return null;
  }
}
