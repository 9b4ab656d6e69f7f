"""What to look at in a response: `status`, `header NAME`, `json $.data[0].id`, parsed to a function of the Response."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from runner.errors import Location, Place
from runner.exchange import Response
from runner.template import Lookup, Template
from runner.values import Missing, Value


@dataclass(frozen=True)
class Query:
    """A parsed query; calling it gives what it selects, or MISSING. Raises exchange.Unreadable for an unfit body.

    `kind` is its first word, `argument` the rest as written.
    """

    text: str
    kind: str
    argument: str
    location: Location = field(compare=False)
    select: Callable[[Response], Value | Missing] = field(repr=False, compare=False)

    def __call__(self, response: Response) -> Value | Missing:
        return self.select(response)


# A query with a template in it is parsed when it has been rendered.
QuerySpec: TypeAlias = Query | Template


def parse_query(text: str, place: Place) -> Query:
    """`text` as a Query. Raises InputError, at the column inside the query, with a did-you-mean for an unknown kind."""
    raise NotImplementedError


def resolve(spec: QuerySpec, lookup: Lookup) -> Query:
    """The query that `spec` stands for in this scope. Raises InputError."""
    raise NotImplementedError
