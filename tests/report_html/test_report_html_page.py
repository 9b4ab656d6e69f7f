"""What the page shows of a run, and how it is searched, unfolded, scrolled and printed."""

from __future__ import annotations

from pathlib import Path

from runner.reporters.documents.tree import Body
from tests import report_trees as trees
from tests.report_html.page import FOCUSED, NAMES, ROWS, Page


def test_it_opens_from_a_file_and_asks_for_nothing(page: Page) -> None:
    path = page.show(trees.shop())
    assert page.requests() == [path.as_uri()]
    assert page.evaluate("document.title") == "2 of 16 failed · CRM smoke test, Search · zrun"
    assert page.evaluate("document.getElementById('count').textContent") == "16 requests"
    assert page.evaluate(f"{NAMES}.slice(0, 3)") == ["Access token", "Create a lead", "Read it back"]
    assert page.evaluate("document.querySelectorAll('#list .group').length") == 2
    # What is plain HTML for those without a script has gone.
    assert page.evaluate("getComputedStyle(document.getElementById('failures')).display") == "none"


def test_filters_and_search_choose_and_a_link_remembers(page: Page) -> None:
    page.show(trees.shop())
    page.click(".chip.failed")
    assert page.evaluate(NAMES) == ["Read it back", "Register the webhook"]
    assert page.evaluate("document.querySelector('.chip.failed').getAttribute('aria-pressed')") == "true"
    assert page.evaluate("document.getElementById('count').textContent") == "2 of 16 requests"
    page.click(".chip.retried")
    assert page.evaluate(NAMES) == ["Create a lead", "Read it back", "Register the webhook"]
    page.click(".chip.failed")
    page.click(".chip.retried")
    page.press("/")
    page.ask("Input.insertText", text="TIMEOUT hooks")
    assert page.evaluate(NAMES) == ["Register the webhook"]
    for found, text in [("Read it back", "moebel"), ("Search by e-mail", "a+b3@"), ("Delete the lead", "cleanup")]:
        page.enter("#search", text)
        assert page.evaluate(NAMES) == [found]
    page.enter("#search", "LEAD pos")
    assert page.evaluate("[...CSS.highlights.get('found')].map(String)") == ["lead", "Lead", "POS"]
    page.press("Escape")
    assert page.evaluate(f"{NAMES}.length") == 16
    page.enter("#collection", "1")
    page.enter("#order", "slowest")
    assert page.evaluate(f"{NAMES}.length") == 9
    assert page.evaluate("document.querySelector('#list .row .of').textContent") == "a+b4@example.test"
    fragment = page.evaluate("location.hash")
    page.show(trees.shop(), fragment)
    assert page.evaluate(f"{NAMES}.length") == 9
    assert page.evaluate("document.getElementById('order').value") == "slowest"


def test_what_a_step_failed_with_is_red_in_its_row_too(page: Page) -> None:
    page.show(trees.shop())
    last = "[...row.querySelectorAll('.bit:not(.span)')].at(-1)"
    red = f"{ROWS}.map(row => [row.querySelector('b').textContent, {last}])"
    red += ".filter(([, bit]) => bit && (bit.classList.contains('refused') || bit.classList.contains('none')))"
    assert page.evaluate(f"{red}.map(([name]) => name)") == ["Read it back", "Register the webhook"]


def test_nothing_found_says_so(page: Page) -> None:
    page.show(trees.shop(), "#q=nowhere")
    assert page.evaluate("document.getElementById('count').textContent") == "0 of 16 requests"
    assert page.evaluate("document.getElementById('none').hidden") is False
    page.click("#clear")
    assert page.evaluate(f"{NAMES}.length") == 16


