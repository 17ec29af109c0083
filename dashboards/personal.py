"""Whether an answer is for one person alone: it is as soon as more was read of who asks than what they may do."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from warehouse.state import Principal


class _Noting(Principal):
    """A principal that notes when more is read of it than what it may do: such an answer is for this person alone."""

    __slots__ = ("noted",)

    def __getattribute__(self, name: str) -> Any:
        if name in _OF_ONE:
            object.__getattribute__(self, "noted").append(name)
        return object.__getattribute__(self, name)


_OF_ONE = frozenset(each.name for each in fields(Principal)) - {"scopes", "role"}


def noting(who: Principal, noted: list[str]) -> Principal:
    """`who`, which adds to `noted` what is read of it."""
    made = object.__new__(_Noting)
    for each in fields(Principal):
        object.__setattr__(made, each.name, getattr(who, each.name))
    object.__setattr__(made, "noted", noted)
    return made
