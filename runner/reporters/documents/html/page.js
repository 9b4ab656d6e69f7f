// ---- the page: filters, keyboard, links, printing --------------------------------------------------------------------------

/** Brings a step to the top of what is seen, and the focus to it. */
function go(step, unfolded) {
  if (!placeOf.has(step.n)) return;
  state.current = step;
  if (unfolded && !open.has(step)) open.set(step, 0);
  const reveal = () => {
    const y = tops[placeOf.get(step.n)] + list.getBoundingClientRect().top + scrollY,
      seen = y - scrollY;
    const high = tools.offsetHeight + 8;
    if (seen < high || seen > innerHeight - 80 || unfolded)
      scrollTo({top: y - high - (unfolded ? 0 : 80), behavior: "instant"});
    paint();
  };
  layOut();
  reveal();
  reveal(); // what came on screen may have turned out higher
  const row = rowOf(step);
  if (!row) return;
  if (unfolded && !row.classList.contains("open")) unfold(row, step);
  row.firstElementChild.focus({preventScroll: true});
}

/** The step so many places further down (up: negative) that `wanted` says yes to. */
function walk(by, wanted) {
  let index =
    state.current && placeOf.has(state.current.n) ? placeOf.get(state.current.n) + by : by > 0 ? 0 : items.length - 1;
  while (items[index] && !(items[index].step && (!wanted || wanted(items[index].step)))) index += by;
  if (items[index]) go(items[index].step);
}

function hash(change) {
  const parts = new URLSearchParams();
  const now = {
    q: state.query,
    status: [...state.statuses].join(","),
    collection: state.group,
    order: state.order,
    ...change,
  };
  for (const [name, value] of Object.entries(now)) if (value) parts.set(name, value);
  return parts.toString();
}

function writeHash() {
  const last = [...open.keys()].pop();
  const told = hash({step: last && last.key});
  if (location.hash.slice(1) !== told)
    history.replaceState(null, "", told ? "#" + told : location.pathname + location.search);
}

function readHash() {
  const told = new URLSearchParams(location.hash.slice(1));
  search.value = state.query = told.get("q") || "";
  const known = new Set([...document.querySelectorAll(".chip")].map((chip) => chip.dataset.status));
  state.statuses = new Set((told.get("status") || "").split(",").filter((status) => known.has(status)));
  state.group = /^\d+$/.test(told.get("collection")) && names[told.get("collection")] ? told.get("collection") : "";
  state.order = Object.hasOwn(ORDERS, told.get("order")) ? told.get("order") : "";
  $("collection").value = state.group;
  $("order").value = state.order;
  select();
  const step = byKey.get(told.get("step"));
  if (step) go(step, true);
}

function changed() {
  select();
  writeHash();
  const top = list.getBoundingClientRect().top - tools.offsetHeight - 60;
  if (top < 0) scrollBy({top, behavior: "instant"}); // the list has become another: begin at its beginning
}

function clear() {
  state.statuses.clear();
  search.value = state.query = state.group = $("collection").value = "";
  changed();
}

const KEYS = {
  j: () => walk(1),
  k: () => walk(-1),
  n: () => walk(1, (step) => step.status === "failed"),
  "/": () => search.focus(),
  "?": () => $("help").showModal(),
  c: () => {
    const exchanges = (state.current && (whole(state.current) || {}).exchanges) || [];
    if (exchanges.length) copyCurl(exchanges[exchanges.length - 1]);
  },
};

document.addEventListener("keydown", (event) => {
  const target = event.target,
    writing = target.matches("input, select, textarea");
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  if (event.key === "Escape") {
    if (target === search && search.value) clear();
    else if (target === search) search.blur();
    else {
      const unfolded = target.closest(".step.open");
      if (!unfolded) return;
      toggle(unfolded.step);
      unfolded.firstElementChild.focus({preventScroll: true});
    }
  } else if (!writing && target.matches(".row") && (event.key === "ArrowDown" || event.key === "ArrowUp"))
    walk(event.key === "ArrowDown" ? 1 : -1);
  else if (target === search && (event.key === "Enter" || event.key === "ArrowDown") && shown.length) go(shown[0]);
  else if (!writing && $("single").checked && Object.hasOwn(KEYS, event.key)) KEYS[event.key]();
  else return;
  event.preventDefault();
});

/** Figures of the requests: how many, how long they took, what came. */
function figures() {
  const took = steps
    .flatMap((step) => step.bars)
    .filter((bar) => typeof bar[3] === "number")
    .map((bar) => bar[1])
    .sort((a, b) => a - b);
  const sent = steps.reduce((sum, step) => sum + step.bars.length, 0);
  const quantile = (share) => duration(took[Math.min(took.length - 1, Math.ceil(share * took.length) - 1)] || 0);
  const told = [
    ["sent", sent.toLocaleString("en")],
    ["came", size(steps.reduce((sum, step) => sum + step.received, 0))],
    ["median", quantile(0.5)],
    ["95 %", quantile(0.95)],
    ["slowest", quantile(1)],
    ["at once", String(lanes)],
  ];
  $("figures").append(...told.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
  $("figures").hidden = !sent;
}

function begun() {
  document.documentElement.classList.add("live");
  tools.hidden = false;
  figures();
  const retried = steps.filter((step) => step.retried).length,
    chips = document.querySelector(".chips");
  if (retried)
    chips.append(
      el(
        "button",
        {type: "button", class: "chip retried", "data-status": "retried", "aria-pressed": "false"},
        el("b", {}, retried.toLocaleString("en")),
        " retried",
      ),
    );
  for (const chip of chips.children) {
    chip.disabled = parseInt(chip.textContent, 10) === 0;
    chip.addEventListener("click", () => {
      if (!state.statuses.delete(chip.dataset.status)) state.statuses.add(chip.dataset.status);
      changed();
    });
  }
  $("collection").append(
    el("option", {value: ""}, "All collections"),
    ...names.map((named, index) => el("option", {value: index}, visible(named.name))),
  );
  $("collection").parentElement.hidden = names.length < 2;
  $("collection").addEventListener("change", () => {
    state.group = $("collection").value;
    changed();
  });
  $("order").addEventListener("change", () => {
    state.order = $("order").value;
    changed();
  });
  search.addEventListener("input", () => {
    state.query = search.value;
    changed();
  });
  $("clear").addEventListener("click", () => {
    clear();
    search.focus();
  });
  $("zoom").addEventListener("click", () => {
    state.zoom = !state.zoom;
    $("zoom").setAttribute("aria-pressed", String(state.zoom));
    paint();
  });
  $("theme").addEventListener("click", () => {
    const root = document.documentElement,
      dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    drawOverview();
  });
  $("keys").addEventListener("click", () => $("help").showModal());
  $("close").addEventListener("click", () => $("help").close());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawOverview);
  addEventListener("scroll", soon, {passive: true});
  addEventListener("resize", () => {
    layOut();
    drawOverview();
  });
  addEventListener("hashchange", readHash);
  for (const [name, on] of [
    ["beforeprint", true],
    ["afterprint", false],
  ]) {
    addEventListener(name, () => {
      printing = on;
      list.classList.toggle("printed", on);
      layOut();
    });
  }
  // Over a long run, one request is no more than a dot.
  if (steps.length > 100) $("zoom").click();
  readHash();
}

begun();
