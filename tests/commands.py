"""Running zrun as a person does: as a process, in a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_WITHHELD = (
    "CI",
    "GITHUB_ACTIONS",
    "GITHUB_STEP_SUMMARY",
    "GITHUB_WORKSPACE",
    "GITLAB_CI",
    "CI_PROJECT_DIR",
    "TF_BUILD",
    "BUILD_SOURCESDIRECTORY",
    "NO_COLOR",
    "FORCE_COLOR",
    "ZRUN_DEBUG",
)


@dataclass(frozen=True)
class Done:
    """What a finished command said, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON that it printed."""
        return json.loads(self.out)

    def steps(self) -> dict[str, str]:
        """Each request's id and how it ended, of `--format json`."""
        return {step["id"]: step["status"] for step in self.document["steps"]}


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _WITHHELD}
    return {**kept, "PYTHONUTF8": "1", **more}


def zrun(folder: Path, *arguments: str, **variables: str) -> Done:
    """`zrun ARGUMENTS` in `folder`, with `variables` in its process environment; nobody sits at a terminal."""
    return python(folder, "-m", "runner", *arguments, **variables)


def python(folder: Path, *arguments: str, **variables: str) -> Done:
    """`python ARGUMENTS`, which run zrun in a process that something is different in."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    for noise in ("Traceback", "Exception ignored", "a bug in zrun"):
        assert noise not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def write(folder: Path, **files: str) -> Path:
    """Files by name (`us__env` is environments/us.yaml, others are NAME.yaml); gives the folder."""
    for name, text in files.items():
        path = folder / "environments" / f"{name[:-5]}.yaml" if name.endswith("__env") else folder / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def need_namespaces(command: Sequence[str], folder: Path) -> None:
    """Skip the test where this machine does not let `command`, which begins with `unshare`, run in `folder`."""
    try:
        tried = subprocess.run([*command, "true"], cwd=folder, capture_output=True, timeout=30)
    except FileNotFoundError:
        pytest.skip("there is no `unshare`")
    if tried.returncode:
        pytest.skip("this machine gives no namespaces")
