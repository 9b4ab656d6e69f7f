"""Basic, by RFC 7617's own examples and by a server of another hand."""

from __future__ import annotations

import pytest

from runner.errors import InputError
from runner.exchange import Call
from runner.redact import Redactor
from runner.transport import Transport
from runner.values import Value
from tests.auth.peers import httpbin
from tests.auth.schemes import field, made, secret

CALL = Call("GET", "https://example.com/")


@pytest.mark.parametrize(
    ("username", "password", "expected"),
    [
        ("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),  # RFC 7617, 2
        ("test", "123\u00a3", "Basic dGVzdDoxMjPCow=="),  # RFC 7617, 2.1
        ("", "made-up", "Basic Om1hZGUtdXA="),
        ("key", None, "Basic a2V5Og=="),
        ("key", "a:b", "Basic a2V5OmE6Yg=="),
        (7, 8, "Basic Nzo4"),
    ],
)
def test_username_and_password_are_encoded(username: Value, password: Value, expected: str) -> None:
    assert field(made("basic", username=username, password=password).sign(CALL)) == expected
    hidden = made("basic", username=username, password=secret(str(password or "")))
    assert field(hidden.sign(CALL)) == expected


@pytest.mark.parametrize(
    ("username", "password", "told"),
    [
        ("a:b", "x", "the username of `basic` holds a colon"),
        ("a", "x\n", "`password` holds a control character"),
        ("a\x00", "x", "`username` holds a control character"),
        (None, "x", "`basic` needs `username`, which has no value"),
    ],
)
def test_what_rfc_7617_has_no_place_for_is_refused(username: Value, password: Value, told: str) -> None:
    with pytest.raises(InputError, match=told):
        made("basic", username=username, password=password)


def test_what_is_made_of_the_password_is_a_secret() -> None:
    call = made("basic", username="ada", password=secret("made-up-password")).sign(CALL)
    redactor = Redactor()
    redactor.add_all(call.secrets)
    assert redactor.text(field(call)) == "Basic base64(ada:<<password>>)"
    assert redactor.text(field(call).removeprefix("Basic ")) == "base64(ada:<<password>>)"
    assert {found.name for found in call.secrets} == {"password"}


def test_a_server_of_another_hand_lets_it_in() -> None:
    with httpbin() as url, Transport() as transport:
        for word, status in (("ö:pen sesame", 200), ("wrong", 401)):
            auth = made("basic", username="ada", password=word)
            assert transport.send(auth.sign(Call("GET", f"{url}/basic-auth/ada/ö:pen%20sesame"))).status == status
