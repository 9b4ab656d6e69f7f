"""What a person writes on the command line is found as it was meant, or told what it was taken for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import zrun

COLLECTION = "requests:\n  one: {get: http://127.0.0.1:9/}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in {
        "collections/crm.yaml": COLLECTION,
        "environments/sandbox.yaml": "sandbox: zoho\noauth2: {zoho: {preset: zoho}}\n",
        "environments/us.yaml": "variables: {a: b}\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


@pytest.mark.parametrize("collection", ["crm", "crm.yaml", "collections/crm", "collections/crm.yaml"])
@pytest.mark.parametrize("environment", ["us", "us.yaml", "environments/us.yaml"])
def test_collections_and_environments_are_found_with_and_without_yaml(
    project: Path, collection: str, environment: str
) -> None:
    done = zrun(project, collection, "-e", environment, "--list")
    assert (done.status, done.out) == (0, "one\n")


def test_a_file_that_is_here_is_meant_before_one_of_the_usual_folder(project: Path) -> None:
    (project / "crm.yaml").write_text(COLLECTION.replace("one", "here"), "utf-8")
    (project / "us.yaml").write_text("variables: {a: here}\n", "utf-8")
    assert zrun(project, "crm.yaml", "-e", "us.yaml", "--list").out == "here\n"
    assert "us.yaml:1" in zrun(project, "vars", "crm.yaml", "-e", "us.yaml").out
    assert "environments/us.yaml:1" in zrun(project, "vars", "crm.yaml", "-e", "us").out


def test_an_environment_that_a_collection_brings_along_is_not_taken_for_ones_own_by_its_file_name_either(
    project: Path,
) -> None:
    theirs = project / "theirs"
    for name, text in {"c.yaml": COLLECTION, "environments/us.yaml": "variables: {a: c}\n"}.items():
        (theirs / name).parent.mkdir(exist_ok=True)
        (theirs / name).write_text(text, "utf-8")
    done = zrun(project, "theirs/c.yaml", "-e", "us.yaml", "--list")
    assert done.status == 2
    assert "say which one you trust with your secrets: -e environments/us.yaml" in done.err


def test_the_next_step_names_the_environment_that_is_in_use(project: Path) -> None:
    ours = "oauth2: {p: {preset: zoho, client-id: made-up, client-secret: made-up-too}}\nvariables: "
    addresses = "{accounts-domain: https://accounts.zoho.com, api-domain: https://www.zohoapis.com}\n"
    (project / "environments" / "own us.yaml").write_text(ours + addresses, "utf-8")
    done = zrun(project, "token", "-e", "us", "-e", "own us.yaml")
    assert done.status == 2
    assert "get the first one with `zrun login -e us -e 'own us.yaml'`" in done.err


MEANT = [
    ("stat", "there is no command and no collection `stat`", "did you mean `zrun token status`?"),
    ("status -e sandbox --provider zoho", "there is no command and no", "did you mean `zrun token status`?"),
    ("chekc", "there is no command and no collection `chekc`", "did you mean `zrun check`?"),
    ("cmr", "there is no collection cmr", "did you mean `crm`?"),
    ("crm sandbox", "there is no collection sandbox", "did you mean `-e sandbox`?"),
    ("token stat -e sandbox", "`zrun token` has no action `stat`", "did you mean `zrun token status`?"),
    ("token -e sandbox quux", "`zrun token` takes no argument `quux`", "see `zrun token --help`"),
    ("doctor sandbox", "`zrun doctor` takes no argument `sandbox`", "did you mean `-e sandbox`?"),
    ("login sandbox.yaml", "`zrun login` takes no argument `sandbox.yaml`", "did you mean `-e sandbox.yaml`?"),
    ("exec -e sandbox ls -l", "the command `ls` does not stand behind `--`", "zrun exec -e sandbox -- ls"),
    ("exec sandbox -- ls", "`zrun exec` takes no argument `sandbox`", "did you mean `-e sandbox`?"),
    ("crm --parallel 4", "`--parallel` is not an option of `zrun run`", "did you mean `-j`?"),
    ("--parallel=4 crm", "`--parallel` is not an option of `zrun run`", "did you mean `-j`?"),
    ("crm -e us --iteration-count 3", "`--iteration-count` is not an option", "did you mean `-n`?"),
    ("crm --env-var a=b", "`--env-var` is not an option of `zrun run`", "did you mean `--var`?"),
    ("plan --parallel 4 crm", "`--parallel` is not an option of `zrun plan`", "see `zrun plan --help`"),
    ("-e sandbx.yaml crm", "there is no environment `sandbx.yaml`", "did you mean `sandbox`?"),
    ("plan .", ". is a folder", "name one file in it"),
]


@pytest.mark.parametrize(("written", "what", "next_step"), MEANT, ids=[written for written, _, _ in MEANT])
def test_what_was_meant_is_told_once(project: Path, written: str, what: str, next_step: str) -> None:
    done = zrun(project, *written.split())
    assert done.status == 2
    assert done.err.count("error: ") == 1
    assert f"error: {what}" in done.err
    assert next_step in done.err


def test_two_options_that_are_not_known_are_two_mistakes(project: Path) -> None:
    done = zrun(project, "crm", "--tiemout", "3s", "--colour", "never")
    assert done.err.count("error: ") == 2
    assert "did you mean `--timeout`?" in done.err
    assert "did you mean `--color`?" in done.err


def test_a_collection_that_is_called_nearly_as_a_command_is_a_collection(project: Path) -> None:
    (project / "stat.yaml").write_text("requests: {one: {get: 7}}\n", "utf-8")
    done = zrun(project, "stat")
    assert done.status == 2
    assert "stat.yaml:1" in done.err
    assert "zrun token status" not in done.err


@pytest.mark.parametrize(
    "written", ["crm -Hmade-up-secret", "exec -e sandbox --client-secret made-up-secret", "crm --token made-up-secret"]
)
def test_the_value_of_an_option_that_is_not_known_is_not_shown(project: Path, written: str) -> None:
    done = zrun(project, *written.split())
    assert done.status == 2
    assert "is not an option of" in done.err
    assert "made-up" not in done.err


@pytest.mark.parametrize("before", [(), ("run",), ("run", "crm"), ("run", "crm", "-e"), ("doctor", "-e")])
def test_a_name_that_is_too_long_for_a_file_is_none(project: Path, before: tuple[str, ...]) -> None:
    done = zrun(project, *before, "a" * 5000)
    assert done.status == 2
    assert "there is no " in done.err + done.out


def test_a_folder_that_is_called_as_a_collection_is_passed_over(project: Path) -> None:
    (project / "folder.yaml").mkdir()
    assert "a bug in zrun" not in zrun(project, "check", ".").err
