"""`zrun doctor` at a network that fails: each stage is told apart, with real sockets; and at Zoho's own names, by a proxy."""

from __future__ import annotations

import datetime
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from runner import sandbox
from tests.servers import Server
from tests.zoho_world import Project, Proxy, zoho

ACCOUNTS, API = "accounts.zoho.com", "www.zohoapis.com"


@pytest.fixture
def us(tmp_path: Path) -> Iterator[Project]:
    with zoho(tmp_path) as project:
        yield project


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@pytest.mark.parametrize(
    ("address", "code", "words"),
    [
        ("https://nothing.invalid", "dns", "the name of nothing.invalid is not found"),
        ("http://127.0.0.1:{closed}", "tcp", "refuses the connection"),
        ("https://127.0.0.1:{plain}", "tls", "does not speak TLS"),
    ],
)
def test_a_way_that_ends_early(us: Project, address: str, code: str, words: str) -> None:
    us.login()
    url = address.format(closed=closed_port(), plain=urlsplit(us.running.url).port)
    us.environment(accounts=url)
    before = us.calls()
    found = us.doctor()
    assert found.status == 3
    host = urlsplit(url).netloc
    told = found.one("network", host, code)
    assert told["status"] == "problem"
    assert words in told["message"]
    assert told["hint"]
    assert found.one("credential")["message"].startswith("not known")
    assert us.calls() == before


def test_each_host_is_examined_once(us: Project, server: Server) -> None:
    us.login()
    text = f"requests: {{a: {{get: '{server.url}/a'}}, b: {{get: '{server.url}/b'}}}}\n"
    (us.folder / "collections" / "other.yaml").write_text(text, "utf-8")
    found = us.doctor("-c", "other", "-c", "daily")
    assert found.status == 0
    assert [check["name"] for check in found.found("network", code="answers")] == [
        urlsplit(us.running.url).netloc,
        urlsplit(server.url).netloc,
    ]
    assert server.seen == [("HEAD", "/")]


def tls(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def moment(days: float) -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)


@pytest.mark.parametrize(
    ("name", "days", "trusted", "status", "code", "words"),
    [
        ("localhost", 100.0, True, 0, "answers", "TLS TLSv1"),
        ("localhost", 100.0, False, 3, "tls", "is not trusted"),
        ("localhost", -1.0, True, 3, "tls", "has expired"),
        ("other.example", 100.0, True, 3, "tls", "is for another name"),
        ("localhost", 3.0, True, 0, "certificate-ends", "its certificate ends in"),
    ],
)
def test_certificates_are_told_apart(
    us: Project, authority: trustme.CA, name: str, days: float, trusted: bool, status: int, code: str, words: str
) -> None:
    us.login()
    certificate = authority.issue_cert(name, not_before=moment(-10), not_after=moment(days))
    authority.cert_pem.write_to_path(us.folder / "environments" / "ca.pem")
    with Server(tls=tls(certificate)) as server:
        us.environment(more=f"  other: {server.url}\n" + ("tls: {ca: ca.pem}" if trusted else ""))
        (us.folder / "collections" / "other.yaml").write_text("requests: {a: {get: <<other>>/a}}\n", "utf-8")
        found = us.doctor("-c", "other")
        host = urlsplit(server.url).netloc
        assert words in found.one("network", host, code)["message"]
        assert found.status == status
        assert found.one("credential", "access token")["code"] == "alive"


@pytest.fixture
def abroad(us: Project, authority: trustme.CA) -> Iterator[Proxy]:
    """Zoho's own names, by a proxy that the environment names."""
    port = urlsplit(us.running.url).port
    assert port is not None
    authority.cert_pem.write_to_path(us.folder / "environments" / "ca.pem")
    us.running._store.url = f"https://{API}"  # what its answers call themselves
    with Proxy({ACCOUNTS: port, API: port}, authority) as proxy:
        by_proxy(us, proxy.url)
        yield proxy


def by_proxy(project: Project, proxy: str, api: str = API) -> None:
    more = f"tls: {{ca: ca.pem}}\nproxy: {proxy}"
    project.environment(accounts=f"https://{ACCOUNTS}", api=f"https://{api}", more=more)


def test_through_a_proxy_and_tls_at_zohos_own_names(us: Project, abroad: Proxy) -> None:
    done = us.login()
    assert f"data centre    US ({ACCOUNTS})" in done.out
    assert "api_domain     https://www.zohoapis.com, as the environment writes it" in done.out
    found = us.doctor()
    assert (found.status, found.problems) == (0, []), found.done.out
    told = found.one("network", ACCOUNTS, "proxy")
    assert urlsplit(abroad.url).netloc in told["message"]
    assert "environments/us.yaml" in told["message"]
    assert found.one("data centre", "accounts-domain")["message"] == f"{ACCOUNTS} (US)"
    assert found.one("data centre", "api-domain")["message"] == f"{API} (US)"
    assert us.calls() == {"authorization_code": 1}


