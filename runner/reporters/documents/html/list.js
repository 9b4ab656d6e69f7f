// ---- what is shown ------------------------------------------------------------------------------------------------------

const state = {query: "", statuses: new Set(), group: "", order: "", zoom: false, current: null};
const open = new Map(); // steps that are unfolded, and how high their details are
const folded = new Set(); // collections that are folded
let items = []; // what the list holds: {key, step} or {key, group, steps}
let shown = []; // the steps among them
let tops = [0]; // where each item begins, and where the last ends
let placeOf = new Map(); // from an item's key to its place in `items`

function matches(step, words) {
  if (state.statuses.size && !state.statuses.has(step.status) && !(state.statuses.has("retried") && step.retried))
    return false;
  if (state.group !== "" && step.group !== Number(state.group)) return false;
  return words.every((word) => step.words.includes(word));
}

const ORDERS = {started: (a, b) => a.start - b.start || a.n - b.n, slowest: (a, b) => b.took - a.took || a.n - b.n};

const words = () => state.query.toLowerCase().split(/\s+/).filter(Boolean);

function select() {
  const wanted = words();
  shown = steps.filter((step) => matches(step, wanted));
  if (ORDERS[state.order]) shown.sort(ORDERS[state.order]);
  items = [];
  const grouped = names.length > 1 && !state.order;
  let group = null;
  for (const step of shown) {
    if (grouped && (group === null || group.group !== step.group)) {
      group = {key: "group-" + items.length, group: step.group, steps: []};
      items.push(group);
    }
    if (group) group.steps.push(step);
    if (!grouped || !folded.has(step.group)) items.push({key: step.n, step});
  }
  placeOf = new Map(items.map((item, index) => [item.key, index]));
  const all = shown.length === steps.length;
  $("count").textContent = all
    ? count(steps.length, "request")
    : shown.length.toLocaleString("en") + " of " + count(steps.length, "request");
  $("none").hidden = shown.length > 0 || !steps.length;
  for (const chip of document.querySelectorAll(".chip"))
    chip.setAttribute("aria-pressed", state.statuses.has(chip.dataset.status));
  layOut();
  drawOverview();
}

/** Where each item stands. A row has one height, so only what is unfolded counts. */
function layOut() {
  const row = parseFloat(getComputedStyle(list).getPropertyValue("--row"));
  tops = new Float64Array(items.length + 1);
  items.forEach((item, index) => {
    tops[index + 1] = tops[index] + row + ((item.step && open.get(item.step)) || 0);
  });
  list.style.height = tops[items.length] + "px";
  paint();
}

/** The item that stands at so many pixels below the list's beginning. */
function at(y) {
  let low = 0,
    high = items.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (tops[middle] <= y) low = middle;
    else high = middle - 1;
  }
  return low;
}

const present = new Map(); // what is in the document, by key: rows on screen and near it
const kept = new Map(); // unfolded ones that are not: what is folded inside of them stays so
let printing = false;

function paint() {
  const top = list.getBoundingClientRect().top;
  const first = printing ? 0 : at(-top - 300),
    last = printing ? Math.min(items.length, 3000) - 1 : at(innerHeight - top + 300);
  const wanted = [];
  for (let index = first; index <= last && index < items.length; index++) wanted.push(index);
  // The row that has the focus stays, or the focus would be lost.
  const focused = document.activeElement && document.activeElement.closest("#list > li");
  const place = focused && placeOf.get(focused.itemKey);
  if (place !== undefined && place !== null && place < first) wanted.unshift(place);
  else if (place !== undefined && place !== null && place > last) wanted.push(place);
  const keys = new Set(wanted.map((index) => items[index].key));
  for (const [key, row] of present) {
    if (keys.has(key)) continue;
    row.remove();
    present.delete(key);
    if (row.step && open.has(row.step)) kept.set(key, row);
  }
  scale(wanted.filter((index) => index >= at(-top + tools.offsetHeight) && index <= at(innerHeight - top)));
  let next = list.firstElementChild;
  for (const index of wanted) {
    const item = items[index];
    const old = present.get(item.key),
      row = old && item.step ? old : replaced(old, item);
    if (old === next) next = row;
    if (row === next) next = next.nextElementSibling;
    else list.insertBefore(row, next);
    row.style.transform = printing ? "" : "translateY(" + tops[index] + "px)";
    row.setAttribute("aria-posinset", index + 1);
    row.setAttribute("aria-setsize", items.length);
    if (row.step) placeBars(row.track, row.step);
  }
  highlight();
}

/** Marks in the rows what was searched for: over the texts, without a change of the document. */
function highlight() {
  if (!globalThis.CSS || !CSS.highlights) return;
  const ranges = [];
  for (const row of words().length ? present.values() : []) {
    const walker = document.createTreeWalker(row.firstElementChild, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const text = walker.currentNode.data.toLowerCase();
      if (text.length !== walker.currentNode.data.length) continue; // where the small letters are more (U+0130)
      for (const word of words()) {
        for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
          const range = new Range();
          range.setStart(walker.currentNode, at);
          range.setEnd(walker.currentNode, at + word.length);
          ranges.push(range);
        }
      }
    }
  }
  CSS.highlights.set("found", new Highlight(...ranges));
}

function replaced(old, item) {
  if (old && old.told === item.steps.length + "/" + folded.has(item.group)) return old;
  const row = kept.get(item.key) || (item.step ? stepRow(item.step) : groupRow(item));
  kept.delete(item.key);
  row.itemKey = item.key;
  if (old) old.replaceWith(row);
  present.set(item.key, row);
  return row;
}

let painting = 0;
const soon = () => {
  painting =
    painting ||
    requestAnimationFrame(() => {
      painting = 0;
      paint();
    });
};
