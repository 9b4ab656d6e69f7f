"""What is told of files before anything is sent: rows that are yet to come, and an environment that was forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import write, zrun

INVITE = """\
requests:
  invite: {post: "https://api.example.com/<<row.Email>>?<<iteration>>"}
"""


def test_a_collection_for_rows_is_checked_without_them(tmp_path: Path) -> None:
    folder = write(tmp_path, c=INVITE, us__env="variables: {}")
    for arguments in ((), ("-e", "us")):
        done = zrun(folder, "check", "c.yaml", *arguments)
        assert (done.status, done.out) == (0, "1 file checked, no mistakes\n"), done.err
    assert zrun(folder, "c.yaml", "--dry-run").status == 2, "a run needs the rows"


@pytest.mark.parametrize("command", ["check", "plan", "vars"])
def test_with_rows_their_columns_are_names(tmp_path: Path, command: str) -> None:
    folder = write(tmp_path, c=INVITE.replace("<<iteration>>", "<<Email>>&<<seats>>"))
    (folder / "rows.csv").write_text("Email,seats\nada@example.com,3\n", "utf-8")
    done = zrun(folder, command, "c.yaml", "--data", "rows.csv")
    assert done.status == 0, done.err
    (folder / "rows.csv").write_text("Email,sea\nada@example.com,3\n", "utf-8")
    if command != "vars":
        done = zrun(folder, command, "c.yaml", "--data", "rows.csv")
        assert done.status == 2
        assert "`seats` is not known" in done.err


ENVIRONMENT = "variables: {api: https://api.example.com, lead: 1}\nhosts: [api.example.com]\n"
READS = """\
requests:
  a: {get: "<<api>>/one"}
  b: {get: "<<api>>/<<lead>>"}
"""


@pytest.mark.parametrize("command", ["run", "plan"])
def test_an_environment_that_was_forgotten_is_one_mistake(tmp_path: Path, command: str) -> None:
    folder = write(tmp_path, c=READS, us__env=ENVIRONMENT, eu__env=ENVIRONMENT, other__env="variables: {x: 1}\n")
    (folder / "environments" / "us.local.yaml").write_text("variables: {lead: 2}\n", "utf-8")
    done = zrun(folder, command, "c.yaml")
    assert done.status == 2
    assert done.err.startswith(
        "c.yaml:2:15: no environment is given, and this name is one that an environment declares\n"
    )
    assert "= add -e NAME; there is: eu, us\n" in done.err
    assert "not known" not in done.err


def test_what_no_environment_declares_is_told_beside_it(tmp_path: Path) -> None:
    folder = write(tmp_path, c=READS.replace("<<lead>>", "<<leed>>/<<nothing>>"), us__env=ENVIRONMENT)
    done = zrun(folder, "c.yaml")
    assert done.status == 2
    assert "no environment is given" in done.err
    assert "`leed` is not known\n" in done.err
    assert "`nothing` is not known\n" in done.err
    assert "`api` is not known" not in done.err


def test_where_no_environment_would_help_none_is_spoken_of(tmp_path: Path) -> None:
    done = zrun(write(tmp_path, c=READS, us__env="variables: {x: 1}\n"), "c.yaml")
    assert done.status == 2
    assert "environment is given" not in done.err
    assert "`api` is not known" in done.err
