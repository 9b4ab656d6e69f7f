"""The scopes that collections need of Zoho CRM, derived from their requests; nothing is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import field
from urllib.parse import urlsplit

from runner import data_centres, tree
from runner.auth.oauth2 import zoho_scopes
from runner.cli.assemble import Assembly
from runner.collection import Collection, RequestSpec
from runner.errors import ZrunError
from runner.lookup import Lookup
from runner.records import record
from runner.values import Missing, Secret, Value


@record
class Needs:
    """`scopes` are those that are needed, each with the requests that need it; `unknown` requests whose needs are not known.

    `urls` are the addresses of all requests, as far as they can be known before a run.
    """

    scopes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()


class _Sketch:
    """A lookup in which a name without a value stands for itself: `{lead-id}`."""

    def __init__(self, inner: Lookup) -> None:
        self._inner = inner

    def get(self, name: str) -> Value | Missing:
        found = self._inner.get(name)
        return f"{{{name}}}" if isinstance(found, Missing) else found

    def dynamic(self, name: str, *arguments: Value) -> Value:
        return self._inner.dynamic(name, *arguments)

    def expires_in(self, name: str) -> float | None:
        return self._inner.expires_in(name)

    def explain(self, name: str) -> str | None:
        return self._inner.explain(name)

    def now(self) -> float:
        return self._inner.now()


def of(collections: Iterable[Collection], assembly: Assembly) -> Needs:
    """The needs of all requests in `collections`, rendered against the environment."""
    scopes: dict[str, tuple[str, ...]] = {}
    unknown: list[str] = []
    urls: list[str] = []
    for request in (request for collection in collections for request in collection):
        sketched = _sketched(request, assembly)
        if sketched is None:
            continue
        method, url = sketched
        urls.append(url)
        path = urlsplit(url).path
        if not path.startswith("/crm/") or not _is_api(url, assembly):
            continue
        found = zoho_scopes.needed(method, "/".join(_plain(path)))
        if found is None:
            unknown.append(request.id)
        for scope in found or ():
            scopes[scope] = tuple(dict.fromkeys((*scopes.get(scope, ()), request.id)))
    return Needs(scopes, tuple(unknown), tuple(dict.fromkeys(urls)))


def _sketched(request: RequestSpec, assembly: Assembly) -> tuple[str, str] | None:
    """The request's method and URL; None when a secret is in them, or they cannot be known yet."""
    lookup = _Sketch(assembly.scope.at(request))
    try:
        method, url = tree.render_text(request.method, lookup), tree.render_text(request.url, lookup)
        urlsplit(str(url))
    except (ZrunError, ValueError):
        return None
    return None if isinstance(method, Secret) or isinstance(url, Secret) else (method, url)


def _plain(path: str) -> Iterator[str]:
    """The segments of a path; a parameter (`:id`) as `{id}`."""
    for segment in path.split("/"):
        yield f"{{{segment[1:]}}}" if segment.startswith(":") and len(segment) > 1 else segment


def _is_api(url: str, assembly: Assembly) -> bool:
    host = (urlsplit(url).hostname or "").lower()
    api = assembly.scope.get("api-domain")
    named = isinstance(api, str) and host == urlsplit(api).hostname
    return named or data_centres.of_api(host) is not None
