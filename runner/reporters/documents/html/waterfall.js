// ---- the waterfall --------------------------------------------------------------------------------------------------------

let from = 0,
  to = 1; // milliseconds at its left and right end

/** Takes the scale from all that is shown, or from the rows on screen, and writes the axis. */
function scale(onScreen) {
  const rows = onScreen.map((index) => items[index].step).filter(Boolean);
  placeWindow(rows);
  const over = state.zoom && rows.length ? rows : shown;
  let low = Infinity,
    high = -Infinity;
  for (const step of over) {
    low = Math.min(low, step.first);
    high = Math.max(high, step.end);
  }
  if (low > high) [low, high] = [0, 1];
  if (low > 0 && low < (high - low) / 20) low = 0;
  high = Math.max(high, low + 1);
  if (low === from && high === to && $("axis").firstChild) return;
  [from, to] = [low, high];
  const rough = (to - from) / Math.max(1, $("axis").clientWidth / 90),
    power = 10 ** Math.floor(Math.log10(rough));
  const tick = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough);
  const ticks = [];
  for (let moment = Math.ceil(from / tick) * tick; moment <= to; moment += tick) {
    const mark = el("span", {}, axisTime(moment));
    mark.style.left = share(moment) + "%";
    if (share(moment) < 93) ticks.push(mark);
  }
  $("axis").replaceChildren(...ticks);
  list.style.setProperty("--tick", (100 * tick) / (to - from) + "%");
  list.style.setProperty("--tick-from", share(Math.ceil(from / tick) * tick) + "%");
}

function axisTime(ms) {
  if (ms < 1000 || ms >= 60000) return ms ? duration(ms) : "0";
  return Number((ms / 1000).toFixed(3)) + " s";
}

const share = (moment) => (100 * (moment - from)) / (to - from);

/** The bars of a step: the whole of it, faint, and each request; hatched is what was sent again, red what got no answer. */
function placeBars(track, step) {
  if (track.scale === from + "/" + to) return;
  track.scale = from + "/" + to;
  const bits = [];
  const add = (start, took, kind, title) => {
    const bit = el("span", {class: "bit " + kind, title});
    bit.style.left = Math.max(0, Math.min(99.8, share(start))) + "%";
    bit.style.width = Math.max(0, Math.min(100 - share(start), (100 * took) / (to - from))) + "%";
    bits.push(bit);
  };
  if (step.bars.length) add(step.first, step.end - step.first, "span", null);
  step.bars.forEach(([start, took, reason, came, redirects], index) => {
    const none = typeof came !== "number";
    // What a step failed with is its last answer, whatever its status: red as the step is in the overview.
    const failed = step.status === "failed" && index === step.bars.length - 1;
    const kind =
      (reason ? "again " + (reason === "renew" ? "renew" : "") : "") +
      (none ? " none" : failed || came >= 400 ? " refused" : "");
    const turns = redirects ? ", " + count(redirects, "redirect") : "";
    add(
      start,
      took,
      kind,
      visible(
        (reason || "request") +
          (step.bars.length > 1 ? " " + (index + 1) : "") +
          ": " +
          (none ? came || "no answer" : came) +
          turns +
          ", from " +
          duration(start) +
          ", took " +
          duration(took),
      ),
    );
    if (redirects) bits[bits.length - 1].classList.add("turned");
  });
  track.replaceChildren(...bits);
}

// The overview: all steps over the whole run, those at the same time below each other.
const overview = $("overview"),
  canvas = overview.firstElementChild;
const begin = steps.reduce((low, step) => Math.min(low, step.first), 0),
  finish = steps.reduce((high, step) => Math.max(high, step.end), 1);
let lanes = 1;
{
  const ends = [];
  for (const step of steps.filter((one) => one.bars.length).sort((a, b) => a.first - b.first)) {
    let lane = ends.findIndex((end) => end <= step.first);
    if (lane < 0) lane = ends.length < 64 ? ends.length : step.n % 64;
    ends[lane] = step.end;
    step.lane = lane;
  }
  lanes = Math.max(1, ends.length);
}

/** How high a lane is in a box of that height, and where the first begins: few lie in its middle. */
function laneOf(height) {
  const high = Math.min(height / lanes, height / 2.5);
  return {high, above: (height - high * lanes) / 2};
}

let drawing = 0;
const drawOverview = () => {
  drawing =
    drawing ||
    requestAnimationFrame(() => {
      drawing = 0;
      draw();
    });
};

function draw() {
  const ratio = devicePixelRatio || 1;
  const width = (canvas.width = overview.clientWidth * ratio),
    height = (canvas.height = overview.clientHeight * ratio);
  const pen = canvas.getContext("2d"),
    {high, above} = laneOf(height),
    lit = new Set(shown);
  const across = (moment) => ((moment - begin) / (finish - begin)) * width;
  // A canvas knows no variables: the colours of the scheme in use are asked of the element.
  const colours = {};
  for (const status of ["passed", "failed", "skipped", "blocked"]) {
    canvas.style.color = "var(--" + status + ")";
    colours[status] = getComputedStyle(canvas).color;
  }
  for (const failures of [false, true]) {
    // failures last, so that nothing covers them
    for (const step of steps) {
      if (step.lane === undefined || (step.status === "failed") !== failures) continue;
      pen.globalAlpha = lit.has(step) ? 0.9 : 0.15;
      pen.fillStyle = colours[step.status];
      const left = across(step.first);
      pen.fillRect(
        left,
        above + step.lane * high,
        Math.max(ratio, across(step.end) - left - 0.3 * ratio),
        Math.max(1, high - ratio),
      );
    }
  }
}

function placeWindow(rows) {
  const window = overview.lastElementChild,
    low = Math.min(...rows.map((step) => step.first)),
    high = Math.max(...rows.map((step) => step.end));
  window.hidden = !rows.length;
  window.style.left = (100 * (low - begin)) / (finish - begin) + "%";
  window.style.width = (100 * (high - low)) / (finish - begin) + "%";
}

overview.addEventListener("click", (event) => {
  const box = overview.getBoundingClientRect();
  const moment = begin + ((event.clientX - box.left) / box.width) * (finish - begin);
  const {high, above} = laneOf(box.height),
    lane = Math.floor((event.clientY - box.top - above) / high);
  let best = null,
    far = Infinity;
  for (const step of shown) {
    const away = Math.max(0, step.first - moment, moment - step.end) + Math.abs((step.lane || 0) - lane) * 1e-3;
    if (away < far) [best, far] = [step, away];
  }
  if (best) go(best);
});
