"""Trust: a command runs for a file that the user has trusted, with the content that it has now, and for no other."""

from __future__ import annotations

import hashlib
import json
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from runner.environment import SecretSource, Written
from runner.errors import InputError, Location, Source
from runner.files.trust import Trust
from tests.commands import Done, environment, write, zrun
from tests.servers import Server

COLLECTION = "requests:\n  one:\n    get: <<url>>/echo\n    headers: {X-Key: <<key>>}\n"
GET = "import pathlib, sys; pathlib.Path(sys.argv[1]).touch(); print('made-up-of-a-command')"


def env(server: Server, mark: Path, more: str = "") -> str:
    run = json.dumps([sys.executable, "-c", GET, str(mark)])
    return f"{more}variables:\n  url: {server.url}\nsecrets:\n  key: {{command: {run}}}\n"


@pytest.fixture
def project(tmp_path: Path, server: Server) -> Path:
    return write(tmp_path, c=COLLECTION, us__env=env(server, tmp_path / "mark"))


def run(project: Path, *arguments: str, **variables: str) -> Done:
    return zrun(project, *arguments, **{"XDG_CONFIG_HOME": str(project / "config"), **variables})


def test_an_untrusted_command_does_not_run_and_nothing_is_sent(project: Path, server: Server) -> None:
    done = run(project, "c.yaml", "-e", "us")
    assert done.status == 2
    assert "environments/us.yaml:4:18: the command `" in done.err
    assert "does not run: environments/us.yaml is not trusted to run commands" in done.err
    assert "zrun trust environments/us.yaml" in done.err
    assert not server.seen
    assert not (project / "mark").exists()


def test_a_trusted_command_runs_until_the_file_changes(project: Path, server: Server) -> None:
    trusted = run(project, "trust", "environments/us.yaml")
    assert trusted.status == 0
    assert str(project / "mark") in trusted.out  # the command is shown whole before it is trusted
    done = run(project, "c.yaml", "-e", "us", "-vv")
    assert done.status == 0, done.err
    assert server.headers[0]["x-key"] == "made-up-of-a-command"
    assert "made-up-of" not in done.out + done.err
    path = project / "environments" / "us.yaml"
    path.write_text(path.read_text() + "# one byte more\n")
    (project / "mark").unlink()
    changed = run(project, "c.yaml", "-e", "us")
    assert changed.status == 2
    assert "environments/us.yaml has changed since it was trusted" in changed.err
    assert not (project / "mark").exists()
    assert len(server.seen) == 1
    assert run(project, "trust", "us").status == 0
    assert run(project, "c.yaml", "-e", "us").status == 0


def test_a_default_does_not_hide_that_a_command_may_not_run(project: Path, server: Server) -> None:
    text = "requests:\n  one:\n    get: <<url>>/echo\n    headers: {X-Key: <<key | default('none')>>}\n"
    write(project, c=text)
    done = run(project, "c.yaml", "-e", "us")
    assert done.status == 2
    assert "is not trusted" in done.err
    assert not server.seen


def test_a_renewal_that_would_need_it_is_told_before_anything_is_sent(project: Path, server: Server) -> None:
    text = """\
requests:
  refresh:
    when: false
    post: <<url>>/token
    headers: {X-Key: <<key>>}
    capture: {access-token: json $.access_token}
  one:
    get: <<url>>/echo
    renew: {on: {status: 401}, run: refresh}
"""
    write(project, c=text)
    done = run(project, "c.yaml", "-e", "us")
    assert done.status == 2
    assert "is not trusted" in done.err
    assert not server.seen
    assert run(project, "c.yaml", "-e", "us", ZRUN_SECRET_KEY="made-up-key").status == 0
    assert run(project, "trust", "us").status == 0
    assert run(project, "c.yaml", "-e", "us").status == 0
    assert not (project / "mark").exists()  # nobody was refused, so nothing was renewed


def test_no_later_source_hides_it_either(project: Path, server: Server) -> None:
    path = project / "environments" / "us.yaml"
    path.write_text(path.read_text().replace("key: {", "key: [{").rstrip() + ", {env: MADE_UP_KEY}]\n")
    assert run(project, "c.yaml", "-e", "us", MADE_UP_KEY="made-up-key").status == 2
    path.write_text(path.read_text().replace("key: [", "key: [{env: MADE_UP_KEY}, "))
    assert run(project, "c.yaml", "-e", "us", MADE_UP_KEY="made-up-key").status == 0  # an earlier one does without it
    assert not (project / "mark").exists()


