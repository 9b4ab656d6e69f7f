"""What is signed is what is sent: addresses in a form that the HTTP library leaves alone, bodies of the same bytes twice."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.auth.components import body_hash, normal, origin, target, with_fixed_body
from runner.exchange import Call, Part
from runner.transport import Transport
from tests.servers import Server

CHARACTERS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x24F, exclude_characters="#\x7f\\"), max_size=12)


@given(st.lists(CHARACTERS.map(lambda text: text.replace("?", "")), max_size=5), st.one_of(st.none(), CHARACTERS))
def test_a_normal_address_is_sent_as_it_is(segments: list[str], query: str | None) -> None:
    url = normal("https://example.com/" + "/".join(segments) + ("" if query is None else f"?{query}"))
    assert httpx.URL(url).raw_path.decode() == target(url)
    assert normal(url) == url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h", "http://h/"),
        ("http://h?a=b", "http://h/?a=b"),
        ("http://h/a b/ü?x= ü", "http://h/a%20b/%C3%BC?x=%20%C3%BC"),
        ("http://h/a/./b/../c/.", "http://h/a/c/"),  # RFC 3986, 5.2.4
        ("http://h/../..//a", "http://h//a"),
        ("http://h/100%?50%", "http://h/100%25?50%25"),
        ("http://h/%7eada?", "http://h/%7eada"),
    ],
)
def test_addresses_are_made_normal(url: str, expected: str) -> None:
    assert normal(url) == expected


def test_an_origin_has_no_port_of_its_scheme() -> None:
    assert origin("HTTPS://Example.COM:443/a") == "https://example.com"
    assert origin("http://u:p@[::1]:80/") == "http://[::1]"
    assert origin("http://bücher.example:8080") == "http://xn--bcher-kva.example:8080"


def test_the_hash_of_a_body_is_that_of_what_arrives(tmp_path: Path, server: Server) -> None:
    file = tmp_path / "picture.bin"
    file.write_bytes(bytes(range(256)) * 1000)
    parts = (Part("title", "ä".encode()), Part("picture", file, "p.bin", "image/x"))
    calls = [
        Call("POST", f"{server.url}/echo", content=b"text"),
        Call("PUT", f"{server.url}/echo", content=file),
        Call("POST", f"{server.url}/echo", content=parts),
        Call("POST", f"{server.url}/echo", (("Content-Type", "multipart/related"),), parts),
        Call("POST", f"{server.url}/echo", (("Content-Type", 'multipart/mixed; boundary="of mine"'),), parts),
        Call("GET", f"{server.url}/echo"),
    ]
    with Transport() as transport:
        for call in calls:
            fixed = with_fixed_body(call)
            found: Any = transport.send(fixed)
            assert found.status == 200
            assert hashlib.sha256(server.bodies[-1]).digest() == body_hash(fixed, hashlib.sha256).digest()
    assert [headers.get("content-type", "").partition("; ")[0] for headers in server.headers[2:5]] == [
        "multipart/form-data",
        "multipart/related",
        "multipart/mixed",
    ]
    assert b"--of mine\r\n" in server.bodies[4]
