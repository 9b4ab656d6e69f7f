"""What a run wrote is searched: a secret in a stream is masked, a file with one is removed, and both are told."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

import pytest

from runner.errors import FAILED, POLICY, PolicyError
from runner.leaks import Guard, in_file
from runner.redact import Redactor
from runner.values import Secret
from tests.commands import environment, write, zrun
from tests.servers import Server

SECRET = "made-up secret/value=1"


@pytest.fixture
def redactor() -> Redactor:
    made = Redactor()
    made.add(Secret(SECRET, "client-secret"))
    return made


def problems(guard: Guard) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        guard.close()
    assert caught.value.exit_code == POLICY
    assert all(problem.hint for problem in caught.value.problems)
    return [problem.message for problem in caught.value.problems]


def test_a_text_is_searched_in_any_encoding(tmp_path: Path, redactor: Redactor) -> None:
    text = f"one\ntwo {quote(SECRET)}\nthree\n{base64.b64encode(SECRET.encode()).decode()}"
    path = tmp_path / "x"
    path.write_text(text)
    assert [(leak.secret, leak.place, leak.line) for leak in in_file(path, redactor)] == [
        ("client-secret", str(path), 2),
        ("client-secret", str(path), 4),
    ]
    path.write_text("one <<client-secret>> two")
    assert not in_file(path, redactor)


def test_a_stream_masks_what_a_writer_let_through_and_tells_the_line(redactor: Redactor) -> None:
    out, guard = io.StringIO(), Guard(redactor)
    stream: TextIO = guard.watch(out, "standard output")
    stream.write("one\ntwo\n")
    stream.write(f"three {SECRET} and\n{SECRET}\n")
    stream.flush()
    assert out.getvalue() == "one\ntwo\nthree <<client-secret>> and\n<<client-secret>>\n"
    (told,) = problems(guard)
    assert "`client-secret`" in told
    assert "standard output, line 3" in told
    assert SECRET not in told


def test_a_secret_that_is_written_in_pieces_is_told(redactor: Redactor) -> None:
    out, guard = io.StringIO(), Guard(redactor)
    stream = guard.watch(out, "standard output")
    stream.write(f"a line\n{SECRET[:9]}")
    stream.write(f"{SECRET[9:]} end\n")
    assert SECRET not in out.getvalue()
    assert out.getvalue().endswith("<<client-secret>> end\n")
    assert "line 2" in problems(guard)[0]


def test_a_stream_is_else_what_it_was(redactor: Redactor) -> None:
    guard = Guard(redactor)
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    stream = guard.watch(out, "standard output")
    assert stream.encoding == "ascii"
    assert not stream.isatty()
    stream.write("nothing <<client-secret>> here\n")
    guard.close()


def test_a_file_with_a_secret_is_removed_and_one_without_stays(redactor: Redactor, tmp_path: Path) -> None:
    good, bad, never = tmp_path / "good.json", tmp_path / "bad.json", tmp_path / "never.json"
    good.write_text('{"token": "<<client-secret>>"}\n', "utf-8")
    bad.write_text(f'{{\n"token": "{SECRET}"}}\n', "utf-8")
    guard = Guard(redactor)
    for path in (good, bad, never):
        guard.wrote(path)
    (told,) = problems(guard)
    assert f"{bad}, line 2" in told
    assert good.exists()
    assert not bad.exists()


@pytest.mark.parametrize("at", [0, 700_000, (1 << 20) - 5, (1 << 20), 2_000_000])
def test_a_large_file_is_searched_to_its_end(redactor: Redactor, tmp_path: Path, at: int) -> None:
    path = tmp_path / "large.txt"
    lines = ("." * 99 + "\n") * 25_000
    path.write_text(lines[:at] + SECRET + lines[at:], "utf-8")
    assert [leak.line for leak in in_file(path, redactor)] == [at // 100 + 1]


def test_a_file_that_is_no_utf8_is_searched_too(redactor: Redactor, tmp_path: Path) -> None:
    path = tmp_path / "odd.bin"
    path.write_bytes(b"\xff\xfe\x00" + SECRET.encode() + b"\xff")
    assert [leak.line for leak in in_file(path, redactor)] == [1]


# A reporter's mistake, played: what it should mask it lets through.
_CARELESS = """
import sys
from runner.cli import main
from runner.redact import Redactor
Redactor.text = lambda self, text, length=None: text[:length]
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_run_that_leaks_ends_with_5_and_names_the_secret(form: str, tmp_path: Path, server: Server) -> None:
    write(tmp_path, e__env=f"variables: {{url: '{server.url}'}}\nsecrets: {{client-secret: {{env: S}}}}\n")
    write(
        tmp_path,
        c="requests:\n  a: {get: <<url>>/echo, query: {q: <<client-secret>>}, expect: {json $.raw-query: x}}\n",
    )
    arguments = ["c.yaml", "-e", "e", "--format", form]
    done = subprocess.run(
        [sys.executable, "-c", _CARELESS, *arguments],
        cwd=tmp_path,
        env=environment(S=SECRET),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == POLICY
    assert "the secret `client-secret` was about to be shown on standard output, line" in done.stderr
    assert "<<client-secret>>" in done.stdout
    assert quote(SECRET, safe="") not in done.stdout + done.stderr
    assert zrun(tmp_path, *arguments, S=SECRET).status == FAILED, "without the mistake it is the expectation that fails"


def test_whose_password_is_a_word_of_the_report_is_not_accused(tmp_path: Path) -> None:
    import runner.reporters.text  # its words are what is asked for

    made = Redactor()
    made.add(Secret("passed", "password"))
    made.add(Secret("made-up-value", "other"))
    path = tmp_path / "x"
    path.write_text("3 requests: 3 passed")
    assert not in_file(path, made)
    path.write_text("3 requests: 3 passed, made-up-value")
    assert in_file(path, made)
    assert runner.reporters.text
