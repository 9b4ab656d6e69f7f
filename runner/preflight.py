"""Everything that can be known before the first byte is sent: names, files, addresses, secrets, hosts.

`static` looks at the files alone, `before` also at the values of this run. Both give problems; neither sends anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from runner import graph, render
from runner.collection import AuthSpec, Collection, RequestSpec, Variable
from runner.environment import Environment, SecretSpec
from runner.errors import InputError, OutsideError, PolicyError, Problem, Source, did_you_mean, nearest
from runner.exchange import Call
from runner.paths import NAME
from runner.plan import Plan
from runner.policy import Policy
from runner.records import record
from runner.scope import Scope
from runner.template import Name, NoValue, Template
from runner.values import MISSING, Secret


@record
class Findings:
    """What is wrong (`problems`), what policy forbids (`refusals`), and which secrets are to be asked for (`prompts`).

    `missing` are secrets that no source gives, and that nobody can be asked for.
    """

    problems: tuple[Problem, ...]
    refusals: tuple[Problem, ...] = ()
    prompts: tuple[SecretSpec, ...] = ()
    missing: tuple[Problem, ...] = ()


def static(
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
                else "declare it under `variables`, capture it in an earlier request, or give it with --var",
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


@record
class Knowing:
    """What `before` asks of those who know more than files and values do.

    `missing` words the absence of a secret; `asks` tells whether a person can be asked for it; `ready` looks at an
    authentication and the address that it is for (None: not known yet); `refused` tells why a source of a secret may not
    be used, which no default in a template makes good; `replaces` raises PolicyError for a call whose answer may not replace
    what its request captures.
    """

    missing: Callable[[SecretSpec], Problem]
    asks: Callable[[SecretSpec], bool]
    ready: Callable[[AuthSpec, Scope, str | None], Findings]
    refused: Callable[[SecretSpec], Problem | None]
    replaces: Callable[[RequestSpec, Call], None]


def before(plan: Plan, scope: Scope, policy: Policy, knowing: Knowing) -> Findings:
    """What this run would stumble over: addresses, hosts, secrets that no source gives, providers that give no token."""
    found = _Found(plan.environment.secrets if plan.environment else {}, knowing)
    shared = plan.environment.all_variables() if plan.environment else {}
    coming: set[str] = set()
    for step in plan.steps:
        if step.verdict == "skip":
            continue
        request, view, surely = step.request, scope.at(step.request), step.verdict == "run"
        every = tuple(graph.reads_deeply(request, shared))
        needed = {name.name for name in every if not name.guarded}
        found.look_for_secrets(view, needed, {name.name for name in every}, coming, surely=surely)
        looked = plan.looked_into[request.id]
        marks = found.marks(view, looked, needed) | _token_of(request, plan.environment)
        url: str | None = None
        with found.gathering():
            url = _rehearse(request, view, policy, marks, knowing.replaces if not looked & coming else None)
        if request.auth:
            found.add(knowing.ready(request.auth, view, url), surely=surely)
        coming.update(capture.name for capture in request.capture)
    for name in _read_by_renewals(plan, shared):
        if scope.needs_source(name):
            found.refuse(name)
    return found.findings()


class _Found:
    """What has been found so far, each thing once, in the order in which it was found. `secrets` are the environment's."""

    def __init__(self, secrets: Mapping[str, SecretSpec], knowing: Knowing) -> None:
        self._secrets = secrets
        self._knowing = knowing
        self._problems: dict[str, Problem] = {}
        self._refusals: dict[str, Problem] = {}
        self._absent: dict[str, Problem] = {}
        self._prompts: dict[str, SecretSpec] = {}

    def look_for_secrets(
        self, view: Scope, needed: set[str], every: set[str], coming: set[str], *, surely: bool
    ) -> None:
        """The secrets that a request reads: `needed`, or with a default; what is `coming`, an earlier one captures.

        `surely`: the request will run, so that a person is asked for what only they know.
        """
        for name in (every - needed) & self._secrets.keys():
            if view.get(name) is MISSING:
                self.refuse(name)
        for name in (needed & self._secrets.keys()) - coming:
            spec = self._secrets[name]
            if view.get(name) is not MISSING:
                continue
            if not self._knowing.asks(spec):
                self._absent[name] = self._knowing.missing(spec)
            elif surely:
                self._prompts[name] = spec

    def refuse(self, name: str) -> None:
        """Tell of a secret whose source may not be used."""
        problem = self._knowing.refused(self._secrets[name]) if name in self._secrets else None
        if problem:
            self._problems[name] = problem

    def marks(self, view: Scope, looked: frozenset[str], needed: set[str]) -> frozenset[Secret]:
        """A secret for each that will be there, or is; what it hides does not matter yet, and no source is asked for it."""
        return frozenset(
            Secret(name, name)
            for name in looked & self._secrets.keys()
            if name in needed or self._secrets[name].sources or not view.needs_source(name)
        )

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Take what is raised for something that was found."""
        try:
            yield
        except PolicyError as error:
            self._refusals.update(_by_text(error.problems))
        except InputError as error:
            self._problems.update(_by_text(error.problems))

    def add(self, findings: Findings, *, surely: bool) -> None:
        self._problems.update(_by_text(findings.problems))
        self._refusals.update(_by_text(findings.refusals))
        self._absent.update(_by_text(findings.missing))
        if surely:
            self._prompts.update((spec.name, spec) for spec in findings.prompts)

    def findings(self) -> Findings:
        return Findings(
            tuple(self._problems.values()),
            tuple(self._refusals.values()),
            tuple(self._prompts.values()),
            tuple(self._absent.values()),
        )


def _by_text(problems: Iterable[Problem]) -> dict[str, Problem]:
    return {str(problem): problem for problem in problems}


def _token_of(request: RequestSpec, environment: Environment | None) -> frozenset[Secret]:
    """A mark of the token that a provider will give for `request`, though no template names it."""
    written = request.auth.settings.get("provider") if request.auth else None
    provider = environment.providers.get(str(written.value)) if written and environment else None
    return frozenset((Secret(provider.tokens.access, provider.tokens.access),)) if provider else frozenset()


def _read_by_renewals(plan: Plan, shared: Mapping[str, Variable]) -> set[str]:
    """What a renewal would read in the middle of the run, by a request that may be skipped itself."""
    renewals = {step.request.renew.run for step in plan.steps if step.verdict != "skip" and step.request.renew}
    requests = filter(None, map(plan.collection.get, renewals))
    return {name.name for request in requests for name in graph.reads_deeply(request, shared)}


def _rehearse(
    request: RequestSpec,
    scope: Scope,
    policy: Policy,
    marks: frozenset[Secret],
    replaces: Callable[[RequestSpec, Call], None] | None,
) -> str | None:
    """The address of the call, which is made and judged as far as its values are known.

    `replaces` is None where some of them will be others when it is sent. Raises PolicyError, OutsideError for a file,
    InputError for an address that is none.
    """
    call: Call | None = None
    if replaces:
        try:
            call = render.call(request, scope)
        except OutsideError:
            raise
        except InputError:
            pass  # told when it is sent, if it is one still; of the address now
    if call is None:
        try:
            call = render.address(request, scope)
        except NoValue:
            return None  # no mistake yet: an earlier request may capture it
        except InputError as error:
            raise _of_domain(request, scope) or error from None
    policy.check(replace(call, secrets=call.secrets | marks))
    if replaces:
        replaces(request, call)
    return call.url


def _of_domain(request: RequestSpec, scope: Scope) -> InputError | None:
    """The mistake in the variable that an address begins with, where a file writes it without http:// or https://."""
    url = request.url
    if not isinstance(url, Template) or not url.names or not url.text.startswith("<<"):
        return None
    name = url.names[0].name
    value, origin = scope.get(name), scope.origin(name)
    if not isinstance(value, str) or "://" in value or origin is None or origin.location is None:
        return None
    message = f"addresses begin with `{name}`, which does not begin with http:// or https://"
    return InputError(Problem(message, origin.location, f"write its scheme there: `{name}: https://...`"))
