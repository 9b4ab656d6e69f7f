"""The page by keyboard, by a screen reader, in both schemes, on a narrow screen."""

from __future__ import annotations

import pytest

from tests import report_trees as trees
from tests.report_html.page import FOCUSED, ROWS, Page


def test_it_is_walked_by_keyboard(page: Page) -> None:
    page.show(trees.shop())
    page.press("j", "j", "j")
    assert page.evaluate(FOCUSED) == "Read it back"
    page.press("k", "ArrowUp", "ArrowDown", "ArrowDown")
    assert page.evaluate(FOCUSED) == "Read it back"
    page.press("n")
    assert page.evaluate(FOCUSED) == "Register the webhook"
    page.press("Enter")
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
    detail = page.evaluate("document.getElementById(document.activeElement.getAttribute('aria-controls')).textContent")
    assert "no answer from hooks.example.test within 900 ms" in detail
    assert page.evaluate("location.hash") == "#step=webhook"
    page.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Copy link"
    page.press("Escape")
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "false"
    assert page.evaluate("document.querySelector('.detail')") is None
    page.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.press("j")
    assert page.evaluate("document.activeElement.value") == "j"
    page.press("Escape", "Escape", "?")
    assert page.evaluate("document.getElementById('help').open") is True
    page.click("#single")
    page.click("#close")
    page.press("j", "/")
    assert page.evaluate("document.activeElement.id") != "search"


def test_everything_has_a_name_for_those_who_listen(page: Page) -> None:
    page.show(trees.shop(), "#step=create-lead")
    nodes = page.ask("Accessibility.getFullAXTree")["nodes"]
    told = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes if not n.get("ignored")]
    roles = {role for role, _ in told}
    assert {
        "banner",
        "main",
        "search",
        "list",
        "listitem",
        "button",
        "searchbox",
        "combobox",
        "table",
        "region",
        "status",
    } <= roles
    named = ("button", "searchbox", "combobox", "region", "checkbox", "dialog", "heading")
    nameless = [(role, name) for role, name in told if role in named and not name.strip()]
    assert nameless == []
    names = {name for _, name in told}
    assert "passed, Create a lead, POST, 201, 730 ms, 2 requests" in names
    assert "Create a lead, details" in names
    assert {"Search", "Collection", "Order", "Requests"} <= names
    assert page.evaluate("[...document.querySelectorAll('.code')].map(c => c.ariaLabel)") == [
        "request body",
        "response body",
    ]
    heads = page.evaluate("[...document.querySelectorAll('h1, main h2, .detail h3')].map(h => h.textContent)")
    assert heads == ["2 of 16 failed", "Requests", "Expectations3 of 3 hold", "Captures", "Requests"]
    places = page.evaluate(f"{ROWS}.map(r => [r.parentElement.ariaPosInSet, r.parentElement.ariaSetSize])[0]")
    assert places == ["2", "18"]


CONTRAST = """(() => {
  const pen = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = (colour) => {
    pen.clearRect(0, 0, 1, 1); pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data].map((v, i) => i === 3 ? v / 255 : v);
  };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3]));
  const ground = (node) => {
    if (!node) return [255, 255, 255];
    const own = rgba(getComputedStyle(node).backgroundColor);
    return own[3] === 1 ? own : over(own, ground(node.parentElement));
  };
  const light = (c) => c.slice(0, 3).map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const EXEMPT = "script, style, noscript, option, .chip:disabled";
  const poor = [];
  let seen = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.checkVisibility() || node.closest(EXEMPT)) continue;
    const under = ground(node), a = light(over(rgba(getComputedStyle(node).color), under)), b = light(under);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    seen++;
    if (ratio < 4.5) poor.push(walker.currentNode.data.slice(0, 30) + " " + node.className + " " + ratio.toFixed(2));
  }
  return {poor, seen};
})()"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("step", ["read-lead", "create-lead", "webhook", "attachment", "token", "convert"])
def test_text_has_contrast_in_both_schemes(page: Page, scheme: str, step: str) -> None:
    """At least 4.5 to 1 (WCAG 2.2, 1.4.3); what is disabled is exempt."""
    page.emulate(scheme=scheme, height=2400)
    page.show(trees.shop(), f"#step={step}")
    page.evaluate("document.activeElement.blur()")
    found = page.evaluate(CONTRAST)
    assert found["seen"] > 100
    assert found["poor"] == []


def test_the_scheme_is_the_systems_until_another_is_chosen(page: Page) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    page.show(trees.shop())
    light = page.evaluate(ground)
    page.emulate(scheme="dark")
    dark = page.evaluate(ground)
    assert light != dark
    page.click("#theme")
    assert page.evaluate(ground) == light
    page.click("#theme")
    assert page.evaluate(ground) == dark


@pytest.mark.parametrize("width", [360, 700, 1024])
def test_nothing_stands_out_of_a_narrow_page(page: Page, width: int) -> None:
    page.emulate(width=width, height=1500)
    page.show(trees.shop(), "#step=read-lead")
    page.wait("document.querySelector('.detail .code') !== null")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth") is True
