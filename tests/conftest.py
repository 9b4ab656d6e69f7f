"""What many tests need: a server on loopback, and an environment that no setting of this machine reaches into."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import Server


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite-cases", action="store_true", help="write down what zrun does now in tests/cases")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "CI",
        "NO_COLOR",
        "FORCE_COLOR",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running
