"""Which requests of one or several collections are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from runner.collection import Collection, RequestSpec
from runner.errors import Location, Problem, Source, did_you_mean
from runner.records import record


@record
class Selection:
    """Which requests are asked for; nothing said: all. What they need is run first, unless `alone`.

    `patterns` are ids, folders or globs whose `*` also crosses `/`; `tags`: those that have one of them; `skip_tags`: none
    that has one of these, whatever needs it; `first`: none before that one in the file; `only`: of each collection (by its
    file), none but these.
    """

    patterns: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    skip_tags: tuple[str, ...] = ()
    first: str | None = None
    only: Mapping[str, frozenset[str]] | None = None
    alone: bool = False

    @property
    def is_all(self) -> bool:
        return not (self.patterns or self.tags or self.first) and self.only is None


def select(collection: Collection, selection: Selection) -> list[str]:
    """The ids of the requests that are asked for, in file order.

    A request tagged `never` is asked for by its own id, or by one of its tags, alone.
    """
    ids = [request.id for request in collection]
    late = frozenset(
        ids[ids.index(selection.first) :] if selection.first in ids else ids if not selection.first else ()
    )
    only = None if selection.only is None else selection.only.get(str(collection.path), frozenset())
    return [
        request.id
        for request in collection
        if request.id in late
        and (only is None or request.id in only)
        and (not selection.patterns or any(_matches(request, pattern) for pattern in selection.patterns))
        and (not selection.tags or not set(selection.tags).isdisjoint(request.tags))
        and set(selection.skip_tags).isdisjoint(request.tags)
        and ("never" not in request.tags or selection.tags or request.id in selection.patterns or only is not None)
    ]


def _matches(request: RequestSpec, pattern: str) -> bool:
    return request.id == pattern or request.id.startswith(pattern.rstrip("/") + "/") or fnmatchcase(request.id, pattern)


def unknown(collections: Sequence[Collection], selection: Selection) -> list[Problem]:
    """A problem for each pattern, tag or first request that none of the collections has."""
    requests = [request for collection in collections for request in collection]
    where = collections[0].path.name if len(collections) == 1 else "the collections"
    known = [request.id for request in requests]
    tags = sorted({tag for request in requests for tag in request.tags})
    found: list[Problem] = []

    def tell(option: str, word: str, what: str, names: Sequence[str], otherwise: str) -> None:
        place = Location(Source(f"{option} {word}", ""), 1, 1)
        shown = place.source.name[len(option) + 1 :]
        listed = f"{otherwise}: {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}"
        found.append(Problem(f"no request of {where} {what} `{shown}`", None, did_you_mean(word, names, listed)))

    for pattern in selection.patterns:
        if not any(_matches(request, pattern) and _may_match(request, pattern) for request in requests):
            tell("-r", pattern, "is called", known, "it holds" if len(collections) == 1 else "they hold")
    if selection.first is not None and selection.first not in known:
        tell("--from", selection.first, "is called", known, "it holds" if len(collections) == 1 else "they hold")
    for option, given in (("--tag", selection.tags), ("--skip-tag", selection.skip_tags)):
        for tag in given:
            if tag not in tags:
                tell(option, tag, "is tagged", tags, "tags are" if tags else "there are no tags")
    return found


def _may_match(request: RequestSpec, pattern: str) -> bool:
    return "never" not in request.tags or request.id == pattern


def nothing() -> Problem:
    """That a selection which can be met leaves nothing to run."""
    return Problem("the selection leaves no request to run", None, "--list shows what a selection selects")
