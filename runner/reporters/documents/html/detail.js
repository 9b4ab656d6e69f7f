// ---- a step, unfolded: what was wrong, what was expected, what was captured, what was sent and came ------------------------

/** The sections of a step's details; `told` is shaped as tree.Step, without what is empty. */
function sections(told, step) {
  const exchanges = told.exchanges || [];
  return [
    about(told, step),
    told.problems ? section("Problems", told.problems.map(problem)) : null,
    told.checks ? section("Expectations", expectations(told.checks), tally(told.checks)) : null,
    told.captures ? section("Captures", captures(told.captures)) : null,
    ...(told.renewed || []).map((renewal) =>
      unfoldable(
        ["Renewed first: ", show(renewal.name), " ", outcome(renewal.status)],
        () => sections(renewal, null),
        "renewed",
      ),
    ),
    exchanges.length
      ? section(
          exchanges.length > 1 ? "Requests" : "Request",
          exchanges.map((sending, index) => exchange(sending, index, exchanges.length)),
        )
      : null,
  ].filter(Boolean);
}

const section = (title, content, aside) =>
  el("section", {}, el("h3", {}, title, aside ? el("small", {}, aside) : null), content);
const outcome = (status) => el("span", {class: "outcome " + status}, status);
const place = (where) =>
  where ? el("span", {class: "place"}, show(where.file + ":" + where.line + ":" + where.column)) : null;

function about(told, step) {
  const facts = [
    ["id", show(told.id)],
    ["at", place(told.location)],
    ["item", told.item && show(told.item)],
    [told.repeat ? "repeat" : "row", told.row],
    ["because", told.reason && show(told.reason)],
    ["saved to", told.saved && show(told.saved)],
    ["exit status", told.exit_code || null],
  ];
  return el(
    "div",
    {class: "about"},
    outcome(told.status),
    facts
      .filter(([, value]) => value !== null && value !== undefined && value !== "")
      .map(([name, value]) => el("span", {class: "fact"}, el("span", {}, name), " ", value)),
    step ? button("Copy link", () => copy(location.href.split("#")[0] + "#" + hash({step: step.key}), "link")) : null,
  );
}

function problem(told) {
  return el(
    "p",
    {class: "problem " + (told.warning ? "warning" : "error")},
    el("span", {class: "unseen"}, told.warning ? "Warning: " : "Error: "),
    show(told.message),
    " ",
    place(told.location),
    told.hint ? el("span", {class: "hint"}, show(told.hint)) : null,
  );
}

const tally = (checks) => checks.filter((check) => check.passed).length + " of " + checks.length + " hold";

function expectations(checks) {
  const rows = [...checks]
    .sort((a, b) => a.passed - b.passed)
    .map((check) => {
      const [expected, actual] = check.passed
        ? [show(check.expected), show(check.actual)]
        : differing(check.expected, check.actual);
      return el(
        "tr",
        {class: check.passed ? "holds" : "fails"},
        el(
          "th",
          {scope: "row"},
          el("span", {class: "mark"}),
          el("span", {class: "unseen"}, check.passed ? "holds: " : "fails: "),
          show(check.query, "query"),
          " ",
          show(check.predicate, "predicate"),
        ),
        el("td", {"data-name": "expected"}, expected),
        el("td", {"data-name": "actual"}, actual, check.note ? show(check.note, "note") : null),
        el("td", {class: "where"}, place(check.location)),
      );
    });
  const heads = ["Expectation", "Expected", "Actual", "Where"].map((name) => el("th", {scope: "col"}, name));
  return el(
    "div",
    {class: "wide"},
    el("table", {class: "checks"}, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, rows)),
  );
}

