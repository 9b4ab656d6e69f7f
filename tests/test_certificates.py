"""The query `cert`: real handshakes on loopback with a made-up authority, and certificates of another hand's making."""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from runner.certificates import parse
from runner.environment import Tls
from runner.exchange import Call, Unreadable
from runner.transport import Transport
from tests.commands import Done, write, zrun
from tests.servers import Server


def tls(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def asked(folder: Path, expect: str, *, trusted: str = "ca: ca.pem", path: str = "/echo", plain: bool = False) -> Done:
    """A run against a server whose certificate ends in 100 days; `expect` are lines of YAML."""
    authority = trustme.CA()
    now = datetime.datetime.now(datetime.UTC)
    certificate = authority.issue_cert(
        "localhost",
        common_name="localhost",
        organization_name="Made-up, Inc.",
        not_before=now - datetime.timedelta(days=10),
        not_after=now + datetime.timedelta(days=100),
    )
    with Server(tls=None if plain else tls(certificate)) as server:
        write(
            folder,
            us__env=f"variables: {{base: '{server.url}'}}\ntls: {{{trusted}}}\n",
            c=f"requests:\n  a:\n    get: <<base>>{path}\n    expect:\n{expect}\n",
        )
        authority.cert_pem.write_to_path(folder / "environments" / "ca.pem")
        return zrun(folder, "c", "-e", "us", "--format", "json")


FIELDS = """\
      status: 200
      cert subject: {contains: 'O=Made-up\\, Inc.', ends-with: CN=localhost}
      cert issuer: {starts-with: 'O=trustme'}
      cert expires-in: {gt: 99d, lt: 101d}
      cert start-date: {matches: '^20\\d\\d-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ$'}
      cert expire-date: {gt: '2026-01-01'}
      cert serial-number: {matches: '^[0-9a-f]+$'}
      cert subject-alt-names: {contains: 'DNS:localhost'}
      cert fingerprint: {length: 64}"""


@pytest.mark.parametrize("trusted", ["ca: ca.pem", "verify: false"])
def test_each_field_is_told_whether_or_not_it_is_trusted(tmp_path: Path, trusted: str) -> None:
    done = asked(tmp_path, FIELDS, trusted=trusted)
    (step,) = done.document["steps"]
    assert [check for check in step["checks"] if not check["passed"]] == []
    assert len(step["checks"]) == 11


def test_a_certificate_that_ends_soon_fails_in_days(tmp_path: Path) -> None:
    done = asked(tmp_path, "      cert expires-in: {gt: 365d}")
    assert done.status == 1
    (check,) = [check for check in done.document["steps"][0]["checks"] if not check["passed"]]
    assert (check["query"], check["expected"]) == ("cert expires-in", 'more than "365d"')
    assert check["actual"] == "100.0 days"


def test_plain_http_has_none_and_says_so(tmp_path: Path) -> None:
    done = asked(tmp_path, "      cert subject: {contains: x}\n      cert issuer: {exists: false}", plain=True)
    assert done.status == 1
    subject, issuer = [check for check in done.document["steps"][0]["checks"] if check["query"] != "status"]
    assert (subject["passed"], issuer["passed"]) == (False, True)
    assert "plain http" in subject["note"]


def test_a_capture_takes_a_field_and_tells_when_there_is_none(tmp_path: Path, server: Server) -> None:
    done = asked(tmp_path, "      status: 200\n    capture: {ends: cert expire-date}\n  b: {get: <<base>>/x/<<ends>>}")
    assert done.steps()["a"] == "passed"
    write(tmp_path, d=f"requests: {{a: {{get: '{server.url}/echo', capture: {{ends: cert expire-date}}}}}}\n")
    done = zrun(tmp_path, "d")
    assert done.status == 1
    assert "plain http: there is no certificate" in done.out


def test_an_unknown_field_is_told_before_anything_is_sent(tmp_path: Path, server: Server) -> None:
    write(tmp_path, c=f"requests: {{a: {{get: '{server.url}/echo', expect: {{cert expiry-date: x}}}}}}\n")
    done = zrun(tmp_path, "check", "c")
    assert done.status == 2
    assert "did you mean `expire-date`?" in done.err
    assert ":1:" in done.err


def test_it_is_the_certificate_of_the_last_host(tmp_path: Path) -> None:
    """After a redirect, and from a connection that is used again."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    first = authority.issue_cert("localhost", organization_name="First")
    last = authority.issue_cert("localhost", organization_name="Last")
    with Server(tls=tls(first)) as one, Server(tls=tls(last)) as other:
        with Transport(tls=Tls(ca=tmp_path / "ca.pem")) as transport:
            for url, organization in (
                (f"{one.url}/echo", "First"),
                (f"{one.url}/redirect/302?to={other.url}/echo", "Last"),
                (f"{one.url}/echo", "First"),
            ):
                answer = transport.send(Call("GET", url))
                assert answer.certificate is not None
                assert f"O={organization}" in parse(answer.certificate.der).subject
        assert one.connections == 1


def made(name: x509.Name, names: list[x509.GeneralName], ends: datetime.datetime, serial: int) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), serial)
        .not_valid_before(datetime.datetime(1999, 12, 31, 23, 59, 59))
        .not_valid_after(ends)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, SHA256()).public_bytes(Encoding.DER)


def test_what_another_library_writes_is_read() -> None:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Müller, Söhne + Co"),
            x509.NameAttribute(x509.ObjectIdentifier("2.999.3"), "own"),
            x509.NameAttribute(NameOID.COMMON_NAME, "example.com"),
        ]
    )
    names: list[x509.GeneralName] = [
        x509.DNSName("example.com"),
        x509.DNSName("*.example.com"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
        x509.RFC822Name("a@example.com"),
        x509.UniformResourceIdentifier("spiffe://example.com/x"),
        x509.DirectoryName(name),
    ]
    found = parse(made(name, names, datetime.datetime(2055, 1, 2, 3, 4, 5), 0x0FEDCBA9876543210FEDCBA9876543210))
    assert found.subject == found.issuer == "C=DE, O=Müller\\, Söhne \\+ Co, 2.999.3=own, CN=example.com"
    assert found.alt_names == (
        "DNS:example.com",
        "DNS:*.example.com",
        "IP:127.0.0.1",
        "IP:::1",
        "EMAIL:a@example.com",
        "URI:spiffe://example.com/x",
    )
    assert found.starts == datetime.datetime(1999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)
    assert found.ends == datetime.datetime(2055, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    assert found.serial_number == "fedcba9876543210fedcba9876543210"
    bare = parse(made(x509.Name([]), [], datetime.datetime(2030, 1, 1), 1))
    assert (bare.subject, bare.alt_names, bare.serial_number) == ("", (), "1")


_WHOLE = made(
    x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")]),
    [x509.DNSName("x")],
    datetime.datetime(2030, 1, 1),
    7,
)


@given(st.integers(0, len(_WHOLE) - 1), st.integers(0, 255), st.booleans())
def test_a_broken_one_is_read_or_refused(at: int, byte: int, cut: bool) -> None:
    broken = _WHOLE[:at] if cut else _WHOLE[:at] + bytes([byte]) + _WHOLE[at + 1 :]
    try:
        json.dumps([parse(broken).subject, parse(broken).alt_names])
    except Unreadable as error:
        assert "certificate" in str(error)  # noqa: PT017  (either is right)
