// ---- rows ---------------------------------------------------------------------------------------------------------------

function groupRow(group) {
  const named = names[group.group] || {name: "", file: ""};
  const failed = group.steps.filter((step) => step.status === "failed").length;
  const unfolded = !folded.has(group.group);
  const row = el(
    "li",
    {class: "group"},
    el(
      "button",
      {
        type: "button",
        "aria-expanded": String(unfolded),
        click: () => {
          if (!folded.delete(group.group)) folded.add(group.group);
          select();
        },
      },
      el("b", {}, show(named.name)),
      show(named.file, "file"),
      el("span", {class: "sum"}, count(group.steps.length, "request")),
      failed ? el("span", {class: "sum failed"}, failed + " failed") : null,
    ),
  );
  row.told = group.steps.length + "/" + !unfolded;
  return row;
}

function stepRow(step) {
  const came = step.came === null ? "" : String(step.came);
  const kind = typeof step.came === "number" ? "came s" + Math.floor(step.came / 100) : "came none";
  const label = [
    step.status,
    step.name,
    step.of,
    step.method,
    came,
    duration(step.took),
    step.sent > 1 ? count(step.sent, "request") : "",
  ];
  const track = el("span", {class: "track"}),
    failure = step.status === "passed" ? null : step.failure;
  const turns = step.bars.reduce((sum, bar) => sum + bar[4], 0);
  const row = el(
    "li",
    {class: "step " + step.status},
    el(
      "button",
      {
        type: "button",
        class: "row",
        "aria-expanded": "false",
        "aria-label": visible(label.filter(Boolean).join(", ")),
        click: () => toggle(step),
        focus: () => {
          state.current = step;
        },
      },
      el("span", {class: "mark"}),
      el(
        "span",
        {class: "name"},
        el("b", {}, show(step.name)),
        step.of ? show(step.of, "of") : null,
        step.sent > 1 ? el("span", {class: "tag"}, "\u00d7" + step.sent) : null,
        turns ? el("span", {class: "tag turns"}, "\u21aa" + turns) : null,
        failure ? show(failure, "why") : show(step.url ? shortened(step.url) : "", "url"),
      ),
      el("span", {class: "method"}, show(step.method || "")),
      el("span", {class: kind}, show(came)),
      el("span", {class: "took"}, step.bars.length ? duration(step.took) : ""),
      track,
    ),
  );
  row.step = step;
  row.track = track;
  if (open.has(step)) unfold(row, step);
  return row;
}

const rowOf = (step) => present.get(step.n) || kept.get(step.n);

function toggle(step) {
  const row = rowOf(step);
  if (open.has(step)) {
    open.delete(step);
    kept.delete(step.n);
    if (row) fold(row);
  } else {
    open.set(step, 0);
    if (row) unfold(row, step);
  }
  layOut();
  writeHash();
}

const watching = new ResizeObserver((entries) => {
  let moved = false;
  for (const {target} of entries) {
    const high = target.getBoundingClientRect().height;
    if (!target.isConnected || !open.has(target.step) || open.get(target.step) === high) continue;
    open.set(target.step, high);
    moved = true;
  }
  if (moved) layOut();
});

const CUT = "The file ends before this request: it was not written whole.";

function unfold(row, step) {
  const button = row.firstElementChild,
    id = "detail-" + step.n;
  const detail = el("div", {class: "detail", id, role: "region", "aria-label": visible(step.name) + ", details"});
  detail.step = step;
  let told = null;
  const fill = (lacking) => {
    if (told) return;
    told = whole(step);
    detail.replaceChildren(...(told ? sections(told, step) : [el("p", {class: "quiet"}, lacking)]));
  };
  const reading = document.readyState === "loading";
  fill(reading ? "Still being read\u2026" : CUT);
  if (reading) {
    document.addEventListener("DOMContentLoaded", () => fill(CUT), {once: true});
  }
  button.setAttribute("aria-expanded", "true");
  button.setAttribute("aria-controls", id);
  row.classList.add("open");
  row.append(detail);
  watching.observe(detail);
}

function fold(row) {
  row.classList.remove("open");
  row.firstElementChild.setAttribute("aria-expanded", "false");
  row.firstElementChild.removeAttribute("aria-controls");
  watching.unobserve(row.lastElementChild);
  row.lastElementChild.remove();
}
