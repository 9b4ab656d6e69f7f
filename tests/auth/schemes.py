"""Schemes for tests: made as a collection would make them, from settings that templates give."""

from __future__ import annotations

from collections.abc import Mapping

from runner import auth, template
from runner.auth.settings import Kept
from runner.collection import AuthSpec, Variable
from runner.credentials import Auth
from runner.errors import Location, Source
from runner.exchange import Call
from runner.values import Secret, Value
from tests.lookups import Line, Values

PLACE = Location(Source("test.yaml", "auth"), 1, 1)
MOMENT = 1_700_000_000.0


class _At(Values):
    """A lookup whose clock stands still at `moment`, in seconds since the epoch."""

    def __init__(self, values: Mapping[str, Value], moment: float) -> None:
        super().__init__(values)
        self._moment = moment

    def now(self) -> float:
        return self._moment


def made(scheme: str, kept: Kept | None = None, **settings: Value) -> Auth:
    """The scheme with these settings; in their names `_` stands for `-`, and `in_` for `in`."""
    return made_of(scheme, settings, kept=kept)


def made_of(scheme: str, settings: Mapping[str, Value], moment: float = MOMENT, kept: Kept | None = None) -> Auth:
    """As `made`, by the clock of `moment`."""
    names = {name: name.strip("_").replace("_", "-") for name in settings}
    written = {name: Variable(name, template.parse(f"<<given-{name}>>", Line()), PLACE) for name in names.values()}
    lookup = _At({f"given-{names[name]}": value for name, value in settings.items()}, moment)
    return auth.make(AuthSpec(scheme, PLACE, written), lookup, kept)


def field(call: Call, name: str = "authorization") -> str:
    """The value of a header field that is there once."""
    (found,) = [value for key, value in call.headers if key.lower() == name]
    return found


def secret(text: str, name: str = "password") -> Secret:
    return Secret(text, name)
