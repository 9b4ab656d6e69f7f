"""A report as an HTTP Archive 1.2 (W3C's draft of the format, by J. Odvarko): every request that was sent, and its answer.

What is known of a redirect is where it came from and where it led, not its header fields. How long an answer took is known as a
whole: it stands as the time waited. Members of ours begin with an underscore, as the format says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO
from urllib.parse import parse_qsl, urlsplit

from runner.reporters.documents import codec, wording
from runner.reporters.documents.codec import Object
from runner.reporters.documents.tree import Message, Report, Sending, Step

_NOTHING: Message = Message((), None)


def write(report: Report, out: TextIO) -> None:
    """Write it, an entry after the other."""
    creator = codec.dumps({"name": "zrun", "version": report.run.version})
    out.write(f'{{"log": {{"version": "1.2", "creator": {creator}, "pages": [], "entries": [')
    separator = ""
    for step in report.steps:
        for entry in _entries(step):
            out.write(f"{separator}\n{codec.dumps(entry)}")
            separator = ","
    out.write("\n]}}\n")


def _entries(step: Step) -> Iterator[Object]:
    for renewal in step.renewed:
        yield from _entries(renewal)
    for sending in step.exchanges:
        yield from _sent(sending, wording.label(step))


def _sent(sending: Sending, comment: str) -> Iterator[Object]:
    """The entries of one sending: one for each redirect, and the last."""
    method, url, request = sending.method, sending.url, sending.request or _NOTHING
    for hop in sending.redirects:
        response = _response(sending, hop.status, "", _NOTHING, hop.target)
        yield _entry(sending, _request(method, hop.url, sending, request), response, 0.0, comment)
        # RFC 9110, 15.4: what follows is a GET after 303, and after 301 and 302 of a POST; its body is gone then.
        if (hop.status == 303 and method != "HEAD") or (hop.status in (301, 302) and method == "POST"):
            method = "GET"
        # Which of its header fields the next one had is not known.
        request, url = _NOTHING, hop.target
    status = sending.status or 0  # 0: no answer came, as browsers write it
    response = _response(sending, status, sending.status_text or "", sending.response or _NOTHING, "")
    entry = _entry(sending, _request(method, url, sending, request), response, sending.duration or 0.0, comment)
    if sending.error:
        entry["_error"] = sending.error
    if sending.reason:
        entry["_reason"] = sending.reason
    yield entry


def _entry(sending: Sending, request: Object, response: Object, duration: float, comment: str) -> Object:
    time = round(duration * 1000, 3)
    return {
        "startedDateTime": codec.moment(sending.started),
        "time": time,
        "request": request,
        "response": response,
        "cache": {},
        "timings": {"send": 0, "wait": time, "receive": 0},
        "comment": comment,
    }


def _request(method: str, url: str, sending: Sending, message: Message) -> Object:
    found: Object = {
        "method": method,
        "url": url,
        "httpVersion": _http(sending),
        "cookies": [],
        "headers": _headers(message),
        "queryString": [{"name": name, "value": value} for name, value in _query(url)],
        "headersSize": -1,
        "bodySize": message.body.size if message.body else 0,
    }
    if message.body:
        found["postData"] = {"mimeType": message.body.media_type or "", "params": [], "text": message.body.text or ""}
        found["postData"] |= _cut(message)
    return found


def _response(sending: Sending, status: int, text: str, message: Message, target: str) -> Object:
    body = message.body
    content: Object = {"size": body.size if body else 0, "mimeType": (body and body.media_type) or ""}
    if body and body.text is not None:
        content["text"] = body.text
    elif body is None and status == sending.status and sending.size is not None:
        content = {"size": sending.size, "mimeType": sending.media_type or ""}
    return {
        "status": status,
        "statusText": text,
        "httpVersion": _http(sending),
        "cookies": [],
        "headers": _headers(message),
        "content": content | _cut(message),
        "redirectURL": target,
        "headersSize": -1,
        "bodySize": -1,
    }


def _cut(message: Message) -> Object:
    if message.body is None or message.body.text is None:
        return {"comment": "not text, or in a file: not shown"} if message.body else {}
    return {"comment": "cut here, the body is longer"} if message.body.cut else {}


def _headers(message: Message) -> list[Object]:
    return [{"name": name, "value": value} for name, value in message.headers]


def _query(url: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(urlsplit(url).query, keep_blank_values=True)
    except ValueError:  # an address that cannot be taken apart, as a host in half a bracket
        return []


def _http(sending: Sending) -> str:
    return f"HTTP/{sending.http_version or '1.1'}"
