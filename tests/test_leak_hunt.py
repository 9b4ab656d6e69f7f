"""300 random secrets, a server that gives everything back in twelve encodings, every kind of output: no piece is found.

The judge is `leak_scanner`, which shares nothing with the redactor and works the other way round: first it is shown to find
what is planted. The secrets are those of a seed: Unicode, quotes, percent signs and line ends, 8 to 4096 bytes.
"""

from __future__ import annotations

import html
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from runner.redact import Redactor
from runner.reporters.documents import forms
from runner.values import Secret
from tests import hunt
from tests.commands import Done, environment, zrun
from tests.leak_scanner import Scanner
from tests.spelled import SPELLINGS, percent_some

WANTED = sorted(forms.FORMS)
COUNT, SEED = 300, 20_261_124
# What is scanned at once, with so much of the text before as a secret that was cut could take.
_BLOCK, _OVERLAP = 40_000, 2_000


@pytest.fixture(scope="module")
def secrets() -> dict[str, str]:
    return hunt.secrets(COUNT, SEED)


@pytest.fixture(scope="module")
def scanner(secrets: dict[str, str]) -> Scanner:
    return Scanner(secrets)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, secrets: dict[str, str]) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("hunt")
    with hunt.server() as url:
        hunt.write(folder, url, secrets)
        yield folder


def leaking(scanner: Scanner, done: Done) -> set[str]:
    found: set[str] = set()
    for text in (done.out, done.err):
        for start in range(0, len(text), _BLOCK):
            found |= scanner.names_in(text[max(0, start - _OVERLAP) : start + _BLOCK])
    return found


def test_the_secrets_are_as_promised(secrets: dict[str, str]) -> None:
    sizes = [len(text.encode()) for text in secrets.values()]
    assert len(secrets) == COUNT
    assert min(sizes) < 12
    assert 3500 < max(sizes) <= 4096
    everything = "".join(secrets.values())
    assert all(sign in everything for sign in "'\"%\n\\&😀漢")


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_scanner_finds_what_is_planted(spelling: str, secrets: dict[str, str], scanner: Scanner) -> None:
    """In every encoding: a whole secret, and the piece of one that a cut leaves."""
    rng = Random(7)
    for name in rng.sample(sorted(secrets), 12):
        text = secrets[name]
        assert name in scanner.names_in(f"nothing\n x: {SPELLINGS[spelling](text)} ;"), "whole"
        if len(text) > 60:
            piece = SPELLINGS[spelling](text[20:60])
            assert name in scanner.names_in(f"nothing <<{name}>> {piece} ;"), "a piece"


def test_the_scanner_accuses_nobody_else(scanner: Scanner) -> None:
    innocent = json.dumps(
        [{"id": Random(i).getrandbits(200), "text": "The quick brown fox & %41 \\u00e4"} for i in range(200)]
    )
    assert not scanner.names_in(innocent)


@pytest.mark.parametrize(
    "arguments",
    [[], ["-v"], ["-vv"], ["--format", "json"], ["--dry-run"]],
    ids=lambda arguments: " ".join(arguments) or "text",
)
def test_no_piece_of_a_secret_is_in_what_a_run_tells(
    arguments: list[str], project: Path, secrets: dict[str, str], scanner: Scanner
) -> None:
    done = hunt.run(project, secrets, *arguments)
    assert done.status == (0 if "--dry-run" in arguments else 1), done.err
    assert len(done.out) > 10_000
    assert not leaking(scanner, done)


def test_no_piece_of_a_secret_is_in_any_report(project: Path, secrets: dict[str, str], scanner: Scanner) -> None:
    """Nor does the guard, who knows all of them, find one and remove the file."""
    wanted = [word for form in WANTED for word in ("--report", f"{form}=reports/{form}")]
    done = hunt.run(project, secrets, "-q", *wanted)
    assert done.status == 1, done.err
    for form in WANTED:
        text = (project / "reports" / form).read_text("utf-8")
        assert len(text) > 10_000
        assert not leaking(scanner, Done(0, text, "")), form


@pytest.mark.parametrize(
    "command", [["vars", "hunt.yaml", "-e", "hunt"], ["plan", "hunt.yaml", "-e", "hunt"], ["env", "hunt"]]
)
def test_nor_in_what_other_commands_tell(
    command: list[str], project: Path, secrets: dict[str, str], scanner: Scanner
) -> None:
    done = zrun(project, *command, **hunt.process_environment(secrets))
    assert done.status == 0, done.err
    assert not leaking(scanner, done)


