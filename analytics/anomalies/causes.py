"""Why a cost differs from what was expected: how much of the difference each model, tier, request type … makes up, and whether there were more
calls, other calls or dearer ones. Parts add up to the whole, to the nano-dollar.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from roomleft.money import MINUS, usd
from warehouse.store import Store

DIMENSIONS = ("model", "request_type", "tier", "component", "provider")
"""What a difference is split by; of two that explain it as well, the earlier one is told."""
NANO = Decimal("1e-9")
ZERO = Decimal(0)
DAY_S = 86_400
MOST_PARTS = 8
OTHERS = "(others)"
NOT_GIVEN = "(not given)"
REST = Decimal("0.05")
"""From this share of the first part on it is said what all else adds or takes away."""
OFFSET = Decimal("0.2")
"""From this share of a difference on it is said what works against it."""
TELLING = Decimal("0.5")
"""The share of a difference from which on one value is said to be its cause."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Calls that are alike in every dimension: what they cost and how many they were, now and before."""

    keys: Mapping[str, str]
    usd: Decimal
    requests: Decimal
    base_usd: Decimal
    base_requests: Decimal


@dataclass(frozen=True, slots=True)
class Part:
    """What one value of a dimension adds to a difference. `share`: of the whole difference; None where that is nothing."""

    dimension: str
    value: str
    usd: Decimal
    expected_usd: Decimal
    difference_usd: Decimal
    share: float | None


@dataclass(frozen=True, slots=True)
class Split:
    """A difference as more (or fewer) calls of the same kind, other kinds of calls, and dearer calls of the same kind; they add up to it."""

    calls_usd: Decimal
    mix_usd: Decimal
    price_usd: Decimal

    @property
    def total_usd(self) -> Decimal:
        """The difference."""
        return self.calls_usd + self.mix_usd + self.price_usd

    @property
    def words(self) -> str:
        """What makes up most of it."""
        total = self.total_usd
        up = total > 0
        named = {
            "more calls" if up else "fewer calls": self.calls_usd,
            "other kinds of calls": self.mix_usd,
            "dearer calls" if up else "cheaper calls": self.price_usd,
        }
        if not total:
            return ""
        name, most = max(named.items(), key=lambda each: each[1] / total)
        said = name if most / total >= TELLING else "several things at once"
        # What works against it has its name by its own sign.
        against = {
            "fewer calls" if up else "more calls": self.calls_usd,
            "other kinds of calls": self.mix_usd,
            "cheaper calls" if up else "dearer calls": self.price_usd,
        }
        other, least = min(against.items(), key=lambda each: each[1] / total)
        return f"{said}, partly offset by {other}" if least / total <= -OFFSET else said


@dataclass(frozen=True, slots=True)
class Causes:
    """Why a cost is off by `difference_usd`. `by`: the parts of each dimension, which add up to it; `told`: the parts that explain most of it, the
    second within the first; `words` say them."""

    expected_usd: Decimal
    usd: Decimal
    split: Split
    by: Mapping[str, Sequence[Part]] = field(default_factory=dict)
    told: Sequence[Part] = ()
    words: str = ""

    @property
    def difference_usd(self) -> Decimal:
        """Observed less expected."""
        return self.usd - self.expected_usd

    def document(self) -> dict[str, Any]:
        """As JSON; money as text."""
        return {
            "words": self.words,
            "difference_usd": str(self.difference_usd),
            "calls_usd": str(self.split.calls_usd),
            "mix_usd": str(self.split.mix_usd),
            "price_usd": str(self.split.price_usd),
            "told": [part_document(part) for part in self.told],
            "by": {name: [part_document(part) for part in parts] for name, parts in self.by.items()},
        }


def cells(store: Store, platform: str, since: datetime, until: datetime, base_days: int) -> list[Cell]:
    """The calls of [since, until), beside those in the same hours of the `base_days` days before. Raises StoreError."""
    length_s = min(int((until - since).total_seconds()), DAY_S)
    given = {
        "platform": platform,
        "since": since,
        "until": until,
        "base_since": since - timedelta(days=base_days),
        "base_until": since,
        "length_s": length_s,
    }
    return [
        Cell(
            {name: str(row[name]) for name in DIMENSIONS},
            Decimal(row["cost_usd"]),
            Decimal(row["requests"]),
            Decimal(row["base_usd"]),
            Decimal(row["base_requests"]),
        )
        for row in store.rows("cost_cube", **given)
    ]


def causes(found: Iterable[Cell], expected_usd: Decimal | None = None, per: str = "") -> Causes:
    """Why the cost of some calls differs from `expected_usd` (what they cost before, when absent): what each kind costs by its share before.

    `per` goes into the words: `a day`.
    """
    known = list(found)
    base, now = sum((cell.base_usd for cell in known), ZERO), sum((cell.usd for cell in known), ZERO)
    expected = base if expected_usd is None else expected_usd.quantize(NANO)
    scale = expected / base if base else ZERO
    scaled = _scaled(known, expected, scale)
    split = _split(scaled)
    by = {name: _parts(scaled, name, now - expected) for name in DIMENSIONS}
    told = _told(scaled, now - expected)
    made = Causes(expected, now, split, {name: _bounded(parts) for name, parts in by.items()}, told)
    return Causes(expected, now, split, made.by, told, _words(made, per))


