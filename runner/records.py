"""The frozen data that travels from stage to stage: dataclasses, less what no stage uses, made when they are first used.

Making a dataclass costs a run's start some 0.2 ms, one that can compare and show itself twice that; there are over seventy,
and a run uses half of them. What holds other people's values had better not show itself either.

That they are frozen the type checker sees to. When it is checked while the program runs, each object costs four times as
much to make, and a run makes dozens for every request: so only the tests have it checked.
"""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform, overload

T = TypeVar("T")

# Whether an assignment to a field is refused while the program runs; to be set before a record is first made.
checked = False

_making = allocate_lock()


@overload
def record(cls: type[T], /) -> type[T]: ...
@overload
def record(*, eq: bool = False, shown: bool = False) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(frozen_default=True, eq_default=False)
def record(cls: type[Any] | None = None, /, *, eq: bool = False, shown: bool = False) -> Any:
    """A frozen dataclass. It has no subclasses.

    `eq`: two of equal fields are equal, else it is equal to itself alone. `shown`: it shows its fields, else its type alone.
    """
    if cls is None:
        return lambda cls: _when_used(cls, eq=eq, shown=shown)
    return _when_used(cls, eq=eq, shown=shown)


def _when_used(cls: type[T], *, eq: bool, shown: bool) -> type[T]:
    """`cls`, which becomes a dataclass when the first of its objects is made."""
    original: dict[str, Any] | None = None

    def first(self: T, /, *given: Any, **named: Any) -> None:
        nonlocal original
        with _making:
            if vars(cls)["__init__"] is first:
                original = original or {
                    name: value
                    for name, value in vars(cls).items()
                    if name not in ("__init__", "__dict__", "__weakref__")
                }
                _make(cls, original, eq=eq, shown=shown)
        cls.__init__(self, *given, **named)

    cls.__init__ = first  # type: ignore[method-assign,assignment]
    return cls


def _make(cls: type, original: dict[str, Any], *, eq: bool, shown: bool) -> None:
    """Make a dataclass of `cls`, which was `original`; when a signal comes meanwhile, its next use begins anew.

    A twin becomes one, and `cls` gets what it has got; `__init__` last, since it says that all is there.
    """
    twin = type(cls.__name__, (), {})
    for name, value in original.items():
        setattr(twin, name, value)  # one by one: what a signal raises while `type` takes them all would be wrapped
    made = vars(dataclass(eq=eq, repr=shown, frozen=checked, unsafe_hash=eq and not checked)(twin))
    for name, value in made.items():
        if name not in ("__init__", "__dict__", "__weakref__") and original.get(name, made) is not value:
            setattr(cls, name, value)
    cls.__init__ = made["__init__"]  # type: ignore[misc]