def test_looking_runs_nothing_and_shows_no_command(project: Path) -> None:
    assert run(project, "trust", "environments/us.yaml").status == 0
    for arguments in (
        ("check", ".", "-e", "us"),
        ("check",),
        ("plan", "c.yaml", "-e", "us"),
        ("vars", "c.yaml", "-e", "us"),
    ):
        done = run(project, *arguments)
        assert done.status == 0, done.err
        assert "pathlib" not in done.out + done.err
    assert "a command (environments/us.yaml:4:3)" in done.out
    assert not (project / "mark").exists()


def test_a_command_runs_once_a_run(project: Path, tmp_path: Path, server: Server) -> None:
    count = tmp_path / "count"
    code = f"open({str(count)!r}, 'a').write('x'); raise SystemExit(%d)"
    env = f"variables: {{url: {server.url}}}\nsecrets: {{key: {{command: {json.dumps([sys.executable, '-c', code % 1])}}}}}\n"
    two = COLLECTION + COLLECTION.partition("\n")[2].replace("one", "two")
    write(project, c=two, us__env=env)
    run(project, "trust", "us")
    done = run(project, "c.yaml", "-e", "us")
    assert done.status == 2
    assert "ended with status 1" in done.err
    assert count.read_text() == "x"


def test_the_file_that_wrote_the_command_is_the_one_that_is_trusted(project: Path, server: Server) -> None:
    write(
        project,
        common__env=env(server, project / "mark"),
        us__env="base: common.yaml\nname: US\n",
        eu__env="base: common.yaml\nsecrets: {other: {command: [made-up-program]}}\n",
    )
    assert run(project, "trust", "us").status == 0
    assert run(project, "c.yaml", "-e", "us").status == 0
    write(project, us__env="base: common.yaml\nname: US, changed\n")  # it runs no command
    assert run(project, "c.yaml", "-e", "us").status == 0
    assert run(project, "c.yaml", "-e", "eu").status == 0  # whose own command no request reads
    listed = run(project, "trust", "--list").out
    assert "common.yaml" in listed
    assert "us.yaml" not in listed
    shown = run(project, "trust", "eu", "--show").out
    assert "made-up-program" in shown
    assert "trusted already" in shown
    assert "not trusted" in shown


def test_an_overlay_is_trusted_by_itself(project: Path) -> None:
    assert run(project, "trust", "us").status == 0
    overlay = project / "environments" / "us.local.yaml"
    overlay.write_text("secrets: {key: {command: [made-up-program]}}\n")
    done = run(project, "c.yaml", "-e", "us")
    assert done.status == 2
    assert "environments/us.local.yaml is not trusted" in done.err
    shown = run(project, "trust", "us").out
    assert "made-up-program" in shown
    assert str(project / "mark") in shown  # overridden, yet part of a file that is trusted
    assert "is not found in PATH" in run(project, "c.yaml", "-e", "us").err


def test_list_and_revoke(project: Path) -> None:
    assert run(project, "trust", "--list").out == "no file is trusted\n"
    run(project, "trust", "us")
    path = project / "environments" / "us.yaml"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert f"{path}  sha256:{digest}" in run(project, "trust", "--list").out
    path.write_text(path.read_text() + "# changed\n")
    assert "has changed" in run(project, "trust", "--list").out
    path.unlink()
    assert "not there any more" in run(project, "trust", "--list").out
    wrong = run(project, "trust", "--revoke", "environments/uss.yaml")
    assert wrong.status == 2
    assert "did you mean `environments/us.yaml`?" in wrong.err
    assert run(project, "trust", "--revoke", "environments/us.yaml").status == 0
    assert run(project, "trust", "--list").out == "no file is trusted\n"
    assert run(project, "trust").status == 2
    assert run(project, "trust", "us", "--list").status == 2


def test_a_file_without_commands_needs_no_trust(project: Path) -> None:
    write(project, plain__env="secrets: {key: {env: X}}\n")
    done = run(project, "trust", "plain")
    assert done.status == 0
    assert "nothing to trust" in done.out
    assert not (project / "config").exists()


def test_a_program_of_the_project_is_pointed_out(project: Path) -> None:
    write(project, us__env="secrets: {key: {command: [./get-key, x]}}\n")
    assert "this program is a file of the project: it may change" in run(project, "trust", "us").out


