"""A run in which every text that others can choose wants to be more than text."""

from __future__ import annotations

from dataclasses import replace

from runner.reporters.documents.tree import Named, Report, Trouble
from tests import report_trees as trees

HOSTILE = (
    "</script><script>globalThis.pwned=1</script><!--<script>",
    "<img src=x onerror=globalThis.pwned=1>",
    "</script a=1 <b </script/ <!--<script <img src=x onerror=globalThis.pwned=1 ",
    "\u202egnp.exe\u2066\u2028\u2029\x1b[31m\x00\ud800",
    "]]></style><svg/onload=globalThis.pwned=1>",
    "javascript:globalThis.pwned=1",
    "{{script}} &lt;b&gt; ${1} \\u003cscript>",
)


def hostile() -> Report:
    """A run in which every text that others can choose is hostile."""
    text = " ".join(HOSTILE)
    headers = tuple((f"X-{n}", each) for n, each in enumerate(HOSTILE))
    sendings = [
        trees.sending(headers=headers, came=trees.body(each, kind), sent=trees.body({"a": [each]}))
        for each in HOSTILE
        for kind in ("text/html", "application/json", text)
    ]
    sendings = [replace(one, url=HOSTILE[5], status_text=text, method=HOSTILE[1]) for one in sendings]
    sendings.append(trees.sending(status=None, error=text))
    one = trees.step("x" + text, text, *sendings, status="failed", collection="<b>.yaml")
    one = replace(one, checks=(trees.check(text, text, text[::-1], note=text),), item=text, reason=text, saved=text)
    one = replace(one, problems=(Trouble(text, text, False, trees.place(file=text)),), renewed=(one,))
    made = trees.report(one, one, collections=(Named(text, "<b>.yaml"), Named(text, text)))
    return replace(made, run=replace(made.run, environment=text, problems=one.problems))
