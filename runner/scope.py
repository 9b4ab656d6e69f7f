"""Layered variables, each with its origin.

The later wins: collection < folder < environment < private overlay < a secret's sources < captured < the embedded sandbox's
own < a data row < process environment (`ZRUN_VAR_NAME`) < a secret given from outside (`ZRUN_SECRET_NAME`, and
`--secrets-file` over it) < `--var` < the item of a for-each; but what was captured after a secret had been given wins over
that one (see `seeds`). What files say may hold templates, rendered when asked for against the whole scope; what was captured
or given is never rendered again. A name that the environment lists under `secrets` is a Secret wherever its value comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from runner import tree
from runner.collection import RequestSpec, Variable, Variables
from runner.environment import Environment
from runner.errors import InputError, Location, Problem, did_you_mean
from runner.lookup import NoValue
from runner.records import record
from runner.values import MISSING, Missing, Secret, Value, secrets_in, taint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from random import Random

# The process environment's names for variables: `lead-id` is ZRUN_VAR_LEAD_ID.
PROCESS_PREFIX = "ZRUN_VAR_"
# The same for secrets: `client-secret` is ZRUN_SECRET_CLIENT_SECRET.
SECRET_PREFIX = "ZRUN_SECRET_"  # noqa: S105  (a name)

Kind: TypeAlias = Literal[
    "collection",
    "folder",
    "environment",
    "overlay",
    "captured",
    "row",
    "sandbox",
    "process",
    "argument",
    "secret",
    "item",
    "file",
]


@record(eq=True, shown=True)
class Captured:
    """A value read from a response: the request that captured it, when (epoch seconds), and until when it is good.

    `seed` is the mark of the secret that was given in its place when it was captured, if one was (see `seeds`).
    """

    value: Value
    by: str
    at: float
    expires_at: float | None = None
    seed: str | None = None


@record(eq=True, shown=True)
class Origin:
    """Where a variable's value comes from: the layer, a word on it (a request's id, a variable's name), its place."""

    kind: Kind
    detail: str = ""
    location: Location | None = None


@dataclass
class Sources:
    """What the layers above the files hold. `captured` grows while a run goes on: the only thing here that changes.

    Of a data row `row` holds the columns, and `captured` two layers: what the row captures for itself over `lasting`, what is
    there for all rows. `secret` gives a secret from its sources, or None; `found` one that they have given already (None:
    `secret` does); `why` words the next step for one that has none, `whence` where another came from. `given` is what an
    embedded sandbox sets, `offered` the secrets that it gives though no file declares them. `learned` hears of each value
    that is captured, before anybody can show it. `outside` are the secrets that the process environment or a file of secrets
    gives, each with its origin.
    """

    environment: Environment | None = None
    captured: MutableMapping[str, Captured] = field(default_factory=dict)
    lasting: MutableMapping[str, Captured] | None = None
    row: Mapping[str, Value] = field(default_factory=dict)
    given: Mapping[str, Value] = field(default_factory=dict)
    offered: frozenset[str] = frozenset()
    process: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, Value] = field(default_factory=dict)
    outside: Mapping[str, tuple[Secret, Origin]] = field(default_factory=dict)
    secret: Callable[[str], Secret | None] = lambda _: None
    found: Callable[[str], Secret | None] | None = None
    why: Callable[[str], str | None] = lambda _: None
    whence: Callable[[str], str] = lambda _: ""
    now: Callable[[], float] = lambda: 0.0
    seed: str | None = None
    captured_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    learned: Callable[[Value], None] = lambda _: None

    def apart(self, row: Mapping[str, Value]) -> Sources:
        """The same for one row of data: what it captures for itself stays its own."""
        from collections import ChainMap  # late: of runs with data

        lasting = self.lasting if self.lasting is not None else self.captured
        own: ChainMap[str, Captured] = ChainMap({}, lasting)
        made = object.__new__(Sources)  # as dataclasses.replace, in a tenth of its time: there is one for every row
        vars(made).update(vars(self), captured=own, lasting=lasting, row=row)
        return made


class Chance:
    """What is drawn for one request: with a seed always the same, whatever runs beside it."""

    def __init__(self, seed: str | None, request: str, iteration: Value = 1) -> None:
        self._seed = None if seed is None else f"{seed} {iteration} {request}"
        self._rng: Random | None = None

    def rng(self) -> Random:
        if self._rng is None:
            from random import Random  # late: few collections use a dynamic value

            self._rng = Random(self._seed)
        return self._rng


