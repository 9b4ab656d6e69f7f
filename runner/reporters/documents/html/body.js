// ---- bodies -----------------------------------------------------------------------------------------------------------------

const JSON_TOKEN = /"(?:[^"\\]|\\[^])*(?:"|$)|[{}[\],:]|[^\s{}[\],:"]+/g;
const LINES = 400; // a body is shown in pieces of so many lines

function bodyView(body, name) {
  const described = [body.media_type, size(body.size)].filter(Boolean).join(", ");
  if (body.text === undefined)
    return el("p", {class: "quiet"}, "Body: ", show(described), " (no text, in a file, or left out of a long report)");
  const lines = isJson(body)
    ? jsonLines(body.text)
    : body.text
        .replace(/\r\n/g, "\n")
        .replace(/\n$/, "")
        .split("\n")
        .map((line) => ({depth: 0, tokens: [["", line]]}));
  const code = el("div", {class: "code", tabindex: "0", role: "group", "aria-label": name + " body"});
  const state = {lines, folded: new Set(), bound: LINES, code};
  fillBody(state);
  const wrap = button("Wrap", () => wrap.setAttribute("aria-pressed", String(code.classList.toggle("wrap"))), {
    "aria-pressed": "false",
  });
  return el(
    "div",
    {class: "body"},
    el(
      "div",
      {class: "actions"},
      el("span", {class: "quiet"}, show(described), body.cut ? " (its beginning)" : ""),
      wrap,
      button("Copy", () => copy(body.text, name + " body"), {"aria-label": "Copy the " + name + " body"}),
    ),
    code,
  );
}

function isJson(body) {
  if (/[/+]json$/i.test(body.media_type || "")) return true;
  try {
    return /^\s*[{[]/.test(body.text) && Boolean(JSON.parse(body.text));
  } catch {
    return false;
  }
}

/** JSON with a member on a line, its tokens exactly as they came; `end` of a line is where what it opens is closed. */
function jsonLines(text) {
  const tokens = text.match(JSON_TOKEN) || [],
    lines = [{depth: 0, tokens: []}],
    opened = [];
  let depth = 0;
  tokens.forEach((token, index) => {
    const following = tokens[index + 1],
      opens = token === "{" || token === "[",
      closes = following === "}" || following === "]";
    const line = lines[lines.length - 1];
    if (token === "}" || token === "]") {
      const opener = opened.pop();
      if (opener !== undefined && opener !== lines.length - 1) lines[opener].end = lines.length - 1;
    }
    if (opens) opened.push(lines.length - 1);
    line.tokens.push([tokenKind(token, following), token === ":" ? ": " : token]);
    depth += opens - closes;
    if (following !== undefined && (token === "," || opens !== closes))
      lines.push({depth: Math.max(0, depth), tokens: []});
  });
  return lines.filter((line, index) => line.tokens.length || !index);
}

function tokenKind(token, following) {
  if (token[0] === '"') return following === ":" ? "key" : "text";
  return /^[{}[\],:]$/.test(token) ? "" : /^(true|false|null)$/.test(token) ? "word" : "number";
}

function fillBody(state) {
  const made = [];
  let index = 0;
  for (; index < state.lines.length && made.length < state.bound; index++) {
    const line = state.lines[index],
      folded = state.folded.has(index);
    made.push(bodyLine(state, line, index, folded));
    if (folded) index = line.end - 1;
  }
  if (index < state.lines.length) {
    made.push(
      button(
        "Show more of " + count(state.lines.length, "line"),
        () => {
          state.bound += 5 * LINES;
          fillBody(state);
        },
        {class: "more"},
      ),
    );
  }
  state.code.replaceChildren(...made);
}

function bodyLine(state, line, index, folded) {
  const text = el(
    "span",
    {class: "text"},
    line.tokens.map(([kind, token]) => show(token, kind)),
  );
  text.style.paddingInlineStart = Math.min(line.depth, 40) * 1.25 + "em";
  const made = el("div", {class: "line", "data-n": index + 1}, text);
  if (line.end) {
    const hidden = line.end - index - 1;
    const toggle = button(
      "",
      () => {
        if (!state.folded.delete(index)) state.folded.add(index);
        fillBody(state);
        const again = state.code.querySelector('[data-n="' + (index + 1) + '"] > button');
        if (again) again.focus();
      },
      {
        class: "fold",
        "aria-expanded": String(!folded),
        "aria-label": "line " + (index + 1) + ", " + count(hidden, "line") + " inside",
      },
    );
    made.prepend(toggle);
    if (folded) text.append(el("span", {class: "quiet"}, " \u2026 " + count(hidden, "line") + " \u2026"));
  }
  return made;
}