def test_a_link_leads_to_a_step_and_to_one_of_many_items(page: Page) -> None:
    page.show(trees.shop(), "#step=search~7")
    assert page.evaluate("document.querySelector('.step.open .of').textContent") == "a+b6@example.test"
    page.show(trees.shop(), "#step=read-lead")
    shown = page.evaluate(
        "[...document.querySelectorAll('.checks tbody tr')].map(r => [...r.children].map(c => c.textContent))"
    )
    assert shown[0] == [
        "fails: json $.data[0].Company eq",
        "Zürich Möbel",
        "Zürich Moebel",
        "collections/leads.yaml:9:7",
    ]
    assert page.evaluate("[document.querySelector('del').textContent, document.querySelector('ins').textContent]") == [
        "ö",
        "oe",
    ]
    # Retries, and what a renewal sent, are there too.
    page.show(trees.shop(), "#step=search~5")
    assert page.evaluate("document.querySelectorAll('.exchange > summary').length") == 2
    page.evaluate("document.querySelector('.renewed').open = true")
    page.wait("document.querySelector('.renewed .captures')?.textContent.includes('access_token')")


def test_json_is_laid_out_as_it_came_and_folds(page: Page) -> None:
    text = '{"big":12345678901234567890123,"same":1,"same":2,"deep":{"list":[1.0,{"x":"a, {b}"}],"none":[]}}'
    sent = trees.sending(came=Body("application/json", len(text), text))
    page.show(trees.report(trees.step("a", "A", sent)), "#step=a")
    lines = "[...document.querySelectorAll('.side:last-child .line > .text')].map(t => t.textContent)"
    whole = page.evaluate(lines)
    assert whole[:5] == ["{", '"big": 12345678901234567890123,', '"same": 1,', '"same": 2,', '"deep": {']
    assert "".join(whole).replace(": ", ":") == text
    page.evaluate("document.querySelectorAll('.side:last-child .fold')[1].click()")
    assert page.evaluate(lines)[4:] == ['"deep": { … 7 lines …', "}", "}"]
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "false"
    page.press("Enter")
    assert page.evaluate(lines) == whole


def test_a_long_body_is_shown_in_pieces(page: Page) -> None:
    text = "\n".join(f"line {n}" for n in range(3000))
    page.show(trees.report(trees.step("a", "A", trees.sending(came=trees.body(text, "text/plain")))), "#step=a")
    assert page.evaluate("document.querySelectorAll('.line').length") == 400
    page.click(".more")
    assert page.evaluate("document.querySelectorAll('.line').length") == 2400


def test_of_5000_steps_only_those_near_the_screen_are_in_the_document(page: Page) -> None:
    page.show(trees.long_report(5000))
    assert page.evaluate("document.getElementById('count').textContent") == "5,000 requests"
    assert page.evaluate(f"{ROWS}.length") < 80
    page.evaluate("scrollTo(0, 90000)")
    page.wait(f"{ROWS}.length > 10 && Number({ROWS}[5].querySelector('.of').textContent.slice(4)) > 2000")
    assert page.evaluate(f"{ROWS}.length") < 80
    page.click(".chip.failed")
    assert page.evaluate("document.getElementById('count').textContent") == "51 of 5,000 requests"
    page.evaluate("scrollTo(0, 0)")
    page.wait(f"{ROWS}.some(row => row.querySelector('.of').textContent === 'row 97')")
    page.press("n", "n", "n", "Enter")
    assert page.evaluate("location.hash") == "#status=failed&step=upsert%7E291"
    page.click(".chip.failed")
    # To the last, by a link: unfolded, on screen, focused.
    page.evaluate("location.hash = 'step=upsert~5000'")
    page.wait("document.activeElement.querySelector('.of')?.textContent === 'row 5000'")
    box = page.evaluate("(b => [b.top >= 0, b.bottom <= innerHeight])(document.activeElement.getBoundingClientRect())")
    assert box == [True, True]
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
    # The focus is not lost when its row is far away.
    page.evaluate("scrollTo(0, 0)")
    page.wait(f"{ROWS}.some(row => row.querySelector('.of').textContent === 'row 1')")
    assert page.evaluate("document.activeElement.querySelector('.of')?.textContent") == "row 5000"


def test_the_overview_leads_to_a_step(page: Page) -> None:
    page.show(trees.shop())
    # The webhook ends last; it is in the third of six lanes.
    box = "document.getElementById('overview').getBoundingClientRect()"
    spot = page.evaluate(f"(b => [b.right - 20, b.top + b.height * 2.5 / 6])({box})")
    for kind in ("mousePressed", "mouseReleased"):
        page.ask("Input.dispatchMouseEvent", type=kind, x=spot[0], y=spot[1], button="left", clickCount=1)
    assert page.evaluate(FOCUSED) == "Register the webhook"
    drawn = """(c => new Set([...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]).size)
      (document.querySelector('#overview canvas'))"""
    page.wait(f"{drawn} > 5")