class Scope:
    """The variables as one request sees them; a lookup.Lookup. `layers` are those of the files, the later wins."""

    def __init__(
        self,
        sources: Sources,
        layers: tuple[Variables, ...] = (),
        items: Mapping[str, Value] | None = None,
        chance: Chance | None = None,
    ) -> None:
        self._sources = sources
        self._layers = layers
        self._items = items or {}
        self._chance = chance or Chance(sources.seed, "")
        self._being_rendered: list[Variable] = []

    def at(self, request: RequestSpec) -> Scope:
        """The scope with the variables of the request's collection and folders, and a chance of its own."""
        chance = Chance(self._sources.seed, request.id, self._sources.row.get("iteration", 1))
        return Scope(self._sources, request.layers, self._items, chance)

    def with_item(self, name: str, value: Value) -> Scope:
        """The scope with one name more, over all others: a for-each's item."""
        return Scope(self._sources, self._layers, {**self._items, name: value}, self._chance)

    def apart(self, row: Mapping[str, Value] | None = None) -> Scope:
        """The scope for one data row, or for one of several collections: what it captures for itself stays its own.

        `row` holds the columns, and `row` and `iteration`.
        """
        return Scope(self._sources.apart(row or {}), self._layers, self._items)

    def capture(self, name: str, captured: Captured, *, lasting: bool = True) -> None:
        """Give `name` the value that a response held, here and in every other view of this scope.

        `lasting`: and for all other data rows.
        """
        sources = self._sources
        sources.learned(captured.value)
        seed = captured.seed or self.seed(name)
        value = captured if seed is None else replace(captured, seed=seed)
        if sources.lasting is not None and lasting:
            sources.lasting[name] = value
            sources.captured.pop(name, None)  # of a ChainMap: from its first map
        else:
            sources.captured[name] = value

    def seed(self, name: str) -> str | None:
        """The mark that a value captured as `name` is to carry: of the secret given in its place, now or when last one was."""
        given, earlier = self._sources.outside.get(name), self._sources.captured.get(name)
        if given is None:
            return earlier.seed if earlier else None
        from runner import seeds  # late: few runs are given a secret that they capture

        same = earlier is not None and earlier.seed is not None and seeds.is_of(earlier.seed, given[0])
        return earlier.seed if earlier and same else seeds.mark(given[0])

    def get(self, name: str) -> Value | Missing:
        """See lookup.Lookup. Raises InputError for variables that are defined by each other."""
        return self._find(name)[0]

    def origin(self, name: str) -> Origin | None:
        """Where the value of `name` comes from; None when it has none."""
        try:
            return self._find(name)[1]
        except NoValue:
            return None

    def captured(self, name: str) -> Captured | None:
        """The captured value of `name`, when it is the one in effect."""
        origin = self.origin(name)
        return self._sources.captured.get(name) if origin and origin.kind == "captured" else None

    def secrets_of(self, name: str) -> frozenset[Secret]:
        """The secrets in the value of `name` that comes from outside the files; of a source, when it has been asked by now.

        Nothing is rendered, and no source is asked: what nobody has read has decided nothing.
        """
        over = self._over_files(name)
        if over is not None:
            return secrets_in(over[0])
        found = (self._sources.found or self._sources.secret)(name)
        return frozenset() if found is None else frozenset((found,))

    def needs_source(self, name: str) -> bool:
        """Whether the value of `name`, a declared secret, would have to come from one of its sources; none is asked."""
        return self._over_files(name) is None

    def _find(self, name: str) -> tuple[Value | Missing, Origin | None]:
        found = self._over_files(name)
        if found is not None:
            return found
        sources = self._sources
        environment = sources.environment
        declared = environment.secrets.get(name) if environment else None
        secret = sources.secret(name) if declared or name in sources.offered else None
        if secret is not None:
            return secret, Origin("secret", sources.whence(name), declared.location) if declared else Origin("sandbox")
        for kind, layer in self._written():
            if name in layer:
                return self._hidden(name, self._rendered(layer[name])), Origin(kind, "", layer[name].location)
        return MISSING, None

    def _over_files(self, name: str) -> tuple[Value, Origin] | None:
        """The value that is over what files say, their sources of secrets too."""
        sources = self._sources
        if name in self._items:
            return self._items[name], Origin("item")
        if name in sources.arguments:
            return self._hidden(name, sources.arguments[name]), Origin("argument", "--var")
        outside = sources.outside.get(name)
        if outside is not None and not self._outgrown(name, outside[0]):
            return outside
        variable = process_name(name)
        if variable in sources.process:
            value = self._hidden(self._secret_named(name), sources.process[variable])
            return (taint(value, name) if self._is_ambient(name) else value), Origin("process", variable)
        if name in sources.row:
            return self._hidden(name, sources.row[name]), Origin("row")
        if name in sources.given:
            return sources.given[name], Origin("sandbox")
        captured = sources.captured.get(name)
        if captured is not None:
            return self._hidden(name, captured.value), Origin("captured", captured.by)
        return (1, Origin("row")) if name == "iteration" and not self._is_written(name) else None

    def _is_written(self, name: str) -> bool:
        return any(name in layer for _, layer in self._written())

    def _secret_named(self, name: str) -> str:
        """`name`, or the secret that is the same to the process environment: `client_secret` is `client-secret` there."""
        environment = self._sources.environment
        secrets = environment.secrets if environment else {}
        return next((other for other in secrets if process_name(other) == process_name(name)), name)

    def _outgrown(self, name: str, given: Secret) -> bool:
        """Whether the captured value came after this given one: then it is what the server takes now."""
        captured = self._sources.captured.get(name)
        if captured is None or captured.seed is None:
            return False
        from runner import seeds  # late: few runs are given a secret that they capture

        return seeds.is_of(captured.seed, given)

    def _is_ambient(self, name: str) -> bool:
        """Whether the process environment's value of `name` is a secret though no file says so: by its name."""
        environment = self._sources.environment
        return sounds_secret(name) and not (environment and name in environment.all_variables())

    def _written(self) -> Iterator[tuple[Kind, Variables]]:
        """What files say, the strongest first."""
        environment = self._sources.environment
        if environment:
            yield "overlay", environment.overlay
            yield "environment", environment.variables
        for depth, layer in reversed(tuple(enumerate(self._layers))):
            yield ("folder" if depth else "collection"), layer

    def _hidden(self, name: str, value: Value) -> Value:
        environment = self._sources.environment
        return taint(value, name) if environment and name in environment.secrets else value

    def _rendered(self, variable: Variable) -> Value:
        if any(variable is other for other in self._being_rendered):
            circle = [other.name for other in self._being_rendered]
            raise InputError(
                Problem(
                    f"these variables are defined by each other: {' -> '.join([*circle, variable.name])}",
                    variable.location,
                    "give one of them a value of its own",
                )
            )
        self._being_rendered.append(variable)
        try:
            return tree.render(variable.value, self)
        finally:
            self._being_rendered.pop()

    def dynamic(self, name: str, *arguments: Value) -> Value:
        """See lookup.Lookup."""
        from runner import dynamic  # late: few collections use a dynamic value

        return dynamic.value(name, self._chance.rng(), self.now(), *arguments)

    def expires_in(self, name: str) -> float | None:
        """See lookup.Lookup."""
        captured = self.captured(name)
        return None if captured is None or captured.expires_at is None else captured.expires_at - self.now()

    @property
    def environment(self) -> Environment | None:
        """The environment whose variables these are."""
        return self._sources.environment

    def now(self) -> float:
        """See lookup.Lookup."""
        return self._sources.now()

    def explain(self, name: str) -> str | None:
        """See lookup.Lookup."""
        sources = self._sources
        if sources.environment and name in sources.environment.secrets:
            why = sources.why(name)
            if why:
                return why
        if name in sources.captured_by:
            return f"run `{sources.captured_by[name][-1]}` first: it captures it"
        if sources.environment and name in sources.environment.secrets:
            return f"capture it, or give it as {process_name(name, SECRET_PREFIX)} in the process environment"
        if name == "row":
            return "give rows of data: --data FILE, or `data:` in the collection"
        return did_you_mean(name, self.names() - {name}, "give it with --var, under `variables`, or capture it")

    def names(self) -> frozenset[str]:
        """Every name that has a value or is declared: by files, arguments, process, sandbox, or an earlier capture."""
        sources = self._sources
        found = {
            *self._items,
            *sources.row,
            *sources.arguments,
            *sources.outside,
            *sources.given,
            *sources.offered,
            *sources.captured,
        }
        for _, layer in self._written():
            found |= layer.keys()
        if sources.environment:
            found |= sources.environment.secrets.keys()
        for variable in sources.process:
            if variable.startswith(PROCESS_PREFIX):
                name = variable.removeprefix(PROCESS_PREFIX).lower()
                found |= {name, name.replace("_", "-")}
        return frozenset(found)


