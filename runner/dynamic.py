"""Dynamic values: `$uuid`, `$timestamp`, `$random-int` and their kin, under our spelling and Postman's (`$randomInt`).

Names are those of Postman's "Dynamic variables"; hyphens and case do not matter. The words are made up or plain; addresses
of hosts, mail and networks are those that RFC 2606, RFC 5737 and RFC 3849 set aside, so that nothing reaches anybody.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from runner.values import Value

_FIRST = (
    "Ada Alan Barbara Claude Donald Edsger Emmy Frances Grace Hedy Ida John Katherine Leslie Margaret Niklaus"
).split()
_LAST = (
    "Allen Backus Dijkstra Hamilton Hopper Johnson Knuth Lamarr Lamport Liskov Lovelace Noether Rhodes Shannon"
).split()
_WORDS = (
    "amber bridge cedar delta ember fjord garden harbor island juniper kettle lantern meadow north orchard pebble"
).split()
_CITIES = (
    "Adelaide Bergen Chennai Denver Edinburgh Fukuoka Gothenburg Halifax Izmir Jaipur Kyoto Lisbon Madurai"
).split()
_COUNTRIES = ("Australia AU", "Canada CA", "Germany DE", "India IN", "Japan JP", "Norway NO", "Portugal PT", "Spain ES")
_JOBS = ("Accountant", "Architect", "Baker", "Carpenter", "Engineer", "Gardener", "Librarian", "Nurse", "Surveyor")
_COLORS = "black blue brown green grey orange pink purple red white yellow".split()
_MONTHS = "January February March April May June July August September October November December".split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_CURRENCIES = "AUD CAD CHF CNY EUR GBP INR JPY SAR USD".split()
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def _uuid(rng: Random) -> str:
    """A random UUID (RFC 9562, version 4), drawn from `rng` so that --seed repeats it."""
    digits = f"{rng.getrandbits(128):032x}"
    variant = "89ab"[int(digits[16], 16) % 4]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def _integer(rng: Random, low: Value = 0, high: Value = 1000) -> int:
    """Postman's range by default, both ends included."""
    if isinstance(low, int) and isinstance(high, int) and low <= high:
        return rng.randint(low, high)
    raise ValueError("takes two integers, the smaller first")


def _text(rng: Random, length: Value = 8) -> str:
    if isinstance(length, int) and 0 < length <= 10_000:
        return "".join(rng.choices(_LETTERS, k=length))
    raise ValueError("takes a length between 1 and 10000")


def _word(rng: Random) -> str:
    return rng.choice(_WORDS)


def _user(rng: Random) -> str:
    return f"{rng.choice(_FIRST)}.{rng.choice(_LAST)}{rng.randint(1, 99)}".lower()


def _iso(moment: float, *, milliseconds: bool = True) -> str:
    from datetime import UTC, datetime  # late: few collections use a date

    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds" if milliseconds else "seconds")
    return text.replace("+00:00", "Z")


_DAY = 86400.0


class _Chance(NamedTuple):
    """What a dynamic value is made of: a source of chance, and the time in epoch seconds."""

    rng: Random
    now: float


# canonical name (no hyphens, lower case) -> (our spelling, the function that makes a value)
_VALUES: dict[str, tuple[str, Callable[..., Value]]] = {}


def _add(name: str, function: Callable[..., Value], *others: str) -> None:
    for spelling in (name, *others):
        _VALUES[spelling.replace("-", "").lower()] = (name, function)


_add("uuid", lambda c: _uuid(c.rng), "guid", "random-uuid")
_add("timestamp", lambda c: int(c.now))
_add("iso-timestamp", lambda c: _iso(c.now))
_add("random-int", lambda c, *bounds: _integer(c.rng, *bounds))
_add("random-boolean", lambda c: c.rng.random() < 0.5)
_add("random-alpha-numeric", lambda c: c.rng.choice(_LETTERS))
_add("random-text", lambda c, *length: _text(c.rng, *length))
_add("random-password", lambda c, *length: _text(c.rng, *(length or (15,))))
_add("random-hex-color", lambda c: f"#{c.rng.getrandbits(24):06x}")
_add("random-color", lambda c: c.rng.choice(_COLORS))
_add("random-first-name", lambda c: c.rng.choice(_FIRST))
_add("random-last-name", lambda c: c.rng.choice(_LAST))
_add("random-full-name", lambda c: f"{c.rng.choice(_FIRST)} {c.rng.choice(_LAST)}")
_add("random-user-name", lambda c: _user(c.rng))
_add("random-email", lambda c: f"{_user(c.rng)}@example.com", "random-example-email")
_add("random-domain-name", lambda c: f"{_word(c.rng)}.example.com")
_add("random-url", lambda c: f"https://{_word(c.rng)}.example.com")
_add("random-ip", lambda c: f"192.0.2.{c.rng.randint(1, 254)}")
_add("random-ipv6", lambda c: f"2001:db8::{c.rng.getrandbits(16):x}")
_add("random-phone-number", lambda c: f"555-01{c.rng.randint(0, 99):02d}")
_add("random-company-name", lambda c: f"{_word(c.rng).title()} {c.rng.choice(('Works', 'Mills', 'Foundry', 'Press'))}")
_add("random-job-title", lambda c: c.rng.choice(_JOBS))
_add("random-city", lambda c: c.rng.choice(_CITIES))
_add("random-country", lambda c: c.rng.choice(_COUNTRIES)[:-3])
_add("random-country-code", lambda c: c.rng.choice(_COUNTRIES)[-2:])
_add("random-street-address", lambda c: f"{c.rng.randint(1, 250)} {_word(c.rng).title()} Street")
_add("random-price", lambda c: f"{c.rng.randint(0, 1000)}.{c.rng.randint(0, 99):02d}")
_add("random-currency-code", lambda c: c.rng.choice(_CURRENCIES))
_add("random-month", lambda c: c.rng.choice(_MONTHS))
_add("random-weekday", lambda c: c.rng.choice(_DAYS))
_add("random-date-future", lambda c: _iso(c.now + c.rng.random() * 365 * _DAY, milliseconds=False))
_add("random-date-past", lambda c: _iso(c.now - c.rng.random() * 365 * _DAY, milliseconds=False))
_add("random-date-recent", lambda c: _iso(c.now - c.rng.random() * _DAY, milliseconds=False))
_add("random-word", lambda c: _word(c.rng))
_add("random-words", lambda c: " ".join(_word(c.rng) for _ in range(c.rng.randint(2, 5))))
_add("random-lorem-sentence", lambda c: " ".join(_word(c.rng) for _ in range(7)).capitalize() + ".")

# What those take that take something, as it is written behind the name.
ARGUMENTS = {"random-int": "(0, 1000)", "random-text": "(8)", "random-password": "(15)"}
# Our spellings, without the `$`.
NAMES: tuple[str, ...] = tuple(dict.fromkeys(name for name, _ in _VALUES.values()))


def _canonical(name: str) -> str:
    return name.removeprefix("$").replace("-", "").replace("_", "").lower()


def is_known(name: str) -> bool:
    """Whether `name` (with or without its `$`) is a dynamic value."""
    return _canonical(name) in _VALUES


def value(name: str, rng: Random, now: float, *arguments: Value) -> Value:
    """A fresh value of the kind `name`. Raises ValueError for arguments that it does not take, KeyError for no such name."""
    function = _VALUES[_canonical(name)][1]
    try:
        return function(_Chance(rng, now), *arguments)
    except TypeError:
        raise ValueError("takes no such arguments") from None
