"""CI systems: found by what they set, spoken to by their grammar, and commanded by nobody else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from runner.errors import FAILED
from runner.reporters.documents import github
from runner.reporters.terminal import printable, unheard
from tests.commands import environment, write, zrun
from tests.servers import Server

# GitHub's grammar: `::name key=value,key=value::data`, blanks before it aside.
_COMMAND = re.compile(r"\s*::([a-z-]+)(?: ((?:[a-z]+=[^,:]*)(?:,[a-z]+=[^,:]*)*))?::(.*)")
HOSTILE = "::set-output name=a::b\r\n  ::stop-commands::x\n##[set-env name=a]b ##vso[task.complete]\n"


def project(folder: Path, server: Server, status: int = 201) -> None:
    write(
        folder,
        c=f"""\
requests:
  fine: {{get: "{server.url}/echo"}}
  leads:
    requests:
      'a, b: 100%':
        post: "{server.url}/echo"
        text: {json.dumps(HOSTILE)}
        expect:
          status: {status}
          json $.body: {json.dumps("other" + HOSTILE)}
""",
    )


def commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """What GitHub's runner obeys in a log: commands by name, with their properties and data as it reads them."""
    found = []
    for line in re.split(r"\r\n|\r|\n", text):
        match = _COMMAND.fullmatch(line)
        assert match or not line.lstrip().startswith("::"), line
        if match:
            pairs = dict(pair.split("=", 1) for pair in (match[2] or "").split(",") if pair)
            found.append((match[1], {key: unescaped(value) for key, value in pairs.items()}, unescaped(match[3])))
    return found


def unescaped(text: str) -> str:
    for sign, written in ((":", "%3A"), (",", "%2C"), ("\r", "%0D"), ("\n", "%0A"), ("%", "%25")):
        text = text.replace(written, sign)
    return text


@pytest.mark.parametrize("verbosity", [[], ["-v"], ["-vv"]])
def test_github_gets_annotations_groups_and_a_summary(verbosity: list[str], tmp_path: Path, server: Server) -> None:
    (tmp_path / "sub").mkdir()
    project(tmp_path / "sub", server)
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    done = zrun(
        tmp_path / "sub",
        "c.yaml",
        *verbosity,
        GITHUB_ACTIONS="true",
        GITHUB_WORKSPACE=str(tmp_path),
        GITHUB_STEP_SUMMARY=str(summary),
    )
    assert done.status == FAILED, done.err
    assert not commands(done.err)
    told = commands(done.out)
    errors = [(properties, data) for name, properties, data in told if name == "error"]
    lines = (tmp_path / "sub" / "c.yaml").read_text().splitlines()
    assert [properties["line"] for properties, _ in errors] == [
        str(number) for number, line in enumerate(lines, 1) if "status:" in line or "$.body" in line
    ]
    assert {(properties["file"], properties["title"]) for properties, _ in errors} == {
        ("sub/c.yaml", "leads/a, b: 100%")
    }
    assert errors[0][1] == "status: expected 201, actual 200"
    groups = [name for name, _, _ in told if name != "error"]
    assert groups == (["group", "endgroup"] if verbosity else [])
    assert summary.read_text().startswith("before\n## zrun: failed\n")
    assert not (tmp_path / "sub" / "out").exists()


def test_a_body_of_a_server_commands_no_ci_system(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server)
    for variables in ({"GITHUB_ACTIONS": "true"}, {"TF_BUILD": "True"}, {"GITLAB_CI": "true"}, {}):
        for arguments in (["-vv"], ["--format", "json"], ["--format", "json", "-vv"]):
            done = zrun(tmp_path, "c.yaml", *arguments, "--report", "r.json", "--report", "r.tap", **variables)
            assert done.status == FAILED
            text = done.out + done.err
            known = {"group", "endgroup", "error"} if "GITHUB_ACTIONS" in variables else set()
            assert {name for name, _, _ in commands(text)} <= known
            azure = {"##[group]", "##[endgroup]", "##vso[task.logissue"} if "TF_BUILD" in variables else set()
            assert set(re.findall(r"##\[\w+\]|##vso\[[\w.]+|##\[", text)) <= azure
            saved = (tmp_path / "r.json").read_text() + (tmp_path / "r.tap").read_text()
            assert "##[" not in saved
            assert not commands(saved)


def test_a_text_that_is_shown_holds_no_command() -> None:
    assert printable("a ##[error]b ##vso[x]c #[d") == "a #\\x23[error]b #\\x23vso[x]c #[d"
    assert unheard("a # [b") == "a # [b"