def test_the_waterfall_shows_when_each_request_was(page: Page) -> None:
    page.show(trees.shop())
    bars = """[...document.querySelectorAll('#list .step')].map(
      li => [...li.querySelectorAll('.bit:not(.span)')].map(({classList, style}) => [
        [...classList].join(" "), Math.round(10 * parseFloat(style.left)), Math.round(10 * parseFloat(style.width))]))"""
    found = page.evaluate(bars)
    # The run is 2.2 s long: permille of it.
    assert found[0] == [["bit", 9, 109]]
    assert found[1] == [["bit refused", 136, 41], ["bit again", 327, 141]]
    assert found[3] == []
    assert found[4] == [["bit turned", 482, 236]]
    assert found[5] == [["bit none", 591, 409]]
    first, last = (page.evaluate(f"document.querySelectorAll('#axis span')[{n}].textContent") for n in (0, 3))
    assert (first, last) == ("0", "1.5 s")
    # The steps of the second collection alone, which take 1.6 s; and zoomed to what is on screen.
    page.enter("#collection", "1")
    assert page.evaluate(bars)[0] == [["bit", 188, 125]]
    page.enter("#search", "b8@")
    page.click("#zoom")
    assert page.evaluate(bars) == [[["bit", 0, 1000]]]


def test_unfolded_steps_push_the_others_down(page: Page) -> None:
    page.show(trees.shop())
    for name in ("token", "create-lead", "search~2"):
        page.evaluate(f"location.hash = 'step={name}'")
        page.wait("document.activeElement.getAttribute('aria-expanded') === 'true'")
    page.emulate(height=6000)
    page.evaluate("scrollTo(0, 0)")
    overlaps = """(() => {
      const boxes = [...document.querySelectorAll('#list > li')].map(li => li.getBoundingClientRect());
      return boxes.length === 18 && boxes.every((box, i) => !i || Math.abs(box.top - boxes[i - 1].bottom) < 1.5);
    })()"""
    page.wait(overlaps)


def test_collections_fold(page: Page) -> None:
    page.show(trees.shop())
    page.click("#list .group button")
    assert page.evaluate(f"{NAMES}.length") == 9
    assert page.evaluate("document.querySelector('#list .group button').getAttribute('aria-expanded')") == "false"
    page.click("#list .group button")
    assert page.evaluate(f"{NAMES}.length") == 16


def test_without_scripts_the_failures_are_there(page: Page) -> None:
    page.ask("Emulation.setScriptExecutionDisabled", value=True)
    try:
        page.show(trees.shop())
        text = page.evaluate("document.body.innerText")
        assert "2 of 16 failed" in text
        assert "Zürich Moebel" in text
        assert "Scripts are off" in text
        assert "Search name" not in text
    finally:
        page.ask("Emulation.setScriptExecutionDisabled", value=False)


def test_a_file_that_was_cut_off_still_lists_its_steps(page: Page, tmp_path: Path) -> None:
    whole = page.show(trees.shop()).read_text("utf-8")
    cut = tmp_path / "cut.html"
    cut.write_text(whole[: whole.index('id="step-2"') + 200], "utf-8")
    page.open(cut.as_uri() + "#step=token")
    assert page.evaluate("document.getElementById('count').textContent") == "16 requests"
    page.wait("document.querySelector('.step.open .captures') !== null")
    page.evaluate("location.hash = 'step=webhook'")
    page.wait("document.querySelector('#detail-5 .quiet')?.textContent.includes('not written whole')")


def test_all_of_it_is_printed(page: Page) -> None:
    page.show(trees.long_report(300))
    assert page.evaluate(f"{ROWS}.length") < 80
    assert page.ask("Page.printToPDF")["data"]
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(f"{ROWS}.length") == 300
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(f"{ROWS}.length") < 80
