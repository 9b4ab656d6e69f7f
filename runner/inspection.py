"""Mistakes that the files alone show, whatever is selected: unknown names, names read too early, files that are not there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from runner import graph
from runner.collection import Collection, RequestSpec, Variable
from runner.environment import Environment
from runner.errors import OutsideError, Problem, Source, did_you_mean, nearest
from runner.paths import NAME
from runner.scope import Scope
from runner.template import Name
from runner.values import MISSING


def mistakes(
    collection: Collection, environment: Environment | None, scope: Scope, elsewhere: Iterable[str] = ()
) -> list[Problem]:
    """Mistakes in the files, whatever is selected: unknown names, names read too early, files that are not there.

    `elsewhere` are names that some other environment declares, for a collection checked without one.
    """
    shared = environment.all_variables() if environment else {}
    captured = graph.captures_of(collection.requests)
    everywhere = captured.keys() | frozenset(elsewhere) | {"iteration"}
    problems: dict[tuple[str, int, int, str], Problem] = {}
    earlier: set[str] = set()
    for request in collection:
        view = scope.at(request)
        for name in graph.reads_deeply(request, shared):
            problem = _name_problem(name, request, view, everywhere, captured, earlier)
            if problem:
                at = problem.location or request.location
                problems.setdefault((at.source.name, at.line, at.column, problem.message), problem)
        earlier.update(capture.name for capture in request.capture)
    found = list(problems.values())
    found.extend(_files(collection))
    if any("{{" in source.text for source in _sources(collection, shared)):
        from runner import braces  # late: few files hold them

        found.extend(braces.warnings(collection.requests, shared, everywhere | scope.names()))
    if environment:
        found.extend(mixed_centres(environment, scope))
        found.extend(_missing_tls(environment))
        found.extend(unknown_providers(collection, environment))
    return found


def _sources(collection: Collection, shared: Mapping[str, Variable]) -> set[Source]:
    """The texts of the collection's files, and of the environment's that hold variables."""
    return {*collection.sources, *(variable.location.source for variable in shared.values())}


def mixed_centres(environment: Environment, scope: Scope | None = None) -> Iterator[Problem]:
    """A warning where the environment writes addresses of two of Zoho's data centres: a token of one is nothing to the other.

    With a `scope`, only where these are the ones in use.
    """
    variables = environment.all_variables()
    accounts, api = variables.get("accounts-domain"), variables.get("api-domain")
    if accounts is None or api is None or not (isinstance(accounts.value, str) and isinstance(api.value, str)):
        return
    # After zoho., zohoapis. or zohocloud. each data centre has an end of its own: most often they are the same.
    ends = [text.partition("zoho")[2].partition(".")[2].rstrip("/") for text in (accounts.value, api.value)]
    if "" in ends or ends[0] == ends[1]:
        return
    if scope and any((o := scope.origin(one.name)) is None or o.location != one.location for one in (accounts, api)):
        return
    from runner import data_centres  # late: they differ hardly ever

    different = data_centres.mismatch(accounts.value, api.value)
    if different is not None:
        one, other = different
        message = (
            f"`api-domain` is of {other.name}, `accounts-domain` of {one.name}: a token of one is nothing to the other"
        )
        here = f"write `api-domain: https://{one.api}`" if one.api else f"write the API host of {one.name}"
        hint = f"{here}; or, for a client of {other.name}, `accounts-domain: https://{other.accounts}` ({accounts.location})"
        yield Problem(message, api.location, hint, warning=True)


def unknown_providers(collection: Collection, environment: Environment) -> Iterator[Problem]:
    """The providers that requests name and the environment does not declare."""
    file = environment.paths[-1].name if environment.paths else "the environment"
    told: set[str] = set()
    for request in collection:
        written = request.auth.settings.get("provider") if request.auth else None
        if written is None or not isinstance(written.value, str) or written.value in environment.providers:
            continue
        if str(written.location) not in told:
            told.add(str(written.location))
            declare = f"declare it in {file}: `oauth2: {{{written.value}: {{preset: ...}}}}`"
            hint = did_you_mean(written.value, environment.providers, declare)
            yield Problem(f"no OAuth 2.0 provider `{written.value}` is declared", written.location, hint)


def _name_problem(
    name: Name,
    request: RequestSpec,
    scope: Scope,
    everywhere: frozenset[str] | set[str],
    captured: dict[str, tuple[str, ...]],
    earlier: set[str],
) -> Problem | None:
    """`everywhere` are names that are known whatever the request; `scope` knows those besides."""
    if name.name not in everywhere and name.name not in scope.names():
        known = everywhere | scope.names()
        if name.guarded:
            near = nearest(name.name, known)
            if near is None:
                return None
            return Problem(
                f"nothing gives `{name.name}` a value", name.location, f"did you mean `{near}`?", warning=True
            )
        hint = (
            _as_subtraction(name.name, known)
            or _as_column(name.name, scope.names())
            or did_you_mean(
                name.name,
                known,
                "give rows of data: --data FILE, or `data:` in the collection"
                if name.name == "row"
                else "declare it under `variables` (a secret under `secrets` of an environment), capture it in an earlier "
                "request, or give it with --var",
            )
        )
        return Problem(f"`{name.name}` is not known", name.location, hint)
    if name.guarded or name.name in earlier or name.name not in captured or name.name in scope.names():
        return None
    if scope.get(name.name) is not MISSING:
        return None
    source = captured[name.name][0]
    if source == request.id:
        return Problem(
            f"`{name.name}` is read by the request that captures it", name.location, "give it a value under `variables`"
        )
    return Problem(
        f"`{name.name}` is read before `{source}` captures it", name.location, f"move `{source}` above `{request.id}`"
    )


def _as_subtraction(name: str, known: Iterable[str]) -> str | None:
    """A hint for `count-1`, which is one name: a minus has blanks around it."""
    pieces = name.split("-")
    names = set(known)
    for cut in range(1, len(pieces)):
        left, right = "-".join(pieces[:cut]), "-".join(pieces[cut:])
        if left in names and (right in names or right.isdigit()):
            return f"did you mean `{left} - {right}`? A minus has blanks around it"
    return None


def _as_column(name: str, known: Iterable[str]) -> str | None:
    """A hint for `Last_Name` where a column of the row is `Last Name`, which is no name that a template could read alone."""

    def plain(text: str) -> str:
        return "".join(letter for letter in text.lower() if letter.isalnum())

    column = next((one for one in known if not re.fullmatch(NAME, one) and plain(one) == plain(name)), None)
    if column is None:
        return None
    quote = '"' if "'" in column else "'"
    return f"write `<<row[{quote}{column}{quote}]>>`"


def _files(collection: Collection) -> Iterator[Problem]:
    """Files that are not there, or that a collection may not reach; of names that hold no template."""
    for request in collection:
        body = request.body
        written = [(body.file, body.location, False)] if body and body.file is not None else []
        written += [(part.file, part.location, False) for part in (body.parts if body else ()) if part.file is not None]
        if request.save is not None:
            written.append((request.save, request.location, True))
        for name, place, writing in written:
            if not isinstance(name, str):
                continue
            path = request.folder / name
            try:
                request.project.locate(path, place, writing=writing)
                if not writing and not path.is_file():
                    where = f"it is looked for in {_shown(request.folder)}"
                    yield Problem(f"the file `{name}` is not there", place, where)
            except OutsideError as error:
                yield from error.problems


def _missing_tls(environment: Environment) -> Iterator[Problem]:
    tls = environment.tls
    for key, path in (("ca", tls.ca), ("client-cert", tls.client_cert), ("client-key", tls.client_key)):
        if path is not None and not path.exists():
            yield Problem(f"the file of `tls.{key}`, {_shown(path)}, is not there", tls.location, "mend the path")


def _shown(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd())) or "."
    except (ValueError, OSError):
        return str(path)