def test_azure_gets_issues_and_groups(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server)
    done = zrun(tmp_path, "c.yaml", "-v", TF_BUILD="True", BUILD_SOURCESDIRECTORY=str(tmp_path.parent))
    issues = re.findall(r"^##vso\[task\.logissue type=error;sourcepath=([^;\]]*);linenumber=(\d+);columnnumber=(\d+)\](.*)$",
                        done.out, re.MULTILINE)  # fmt: skip
    assert (issues[0][0], issues[0][3]) == (
        f"{tmp_path.name}/c.yaml",
        "leads/a, b: 100%AZP25: status: expected 201, actual 200",
    )
    assert len(issues) == 2
    assert done.out.index("##[group]") < done.out.index("##[endgroup]")


def test_gitlab_gets_sections_and_the_file_in_junit(tmp_path: Path, server: Server) -> None:
    (tmp_path / "sub").mkdir()
    project(tmp_path / "sub", server)
    done = zrun(tmp_path / "sub", "c.yaml", "-v", "--report", "r.xml", GITLAB_CI="true", CI_PROJECT_DIR=str(tmp_path))
    sections = re.findall("\x1b\\[0Ksection_(start|end):(\\d+):(\\w+)(\\[collapsed=true\\])?[\r\n]", done.out)
    assert [kind for kind, *_ in sections] == ["start", "end"]
    assert len({name for _, _, name, _ in sections}) == 1
    cases = ElementTree.parse(tmp_path / "sub" / "r.xml").iter("testcase")
    assert {case.get("file") for case in cases} == {"sub/c.yaml"}


def test_json_on_standard_output_stays_json(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server)
    done = zrun(tmp_path, "c.yaml", "--format", "json", GITHUB_ACTIONS="true")
    assert done.document["summary"]["failed"] == 1
    assert [name for name, _, _ in commands(done.err)] == ["error", "error"]


def test_a_summary_that_cannot_be_written_fails_no_run(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server, status=200)
    (tmp_path / "c.yaml").write_text((tmp_path / "c.yaml").read_text().replace("json $.body", "#"))
    done = zrun(tmp_path, "c.yaml", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(tmp_path / "no" / "summary.md"))
    assert done.status == 0, done.err
    assert "warning: the report github=" in done.err


def test_a_summary_leaves_room_for_what_stands_there(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server)
    summary = tmp_path / "summary.md"
    summary.write_text("x" * (github.BOUND - 300))
    zrun(tmp_path, "c.yaml", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary))
    assert github.BOUND - 300 < summary.stat().st_size <= github.BOUND
    assert summary.read_text().endswith("The whole is in the other reports.\n")


# What runs a job's steps, played: a process of that name, which gives a shell its pipes.
_RUNNER = """
import pathlib, subprocess, sys
pathlib.Path("/proc/self/comm").write_text("Runner.Worker")
done = subprocess.run(["sh", "-c", sys.argv[1] + "; exit $?"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
sys.stdout.buffer.write(done.stdout)
sys.stderr.buffer.write(done.stderr)
sys.exit(done.returncode)
"""
SECRET = "made-up 100% secret"
LINES = "made-up-first-line\nshort\nmade-up-second-line"


@pytest.mark.skipif(not Path("/proc/self/comm").exists(), reason="there is no /proc")
@pytest.mark.parametrize(
    ("redirected", "hidden"),
    [("", True), (" > out.txt", True), (" 2> err.txt", False), (" 2>&1 | cat", False), (" 2>&1 | tee log.txt", False)],
)
def test_the_runner_is_told_what_to_hide_and_nothing_else_is(
    redirected: str, hidden: bool, tmp_path: Path, server: Server
) -> None:
    """Each secret before it could be shown, each line of it alone; never into a file, or a pipe to something else."""
    write(
        tmp_path,
        e__env=f"secrets: {{a: {{env: A}}, b: {{env: B}}, token: }}\nhosts: ['127.0.0.1:{server.port}']\n",
        c=f"""\
requests:
  one: {{post: "{server.url}/echo", headers: {{X-A: <<a>>}}, text: <<b>>, capture: {{token: json $.method}}}}
  two: {{post: "{server.url}/echo", json: [made-up-token-of-a-server], capture: {{token: json $.body}}}}
""",
    )
    done = subprocess.run(
        [sys.executable, "-c", _RUNNER, f"{sys.executable} -m runner c.yaml -e e -v{redirected}"],
        cwd=tmp_path,
        env=environment(A=SECRET, B=LINES, GITHUB_ACTIONS="true"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    masks = [data for name, _, data in commands(done.stderr) if name == "add-mask"]
    everything = done.stdout + "".join(path.read_text() for path in tmp_path.glob("*.txt"))
    assert "::add-mask" not in everything
    assert SECRET not in everything
    if hidden:
        assert set(masks) == {SECRET, "made-up-first-line", "made-up-second-line", '["made-up-token-of-a-server"]'}
    else:
        assert not masks


def test_without_a_ci_system_nothing_of_it_is_said(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server)
    done = zrun(tmp_path, "c.yaml", "-v", GITHUB_STEP_SUMMARY=str(tmp_path / "s.md"))
    assert not commands(done.out + done.err)
    assert not (tmp_path / "s.md").exists()
