"""WWW-Authenticate, read as RFC 9110, 11.6.1 has it: several challenges in one field, commas of two kinds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.auth.challenges import parameters, read

TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789!#$%&'*+-.^_`|~", min_size=1, max_size=12)
QUOTED = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x2FF, exclude_characters="\x7f"), max_size=20)
TOKEN68 = st.from_regex(r"\A[A-Za-z0-9\-._~+/]{1,20}={0,2}\Z")


def told(*fields: str) -> list[tuple[str, dict[str, str], str]]:
    return [(found.scheme, dict(found.parameters), found.token68) for found in read(fields)]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (  # RFC 9110, 11.6.1
            'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""',
            [
                ("basic", {"realm": "simple"}, ""),
                ("newauth", {"realm": "apps", "type": "1", "title": 'Login to "apps"'}, ""),
            ],
        ),
        ("Negotiate, NTLM", [("negotiate", {}, ""), ("ntlm", {}, "")]),
        ("NTLM TlRMTVNTUAACAAAA==, Basic realm=x", [("ntlm", {}, "TlRMTVNTUAACAAAA=="), ("basic", {"realm": "x"}, "")]),
        ('Digest qop="auth, auth-int",nonce="a,b=c"', [("digest", {"qop": "auth, auth-int", "nonce": "a,b=c"}, "")]),
        ("Digest realm = x , nonce =\ty", [("digest", {"realm": "x", "nonce": "y"}, "")]),
        (", ,Basic realm=x,,", [("basic", {"realm": "x"}, "")]),
        ("Digest nonce=abc==, realm=x", [("digest", {"nonce": "abc==", "realm": "x"}, "")]),  # servers do this
        ('Basic realm="', [("basic", {}, "")]),
        ("", []),
        ("=", []),
    ],
)
def test_challenges_are_told_apart(field: str, expected: object) -> None:
    assert told(field) == expected


def test_several_fields_are_one_list() -> None:
    assert [scheme for scheme, *_ in told("Digest nonce=a", "Basic realm=b, NTLM")] == ["digest", "basic", "ntlm"]


def test_authentication_info_is_parameters_alone() -> None:
    assert parameters('nextnonce="n", qop=auth, NC=00000001') == {"nextnonce": "n", "qop": "auth", "nc": "00000001"}


@given(
    st.lists(
        st.tuples(TOKEN, st.one_of(TOKEN68, st.dictionaries(TOKEN.map(str.lower), QUOTED, max_size=4))), max_size=5
    )
)
def test_what_is_written_is_read(challenges: list[tuple[str, str | dict[str, str]]]) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def rest(what: str | dict[str, str]) -> str:
        return what if isinstance(what, str) else ", ".join(f"{name}={quoted(value)}" for name, value in what.items())

    field = ", ".join(f"{scheme} {rest(what)}".rstrip() for scheme, what in challenges)
    expected = [
        (scheme.lower(), {} if isinstance(what, str) else what, what if isinstance(what, str) else "")
        for scheme, what in challenges
    ]
    assert told(field) == expected


@given(st.text(max_size=200))
def test_nothing_makes_it_fail(field: str) -> None:
    read([field])
    parameters(field)
