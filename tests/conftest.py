"""What many tests need: a server on loopback, and an environment that no setting of this machine reaches into."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runner import records
from tests.oauth import rig as oauth
from tests.oauth.rig import Rig
from tests.servers import Server

records.checked = True


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite-cases", action="store_true", help="write down what zrun does now in tests/cases")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "CI",
        "GITHUB_ACTIONS",
        "GITLAB_CI",
        "TF_BUILD",
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


@pytest.fixture(scope="session")
def _authorization_server() -> Iterator[Rig]:
    """One real process for each worker."""
    missing = oauth.available()
    if missing:
        if oauth.required():
            pytest.fail(missing)
        pytest.skip(missing)
    with oauth.started() as running:
        yield running


@pytest.fixture
def rig(_authorization_server: Rig) -> Rig:
    """A certified OAuth 2.0 server on loopback, with an empty log; see tests/oauth/rig.py."""
    _authorization_server.reset()
    return _authorization_server
