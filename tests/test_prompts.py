"""Secrets that a person is asked for: on a terminal alone, without an echo, and nothing is sent when there is no answer."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.commands import write, zrun
from tests.servers import Server
from tests.terminals import at_a_terminal

COLLECTION = """\
requests:
  one:
    get: <<url>>/echo
    headers: {X-Key: <<key>>, X-Other: <<other>>}
"""


@pytest.fixture
def project(tmp_path: Path, server: Server) -> Path:
    env = f"""\
variables: {{url: {server.url}}}
secrets:
  key: [{{env: MADE_UP_KEY}}, {{prompt: "The \\e[2Jkey"}}]
  other: {{prompt: The other}}
"""
    return write(tmp_path, c=COLLECTION, us__env=env)


JOB = ["c.yaml", "-e", "us"]


def test_a_secret_is_asked_for_and_never_echoed(project: Path, server: Server) -> None:
    answers = {"key: ": "made-up-key-of-a-person", "The other: ": "made-up-other-of-a-person"}
    status, screen = at_a_terminal(project, JOB, answers)
    assert status == 0, screen
    assert server.headers[0]["x-key"] == "made-up-key-of-a-person"
    assert server.headers[0]["x-other"] == "made-up-other-of-a-person"
    assert "made-up" not in screen
    assert "The ?[2Jkey: " in screen  # what a terminal would obey is not printed


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["Ctrl-C", "Ctrl-D"])
def test_no_answer_ends_it_with_130_and_nothing_sent(project: Path, server: Server, key: str) -> None:
    status, screen = at_a_terminal(project, JOB, {"key: ": "made-up-key-of-a-person", "The other: ": key})
    assert status == 130
    assert "`other` was not given" in screen
    assert "nothing was sent" in screen
    assert "made-up" not in screen
    assert not server.seen


@pytest.mark.parametrize("ci", ["true", "1"])
def test_nothing_is_asked_in_ci(project: Path, server: Server, ci: str) -> None:
    status, screen = at_a_terminal(project, JOB, {}, CI=ci)
    assert status == 2
    assert "run on a terminal, without CI set, to be asked for it" in screen
    assert not server.seen


def test_nothing_is_asked_without_a_terminal(project: Path, server: Server) -> None:
    done = zrun(project, *JOB)
    assert done.status == 2
    assert "`key` is not there" in done.err
    assert "`other` is not there" in done.err
    assert not server.seen


def test_an_untrusted_command_is_told_before_anything_is_asked(project: Path, server: Server) -> None:
    env = f"""\
variables: {{url: {server.url}}}
secrets:
  key: [{{command: [{sys.executable}, --version]}}, {{prompt: The key}}]
  other: {{prompt: The other}}
"""
    write(project, us__env=env)
    own = {"XDG_CONFIG_HOME": str(project / "config")}
    status, screen = at_a_terminal(project, JOB, {}, **own)
    assert status == 2
    assert "is not trusted to run commands" in screen
    assert "The key: " not in screen
    assert "The other: " not in screen
    status, screen = at_a_terminal(project, ["trust", "us"], {"[y/N] ": "n"}, **own)
    assert status == 130
    assert "nothing was trusted" in screen
    assert at_a_terminal(project, ["trust", "us"], {"[y/N] ": "\x03"}, **own)[0] == 130
    assert zrun(project, "trust", "--list", **own).out == "no file is trusted\n"
    status, screen = at_a_terminal(project, ["trust", "us"], {"[y/N] ": "y"}, **own)
    assert status == 0
    assert screen.index("--version") < screen.index("[y/N]") < screen.index("trusted: ")
    assert at_a_terminal(project, ["trust", "us", "--yes"], {}, **own)[0] == 0