def process_name(name: str, prefix: str = PROCESS_PREFIX) -> str:
    """The process environment's name for the variable `name`: upper case, `_` for `-`."""
    return prefix + name.upper().replace("-", "_")


_SECRET_WORDS = frozenset(
    "token secret password passwd passphrase pwd key apikey credential credentials jwt pat".split()
)
_HARMLESS_ENDS = frozenset("url uri domain host endpoint type name id path file format".split())


def sounds_secret(name: str) -> bool:
    """Whether the name of a variable says that its value is a secret: `refresh-token`, `api-key`; not `token-url`."""
    words = name.lower().replace("_", "-").replace(".", "-").split("-")
    return not _SECRET_WORDS.isdisjoint(words) and words[-1] not in _HARMLESS_ENDS


def ambient_secrets(process: Iterable[str]) -> frozenset[str]:
    """The secrets that the process environment gives, as process_name spells them without a prefix.

    `process` are the names of its variables. Of ZRUN_SECRET_NAME each is one, of ZRUN_VAR_NAME those that sound like it.
    """
    given = {v.removeprefix(SECRET_PREFIX) for v in process if v.startswith(SECRET_PREFIX)}
    plain = {v.removeprefix(PROCESS_PREFIX) for v in process if v.startswith(PROCESS_PREFIX)}
    return frozenset(given | {name for name in plain if sounds_secret(name)})
