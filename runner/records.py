"""The frozen data that travels from stage to stage: dataclasses, less what no stage uses, made when they are first used.

Making a dataclass costs a run's start some 0.2 ms, one that can compare and show itself twice that; there are over forty, and a
run uses half of them. What holds other people's values had better not show itself either.
"""

from __future__ import annotations

from _thread import allocate_lock
from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")

_making = allocate_lock()


@dataclass_transform(frozen_default=True, eq_default=False)
def record(cls: type[T]) -> type[T]:
    """A frozen dataclass, equal to itself alone, that shows its type and no values. It has no subclasses."""

    made = False

    def new(kind: type[T], /, *_: Any, **__: Any) -> T:
        nonlocal made
        if not made:
            with _making:
                if not made:
                    _make(cls)
                    made = True
        return object.__new__(kind)

    cls.__new__ = new  # type: ignore[method-assign,assignment]
    return cls


def _make(cls: type) -> None:
    """Make a dataclass of `cls`; or leave it as it was when a signal comes meanwhile: it is needed again to tell of the run."""
    before = dict(vars(cls))
    try:
        dataclass(frozen=True, eq=False, repr=False)(cls)
    except BaseException:
        for name in vars(cls).keys() - before.keys():
            delattr(cls, name)
        for name, value in before.items():
            if vars(cls).get(name) is not value:
                setattr(cls, name, value)
        raise
