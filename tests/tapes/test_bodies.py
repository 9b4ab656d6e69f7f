"""What a cassette holds of bodies and cookies: no secret, however it is written, and enough for the replay."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path

import pytest

from tests.commands import write, zrun
from tests.servers import Server
from tests.tapes.playing import Answering, cassette, replay, tape, twice

TOKEN = "made-up-token-of-a-recording"
LONG = 1_000_001


def environment(folder: Path, url: str, more: str = "") -> None:
    write(folder, e__env=f"variables: {{url: '{url}'}}\nsecrets: {{client-secret: {{env: S}}}}\n{more}")


def test_a_long_text_that_is_sent_is_known_again_by_its_hash(tmp_path: Path, server: Server) -> None:
    body = "requests:\n  a: {post: <<url>>/status/200, json: [<<client-secret>>, LETTERS]}\n"
    letters = ", ".join(["a made-up word " * 10_000] * 10)
    environment(tmp_path, server.url)
    write(tmp_path, c=body.replace("LETTERS", letters))
    twice(tmp_path, "c.yaml", "-e", "e", S=TOKEN)
    assert TOKEN.encode() in server.bodies[-1]
    assert tape(tmp_path).stat().st_size < 10_000
    (exchange,) = cassette(tmp_path)["exchanges"]
    assert exchange["request"]["body"].startswith("sha256:")
    write(tmp_path, c=body.replace("LETTERS", letters + "y"))
    done = replay(tmp_path, "c.yaml", "-e", "e")
    assert done.status == 1
    assert "the body is another one" in done.out


def test_a_long_answer_is_left_out_told_and_refused_in_the_replay(tmp_path: Path, server: Server) -> None:
    write(tmp_path, c=f"requests:\n  a: {{get: {server.url}/bytes/{LONG}}}\n  b: {{get: {server.url}/echo}}\n")
    done = zrun(tmp_path, "c.yaml", "--record", "kept")
    assert done.status == 0
    assert f"c.yaml:2:3: warning: the answer to `a` is not in the cassette: it has {LONG} bytes" in done.err
    assert "a replay of this step will fail" in done.err
    replayed = replay(tmp_path, "c.yaml", "--format", "json")
    assert replayed.status == 1
    assert replayed.steps() == {"a": "failed", "b": "passed"}
    assert "this request cannot be replayed" in replayed.out


ENCODED = {
    "utf-16": ("text/plain; charset=utf-16", f"the token is {TOKEN}".encode("utf-16")),
    "latin-1": (
        "application/json; charset=iso-8859-1",
        f'{{"é": "{TOKEN}", "id_token": "made-up-id"}}'.encode("latin-1"),
    ),
    "utf-8": ("text/plain", f"é {TOKEN}".encode()),
}


@pytest.mark.parametrize("how", ENCODED)
def test_a_secret_in_a_text_of_any_charset_is_masked(how: str, tmp_path: Path) -> None:
    """The text is written back in the charset that it had, so that the replay reads it as the run did."""
    with Answering(*ENCODED[how]) as url:
        write(
            tmp_path,
            c="requests:\n  a: {post: <<url>>, json: [<<client-secret>>], expect: {text: {contains: <<client-secret>>}}}\n",
        )
        environment(tmp_path, url)
        twice(tmp_path, "c.yaml", "-e", "e", S=TOKEN)
    (exchange,) = cassette(tmp_path)["exchanges"]
    written = exchange["response"]["body"]
    content = base64.b64decode(written["base64"]) if "base64" in written else written["text"].encode()
    for form in (content, content.replace(b"\0", b"")):
        assert TOKEN.encode() not in form
        assert b"made-up-id" not in form
    assert b"<<client-secret>>" in content.replace(b"\0", b"")


HIDDEN = {
    "among bytes": b"\x89PNG\xff\xfe" + TOKEN.encode() + b"\xff",
    "UTF-16 that nobody declared": b"\xff\xff" + TOKEN.encode("utf-16-le"),
    "UTF-16 that is UTF-8, too": TOKEN.encode("utf-16-be"),
    "UTF-32": b"\xff" + TOKEN.encode("utf-32-le"),
    "in Base64": b"\xff " + base64.b64encode(TOKEN.encode()),
    "another charset than is declared": b"\xff" + TOKEN.encode(),
}


@pytest.mark.parametrize("how", HIDDEN)
def test_bytes_in_which_a_secret_is_are_left_out(how: str, tmp_path: Path) -> None:
    kind = "text/plain; charset=utf-16-be" if "declared" in how else "application/octet-stream"
    with Answering(kind, HIDDEN[how]) as url:
        write(tmp_path, c="requests:\n  a: {post: <<url>>, json: [<<client-secret>>]}\n")
        environment(tmp_path, url)
        done = zrun(tmp_path, "c.yaml", "-e", "e", "--record", "kept", S=TOKEN)
    assert done.status == 0, done.err
    assert "it holds a secret, and is no text" in done.err
    (exchange,) = cassette(tmp_path)["exchanges"]
    assert "left-out" in exchange["response"]["body"]
    assert replay(tmp_path, "c.yaml", "-e", "e").status == 1


def test_bytes_without_a_secret_are_kept_as_they_are(tmp_path: Path) -> None:
    content = gzip.compress(b"made up") + bytes(range(256))
    with Answering("application/octet-stream", content) as url:
        write(tmp_path, c="requests:\n  a: {post: <<url>>, json: [<<client-secret>>], capture: {h: bytes}}\n")
        environment(tmp_path, url)
        twice(tmp_path, "c.yaml", "-e", "e", S=TOKEN)
    (exchange,) = cassette(tmp_path)["exchanges"]
    assert base64.b64decode(exchange["response"]["body"]["base64"]) == content


def test_bytes_that_are_sent_are_compared(tmp_path: Path, server: Server) -> None:
    """Of a file, and of a part of a multipart body."""
    (tmp_path / "photo").write_bytes(b"\xff\xfe made up \0")
    write(
        tmp_path,
        c=f"requests:\n  a: {{post: '{server.url}/status/200', file: photo}}\n"
        f"  b: {{post: '{server.url}/status/200', multipart: {{photo: {{file: photo}}, n: 1}}}}\n",
    )
    twice(tmp_path, "c.yaml")
    (tmp_path / "photo").write_bytes(b"\xff\xfe made up 2")
    done = replay(tmp_path, "c.yaml", "--format", "json")
    assert set(done.steps().values()) == {"failed"}
    assert "the body is another one" in done.out


def test_a_download_that_holds_a_secret_can_be_sent_on(tmp_path: Path, server: Server) -> None:
    """In the replay the file holds a mask; elsewhere, it is another file, so it is not compared."""
    write(
        tmp_path,
        c="requests:\n"
        "  down: {post: <<url>>/reflect, json: {a: <<client-secret>>}, response: {save: got.json}}\n"
        "  up: {needs: down, post: <<url>>/echo, file: got.json}\n"
        "  parts: {needs: down, post: <<url>>/status/200, multipart: {f: {file: got.json}, n: 1}}\n",
    )
    (tmp_path / "got.json").write_text("{}", "utf-8")
    environment(tmp_path, server.url)
    twice(tmp_path, "c.yaml", "-e", "e", S=TOKEN)
    assert json.loads((tmp_path / "got.json").read_text("utf-8")) == {"a": "<<client-secret>>"}
    _, up, parts = (exchange["request"]["body"] for exchange in cassette(tmp_path)["exchanges"])
    assert up == "(a file that holds <<client-secret>>)"
    assert parts == ["f (got.json): (a file that holds <<client-secret>>)\n", "n: 1\n"]
    text = (tmp_path / "c.yaml").read_text("utf-8")
    (tmp_path / "c.yaml").write_text(text.replace("n: 1", "n: 2"), "utf-8")
    done = replay(tmp_path, "c.yaml", "-e", "e", "--format", "json")
    assert done.steps() == {"down": "passed", "up": "passed", "parts": "failed"}


def test_a_download_is_written_anew(tmp_path: Path, server: Server) -> None:
    write(tmp_path, c=f"requests:\n  a: {{get: {server.url}/bytes/3000, response: {{save: got.bin}}}}\n")
    assert zrun(tmp_path, "c.yaml", "--record", "kept").status == 0
    (tmp_path / "got.bin").unlink()
    assert replay(tmp_path, "c.yaml").status == 0
    assert (tmp_path / "got.bin").read_bytes() == bytes(3000)


@pytest.mark.parametrize("value", ["abc", "sid-8901", "made-up-session-of-24-letters"])
def test_a_cookie_that_is_captured_goes_on_whatever_its_length(value: str, tmp_path: Path) -> None:
    with Answering("text/plain", b"made up", ("Set-Cookie", f"sid={value}; Path=/; HttpOnly")) as url:
        write(
            tmp_path,
            c=f"requests:\n  in: {{post: '{url}', capture: {{sid: cookie sid}}}}\n"
            f"  out: {{post: '{url}/?s=<<sid>>', json: [<<sid>>], expect: {{cookie sid: <<sid>>}}}}\n",
        )
        twice(tmp_path, "c.yaml")
    text = tape(tmp_path).read_text("utf-8")
    assert (value in text) == (len(value) < 6)
    assert ("sid=<<cookie-sid>>; Path=/; HttpOnly" in text) == (len(value) >= 6)


def test_a_cookie_that_nobody_captures_is_masked_where_it_is_set(tmp_path: Path) -> None:
    """It is no secret where it stands elsewhere, when it is as short as a word."""
    with Answering("text/plain", b"in english", ("Set-Cookie", "lang=english; Path=/")) as url:
        write(tmp_path, c=f"requests:\n  in: {{post: '{url}', expect: {{text: {{contains: english}}}}}}\n")
        twice(tmp_path, "c.yaml")
    (exchange,) = cassette(tmp_path)["exchanges"]
    assert ["Set-Cookie", "lang=<<cookie-lang>>; Path=/"] in exchange["response"]["headers"]
