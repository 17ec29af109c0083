"""What a condition says at one or many instants, as columns: a row for each label set, a column for each instant.

Truth has three values here: it holds, it does not, it cannot be told; and a label set may not be there at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from roomleft.findings import Finding, Unknown

Truth = npt.NDArray[np.int8]
HOLDS, NOT, UNTOLD, ABSENT = 1, 0, -1, -2
Labels = Mapping[str, str]
TRUTH: Mapping[int, bool | None] = {HOLDS: True, NOT: False, UNTOLD: None}
# By (left + 2, right + 2), in the order ABSENT, UNTOLD, NOT, HOLDS.
BOTH = np.array([[-2, -2, -2, -2], [-2, -1, 0, -1], [-2, 0, 0, 0], [-2, -1, 0, 1]], dtype=np.int8)
EITHER = np.array([[-2, -2, -2, -2], [-2, -1, -1, 1], [-2, -1, 0, 1], [-2, 1, 1, 1]], dtype=np.int8)


@dataclass(frozen=True, slots=True)
class Told:
    """What there is to say of one label set at one instant. `unknown` where it cannot be told."""

    reason: str = ""
    value: Decimal | float | None = None
    line: Decimal | float | None = None
    unit: str = ""
    observed_at: datetime | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    unknown: Unknown | None = None


Tell = Callable[[int, int], Told]
"""What to say of row `g` at instant `i`; asked only of what is shown."""


@dataclass
class Board:
    """`holds` and `still` have the shape (label sets, instants). `nothing` says what it means when no label set is there: that nothing holds
    (None), or why it cannot be told, in words."""

    labels: Sequence[Labels]
    holds: Truth
    still: Truth
    tell: Tell
    nothing: Callable[[int], Told] | None = None

    def finding(self, g: int, i: int) -> Finding:
        """What is said of one label set at one instant."""
        told = self.tell(g, i)
        holds = TRUTH[int(self.holds[g, i])]
        facts = {**told.facts, "unknown": str(told.unknown or Unknown.NO_DATA)} if holds is None else told.facts
        return Finding(
            labels=self.labels[g],
            holds=holds,
            still=TRUTH[int(self.still[g, i])],
            value=told.value,
            line=told.line,
            unit=told.unit,
            reason=told.reason,
            observed_at=told.observed_at,
            facts=facts,
        )


def untold(why: Unknown, words: str, instants: int) -> Board:
    """A board of which nothing can be told at any instant."""
    none = np.zeros((0, instants), dtype=np.int8)
    told = Told(words, unknown=why)
    return Board((), none, none, lambda g, i: told, lambda i: told)


def closed(board: Board) -> Board:
    """The board with a row without labels that cannot be told, where no label set is there and that means that nobody knows."""
    if board.nothing is None:
        return board
    empty = (board.holds == ABSENT).all(axis=0)
    if not empty.any():
        return board
    row = np.where(empty, np.int8(UNTOLD), np.int8(ABSENT)).astype(np.int8)[None, :]
    last, nothing, tell = len(board.labels), board.nothing, board.tell
    return Board(
        [*board.labels, {}],
        np.concatenate([board.holds, row]),
        np.concatenate([board.still, row]),
        lambda g, i: nothing(i) if g == last else tell(g, i),
    )


def joined(boards: Sequence[Board], *, every: bool) -> Board:
    """Several boards as one: all parts must hold (`every`), or any. Findings whose common labels are equal belong together; one that has no
    partner counts alone where any will do, and not at all where all must."""
    found = closed(boards[0])
    for other in boards[1:]:
        found = _pair(found, closed(other), every=every)
    return found


def _pair(left: Board, right: Board, *, every: bool) -> Board:
    table = BOTH if every else EITHER
    pairs = [(a, b) for a, one in enumerate(left.labels) for b in _partners(one, right.labels)]
    rows: list[tuple[Labels, Truth, Truth, int, int]] = []
    for a, b in pairs:
        both = {**right.labels[b], **left.labels[a]}
        rows.append(
            (both, _looked_up(table, left.holds[a], right.holds[b]), _looked_up(table, left.still[a], right.still[b]), a, b)
        )
    if not every:
        rows.extend(_alone(left, right, pairs, 0))
        rows.extend(_alone(right, left, [(b, a) for a, b in pairs], 1))
    merged: dict[tuple[tuple[str, str], ...], list[tuple[Truth, Truth, int, int]]] = {}
    for labels, holds, still, a, b in rows:
        merged.setdefault(tuple(sorted(labels.items())), []).append((holds, still, a, b))
    shape = (0, left.holds.shape[1])
    sources = list(merged.values())
    # Of rows that come to the same labels at most one is there at an instant, or else the one that says most counts.
    holds = np.stack([np.maximum.reduce([row[0] for row in each]) for each in sources]) if sources else np.zeros(shape, np.int8)
    still = np.stack([np.maximum.reduce([row[1] for row in each]) for each in sources]) if sources else np.zeros(shape, np.int8)

    def tell(g: int, i: int) -> Told:
        truth = holds[g, i]
        _, _, a, b = next((row for row in sources[g] if row[0][i] == truth), sources[g][0])
        parts = []
        if a >= 0:
            parts.append((int(left.holds[a, i]), left.tell(a, i)))
        if b >= 0:
            parts.append((int(right.holds[b, i]), right.tell(b, i)))
        return _told(int(truth), parts)

    return Board([dict(key) for key in merged], holds, still, tell)


def _partners(one: Labels, others: Sequence[Labels]) -> list[int]:
    return [b for b, other in enumerate(others) if all(other.get(name, value) == value for name, value in one.items())]


def _looked_up(table: Truth, left: Truth, right: Truth) -> Truth:
    found: Truth = table[left + 2, right + 2]
    return found


def _alone(
    board: Board, other: Board, pairs: Sequence[tuple[int, int]], side: int
) -> list[tuple[Labels, Truth, Truth, int, int]]:
    """The rows of a board at the instants at which none of their partners is there."""
    partners: dict[int, list[int]] = {}
    for a, b in pairs:
        partners.setdefault(a, []).append(b)
    rows = []
    for a, labels in enumerate(board.labels):
        met = [other.holds[b] != ABSENT for b in partners.get(a, [])]
        free = ~np.logical_or.reduce(met) if met else np.ones(board.holds.shape[1], dtype=bool)
        if free.any():
            holds, still = (
                np.where(free, board.holds[a], ABSENT).astype(np.int8),
                np.where(free, board.still[a], ABSENT).astype(np.int8),
            )
            rows.append((labels, holds, still, *((a, -1) if side == 0 else (-1, a))))
    return rows


def _told(truth: int, parts: Sequence[tuple[int, Told]]) -> Told:
    """What several parts say together: those that made it so speak, and the first of them gives value and line."""
    speaking = [told for own, told in parts if own == truth] or [told for _, told in parts]
    if truth == NOT:
        speaking = [told for own, told in parts if own == NOT] or speaking
    first = next((told for told in speaking if told.value is not None), speaking[0])
    reasons = list(dict.fromkeys(told.reason for told in speaking if told.reason))
    seen = [told.observed_at for _, told in parts if told.observed_at is not None]
    facts: dict[str, str] = {}
    for _, told in reversed(parts):
        facts.update(told.facts)
    facts.update(first.facts)
    return Told(
        reason=" and ".join(reasons),
        value=first.value,
        line=first.line,
        unit=first.unit,
        observed_at=min(seen, default=None),
        facts=facts,
        unknown=next((told.unknown for told in speaking if told.unknown is not None), None),
    )