/** Two texts, with what differs between their common beginning and end marked. */
function differing(expected, actual) {
  const [a, b] = [Array.from(expected || ""), Array.from(actual || "")];
  let start = 0,
    end = 0;
  while (start < Math.min(a.length, b.length) && a[start] === b[start]) start++;
  while (end < Math.min(a.length, b.length) - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const parts = (text, mark) => {
    const middle = text.slice(start, text.length - end).join("");
    const made = el("span", {}, show(text.slice(0, start).join("")));
    if (middle) made.append(el(mark, {}, show(middle)));
    made.append(show(text.slice(text.length - end).join("")));
    return made;
  };
  return [parts(a, "del"), parts(b, "ins")];
}

function captures(taken) {
  return el(
    "ul",
    {class: "captures", role: "list"},
    taken.map((one) =>
      el(
        "li",
        {class: one.captured ? "" : "missing"},
        show(one.name, "variable"),
        one.captured ? null : el("span", {class: "tag bad"}, "not captured"),
        one.secret ? el("span", {class: "tag"}, "secret") : null,
        one.kept ? el("span", {class: "tag"}, "kept for later runs") : null,
        place(one.location),
      ),
    ),
  );
}

/** Something folded, made when it is unfolded first. */
function unfoldable(title, make, kind, unfolded) {
  const made = el("details", {class: kind}, el("summary", {}, title));
  const fill = () => {
    if (made.open && made.children.length === 1) made.append(...make().filter(Boolean));
  };
  made.addEventListener("toggle", fill);
  if (unfolded) {
    made.open = true;
    fill();
  }
  return made;
}

function exchange(sending, index, total) {
  const came =
    sending.status === undefined
      ? el("span", {class: "came none"}, "no answer (", show(sending.error || "unknown"), ")")
      : el(
          "span",
          {class: "came s" + Math.floor(sending.status / 100)},
          sending.status + " ",
          show(sending.status_text || ""),
        );
  const facts = [
    sending.duration === undefined ? null : duration(sending.duration * 1000),
    sending.size === undefined ? null : size(sending.size),
    sending.http_version && "HTTP/" + sending.http_version,
    sending.redirects && count(sending.redirects.length, "redirect"),
  ];
  const title = [
    total > 1
      ? el("span", {class: "tag"}, (sending.reason || "first") + " " + (index + 1) + "/" + total)
      : sending.reason
        ? el("span", {class: "tag"}, sending.reason)
        : null,
    show(sending.method, "method"),
    show(sending.url, "url"),
    came,
    el("span", {class: "quiet"}, show(facts.filter(Boolean).join(" \u00b7 "))),
  ].filter(Boolean);
  return unfoldable(
    title,
    () => [
      el(
        "div",
        {class: "actions"},
        button("Copy as curl", () => copyCurl(sending), {class: "curl"}),
      ),
      sending.redirects
        ? el(
            "ol",
            {class: "redirects", "aria-label": "Redirects"},
            sending.redirects.map((hop) =>
              el(
                "li",
                {},
                el("span", {class: "came s3"}, String(hop.status)),
                " ",
                show(hop.url, "url"),
                el("span", {class: "quiet"}, " \u2192 "),
                show(hop.target, "url"),
                hop.dropped ? el("span", {class: "tag"}, "without ", show(hop.dropped.join(", "))) : null,
              ),
            ),
          )
        : null,
      el(
        "div",
        {class: "sides"},
        side("Sent", sending.request, "request"),
        sending.status === undefined ? null : side("Came", sending.response, "response"),
      ),
    ],
    "exchange",
    index === total - 1,
  );
}

function side(title, message, name) {
  if (!message)
    return el(
      "div",
      {class: "side"},
      el("h4", {}, title),
      el("p", {class: "quiet"}, "The report does not hold the " + name + "."),
    );
  const fields = message.headers || [];
  const table = el(
    "table",
    {class: "fields"},
    el(
      "tbody",
      {},
      fields.map(([field, value]) => el("tr", {}, el("th", {scope: "row"}, show(field)), el("td", {}, show(value)))),
    ),
  );
  return el(
    "div",
    {class: "side"},
    el("h4", {}, title),
    fields.length
      ? unfoldable(
          ["Header fields ", el("small", {}, String(fields.length))],
          () => [table],
          "headers",
          fields.length <= 14,
        )
      : null,
    message.body ? bodyView(message.body, name) : el("p", {class: "quiet"}, "No body."),
  );
}
