"""Schemes in whole runs: what is sent, what a redirect carries, what is shown, what is told before anything is sent."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.auth.digest_server import running
from tests.commands import Done, write, zrun
from tests.servers import Server

SECRET = "made-up/secret+of=tests & more"
KEY = "made-up-key-of-tests"

# scheme -> its settings, the secret in each being <<secret>> or <<key>>.
SCHEMES = {
    "bearer": "bearer: <<key>>",
    "basic": "basic: {username: ada, password: <<secret>>}",
    "header": "header: {name: X-Own, prefix: Zoho-oauthtoken, value: <<key>>}",
    "api-key": "api-key: {value: <<key>>}",
    "api-key in a header of its own": "api-key: {name: Own-Key, value: <<key>>}",
    "api-key in the query": "api-key: {name: key, value: <<secret>>, in: query}",
    "api-key in a cookie": "api-key: {name: key, value: <<key>>, in: cookie}",
    "oauth1": "oauth1: {consumer-key: <<key>>, consumer-secret: <<secret>>}",
    "oauth1 in the query": "oauth1: {consumer-key: <<key>>, consumer-secret: <<secret>>, in: query}",
    "oauth1 plain": "oauth1: {consumer-key: <<key>>, consumer-secret: <<secret>>, signature-method: PLAINTEXT}",
    "aws-sigv4": "aws-sigv4: {access-key: <<key>>, secret-key: <<secret>>, session-token: <<token>>, region: r, service: s}",
    "aws-sigv4 in the query": (
        "aws-sigv4: {access-key: <<key>>, secret-key: <<secret>>, session-token: <<token>>, region: r, service: s, in: query}"
    ),
}
SECRETS = {"KEY": KEY, "SECRET": SECRET, "TOKEN": "made-up-session-token"}
# What each puts into a request, however the secret is spelled.
MARKS = (
    "authorization",
    "x-own",
    "x-api-key",
    "own-key",
    "x-amz-date",
    "x-amz-security-token",
    "key=",
    "oauth_",
    "X-Amz-",
)


def run(folder: Path, server: Server, auth: str, request: str, *arguments: str, redirect: str = "") -> Done:
    """One request with this authentication; its secrets come from the process environment."""
    write(
        folder,
        c=f"auth: {{{auth}}}\nrequests:\n  one: {{{request}}}\n",
        e__env=f"""\