def test_nor_in_a_mistake_that_is_told(project: Path, secrets: dict[str, str], scanner: Scanner) -> None:
    names = {f"ZRUN_SECRET_{name.upper()}": text for name, text in secrets.items()}
    done = zrun(project, "hunt.yaml", "-e", "hunt", "--var", "url=ftp://nowhere", **names)
    assert done.status == 2
    assert not leaking(scanner, done)


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="there is no /proc")
def test_no_secret_is_in_a_title_or_an_argument_of_a_process(tmp_path: Path) -> None:
    """Looked at while a run waits for its answer, in zrun's process and in any that it started."""
    token = "made-up-token-of-a-waiting-run"
    with hunt.slow_server(3) as url:
        (tmp_path / "environments").mkdir()
        (tmp_path / "environments" / "e.yaml").write_text(f"variables: {{url: '{url}'}}\nsecrets: {{t: {{env: T}}}}\n")
        (tmp_path / "c.yaml").write_text("requests:\n  a: {get: <<url>>/, headers: {X-Token: <<t>>}}\n")
        process = subprocess.Popen(
            [sys.executable, "-m", "runner", "c.yaml", "-e", "e"],
            cwd=tmp_path,
            env=environment(T=token),
            stdout=subprocess.PIPE,
        )
        seen: list[bytes] = []
        until = time.monotonic() + 10
        while process.poll() is None and time.monotonic() < until:
            for folder in Path("/proc").glob("[0-9]*"):
                try:
                    if int((folder / "stat").read_text().rpartition(")")[2].split()[2]) == os.getpgid(process.pid):
                        seen += [(folder / "cmdline").read_bytes(), (folder / "comm").read_bytes()]
                except (OSError, ValueError):
                    continue
            time.sleep(0.2)
        output, _ = process.communicate()
    assert process.returncode == 0
    assert any(b"c.yaml" in text for text in seen)
    assert not any(token.encode() in text for text in seen)
    assert token.encode() not in output


# Escapes upon escapes, some of them in part


def _json(text: str, rng: Random) -> str:
    return json.dumps({"a": text, "n": 1}, ensure_ascii=rng.random() < 0.5)


def _percent(text: str, rng: Random) -> str:
    return percent_some(text, rng.randrange(1_000_000))


def _html(text: str, _: Random) -> str:
    return html.escape(text)


_UPON_EACH_OTHER = {
    "json": (_json,),
    "json in json": (_json, _json),
    "percent of json": (_json, _percent),
    "percent of json in json": (_json, _json, _percent),
    "percent, twice, of json": (_json, _percent, _percent),
    "percent in json": (_percent, _json),
    "percent of json, in json": (_json, _percent, _json),
    "html of json": (_json, _html),
    "percent of html of json": (_json, _html, _percent),
    "html of json in json": (_json, _html, _json),
}


@pytest.mark.parametrize("name", _UPON_EACH_OTHER)
def test_escapes_that_were_put_upon_each_other_in_part_hide_nothing(name: str) -> None:
    """200 secrets, each in a text of its own: which of its backslashes were percent-encoded, chance has said."""
    rng = Random(20_261_124)
    for _ in range(200):
        text = known = hunt.secret(rng, "body")
        if len(known) > 400:
            continue
        for put in _UPON_EACH_OTHER[name]:
            text = put(text, rng)
        redactor = Redactor()
        redactor.add(Secret(known, "known"))
        assert "known" not in Scanner({"known": known}).names_in(redactor.text(f"x {text} y")), (known, text)


@pytest.mark.parametrize(
    "known", ["made-up%AEmade-up\\r8\\", "made-up&amp;made-up\\n\\", "%AEmade-up-漢\\u00e4\\", "made-up\\nmade-up%"]
)
def test_a_secret_that_holds_escapes_and_ends_in_one_is_found_in_json(known: str) -> None:
    """What follows it in the text becomes an escape with its last character, once JSON's own are undone."""
    redactor = Redactor()
    redactor.add(Secret(known, "known"))
    for text in (json.dumps(known), json.dumps(known, ensure_ascii=False), json.dumps(json.dumps(known))):
        assert "made-up" not in redactor.text(f"x {text} y")


@pytest.mark.parametrize("seed", [422_790_591, 833_838_365, 943_429_157])
def test_no_piece_of_what_was_hard_to_find_is_told(seed: int, tmp_path: Path) -> None:
    """With these seeds a body was echoed in a form that hid a secret from the redactor."""
    known = hunt.secrets(45, seed)
    scanner = Scanner(known)
    with hunt.server() as url:
        hunt.write(tmp_path, url, known)
        for arguments in (["-vv"], ["--format", "json"], ["-q", "--report", "html=report.html"]):
            done = hunt.run(tmp_path, known, *arguments)
            assert done.status == 1, done.err
            assert not leaking(scanner, done), arguments
    assert not leaking(scanner, Done(0, (tmp_path / "report.html").read_text("utf-8"), ""))
