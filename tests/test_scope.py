"""The scope: which layer wins, where a value comes from, what is a secret, and what is never rendered again."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.collection import RequestSpec, Variable
from runner.environment import Environment, SecretSpec
from runner.errors import InputError, Location, Source
from runner.lookup import NoValue
from runner.scope import Captured, Origin, Scope, Sources, process_name
from runner.template import parse
from runner.values import MISSING, Secret, Value
from tests.lookups import NOW, Line

PLACE = Location(Source("test.yaml"), 1, 1)


def layer(**values: str | int) -> dict[str, Variable]:
    names = {name.replace("_", "-"): value for name, value in values.items()}
    return {n: Variable(n, parse(v, Line(v)) if isinstance(v, str) else v, PLACE) for n, v in names.items()}


def environment(**given: object) -> Environment:
    return Environment("test", Path(), **given)  # type: ignore[arg-type]


def captured(value: Value, expires_at: float | None = None) -> Captured:
    return Captured(value, "login", NOW, expires_at)


LAYERS = ("collection", "folder", "environment", "overlay", "captured", "sandbox", "process", "argument", "item")


@pytest.mark.parametrize("strongest", range(len(LAYERS)))
def test_the_later_layer_wins(strongest: int) -> None:
    here = LAYERS[: strongest + 1]

    def has(kind: str) -> bool:
        return kind in here

    scope = Scope(
        Sources(
            environment=environment(
                variables=layer(x="environment") if has("environment") else {},
                overlay=layer(x="overlay") if has("overlay") else {},
            ),
            captured={"x": captured("captured")} if has("captured") else {},
            given={"x": "sandbox"} if has("sandbox") else {},
            process={"ZRUN_VAR_X": "process"} if has("process") else {},
            arguments={"x": "argument"} if has("argument") else {},
        ),
        (layer(x="collection"), layer(x="folder") if has("folder") else {}),
    )
    scope = scope.with_item("x", "item") if has("item") else scope
    origin = scope.origin("x")
    assert scope.get("x") == LAYERS[strongest]
    assert origin is not None
    assert origin.kind == LAYERS[strongest]


def test_what_files_say_is_rendered_against_the_whole_scope() -> None:
    scope = Scope(Sources(arguments={"host": "h"}), (layer(url="https://<<host>>/<<path>>", path="p"), layer(path="q")))
    assert scope.get("url") == "https://h/q"


def test_what_was_captured_or_given_is_not_rendered() -> None:
    sources = Sources(captured={"a": captured("<<b>>")}, arguments={"c": "<<b>>"}, process={"ZRUN_VAR_D": "<<b>>"})
    scope = Scope(sources, (layer(b="never", e="<<a>> <<c>> <<d>>"),))
    assert scope.get("e") == "<<b>> <<b>> <<b>>"


def test_variables_that_define_each_other_are_a_mistake() -> None:
    scope = Scope(Sources(), (layer(a="<<b>>", b="x<<c>>", c="<<a>>"),))
    with pytest.raises(InputError, match="a -> b -> c -> a"):
        scope.get("a")
    assert Scope(Sources(), (layer(a="<<a | default('x')>>"),)).get("b") is MISSING


def test_a_declared_secret_is_one_wherever_it_comes_from() -> None:
    for sources in (
        Sources(arguments={"token": "made-up"}),
        Sources(process={"ZRUN_VAR_TOKEN": "made-up"}),
        Sources(captured={"token": captured("made-up")}),
        Sources(secret=lambda name: Secret("made-up", name) if name == "token" else None),
    ):
        sources.environment = environment(secrets={"token": SecretSpec("token", PLACE)})
        found = Scope(sources).get("token")
        assert isinstance(found, Secret)
        assert found.reveal() == "made-up"
        assert str(found) == "<<token>>"


def test_a_secret_of_the_process_environment_is_one_in_every_spelling() -> None:
    sources = Sources(process={"ZRUN_VAR_CLIENT_SECRET": "made-up"})
    sources.environment = environment(secrets={"client-secret": SecretSpec("client-secret", PLACE)})
    assert str(Scope(sources).get("client_secret")) == "<<client-secret>>"


def test_a_captured_value_is_seen_from_every_view_and_heard_of_first() -> None:
    heard: list[Value] = []
    scope = Scope(Sources(learned=heard.append, now=lambda: NOW))
    view = scope.with_item("item", 1)
    view.capture("token", captured(Secret("made-up", "token"), NOW + 60))
    assert scope.get("token") == Secret("made-up", "token")
    assert scope.expires_in("token") == 60
    assert scope.origin("token") == Origin("captured", "login")
    assert heard == [Secret("made-up", "token")]


def test_an_overridden_value_has_no_expiry() -> None:
    sources = Sources(captured={"token": captured("old", NOW + 60)}, arguments={"token": "new"}, now=lambda: NOW)
    assert Scope(sources).expires_in("token") is None


def test_a_request_sees_its_folders_variables() -> None:
    request = RequestSpec("f/r", PLACE, "GET", "u", Path(), layers=(layer(x="collection", y="y"), layer(x="folder")))
    scope = Scope(Sources(), (layer(x="collection", y="y"),))
    assert scope.get("x") == "collection"
    assert scope.at(request).get("x") == "folder"
    assert scope.at(request).get("y") == "y"


def test_a_variable_that_reads_one_without_a_value_tells_that_one() -> None:
    scope = Scope(Sources(), (layer(a="<<tokn>>", token="x"),))
    with pytest.raises(NoValue) as caught:
        scope.get("a")
    assert caught.value.name == "tokn"
    assert caught.value.problems[0].hint == "did you mean `token`?"


def test_the_next_step_names_who_captures_it() -> None:
    sources = Sources(
        captured_by={"lead-id": ("create",)}, environment=environment(secrets={"s": SecretSpec("s", PLACE)})
    )
    sources.why = lambda name: f"set {name.upper()}"
    scope = Scope(sources)
    assert scope.explain("lead-id") == "run `create` first: it captures it"
    assert scope.explain("s") == "set S"


def test_chance_repeats_with_its_seed() -> None:
    first, second, other = (Scope(Sources(seed=seed, now=lambda: NOW)) for seed in ("a", "a", "b"))
    draws = [[scope.dynamic("$uuid"), scope.dynamic("$random-int", 1, 6)] for scope in (first, second, other)]
    assert draws[0] == draws[1] != draws[2]
    assert scope_values_differ(first)


def scope_values_differ(scope: Scope) -> bool:
    return scope.dynamic("$uuid") != scope.dynamic("$uuid")


def test_names_of_the_process_environment() -> None:
    assert process_name("lead-id") == "ZRUN_VAR_LEAD_ID"
    scope = Scope(Sources(process={"ZRUN_VAR_LEAD_ID": "7"}))
    assert scope.get("lead-id") == "7"
    assert {"lead-id", "lead_id"} <= scope.names()
