"""What of the notices that wait in one conversation is still worth sending, and in which order. A pure function, so that it can be read and tried.

A conversation is one thread through one channel of one receiver. Its other end has been told that it fires, or it has not; that decides what each
waiting notice is still good for. Nothing overtakes anything: only the first that is left may be sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alerts.notice import Kind, Withheld


@dataclass(frozen=True, slots=True)
class Waiting:
    """A notice that waits. `perhaps_told`: an attempt may have been taken, nobody knows. `held`: it is being sent now and cannot be changed."""

    id: int
    kind: Kind
    perhaps_told: bool = False
    held: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """`send` in this order; `drop` for these reasons. `first_of` maps a notice to the oldest one whose place it took, untold."""

    send: tuple[int, ...]
    drop: tuple[tuple[int, Withheld], ...]
    first_of: tuple[tuple[int, int], ...] = ()


def order_of(queue: Sequence[Waiting], told: bool) -> Order:
    """What to do with a queue, oldest first. `told`: whether the other end has been told, or may have been, that it fires.

    Of several that fire the newest stands for all. A resolve follows what was told; what was never told is dropped together with its resolve.
    A later firing never takes the place of a resolve that is owed.
    """
    send: list[int] = []
    drop: list[tuple[int, Withheld]] = []
    first_of: dict[int, int] = {}
    untold: list[Waiting] = []
    for each in queue:
        if each.held:
            # Its answer is on the way: whatever waits before it was decided when it was taken.
            send += [one.id for one in untold] + [each.id]
            untold, told = [], each.kind is not Kind.RESOLVED
            continue
        match each.kind:
            case Kind.FIRING:
                told = told or any(one.perhaps_told for one in untold)
                kept = [one for one in untold if told and one.kind is Kind.ACKNOWLEDGED]
                for one in untold:
                    if one in kept:
                        continue
                    drop.append((one.id, Withheld.SUPERSEDED))
                    if not told and one.kind is Kind.FIRING:
                        first_of[each.id] = first_of.pop(one.id, one.id)
                untold = [*kept, each]
            case Kind.RESOLVED:
                owed = told or any(one.perhaps_told for one in untold) or each.perhaps_told
                reason = Withheld.SUPERSEDED if owed else Withheld.NO_LONGER_TRUE
                drop += [(one.id, reason) for one in untold]
                if owed:
                    send.append(each.id)
                else:
                    drop.append((each.id, reason))
                untold, told = [], False
            case Kind.ACKNOWLEDGED:
                earlier = [one for one in untold if one.kind is Kind.ACKNOWLEDGED]
                drop += [(one.id, Withheld.SUPERSEDED) for one in earlier]
                untold = [one for one in untold if one.kind is not Kind.ACKNOWLEDGED]
                if told or untold:
                    untold.append(each)
                else:
                    drop.append((each.id, Withheld.NO_LONGER_TRUE))
            case _:
                send.append(each.id)
    return Order((*send, *(one.id for one in untold)), tuple(drop), tuple(first_of.items()))