def test_ci_trusts_by_hash(project: Path) -> None:
    digest = hashlib.sha256((project / "environments" / "us.yaml").read_bytes()).hexdigest()
    other = "0" * 64
    assert run(project, "c.yaml", "-e", "us", ZRUN_TRUST=f"sha256:{other},sha256:{digest}").status == 0
    assert run(project, "c.yaml", "-e", "us", ZRUN_TRUST=f"sha256:{digest.upper()}", HOME="/nowhere").status == 0
    assert run(project, "c.yaml", "-e", "us", ZRUN_TRUST=f"sha256:{other}").status == 2
    wrong = run(project, "c.yaml", "-e", "us", ZRUN_TRUST=digest)
    assert wrong.status == 2
    assert "ZRUN_TRUST is not a list of sha256:HEX" in wrong.err


def test_a_copy_elsewhere_is_not_trusted(project: Path, tmp_path: Path) -> None:
    run(project, "trust", "us")
    copy = tmp_path / "copy"
    text = (project / "environments" / "us.yaml").read_text()
    write(copy, c=COLLECTION, us__env=text)
    assert zrun(copy, "c.yaml", "-e", "us", XDG_CONFIG_HOME=str(project / "config")).status == 2


def test_the_list_is_private_and_refused_when_others_can_write_it(project: Path) -> None:
    run(project, "trust", "us")
    path = project / "config" / "zrun" / "trusted.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o620)
    done = run(project, "c.yaml", "-e", "us")
    assert done.status == 2
    assert "can be written by others" in done.err
    path.chmod(0o600)
    for text in (
        "",
        "[]",
        '{"zrun-trusted": 1}',
        '{"zrun-trusted": 1, "files": {"a": 5}}',
        '{"zrun-trusted": 2, "files": {}}',
    ):
        path.write_text(text)
        for arguments in (("c.yaml", "-e", "us"), ("trust", "us"), ("trust", "--list")):
            broken = run(project, *arguments)
            assert broken.status == 2
            assert "the list of trusted files" in broken.err
        assert path.read_text() == text  # never overwritten


def test_a_relative_config_folder_is_no_folder(tmp_path: Path) -> None:
    """XDG Base Directory Specification: relative paths are invalid. Else a project could bring a list of its own."""
    assert Trust({"XDG_CONFIG_HOME": "config", "HOME": "/h"}).path().parts[-3:] == (".config", "zrun", "trusted.json")


def test_what_was_hashed_is_what_was_parsed(tmp_path: Path, server: Server) -> None:
    """While one process swaps the file between a good and an evil content, what runs is never the evil command."""
    good = env(server, tmp_path / "mark")
    evil = good.replace(str(tmp_path / "mark"), str(tmp_path / "evil"))
    write(tmp_path, c=COLLECTION, us__env=good)
    assert run(tmp_path, "trust", "us").status == 0
    path = tmp_path / "environments" / "us.yaml"
    done = threading.Event()

    def swap() -> None:
        number = 0
        while not done.is_set():
            number += 1
            other = path.with_name("us.tmp")
            other.write_text((good, evil)[number % 2])
            other.replace(path)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        statuses = {run(tmp_path, "c.yaml", "-e", "us").status for _ in range(12)}
    finally:
        done.set()
        thread.join()
    assert statuses <= {0, 2}
    assert not (tmp_path / "evil").exists()


def test_many_processes_trust_at_once(tmp_path: Path) -> None:
    names = [f"e{number}" for number in range(8)]
    write(tmp_path, **{f"{name}__env": f"name: {name}\nsecrets: {{key: {{command: [x]}}}}\n" for name in names})
    own = environment(XDG_CONFIG_HOME=str(tmp_path / "config"))
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "runner", "trust", name], cwd=tmp_path, env=own, stdout=subprocess.DEVNULL
        )
        for name in names
    ]
    assert [process.wait(timeout=60) for process in started] == [0] * 8
    assert len(run(tmp_path, "trust", "--list").out.splitlines()) == 8


def test_a_source_without_a_file_is_not_trusted(tmp_path: Path) -> None:
    place = Location(Source("us.yaml"), 1, 1)
    trust = Trust({"XDG_CONFIG_HOME": str(tmp_path)})
    assert trust.refusal(SecretSource("command", place, "x", argv=("x",)))
    written = Written(tmp_path / "us.yaml", "ab" * 32)
    source = SecretSource("command", place, "x", argv=("x",), written=written)
    assert trust.refusal(source)
    trust.add([written])
    assert trust.refusal(source) is None
    with pytest.raises(InputError, match="ZRUN_TRUST"):
        Trust({"XDG_CONFIG_HOME": str(tmp_path), "ZRUN_TRUST": "sha256:12"}).refusal(source)
