"""Can each host be reached: its name, the proxy, the connection, TLS and its certificate, an answer, the same time?"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from runner import errors
from runner.cli import sending
from runner.cli.assemble import Assembly
from runner.cli.doctor.check import Area, Check
from runner.environment import Tls
from runner.errors import ZrunError
from runner.exchange import Call, Response
from runner.quantities import show_seconds
from runner.records import record

AREA = Area("network")
TIMEOUT = 10.0  # seconds, of each stage
# A certificate that ends sooner than this is worth a word: those of public authorities are renewed a month before.
_NEAR = 14 * 86400.0
# A Date counts whole seconds and comes from a machine that may be busy; a JWT's times are judged with some 60 s of leeway.
_SKEW = 30.0
_PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


@record
class Host:
    """One host to examine, by the address of a page of it that tells nothing and changes nothing."""

    url: str

    @property
    def name(self) -> str:
        """The host, and its port where that is not the usual one."""
        parts = urlsplit(self.url)
        usual = {"https": 443, "http": 80}.get(parts.scheme)
        return (parts.hostname or "") + (f":{parts.port}" if parts.port not in (None, usual) else "")


def hosts(urls: Iterable[str]) -> list[Host]:
    """Each host of these addresses once, in their order."""
    found: dict[str, Host] = {}
    for url in urls:
        try:
            parts = urlsplit(url)
            _ = parts.port
        except ValueError:
            continue
        if parts.scheme in ("http", "https") and parts.hostname and "{" not in parts.netloc:
            origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"
            found.setdefault(origin, Host(f"{origin}/"))
    return list(found.values())


def examine(assembly: Assembly, host: Host, send: sending.Send, margin: float) -> Iterator[Check]:
    """Each check of one host, until one fails. `margin` is by how many seconds a clock may be wrong before tokens suffer.

    The last check has the code `answers` when the host answers.
    """
    from runner.transport import (
        Transport,
        probe,
    )  # late: it loads the HTTP library, which help and mistakes do not need

    tls = assembly.environment.tls if assembly.environment else Tls()
    with Transport(tls=tls, proxy=sending.proxy(assembly)) as transport:
        by = transport.proxy_for(host.url)
    proxy = probe.Proxy(*by) if by else None
    if proxy is not None:
        yield AREA.ok(host.name, f"by the proxy {urlsplit(proxy.url).netloc}, from {_whence(assembly)}", "proxy")
    said: list[str] = []
    for stage in probe.reach(host.url, tls, proxy, TIMEOUT):
        if stage.problem:
            yield AREA.told(host.name, stage.problem, errors.NETWORK, stage.name)
            return
        said.append(f"{stage.name.upper()} {stage.detail}")
        if stage.name == "tls":
            yield from _certificate(host, stage, assembly.now())
    before = assembly.now()
    try:
        response = send(Call("HEAD", host.url, timeout=TIMEOUT, follow_redirects=False, cookies=False))
    except ZrunError as error:
        yield AREA.failed(host.name, error, "no-answer")
        return
    yield from clock(host.name, response, (before + assembly.now()) / 2, margin)
    yield AREA.ok(host.name, f"answers ({', '.join(said)})", "answers")


def _certificate(host: Host, stage: object, now: float) -> Iterator[Check]:
    from runner.transport.probe import Stage  # beside the import above

    assert isinstance(stage, Stage)
    if not stage.verified:
        hint = "name the authority instead: `tls: {ca: corp.pem}`"
        yield AREA.warning(host.name, "its certificate is not looked at (`tls: {verify: false}`)", hint, "unverified")
    elif stage.expires_at is not None and stage.expires_at - now < _NEAR:
        left = show_seconds(max(0.0, stage.expires_at - now))
        yield AREA.warning(host.name, f"its certificate ends in {left}", "tell whoever runs it", "certificate-ends")


def _whence(assembly: Assembly) -> str:
    """Where the proxy is named."""
    environment = assembly.environment
    if environment is not None and environment.proxy is not None:
        return f"`proxy` at {environment.proxy_location}"
    found = [name for name in _PROXY_VARIABLES if os.environ.get(name)]
    return " or ".join(found) or "the system's settings"


def clock(name: str, response: Response, now: float, margin: float) -> Iterator[Check]:
    """Whether this machine's clock agrees with the Date of an answer (RFC 9110, 6.6.1); a cache's answer has an old one."""
    written = next(iter(response.header("date")), None)
    if written is None or response.header("age"):
        return
    try:
        theirs = parsedate_to_datetime(written).timestamp()
    except (ValueError, OverflowError):
        return
    ahead = now - theirs
    if abs(ahead) < _SKEW:
        return
    message = f"this machine's clock is {show_seconds(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} {name}'s"
    hint = "set it by NTP (`timedatectl set-ntp true`): expiries are counted wrong, and signed tokens (JWT) are refused"
    if abs(ahead) < margin:
        yield AREA.warning(name, message, hint, "clock")
    else:
        yield AREA.problem(name, message, hint, errors.BAD_INPUT, "clock")
