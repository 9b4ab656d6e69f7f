const $ = (id) => document.getElementById(id);
const list = $("list"),
  search = $("search"),
  tools = document.querySelector(".tools");

// ---- elements ---------------------------------------------------------------------------------------------------------

/** An element; `attributes` with a function are listeners, null ones are left out, texts among `children` are ours. */
function el(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== null && value !== undefined && value !== false)
      made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

// What would move, hide or reorder its surroundings (as in reporters/terminal.py, but for line feed and tab), and masked values.
const SPECIAL = /((?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}])|(<<[^<>\n]{1,80}>>)/gu;

/** Foreign text, isolated from the direction of what stands around it; what cannot be seen is shown as an escape. */
function show(text, kind) {
  const made = el("bdi", {class: kind || null});
  let done = 0;
  for (const match of String(text).matchAll(SPECIAL)) {
    made.append(text.slice(done, match.index));
    made.append(match[1] ? el("span", {class: "escape"}, escaped(match[1])) : el("span", {class: "masked"}, match[2]));
    done = match.index + match[0].length;
  }
  made.append(String(text).slice(done));
  return made;
}

function escaped(character) {
  const code = character.codePointAt(0);
  return code < 0x100 ? "\\x" + code.toString(16).padStart(2, "0") : "\\u" + code.toString(16).padStart(4, "0");
}

const visible = (text) => String(text).replace(SPECIAL, (all, control) => (control ? escaped(control) : all));

const button = (text, click, attributes) => el("button", {type: "button", click, ...attributes}, text);

// ---- quantities (as in quantities.py) -----------------------------------------------------------------------------------

function duration(ms) {
  if (ms < 1000) return (ms < 10 && ms % 1 ? ms.toFixed(1) : Math.round(ms)) + " ms";
  if (ms < 60000) return (ms / 1000).toFixed(2) + " s";
  const minutes = Math.floor(Math.round(ms / 1000) / 60),
    seconds = Math.round(ms / 1000) % 60;
  if (minutes < 60) return minutes + " m" + (seconds ? " " + seconds + " s" : "");
  return Math.floor(minutes / 60) + " h" + (minutes % 60 ? " " + (minutes % 60) + " m" : "");
}

function size(bytes) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  for (; bytes >= 1000 && unit < 4; unit++) bytes /= 1000;
  return (unit ? bytes.toFixed(1) : bytes) + " " + units[unit];
}

const count = (number, noun) => number.toLocaleString("en") + " " + noun + (number === 1 ? "" : "s");
