"""`zrun token status`: which tokens there are, how old, how long good, who got them, and what the budget allows."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

from runner import errors
from runner.auth.oauth2 import budget
from runner.auth.oauth2.provider import Provider
from runner.cli import options, screen
from runner.cli.assemble import Assembly
from runner.cli.providers import choose
from runner.cli.tokens import forms, holding
from runner.files.flights import Flights
from runner.quantities import show_seconds
from runner.reporters.terminal import paint
from runner.values import MISSING, Value


def main(arguments: list[str]) -> int:
    """Run the command. Returns the exit status."""
    parser = options.Parser("token status", "Show an environment's tokens and the provider's budget. Sends nothing.")
    holding.add_options(parser)
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    options.add_color(parser)
    chosen = parser.read(arguments)
    with holding.values(chosen, look_only=True) as assembly:
        environment = assembly.environment
        assert environment is not None, "one is named"
        names = [chosen.provider] if chosen.provider or not environment.providers else list(environment.providers)
        providers = [choose(assembly, name) for name in names]
        documents = [_document(assembly, provider) for provider in providers]
        if chosen.format == "json":
            options.out(assembly.redactor.text(json.dumps({"providers": documents}, indent=1)))
        else:
            color = screen.wants_color(chosen.color, sys.stdout)
            lines = [line for document in documents for line in _lines(document, color)]
            options.out(assembly.redactor.text("\n".join(lines)))
    return errors.PASSED


def _document(assembly: Assembly, provider: Provider) -> dict[str, Value]:
    now = assembly.now()
    tokens = [
        _token(assembly, kind, name, now)
        for kind, name in (
            ("access_token", provider.tokens.access),
            ("refresh_token", provider.tokens.refresh),
            ("id_token", provider.tokens.id),
        )
    ]
    found: dict[str, Value] = {
        "provider": provider.name,
        "tokens": [token for token in tokens if token is not None],
        "refresh_before": provider.refresh_before,
    }
    assert assembly.state is not None, "an environment has a state"
    log = Flights(assembly.state).log(provider.name)
    issued = log.issued()
    if provider.budget is not None:
        count, within = provider.budget
        left = budget.left(issued, provider.budget, now)
        found["budget"] = {"count": count, "within": within, "left": left}
        wait = budget.wait(issued, provider.budget, now)
        if wait:
            found["budget"]["wait"] = round(wait, 3)  # type: ignore[index,call-overload]  # it is the map above
    if issued:
        found["last_request"] = forms.moment(issued[-1])
    failure = log.failure()
    if failure is not None:
        found["last_failure"] = {"at": forms.moment(failure[0]), "why": failure[1]}
    return found


def _token(assembly: Assembly, kind: str, name: str, now: float) -> dict[str, Value] | None:
    """What is known of one token; None for an id token that there is not."""
    scope = assembly.scope
    origin = scope.origin(name)
    there = scope.get(name) is not MISSING
    if not there and kind == "id_token":
        return None
    found: dict[str, Value] = {"kind": kind, "variable": name, "present": there}
    if origin is not None:
        found["from"] = origin.kind if origin.kind != "captured" else origin.detail
    captured = scope.captured(name)
    if captured is not None:
        found["captured_at"] = forms.moment(captured.at)
        found["age"] = round(now - captured.at, 3)
        if captured.expires_at is not None:
            found["expires_at"] = forms.moment(captured.expires_at)
            found["expires_in"] = round(captured.expires_at - now, 3)
    return found


def _lines(document: dict[str, Value], color: bool) -> Iterator[str]:
    yield paint(str(document["provider"]), "bold", color)
    tokens = document["tokens"]
    assert isinstance(tokens, list), "made above"
    width = max(len(str(token["variable"])) for token in tokens if isinstance(token, dict))
    for token in tokens:
        assert isinstance(token, dict), "made above"
        yield f"  {token['variable']!s:<{width}}  {_words(token)}"
    shares = document.get("budget")
    if isinstance(shares, dict):
        text = f"{shares['left']} of {shares['count']} left in {show_seconds(_number(shares['within']))}"
        wait = f"; the next one in {show_seconds(_number(shares['wait']))}" if "wait" in shares else ""
        yield f"  {'budget':<{width}}  {text}{wait}"
    failure = document.get("last_failure")
    if isinstance(failure, dict):
        yield f"  {'failed':<{width}}  {failure['at']}: {failure['why']}"


def _words(token: dict[str, Value]) -> str:
    if not token["present"]:
        return "none"
    if "captured_at" not in token:
        return f"there, from the {token['from']} layer"
    since = f"from {token['from']}, {show_seconds(max(0.0, _number(token['age'])))} old"
    if "expires_in" not in token:
        return f"there, {since}" + (", no known expiry" if token["kind"] == "access_token" else "")
    left = _number(token["expires_in"])
    good = f"good for {show_seconds(left)}" if left > 0 else f"expired {show_seconds(-left)} ago"
    return f"{good}, {since}"


def _number(value: Value) -> float:
    assert isinstance(value, (int, float)), "made above"
    return float(value)
