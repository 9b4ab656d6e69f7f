"""Frozen data that is made at its first use: as a dataclass in all that a stage needs, also when threads come first at once."""

from __future__ import annotations

import sys
import threading
from dataclasses import FrozenInstanceError, field, replace
from types import FrameType

import pytest

from runner import records
from runner.records import record


def test_a_record_is_frozen_shows_no_values_and_is_equal_to_itself_alone() -> None:
    @record
    class Pair:
        left: str
        right: tuple[str, ...] = ()
        more: dict[str, str] = field(default_factory=dict)

    one = Pair("made-up-secret", more={"a": "b"})
    assert (one.left, one.right, one.more) == ("made-up-secret", (), {"a": "b"})
    assert Pair("x").more is not Pair("x").more
    assert replace(one, right=("c",)).right == ("c",)
    assert one != Pair("made-up-secret", more={"a": "b"})
    assert "made-up" not in repr(one)
    with pytest.raises(FrozenInstanceError):
        one.left = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        Pair()  # type: ignore[call-arg]


def test_a_record_may_be_equal_to_another_and_show_itself() -> None:
    @record(eq=True, shown=True)
    class Point:
        across: int
        down: int = field(default=0, compare=False)

    assert Point(1, 2) == Point(1, 3) != Point(2, 3)
    assert len({Point(1, 2), Point(1, 3), Point(2, 3)}) == 2
    assert repr(Point(1)).endswith("Point(across=1, down=0)")
    with pytest.raises(FrozenInstanceError):
        Point(1).across = 2  # type: ignore[misc]


def test_a_record_is_the_same_to_its_users_whether_it_is_checked_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "checked", False)

    @record(eq=True)
    class Point:
        across: int
        more: list[int] = field(default_factory=list, compare=False)

    one = Point(1, more=[2])
    assert (one.across, one.more, Point(1).more) == (1, [2], [])
    assert one == Point(1) != Point(2)
    assert hash(one) == hash(Point(1))
    assert replace(one, across=3).more == [2]
    assert "[2]" not in repr(one)
    with pytest.raises(TypeError):
        Point()  # type: ignore[call-arg]


def test_threads_that_need_a_record_first_at_once_all_get_it() -> None:
    for _ in range(50):

        @record
        class Late:
            one: int
            two: list[int] = field(default_factory=list)

        gate = threading.Barrier(8)
        made: list[Late] = []

        def make(gate: threading.Barrier = gate, kind: type[Late] = Late, made: list[Late] = made) -> None:
            gate.wait()
            made.append(kind(1))

        threads = [threading.Thread(target=make) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [(late.one, late.two) for late in made] == [(1, [])] * 8


def test_a_signal_while_it_is_made_leaves_it_to_the_next_use() -> None:
    """At each call that making it takes, one after the other, until there is none left."""
    for moment in range(1, 2000):

        @record
        class Pair:
            first: int
            second: list[int] = field(default_factory=list)
            third: str = "x"

        calls = 0

        def interrupt(_frame: FrameType, event: str, _argument: object, moment: int = moment) -> None:
            nonlocal calls
            calls += event == "call"
            if calls == moment:
                sys.setprofile(None)
                raise KeyboardInterrupt

        sys.setprofile(interrupt)
        try:
            Pair(1)
        except KeyboardInterrupt:
            pass
        finally:
            sys.setprofile(None)
        found = Pair(1)
        assert (found.first, found.second, found.third) == (1, [], "x")
        if calls < moment:
            assert moment > 10
            return
    raise AssertionError("it never ended")