variables: {{url: {server.url}, elsewhere: "{redirect or server.url}"}}
secrets: {{key: {{env: KEY}}, secret: {{env: SECRET}}, token: {{env: TOKEN}}}}
""",
    )
    return zrun(folder, "c.yaml", "-e", "e", *arguments, **SECRETS)


def spellings(text: str) -> set[str]:
    return {
        text,
        quote(text),
        quote(text, safe=""),
        quote(quote(text, safe=""), safe=""),
        b64encode(text.encode()).decode(),
    }


def leaks(shown: str) -> list[str]:
    made_of = [*SECRETS.values(), f"ada:{SECRET}"]
    return [text for secret in made_of for text in spellings(secret) if text in shown]


@pytest.mark.parametrize("name", SCHEMES)
def test_it_is_sent_and_shown_nowhere(tmp_path: Path, server: Server, name: str) -> None:
    request = "get: <<url>>/echo?a=b, expect: {json $.size: 1}"
    for arguments in (("-vv",), ("--format", "json"), ("--dry-run",), ()):
        done = run(tmp_path, server, SCHEMES[name], request, *arguments)
        assert done.status == (0 if "--dry-run" in arguments else 1), done.out + done.err
        assert not leaks(done.out + done.err)
        if "-vv" in arguments:
            assert "?a=b" in done.out
            # A signature, too, is good for a while.
            out = "\n".join(line for line in done.out.splitlines() if line.lstrip().startswith(">"))
            assert "> Host" in out
            assert not re.findall(r"[sS]ignature=(?!\.\.\.)[^&\s]+", out)
    # Each but --dry-run has sent it.
    holders = [f"{path} {headers}" for (_, path), headers in zip(server.seen, server.headers, strict=True)]
    assert len(holders) == 3
    assert all(any(mark in holder for mark in MARKS) for holder in holders)


def test_a_parameter_of_a_scheme_stands_behind_a_question_mark_that_is_a_value(tmp_path: Path, server: Server) -> None:
    done = run(tmp_path, server, SCHEMES["api-key in the query"], "get: <<url>>/echo, query: {a: 'b?'}")
    assert done.status == 0, done.out + done.err
    assert server.paths()[0].startswith("/echo?a=b?&key=")


@pytest.mark.parametrize("name", SCHEMES)
def test_another_origin_gets_nothing_of_it(tmp_path: Path, server: Server, name: str) -> None:
    with Server() as other:
        request = f"get: '<<url>>/redirect/307?to={other.url}/echo'"
        done = run(tmp_path, server, SCHEMES[name], request, "-vv", redirect=other.url)
        assert done.status == 0, done.out + done.err
        assert len(other.seen) == 1
        assert not any(mark in f"{other.seen} {other.headers}" for mark in MARKS)
        assert not leaks(f"{other.seen} {other.headers}")
        if "query" not in name:
            assert ", without " in done.out


@pytest.mark.parametrize(
    "auth",
    [
        "header: {name: X-Own, value: made-up}",
        "api-key: {name: X-Own, value: made-up}",
        "api-key: {name: made-up, value: made-up, in: cookie}",
        "oauth1: {consumer-key: made-up, in: body}",
    ],
)
def test_what_a_scheme_put_in_stays_behind_though_no_file_calls_it_a_secret(
    tmp_path: Path, server: Server, auth: str
) -> None:
    with Server() as other:
        target = f"'<<url>>/redirect/307?to={other.url}/echo'"
        request = f"post: {target}, form: {{a: b}}, headers: {{X-Mine: kept, Cookie: mine=1}}"
        assert run(tmp_path, server, auth, request, redirect=other.url).status == 0
        assert "made-up" in f"{server.headers} {server.bodies}"
        assert "made-up" not in f"{other.headers} {other.bodies}"
        assert (other.headers[0]["x-mine"], other.bodies) == ("kept", [b"a=b"])


@pytest.mark.parametrize("name", SCHEMES)
def test_the_same_origin_gets_it_anew(tmp_path: Path, server: Server, name: str) -> None:
    done = run(tmp_path, server, SCHEMES[name], "get: '<<url>>/redirect/307?to=/echo/there?c=d'")
    assert done.status == 0, done.out + done.err
    assert [path.partition("?")[0] for _, path in server.seen] == ["/redirect/307", "/echo/there"]
    first, second = (
        f"{path} {[value for key, value in headers.items() if key in MARKS or key == 'cookie']}"
        for (_, path), headers in zip(server.seen, server.headers, strict=True)
    )
    if "oauth1" in name or "aws" in name:  # what was signed for the first address is not good for the second
        signatures = [re.findall(r"[sS]ignature=\"?([^\"&,']+)", text)[-1] for text in (first, second)]
        assert (signatures[0] == signatures[1]) == (name == "oauth1 plain")
    assert any(
        mark.strip("=") in second for mark in ("key", "Zoho", "Bearer", "Basic", "made-up", "oauth_", "X-Amz", "AWS4")
    )


def test_a_target_that_repeats_the_parameters_gets_one_set(tmp_path: Path, server: Server) -> None:
    target = quote("/echo?key=old&X-Amz-Signature=old&oauth_nonce=old&a=b", safe="")
    for auth, name in (
        (SCHEMES["api-key in the query"], "key"),
        (SCHEMES["oauth1 in the query"], "oauth_nonce"),
        (SCHEMES["aws-sigv4 in the query"], "X-Amz-Signature"),
    ):
        server.seen.clear()
        assert run(tmp_path, server, auth, f"get: '<<url>>/redirect/302?to={target}'").status == 0
        assert len(re.findall(rf"[?&]{name}=", server.seen[-1][1])) == 1
        assert f"{name}=old" not in server.seen[-1][1]


def test_a_cookie_of_the_scheme_stands_beside_those_of_the_run(tmp_path: Path, server: Server) -> None:
    write(
        tmp_path,
        c=f"""\
auth: {{api-key: {{name: key, value: {KEY}, in: cookie}}}}
requests:
  login: {{get: "{server.url}/cookie/set?session=abc&key=of-the-server"}}
  with:
    get: "{server.url}/echo"
    headers: {{Cookie: a=1; key=mine}}
    expect: {{json $.headers.cookie: a=1; key={KEY}; session=abc}}
  none: {{get: "{server.url}/echo", auth: none, expect: {{json $.headers.cookie: {{contains: session=abc}}}}}}