def _scaled(known: Sequence[Cell], expected: Decimal, scale: Decimal) -> list[Cell]:
    """The cells with what was expected of each; these add up to it exactly."""
    found = [
        Cell(cell.keys, cell.usd, cell.requests, (cell.base_usd * scale).quantize(NANO), cell.base_requests * scale)
        for cell in known
    ]
    left = expected - sum((cell.base_usd for cell in found), ZERO)
    if not left:
        return found
    if not scale:
        # Nothing is known of how it was made up before.
        return [*found, Cell(dict.fromkeys(DIMENSIONS, ""), ZERO, ZERO, left, ZERO)]
    at = max(range(len(found)), key=lambda i: found[i].base_usd)
    big = found[at]
    found[at] = Cell(big.keys, big.usd, big.requests, big.base_usd + left, big.base_requests)
    return found


def _split(known: Sequence[Cell]) -> Split:
    cost_0, cost_1 = sum((cell.base_usd for cell in known), ZERO), sum((cell.usd for cell in known), ZERO)
    calls_0, calls_1 = sum((cell.base_requests for cell in known), ZERO), sum((cell.requests for cell in known), ZERO)
    if not calls_0:
        return Split(cost_1 - cost_0, ZERO, ZERO)
    calls = (cost_0 * (calls_1 / calls_0 - 1)).quantize(NANO)
    price = ZERO
    for cell in known:
        if cell.base_requests and cell.requests:
            price += cell.usd - (cell.requests * cell.base_usd / cell.base_requests).quantize(NANO)
    return Split(calls, cost_1 - cost_0 - calls - price, price)


def _parts(known: Sequence[Cell], dimension: str, difference: Decimal) -> list[Part]:
    sums: dict[str, list[Decimal]] = {}
    for cell in known:
        each = sums.setdefault(cell.keys[dimension] or NOT_GIVEN, [ZERO, ZERO])
        each[0] += cell.usd
        each[1] += cell.base_usd
    parts = [
        Part(dimension, value, now, before, now - before, float((now - before) / difference) if difference else None)
        for value, (now, before) in sums.items()
    ]
    return sorted(parts, key=lambda part: (-abs(part.difference_usd), part.value))


def _bounded(parts: Sequence[Part]) -> list[Part]:
    """The greatest parts, and the rest as one."""
    if len(parts) <= MOST_PARTS:
        return list(parts)
    kept, rest = parts[: MOST_PARTS - 1], parts[MOST_PARTS - 1 :]
    shares = [part.share for part in rest if part.share is not None]
    return [
        *kept,
        Part(
            rest[0].dimension, OTHERS, sum((part.usd for part in rest), ZERO), sum((part.expected_usd for part in rest), ZERO),
            sum((part.difference_usd for part in rest), ZERO), sum(shares) if shares else None,
        ),
    ]  # fmt: skip


def _told(known: Sequence[Cell], difference: Decimal) -> list[Part]:
    """The value that explains the difference best, and within it the next."""
    first = _best(known, difference, DIMENSIONS)
    if first is None:
        return []
    inside = [cell for cell in known if (cell.keys[first.dimension] or NOT_GIVEN) == first.value]
    second = _best(inside, first.difference_usd, [name for name in DIMENSIONS if name != first.dimension])
    return [first] if second is None else [first, second]


def _best(known: Sequence[Cell], difference: Decimal, dimensions: Iterable[str]) -> Part | None:
    """The part whose share of the difference most exceeds its share of what was expected: that all of it is from the only provider says nothing."""
    best: tuple[float, Part] | None = None
    expected = sum((cell.base_usd for cell in known), ZERO)
    for name in dimensions:
        parts = _parts(known, name, difference)
        if not parts or not difference:
            continue
        part = max(parts, key=lambda each: each.share or 0.0)
        usual = float(part.expected_usd / expected) if expected > 0 else 0.0
        surprise = (part.share or 0.0) - usual
        if (
            (part.share or 0.0) >= float(TELLING)
            and surprise > 0.1
            and len(parts) > 1
            and (best is None or surprise > best[0] + 0.02)
        ):
            best = (surprise, part)
    return best[1] if best else None


def _words(made: Causes, per: str) -> str:
    """`+$41 a day: model X +$48, mostly tier premium, all else −$7.20; more calls`."""
    head = f"{_signed(made.difference_usd)}{f' {per}' if per else ''}"
    told = _why(made)
    return f"{head}: {told}" if told else head


def sentence(made: Causes) -> str:
    """The same as a sentence without its full stop: `Costs rose $41: model X +$48, mostly tier premium, all else −$7.20; more calls`."""
    difference = made.difference_usd
    if not difference:
        return "Costs did not change"
    told = _why(made)
    size = _signed(abs(difference)).removeprefix("+")
    return f"Costs {'rose' if difference > 0 else 'fell'} {size}" + (f": {told}" if told else "")


def _why(made: Causes) -> str:
    """Which values make up the difference, and whether there were more, other or dearer calls."""
    several = any(len(each) > 1 for each in made.by.values())
    said = "spread over all kinds of calls" if several else ""
    if made.told:
        first, *within = made.told
        mostly = "".join(f", mostly {part.dimension.replace('_', ' ')} {part.value}" for part in within)
        rest = made.difference_usd - first.difference_usd
        others = f", all else {_signed(rest)}" if abs(rest) >= REST * abs(first.difference_usd) else ""
        said = f"{first.dimension.replace('_', ' ')} {first.value} {_signed(first.difference_usd)}{mostly}{others}"
    return "; ".join(each for each in (said, made.split.words) if each)


def _signed(amount: Decimal) -> str:
    """`+$41`, `−$7.20`."""
    return f"{'+' if amount >= 0 else MINUS}{usd(abs(amount), 0 if abs(amount) >= 10 else 2)}"


def part_document(part: Part) -> dict[str, Any]:
    """A part as JSON; money as text."""
    return {
        "dimension": part.dimension,
        "value": part.value,
        "usd": str(part.usd),
        "expected_usd": str(part.expected_usd),
        "difference_usd": str(part.difference_usd),
        "share": part.share,
    }
