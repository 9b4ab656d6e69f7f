// ---- copying, and a request as a command ---------------------------------------------------------------------------------

const said = $("said");

/** Tells whoever listens, and shows for a moment. */
function say(text) {
  said.textContent = text;
  clearTimeout(say.timer);
  said.classList.add("shown");
  say.timer = setTimeout(() => said.classList.remove("shown"), 4000);
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // a page that was not served over TLS has no clipboard of its own
    const area = el("textarea", {class: "unseen", "aria-hidden": "true"}),
      focused = document.activeElement;
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (focused) focused.focus({preventScroll: true});
    if (!done) return say("The browser does not let the " + what + " be copied.");
  }
  say("Copied: " + what);
}

/** Copies the command, and tells what a person has to put in before it can be run. */
function copyCurl(sending) {
  const command = curl(sending),
    masked = [...new Set(command.match(/<<[^<>\n]{1,80}>>|(?<=[ =/])\.\.\.(?=['@&]|$)/gm) || [])];
  const lacks = [];
  if (command.endsWith(NOT_HELD)) lacks.push("the body into body.bin, which the report does not hold");
  if (masked.length) lacks.push("secrets in place of " + masked.join(", "));
  copy(command, "curl command" + (lacks.length ? "; put " + lacks.join(", and ") : ""));
}

const NOT_HELD = "--data-binary @body.bin";

// What a terminal, or who looks at one, would obey even between quotes. Lines stay lines, so that a body can be read.
const OBEYED = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** One word for a shell (POSIX.1-2024, 2.2): plain, in single quotes, or in `$'...'` with octal bytes. */
function quoted(text) {
  if (text.toWellFormed) text = text.toWellFormed();
  if (/^[\w./:@%+,-][\w./:=@%+,-]*$/.test(text)) return text; // zsh takes a first `=` for the name of a command
  if (!OBEYED.test(text)) return "'" + text.replaceAll("'", "'\\''") + "'";
  const octal = (byte) => "\\" + byte.toString(8).padStart(3, "0");
  const spelled = (character) => Array.from(new TextEncoder().encode(character), octal).join("");
  // `!` too: after an escaped quote, bash would look for it in its history.
  const inside = Array.from(text, (one) => (/['\\!\n]/.test(one) || OBEYED.test(one) ? spelled(one) : one));
  return "$'" + inside.join("") + "'";
}

/** Whether the text is all that was sent: of bytes that were no UTF-8 it is not, and an argument cannot hold a NUL. */
function isHeld(body) {
  if (body.text === undefined || body.cut || /[\0\ufffd]/.test(body.text)) return false;
  return new TextEncoder().encode(body.text).length === body.size || /<<|\.\.\./.test(body.text); // masked: of another size
}

/**
 * The command that sends the same again: method, address, header fields and body. Where the request names no User-Agent
 * and no Accept, curl puts in its own.
 */
function curl(sending) {
  const message = sending.request || {},
    fields = message.headers || [],
    body = message.body;
  const words = ["curl", "--globoff --path-as-is"];
  const sends = Boolean(body && (body.size || body.text));
  if (sending.method === "HEAD" && !sends) words.push("--head");
  else if (sending.method !== (sends ? "POST" : "GET")) words.push("--request " + quoted(sending.method));
  words.push("--url " + quoted(sending.url.split("#")[0]));
  for (const [written, value] of fields) {
    if (/^(content-length|transfer-encoding)$/i.test(written)) continue; // of the body, which curl counts itself
    const field = written.replace(/[^!#$%&'*+.^`|~\w-]+/g, ""), // a token (RFC 9110, 5.6.2): curl reads a file for `@`
      line = value.replace(/[\r\n\0]+/g, " ");
    words.push("--header " + quoted(field + (line.trim() ? ": " + line : ";")));
    if (/^accept-encoding$/i.test(field)) words.push("--compressed");
  }
  if (sends) {
    // Else curl would call it a form.
    if (!fields.some(([field]) => field.toLowerCase() === "content-type")) words.push("--header 'Content-Type:'");
    words.push(isHeld(body) ? "--data-raw " + quoted(body.text) : NOT_HELD);
  }
  return words.join(" \\\n  ");
}
