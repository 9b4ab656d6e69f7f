"""Everything that can be known of this run before its first byte is sent: addresses, hosts, secrets, providers.

What the files alone show is `inspection`'s. Both give problems; neither sends anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from runner import graph, render
from runner.collection import AuthSpec, RequestSpec, Variable
from runner.environment import Environment, SecretSpec
from runner.errors import InputError, OutsideError, PolicyError, Problem
from runner.exchange import Call
from runner.plan import Plan
from runner.policy import Policy
from runner.records import record
from runner.scope import Scope
from runner.template import NoValue, Template
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
