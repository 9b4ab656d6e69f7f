"""The tools: how each is had, in a folder of its own under benchmarks/.tools, and what version it is.

Python tools get a virtual environment each, npm tools a folder each, without a lock file. hurl is the package of a newer
Debian, unpacked with all its libraries, and run by their own loader, so that nothing of the machine is replaced. A tool that
cannot be had is left out, with a word.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent / ".tools"
# Of these, the first that has the package: Debian's names of its newer suites.
_SUITES = ("trixie", "forky", "sid")
_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


class Missing(Exception):
    """A tool that cannot be had, and why."""


def _run(command: Sequence[str | Path], folder: Path | None = None) -> str:
    done = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise Missing(f"{Path(str(command[0])).name} failed: {last}")
    return done.stdout


def python(name: str, *packages: str) -> Path:
    """The virtual environment `name`, with these packages."""
    place = ROOT / name
    if not (place / ".done").exists():
        _run([sys.executable, "-m", "venv", place])
        _run([place / "bin/python", "-m", "pip", "install", "--quiet", *packages])
        (place / ".done").touch()
    return place / "bin"


def node(name: str, package: str) -> Path:
    """The commands of an npm package."""
    place = ROOT / name
    if not shutil.which("npm"):
        raise Missing("npm is not here")
    if not (place / ".done").exists():
        place.mkdir(parents=True, exist_ok=True)
        _run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--prefix", place, package], place)
        (place / ".done").touch()
    return place / "node_modules/.bin"


def hurl() -> list[str]:
    """The command that runs hurl."""
    place = ROOT / "hurl"
    tree = place / "tree"
    if not (place / ".done").exists():
        _unpack_hurl(place, tree)
        (place / ".done").touch()
    libraries = [str(path) for path in sorted(tree.glob("usr/lib/*-linux-gnu"))]
    loader = next(iter(sorted(tree.glob("usr/lib/*-linux-gnu/ld-linux-*"))), None)
    if loader is None:
        raise Missing("its package came without a loader")
    return [str(loader), "--library-path", ":".join(libraries), str(tree / "usr/bin/hurl")]


def _unpack_hurl(place: Path, tree: Path) -> None:
    if not (shutil.which("apt-get") and _KEYS.exists()):
        raise Missing("this is no Debian")
    mirror = next(
        (line.split()[0] for line in _run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN)"]).splitlines()
         if line.endswith(" Debian") and "security" not in line),
        None,
    )  # fmt: skip
    if mirror is None:
        raise Missing("apt knows no mirror: run `apt-get update` once")
    for suite in _SUITES:
        own = place / suite
        for folder in ("lists/partial", "cache/archives/partial"):
            (own / folder).mkdir(parents=True, exist_ok=True)
        (own / "sources.list").write_text(f"deb [signed-by={_KEYS}] {mirror} {suite} main\n", "utf-8")
        settings = {
            "Dir::Etc::sourcelist": own / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State::lists": own / "lists",
            "Dir::State::status": "/dev/null",  # nothing counts as installed: every library comes along
            "Dir::Cache": own / "cache",
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "root",
        }
        options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
        try:
            _run(["apt-get", *options, "update"])
            _run(["apt-get", *options, "install", "--yes", "--download-only", "hurl"])
        except Missing:
            shutil.rmtree(own)
            continue
        for package in (own / "cache/archives").glob("*.deb"):
            _run(["dpkg-deb", "--extract", package, tree])
        shutil.rmtree(own)
        return
    raise Missing(f"no package of it in {', '.join(_SUITES)}")


def version(command: Sequence[str]) -> str:
    """What a tool says of its version: the last word of the first line that holds a digit."""
    for line in _run(command).splitlines():
        words = [word.strip("v,()") for word in line.split() if word.strip("v,()")[:1].isdigit()]
        if words:
            return words[0]
    raise Missing("it does not tell its version")


def machine() -> str:
    """What this was measured on."""
    model = "an unknown processor"
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    return f"{model}, {os.cpu_count()} cores, {os.uname().sysname} {os.uname().release}"
