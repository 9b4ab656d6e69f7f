"""The page asks for nothing, obeys no text that it shows, and holds no secret."""

from __future__ import annotations

import http.server
import json
import threading
from functools import partial
from pathlib import Path

import pytest

from runner.reporters.documents import html
from tests import report_trees as trees
from tests.commands import write, zrun
from tests.leak_scanner import Scanner
from tests.report_html.hostile import HOSTILE, hostile
from tests.report_html.page import NAMES, Page
from tests.servers import Server


def test_from_a_server_it_asks_for_nothing_else_either(page: Page, tmp_path: Path) -> None:
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            asked.append(self.path)
            super().do_GET()

    with (tmp_path / "index.html").open("w", encoding="utf-8") as out:
        html.write(trees.shop(), out)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        page.open(f"http://127.0.0.1:{server.server_port}/index.html")
        assert page.evaluate(f"{NAMES}.length") == 16
        page.click("#list .row")
        page.wait("document.querySelector('.detail .code') !== null")
    finally:
        server.shutdown()
        server.server_close()
    assert asked == ["/index.html"]


def test_what_is_hostile_is_text(page: Page) -> None:
    path = page.show(hostile())
    page.press("j", "Enter")
    page.wait("document.querySelector('.detail .renewed') !== null")
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    page.wait("document.querySelectorAll('.exchange[open] .line').length > 20")
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    page.wait("document.querySelectorAll('.renewed[open] .exchange').length === 22")
    assert page.evaluate("globalThis.pwned") is None
    assert page.evaluate("[...document.querySelectorAll('img, iframe, object, embed, form, svg script')].length") == 0
    assert page.evaluate("[...document.links].map(a => a.getAttribute('href'))") == ["#list"]
    bodies = page.evaluate("[...document.querySelectorAll('.side:last-child .code')].map(c => c.textContent)")
    for each in HOSTILE:
        if each.isascii():
            assert any(each in shown for shown in bodies), each
    # Marks that turn the direction, line separators, controls, half characters: none is obeyed, all are seen.
    for shown in page.evaluate("['body', '.detail', '.row', '.code'].map(s => document.querySelector(s).textContent)"):
        assert not set("\u202e\u2066\u2028\u2029\x1b\x00") & set(shown)
    detail = page.evaluate("document.querySelector('.detail').textContent")
    assert detail.count("\\u202egnp.exe\\u2066\\u2028\\u2029\\x1b[31m\\x00") > 10
    assert page.requests() == [path.as_uri()]
    # Search finds markup as text, and a link made by others names nothing that is not there.
    page.show(hostile(), "#q=%3Cimg%20src&status=failed,evil&collection=__proto__&order=constructor&step=__proto__")
    assert page.evaluate("document.getElementById('count').textContent") == "2 requests"
    assert page.evaluate("document.querySelectorAll('#list .group').length") == 1  # in the order of the files


def test_a_scripted_page_could_not_be_made_of_it(page: Page) -> None:
    """The policy holds in the browser: no markup from texts, no code from texts, no style, no request."""
    page.show(trees.shop())
    tried = """(async () => {
      const outcome = {};
      const attempt = (name, act) => { try { act(); outcome[name] = "done"; } catch { outcome[name] = "refused"; } };
      attempt("markup", () => { document.body.innerHTML = "<b>x</b>"; });
      const script = document.createElement("script");
      attempt("script", () => { script.textContent = "globalThis.pwned = 1"; });
      try { document.body.append(script); } catch {}
      outcome.fetched = await fetch("http://127.0.0.1:9/").then(() => "done", () => "refused");
      outcome.pwned = String(globalThis.pwned);
      return JSON.stringify(outcome);
    })()"""
    answer = page.ask("Runtime.evaluate", expression=tried, awaitPromise=True, returnByValue=True)
    assert json.loads(answer["result"]["value"]) == {
        "markup": "refused",
        "script": "refused",
        "fetched": "refused",
        "pwned": "undefined",
    }
    assert page.complaints() != []
    page.show(trees.shop())


def test_a_real_run_has_no_secret_in_it(page: Page, tmp_path: Path, server: Server) -> None:
    pytest.importorskip("runner.reporters.documents.forms")
    secrets = {
        "MADE_UP_KEY": "made-up-key-<script>-0123456789",
        "MADE_UP_PASSWORD": 'made-up "password" für 漢字 & more',
    }
    collection = """\
requests:
  one:
    name: Say it
    post: <<url>>/echo
    query: {q: <<password>>}
    headers: {X-Key: <<key>>}
    json: {a: "<<password>>", b: 1}
    capture: {said: json $.body}
    expect: {status: 200, json $.size: 7}
  two:
    get: <<url>>/echo
    headers: {X-Said: <<said | b64encode>>}
    for-each: <<[1, 2, 3]>>
"""
    env = f"variables: {{url: '{server.url}'}}\nsecrets: {{key: {{env: MADE_UP_KEY}}, password: {{env: MADE_UP_PASSWORD}}}}\n"
    write(tmp_path, c=collection, us__env=env)
    done = zrun(tmp_path, "c.yaml", "-e", "us", "--report", "html=out.html", **secrets)
    assert done.status == 1, done.err
    text = (tmp_path / "out.html").read_text("ascii")
    page.open((tmp_path / "out.html").as_uri() + "#step=one")
    page.wait("document.querySelector('.detail .code') !== null")
    shown = page.evaluate("document.body.innerText")
    for part in ("1 of", "Say it", "<<key>>", "<<password>>", "Expectations", "json $.size"):
        assert part.lower() in shown.lower(), part
    scanner = Scanner(secrets)
    assert scanner.names_in(text) == set()
    assert scanner.names_in(shown) == set()
    # The scanner would have found them.
    assert scanner.names_in(shown.replace("<<key>>", secrets["MADE_UP_KEY"])) == {"MADE_UP_KEY"}
    assert len(page.requests()) == 1
