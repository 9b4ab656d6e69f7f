"""From a response to variables: what is taken, whether it is a secret, whether it is kept, when it expires."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runner import queries, tree
from runner.collection import Capture, RequestSpec
from runner.environment import Environment
from runner.errors import InputError, Problem
from runner.exchange import Response, Unreadable
from runner.quantities import seconds
from runner.queries import Query
from runner.redact import Redactor
from runner.results import CaptureResult
from runner.scope import Captured, Scope
from runner.template import Template
from runner.values import MISSING, Missing, Secret, Value, as_text, secrets_in, taint

# What a token endpoint answers with (RFC 6749, 5.1; OpenID Connect Core, 3.1.3.3) is a secret without being told.
_CUTTING = ("text", "bytes", "regex", "xpath", "css")
_LONGEST = 1e12  # seconds: no clock shows a later time
TOKENS = ("access_token", "refresh_token", "id_token")


def take(
    request: RequestSpec,
    response: Response,
    scope: Scope,
    environment: Environment | None,
    now: float,
    redactor: Redactor | None = None,
) -> list[tuple[CaptureResult, Captured | None]]:
    """Each capture of `request`: what became of it, and the value (None when there was none to take).

    `redactor` knows the secrets of the run: a server that gives one back, in whatever encoding, does not make it public.
    """
    known = redactor or Redactor()
    return [_take(capture, request, response, scope, environment, now, known) for capture in request.capture]


def _take(
    capture: Capture,
    request: RequestSpec,
    response: Response,
    scope: Scope,
    environment: Environment | None,
    now: float,
    redactor: Redactor,
) -> tuple[CaptureResult, Captured | None]:
    secret = False
    try:
        query = queries.resolve(capture.query, scope)
        secret = _is_secret(capture, query, environment)
        value = _value(capture, query, response, scope, redactor)
        secret = secret or _holds_token(value, query, response)
        value = _recognised(capture, value, query, response, redactor)
        secret = secret or bool(secrets_in(value))
        value = _recognised(capture, _filtered(capture, value, secret, scope), query, response, redactor)
        secret = secret or bool(secrets_in(value))
    except InputError as error:
        return CaptureResult(capture.name, capture.location, secret, False, error.problems[0]), None
    problem: Problem | None = None
    expires_in: float | None = None
    try:
        expires_in = _expires_in(capture, response, scope)
    except InputError as error:  # the value itself is good, and may be a token that cannot be had again
        problem = error.problems[0]
    kept = (
        capture.save if capture.save is not None else environment is not None and capture.name in environment.declared
    )
    if secret:
        value = taint(value, capture.name)
    expires_at = None if expires_in is None else now + expires_in
    # `oauth2/NAME` is who a provider's own answers are kept by, and no request of a collection is that.
    by = f"requests/{request.id}" if request.id.startswith("oauth2/") else request.id
    stored = Captured(value, by, now, expires_at, scope.seed(capture.name))
    return CaptureResult(capture.name, capture.location, secret, kept, problem), stored


def secret_names(requests: Iterable[RequestSpec], environment: Environment | None) -> frozenset[str]:
    """The names that are secrets before anything is sent: declared ones, and those that requests capture as such."""
    found = set(environment.secrets) if environment else set()
    for request in requests:
        for capture in request.capture:
            query = capture.query
            if _is_secret(capture, query, environment) if isinstance(query, Query) else capture.secret:
                found.add(capture.name)
    return frozenset(found)


def _is_secret(capture: Capture, query: Query, environment: Environment | None) -> bool:
    """By what files say. That a token is none is not a collection's to say: it would be the way to carry one off."""
    if environment and capture.name in environment.secrets:
        return True
    last = query.argument.rstrip("'\"]").replace("['", ".").replace('["', ".").rpartition(".")[2]
    return bool(capture.secret) or (query.kind == "json" and last in TOKENS)


def _holds_token(value: Value, query: Query, response: Response) -> bool:
    """Whether a token of the answer is in `value`, or could be: a text query may cut one into pieces."""
    if query.kind not in ("json", *_CUTTING):
        return False
    try:
        if not any(name.encode() in response.bytes for name in TOKENS):
            return False
        found = set(_tokens(response.json)) if query.kind == "json" else set()
    except Unreadable:
        return False
    return query.kind in _CUTTING or any(token in text for text in _texts(value) for token in found)