def test_an_api_host_of_another_data_centre_is_told_and_no_token_spent(
    us: Project, abroad: Proxy, authority: trustme.CA, tmp_path: Path
) -> None:
    us.login()
    with sandbox.start(tmp_path / "europe.sqlite", data_center="eu") as europe:
        port = urlsplit(us.running.url).port
        there = urlsplit(europe.url).port
        assert port is not None
        assert there is not None
        with Proxy({ACCOUNTS: port, "www.zohoapis.eu": there, API: port}, authority) as proxy:
            by_proxy(us, proxy.url, "www.zohoapis.eu")
            differing = us.doctor()
            assert differing.status == 5  # a token does not go to a host that the environment does not name
            assert "www.zohoapis.com" in differing.one("data centre", code="api-domain-differs")["message"]
            assert (
                "api-domain: https://www.zohoapis.com"
                in differing.one("data centre", code="api-domain-differs")["hint"]
            )
            assert us.zrun("env", "us", "--forget", "api-domain").status == 0
            found = us.doctor()
    assert found.status == 4
    assert ("data centre", "api-domain", "wrong-data-centre") in found.problems
    assert ("credential", "access token", "wrong-data-centre") in found.problems
    assert "www.zohoapis.com" in found.one("data centre", "api-domain")["hint"]
    assert us.calls() == {"authorization_code": 1}


def test_a_login_is_not_kept_from_mending_the_data_centre(us: Project, abroad: Proxy, authority: trustme.CA) -> None:
    us.login()
    port = urlsplit(us.running.url).port
    assert port is not None
    there = ("accounts.zoho.eu", "www.zohoapis.eu")
    with Proxy(dict.fromkeys(there, port), authority) as proxy:
        more = f"tls: {{ca: ca.pem}}\nproxy: {proxy.url}"
        us.environment(accounts=f"https://{there[0]}", api=f"https://{there[1]}", more=more)
        assert ("data centre", "kept api-domain", "kept-wrong-data-centre") in us.doctor().problems
        us.running._store.url = f"https://{there[1]}"
        us.login()
        assert us.doctor().problems == []


def test_a_written_mismatch_is_told_before_a_code_is_asked_for(us: Project, abroad: Proxy) -> None:
    by_proxy(us, abroad.url, "www.zohoapis.eu")
    done = us.zrun("login", "-e", "us", ZRUN_SECRET_GRANT_TOKEN=us.running.mint_grant())
    assert done.status == 4
    assert "www.zohoapis.eu is of EU" in done.err
    assert us.calls() == {}


def test_an_api_host_in_place_of_the_accounts_server_is_told(us: Project, abroad: Proxy) -> None:
    us.environment(accounts=f"https://{API}", api=f"https://{API}", more=f"tls: {{ca: ca.pem}}\nproxy: {abroad.url}")
    found = us.doctor()
    assert found.one("data centre", "accounts-domain")["code"] == "wrong-host"
    assert found.one("data centre", "accounts-domain")["hint"] == f"write https://{ACCOUNTS}"


@pytest.mark.parametrize(
    ("status", "plain", "words"),
    [
        (407, None, "wants a user and a password"),
        (403, None, "refuses the way"),
        (200, b"SSH-2.0-made-up\r\n", "does not answer as one"),
    ],
)
def test_a_proxy_that_refuses_is_told(us: Project, status: int, plain: bytes | None, words: str) -> None:
    with Proxy(status=status, plain=plain) as proxy:
        us.environment(accounts=f"https://{ACCOUNTS}", api=f"https://{API}", more=f"proxy: {proxy.url}")
        found = us.doctor()
    assert found.status == 3
    told = found.found("network", ACCOUNTS)[-1]
    assert told["code"] == "proxy"
    assert words in told["message"]
    assert told["hint"]


def test_a_proxy_that_is_not_there_is_told_and_whence_it_comes(us: Project) -> None:
    us.environment(accounts=f"https://{ACCOUNTS}", api=f"https://{API}")
    url = f"http://zoe:made-up-password@127.0.0.1:{closed_port()}"
    found = us.doctor(HTTPS_PROXY=url)
    assert found.status == 3
    first, last = found.found("network", ACCOUNTS)
    assert first["message"].endswith("from HTTPS_PROXY")
    assert last["code"] == "tcp"
    assert "the proxy 127.0.0.1" in last["message"]
    assert "made-up-password" not in found.done.out + found.done.err


def test_a_proxys_user_and_password_are_sent(us: Project, abroad: Proxy) -> None:
    by_proxy(us, abroad.url.replace("//", "//zoe:made-up@"))
    us.doctor()
    wanted = f"Proxy-Authorization: Basic {b64encode(b'zoe:made-up').decode()}"
    assert abroad.asked
    assert all(wanted in head for head in abroad.asked)
