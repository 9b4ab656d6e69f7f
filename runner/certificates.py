"""What a server's certificate says: an X.509 certificate (RFC 5280) read from its DER, whether or not it is trusted.

ssl tells the fields of a certificate that it has verified, and nothing of one that it was told not to (`tls: {verify: false}`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from ipaddress import ip_address

from runner.exchange import PeerCertificate, Unreadable
from runner.records import record
from runner.values import Value

# Of RFC 4514, 3, and what else stands in names of certificates that are in use.
_ATTRIBUTES = {
    "2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST",
    "2.5.4.9": "STREET", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.12": "title", "2.5.4.15": "businessCategory",
    "2.5.4.17": "postalCode", "2.5.4.42": "GN", "2.5.4.97": "organizationIdentifier",
    "0.9.2342.19200300.100.1.1": "UID", "0.9.2342.19200300.100.1.25": "DC", "1.2.840.113549.1.9.1": "emailAddress",
    "1.3.6.1.4.1.311.60.2.1.3": "jurisdictionC",
}  # fmt: skip
_ALT_NAMES = "2.5.29.17"
# Tags of ASN.1 (X.690) that a certificate is made of.
_INTEGER, _OID, _SEQUENCE, _SET, _UTC, _VERSION, _EXTENSIONS = 0x02, 0x06, 0x30, 0x31, 0x17, 0xA0, 0xA3
_TEXTS = {
    0x1E: "utf-16-be",
    0x1C: "utf-32-be",
    0x14: "latin-1",
}  # BMPString, UniversalString, TeletexString; else UTF-8
_EMAIL, _DNS, _URI, _IP = 0x81, 0x82, 0x86, 0x87


@record
class Certificate:
    """Names as `C=US, O=Example, CN=example.com` in the certificate's order, times in UTC, the serial number in hexadecimal.

    `alt_names` are as `DNS:example.com`, `IP:127.0.0.1`, `EMAIL:...`, `URI:...`; names of other kinds are left out.
    """

    subject: str
    issuer: str
    starts: datetime
    ends: datetime
    serial_number: str
    alt_names: tuple[str, ...]


# field -> its value
FIELDS: dict[str, Callable[[PeerCertificate], Value]] = {
    "subject": lambda peer: parse(peer.der).subject,
    "issuer": lambda peer: parse(peer.der).issuer,
    "start-date": lambda peer: _shown(parse(peer.der).starts),
    "expire-date": lambda peer: _shown(parse(peer.der).ends),
    "expires-in": lambda peer: parse(peer.der).ends.timestamp() - peer.seen,
    "serial-number": lambda peer: parse(peer.der).serial_number,
    "subject-alt-names": lambda peer: list(parse(peer.der).alt_names),
    "fingerprint": lambda peer: _fingerprint(peer.der),
}


def parse(der: bytes) -> Certificate:
    """The certificate in `der`. Raises exchange.Unreadable for bytes that are none."""
    try:
        (_, certificate), *_ = _values(der)
        (_, signed), *_ = _values(certificate)
        fields = list(_values(signed))
        if fields[0][0] == _VERSION:
            del fields[0]
        (_, serial), _, (_, issuer), (_, validity), (_, subject), *rest = fields
        starts, ends = (_time(tag, value) for tag, value in _values(validity))
        extensions = b"".join(value for tag, value in rest if tag == _EXTENSIONS)
        return Certificate(
            _name(subject), _name(issuer), starts, ends, serial.hex().lstrip("0") or "0", tuple(_alt_names(extensions))
        )
    except (ValueError, IndexError):
        raise Unreadable("the server's certificate cannot be read") from None


def _values(der: bytes) -> Iterator[tuple[int, bytes]]:
    """The tag and content of each value in `der`, one after the other. Raises ValueError where one is cut."""
    at = 0
    while at < len(der):
        tag, length = der[at], der[at + 1]
        at += 2
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(der[at : at + count])
            at += count
        if at + length > len(der):
            raise ValueError("it is cut")
        yield tag, der[at : at + length]
        at += length


def _name(der: bytes) -> str:
    parts = []
    for _, pairs in _values(der):
        for _, pair in _values(pairs):
            (_, oid), (tag, value) = _values(pair)
            text = value.decode(_TEXTS.get(tag, "utf-8"), "replace")
            escaped = "".join(f"\\{character}" if character in ',+"\\<>;' else character for character in text)
            parts.append(f"{_ATTRIBUTES.get(_oid(oid), _oid(oid))}={escaped}")
    return ", ".join(parts)


def _oid(der: bytes) -> str:
    numbers: list[int] = []
    number = 0
    for byte in der:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(number)
            number = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))


def _time(tag: int, value: bytes) -> datetime:
    """UTCTime of the years 1950 to 2049, or GeneralizedTime (RFC 5280, 4.1.2.5)."""
    text = value.decode("ascii")
    if tag == _UTC:
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _alt_names(extensions: bytes) -> Iterator[str]:
    for _, listed in _values(extensions):
        for _, extension in _values(listed):
            (_, oid), *_, (_, value) = _values(extension)
            if _oid(oid) != _ALT_NAMES:
                continue
            for _, names in _values(value):
                yield from filter(None, (_alt_name(tag, name) for tag, name in _values(names)))


def _alt_name(tag: int, name: bytes) -> str | None:
    if tag == _IP:
        return f"IP:{ip_address(name)}"
    kind = {_DNS: "DNS", _EMAIL: "EMAIL", _URI: "URI"}.get(tag)
    return f"{kind}:{name.decode('ascii', 'replace')}" if kind else None


def _shown(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _fingerprint(der: bytes) -> str:
    import hashlib  # beside its one use

    return hashlib.sha256(der).hexdigest()
