"""One browser for the tests of a file; what it complained of fails each of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import chromium
from tests.report_html.page import Page


@pytest.fixture(scope="module")
def browser() -> Iterator[chromium.Tab]:
    if chromium.installed() is None:
        pytest.skip("there is no Chromium")
    with chromium.tab() as tab:
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            tab.ask(f"{domain}.enable")
        tab.ask("Emulation.setFocusEmulationEnabled", enabled=True)
        yield tab


@pytest.fixture
def page(browser: chromium.Tab, tmp_path: Path) -> Iterator[Page]:
    made = Page(browser, tmp_path)
    made.emulate()
    yield made
    assert made.complaints() == []