""",
    )
    done = zrun(tmp_path, "c.yaml")
    assert done.status == 0, done.out + done.err


@pytest.mark.parametrize(
    ("auth", "told"),
    [
        ("basic: {username: 'a:b', password: x}", "c.yaml:1:27: the username of `basic` holds a colon"),
        ("basic: {username: <<secret>>}", "the secret `secret`"),
        ("api-key: {value: 'a b', in: cookie}", "c.yaml:1:26: the value holds a character that no cookie can hold"),
        ("api-key: {name: 'a b', value: x}", "c.yaml:1:25: a header's name holds a character"),
        ("oauth1: {consumer-key: a, signature-method: RSA-SHA1, private-key: b}", "the private key cannot be read"),
        ("aws-sigv4: {access-key: a, secret-key: b}", "`aws-sigv4` needs `region`, which the host does not tell"),
        ("digest: {username: <<secret>>, password: x}", "the secret `secret`"),
    ],
)
def test_mistakes_are_told_before_anything_is_sent(tmp_path: Path, server: Server, auth: str, told: str) -> None:
    write(
        tmp_path,
        c=f"auth: {{{auth}}}\nrequests:\n  first: {{get: <<url>>/echo, auth: none}}\n  second: {{get: <<url>>/echo}}\n",
        e__env=f"variables: {{url: {server.url}}}\nsecrets: {{secret: {{env: NOT_SET}}}}\n",
    )
    for command in (("c.yaml",), ("check", "c.yaml"), ("c.yaml", "--dry-run")):
        done = zrun(tmp_path, *command, "-e", "e")
        assert done.status == 2, done.out
        assert told in (done.err + done.out), done.out + done.err
    assert not server.seen


@pytest.mark.parametrize("name", [*SCHEMES, "digest"])
def test_the_hosts_of_its_secrets_are_judged_before_anything_is_sent(tmp_path: Path, server: Server, name: str) -> None:
    auth = SCHEMES.get(name, "digest: {username: ada, password: <<secret>>}")
    for address, told in (
        ("https://elsewhere.example.com", "a host that e.yaml does not name"),
        ("http://named.example.com", "over plain http"),
    ):
        write(
            tmp_path,
            c=f"requests:\n  one: {{get: {server.url}/}}\n  two: {{get: '<<there>>/', auth: {{{auth}}}}}\n",
            e__env="hosts: [named.example.com]\nsecrets: {key: {env: KEY}, secret: {env: SECRET}, token: {env: TOKEN}}\n",
        )
        done = zrun(tmp_path, "c.yaml", "-e", "e", "--var", f"there={address}", **SECRETS)
        assert done.status == 5, done.out + done.err
        assert told in done.err
    assert not server.seen


def test_digest_is_told_in_words_and_shown_without_what_it_is_made_of(tmp_path: Path) -> None:
    with running(password=SECRET) as peer:
        write(
            tmp_path,
            c="""\
auth: {digest: {username: <<user>>, password: <<secret>>}}
requests:
  one: {get: <<url>>/one}
  two: {get: <<url>>/two}
""",
            e__env=f"""\
variables: {{url: {peer.url}}}
secrets: {{user: {{env: USER_OF_TESTS}}, secret: {{env: SECRET}}}}
""",
        )
        secrets = {**SECRETS, "USER_OF_TESTS": peer.username}
        dry = zrun(tmp_path, "c.yaml", "-e", "e", "--dry-run", **secrets)
        assert "(auth: digest answers the server's challenge, so nothing is known of it yet)" in dry.out
        assert not peer.seen
        done = zrun(tmp_path, "c.yaml", "-e", "e", "-vv", **secrets)
        assert done.status == 0, done.out + done.err
        assert peer.seen == ["no credentials", "ok", "ok"]
        assert done.out.count("> Authorization: Digest ...\n") == 2
        assert not leaks(done.out)
        report = zrun(tmp_path, "c.yaml", "-e", "e", "--format", "json", **secrets)
        exchanges = report.document["steps"][0]["exchanges"]
        assert [(exchange["reason"], exchange["status"]) for exchange in exchanges] == [(None, 401), ("challenge", 200)]


def test_each_try_is_signed_anew(tmp_path: Path, server: Server) -> None:
    request = "get: '<<url>>/flaky?fail=2', retry: {times: 2, delay: 0s}"
    assert run(tmp_path, server, SCHEMES["oauth1"], request).status == 0
    nonces = [re.findall(r'oauth_nonce="(\w+)"', headers["authorization"])[0] for headers in server.headers]
    assert len(set(nonces)) == 3


def test_rsa_needs_its_extra(tmp_path: Path, server: Server) -> None:
    key = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write(
        tmp_path,
        c=f"""\
requests:
  one:
    get: {server.url}/echo
    auth: {{oauth1: {{consumer-key: k, signature-method: RSA-SHA256, private-key: {json.dumps(key.decode())}}}}}
""",
    )
    blocked = "import sys; sys.modules['cryptography'] = None; from runner.cli import main; sys.exit(main(['c.yaml']))"
    done = subprocess.run([sys.executable, "-c", blocked], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "c.yaml:4:" in done.stderr
    assert "`signature-method: RSA-SHA256` needs the extra `jose`" in done.stderr
    assert not server.seen
    assert zrun(tmp_path, "c.yaml").status == 0


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("state: keyrng", True),
        ("base: none.yaml", False),  # which might declare it
        ("variables: [", False),
    ],
)
def test_a_mistake_in_an_environment_hides_no_unknown_provider(more: str, told: bool, tmp_path: Path) -> None:
    request = "{get: 'http://localhost/', auth: {oauth2: zhoo}}"
    write(tmp_path, c=f"requests: {{a: {request}}}\n", us__env=f"oauth2: {{zoho: {{preset: zoho}}}}\n{more}\n")
    for command in (("c.yaml",), ("check", "c.yaml")):
        done = zrun(tmp_path, *command, "-e", "us")
        assert done.status == 2
        assert "us.yaml:" in done.err
        assert ("no OAuth 2.0 provider `zhoo` is declared" in done.err) == told
        assert ("did you mean `zoho`?" in done.err) == told