def _inside(value: Value) -> Iterator[tuple[str, Value]]:
    """Each value in `value`, itself among them, with the key that it is under (or nothing)."""
    pending: list[tuple[str, Value]] = [("", value)]
    while pending:
        key, one = pending.pop()
        yield key, one
        if isinstance(one, dict):
            pending.extend(one.items())
        elif isinstance(one, list):
            pending.extend((key, item) for item in one)


def _tokens(document: Value) -> Iterator[str]:
    return (one for key, one in _inside(document) if key in TOKENS and isinstance(one, str) and one)


def _texts(value: Value) -> Iterator[str]:
    return (one for _, one in _inside(value) if isinstance(one, str))


def _recognised(capture: Capture, value: Value, query: Query, response: Response, redactor: Redactor) -> Value:
    """`value` with each text in it that holds a known secret, in any encoding, made a Secret, named as that one is.

    Raises InputError for a map whose keys hold one: a key cannot be hidden.
    """
    if query.kind in ("regex", "xpath") and isinstance(value, str):
        cut = redactor.cut_from(response.text, value)
        if cut:
            return Secret(value, ", ".join(secret.name for secret in cut))
    return _marked(capture, value, redactor)


def _marked(capture: Capture, value: Value, redactor: Redactor) -> Value:
    if isinstance(value, list):
        return [_marked(capture, item, redactor) for item in value]
    if isinstance(value, dict):
        for key in value:
            for span in redactor.spans(key):
                message = f"`{capture.name}` was not captured: a key of the answer's map holds the secret `{span.secret.name}`"
                raise InputError(Problem(message, capture.location, "capture a value of the map instead"))
        return {key: _marked(capture, item, redactor) for key, item in value.items()}
    if value is None or isinstance(value, (bool, Secret)):
        return value
    return redactor.hidden(as_text(value)) or value


def _value(capture: Capture, query: Query, response: Response, scope: Scope, redactor: Redactor) -> Value:
    note = ""
    value: Value | Missing = MISSING
    try:
        value = queries.as_one(query, query(response))
        why = queries.why_missing(query, response) if isinstance(value, Missing) else None
        note = f": {redactor.text(why)}" if why else ""
    except Unreadable as error:
        note = f": {error}"
    if not isinstance(value, Missing):
        return value
    if capture.has_default:
        return tree.render(capture.default, scope)
    raise InputError(
        Problem(
            f"`{capture.name}` was not captured: `{query.text}` selects nothing in the answer{note}",
            capture.location,
            "mend the query, or give it a `default`",
        )
    )


def _filtered(capture: Capture, value: Value, secret: bool, scope: Scope) -> Value:
    if not isinstance(capture.filter, Template):
        return value
    filtered = capture.filter.render(scope.with_item("value", taint(value, capture.name) if secret else value))
    if secret and not _can_hide(filtered):
        message = (
            f"the filter of `{capture.name}`, which is a secret, gives what cannot be hidden: true, false or nothing"
        )
        raise InputError(Problem(message, capture.location, "let it give a text or a number"))
    return filtered


def _can_hide(value: Value) -> bool:
    """Whether `value` can be made a secret: a text, a number, or a list or map of such that is not empty."""
    if isinstance(value, (list, dict)):
        return bool(value) and all(map(_can_hide, value.values() if isinstance(value, dict) else value))
    return value is not None and not isinstance(value, bool)


def _expires_in(capture: Capture, response: Response, scope: Scope) -> float | None:
    """Seconds until the value expires; None when it does not say."""
    written: Value | Missing
    if isinstance(capture.expires_in, Query):
        try:
            written = queries.as_one(capture.expires_in, capture.expires_in(response))
        except Unreadable:
            return None
    else:
        written = tree.render(capture.expires_in, scope)
    if written is None or isinstance(written, Missing):
        return None
    found = seconds(written) if isinstance(written, (str, int, float)) and not isinstance(written, bool) else None
    if found is None or found >= _LONGEST:
        raise InputError(
            Problem(
                f"`expires-in` of `{capture.name}` is not a time",
                capture.location,
                "give seconds, or a duration such as 55m",
            )
        )
    return found
