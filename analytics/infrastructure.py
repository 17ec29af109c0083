"""The packs' monthly infrastructure bill spread over time, exactly: however time is cut, the parts add up to the whole.

What an item has cost from the start of its calendar month (in the costs' own zone) until an instant is rounded once, to nano-dollars, and a
bucket costs the difference of two such values. So buckets of any size add up to the month, and a whole month is the item's price.

An item that models are served from (`Served`) is paid for twice if its tokens are priced too: once as usage, once as a server. What usage
priced of it in a day is therefore taken out of that day, and what is left of the item is *idle*, spread evenly over the day.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

from roomleft.errors import InputError
from roomleft.packs import Pack
from roomleft.packs_money import CostItem
from roomleft.timespan import Period, Window, local_days, midnight, utc
from warehouse.store import Store

NANO = Decimal("0.000000001")
PER_USD = 10**9
MICROSECOND = timedelta(microseconds=1)
SERVED_USAGE = """
SELECT bucket, sum(cost_usd)::DECIMAL(38, 9) AS cost_usd
FROM usage_15m
WHERE platform = $platform AND provider = $provider AND bucket >= $since AND bucket < $until
    AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
GROUP BY bucket HAVING sum(cost_usd) <> 0
"""


@dataclass(frozen=True, slots=True)
class InfrastructureRow:
    """What one item cost in one bucket. `idle`: it serves models, and this is what their usage did not pay for. `assumed`: nobody gave the price."""

    bucket_start: datetime
    platform: str
    component: str | None
    item_id: str
    title: str
    cost_usd: Decimal
    assumed: bool
    idle: bool = False


@dataclass(frozen=True, slots=True)
class Served:
    """An item whose cost is priced into the usage of a provider's models (all of them where `models` is None)."""

    platform: str
    item_id: str
    provider: str
    models: tuple[str, ...] | None = None


Taken = Mapping[tuple[str, str], Mapping[date, Decimal]]
"""By (platform, item id): the dollars that usage priced of the item on each day of the costs' zone."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Time in [start, end) in which numerator ÷ denominator nano-dollars build up, evenly by the microsecond."""

    start: datetime
    end: datetime
    numerator: int
    denominator: int

    def until(self, instant: datetime) -> int:
        """Nano-dollars from the start until `instant`, rounded once, a half to the even one."""
        if instant <= self.start:
            return 0
        return _rounded(self.numerator * ((min(instant, self.end) - self.start) // MICROSECOND), self.denominator)


def infrastructure_spread(
    packs: Mapping[str, Pack], edges: Sequence[datetime], platform: str | None = None, *, taken: Taken | None = None
) -> list[InfrastructureRow]:
    """What every item cost in each bucket [edges[n], edges[n + 1]): n + 1 ascending instants make n buckets; costless buckets are left out.

    Rows of one item add up to the same for any edges between the same two instants. `taken` (see `taken_by_usage`) names the items that serve
    models; without it every item is whole. A last edge in the future spreads what is still to be paid: end at now for what was spent.
    Raises InputError for edges that do not ascend.
    """
    edges = [utc(edge) for edge in edges]
    if any(after <= before for before, after in pairwise(edges)):
        raise InputError("the edges of buckets must ascend", "infrastructure", "give each instant once, oldest first")
    rows: list[InfrastructureRow] = []
    for slug, pack in packs.items():
        if len(edges) < 2 or pack.costs is None or platform not in (None, slug):
            continue
        zone = ZoneInfo(pack.costs.zone)
        for item in pack.cost_items():
            paid = None if taken is None else taken.get((slug, item.id))
            stretches = _months(item, zone, edges[0], edges[-1])
            if paid is not None:
                stretches = _less(stretches, paid, zone, edges[0], edges[-1])
            for start, nano in zip(edges, _by_bucket(stretches, edges), strict=False):
                if nano:
                    rows.append(
                        InfrastructureRow(
                            start, slug, item.component, item.id, item.title, _usd(nano), pack.costs.assumed, paid is not None
                        )
                    )
    return sorted(rows, key=lambda row: (row.bucket_start, row.platform))


def item_usd(item: CostItem, zone: ZoneInfo, since: datetime, until: datetime) -> Decimal:
    """What one item costs in [since, until), at nano-dollars."""
    if until <= since:
        return Decimal(0)
    return _usd(sum(_by_bucket(_months(item, zone, since, until), (since, until))))


def taken_by_usage(
    store: Store, packs: Mapping[str, Pack], served: Sequence[Served], since: datetime, until: datetime
) -> dict[tuple[str, str], dict[date, Decimal]]:
    """What usage priced of each served item, on every day of the costs' zone that touches [since, until).

    Where several items serve one provider's models, what was priced is taken from them in proportion to what they cost that day.
    """
    taken: dict[tuple[str, str], dict[date, Decimal]] = {}
    groups: dict[tuple[str, str, tuple[str, ...] | None], list[str]] = {}
    for each in served:
        groups.setdefault((each.platform, each.provider, each.models), []).append(each.item_id)
    for (slug, provider, models), ids in groups.items():
        pack = packs.get(slug)
        if pack is None or pack.costs is None or until <= since:
            continue
        zone = ZoneInfo(pack.costs.zone)
        days = local_days(since, until, zone)
        given = {"platform": slug, "provider": provider, "models": list(models) if models is not None else None}
        found = store.select(SERVED_USAGE, {**given, "since": days[0][1], "until": days[-1][2]}).to_pylist()
        starts = [start for _, start, _ in days]
        priced = [0] * len(days)
        for row in found:
            # A zone off the quarter hour has days that begin within a bucket: the bucket is its first instant's day's.
            priced[bisect_right(starts, utc(row["bucket"])) - 1] += _nano(row["cost_usd"])
        items = [item for item in pack.cost_items() if item.id in ids]
        for (day, start, end), nano in zip(days, priced, strict=True):
            weights = [_nano(item_usd(item, zone, start, end)) for item in items]
            for item, part in zip(items, split(nano, weights), strict=True):
                own = taken.setdefault((slug, item.id), {})
                own[day] = own.get(day, Decimal(0)) + _usd(part)
    return taken


def split(whole: int, weights: Sequence[int]) -> list[int]:
    """`whole` in parts as the weights are, which add up to it: the rest goes by largest remainder, ties to the earlier. Without weight, to the first."""
    total = sum(weights)
    if not weights:
        return []
    if total <= 0:
        return [whole, *[0] * (len(weights) - 1)]
    exact = [divmod(whole * weight, total) for weight in weights]
    parts = [part for part, _ in exact]
    by_remainder = sorted(range(len(parts)), key=lambda place: (-exact[place][1], place))
    for place in by_remainder[: whole - sum(parts)]:
        parts[place] += 1
    return parts


def _months(item: CostItem, zone: ZoneInfo, since: datetime, until: datetime) -> list[Stretch]:
    """The item's stretches, a calendar month each, as far as they touch [since, until)."""
    first = midnight(item.valid_from, zone) if item.valid_from else None
    last = midnight(item.until, zone) if item.until else None
    top, bottom = item.usd_per_month.as_integer_ratio()
    found = []
    for begin, end in _month_bounds(zone, since, until):
        low, high = max(begin, first or begin), min(end, last or end)
        if low < high:
            found.append(Stretch(low, high, top * PER_USD, bottom * ((end - begin) // MICROSECOND)))
    return found


def _month_bounds(zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    month, at = Window(Period.MONTH, zone), since
    while at < until:
        begin, at = month.bounds(at)
        yield begin, at


def _less(
    months: Sequence[Stretch], paid: Mapping[date, Decimal], zone: ZoneInfo, since: datetime, until: datetime
) -> list[Stretch]:
    """The stretches cut into days, each with what usage did not pay for, evenly over the day."""
    found = []
    for day, start, end in local_days(since, until, zone):
        whole = sum(month.until(end) - month.until(start) for month in months)
        found.append(Stretch(start, end, whole - _nano(paid.get(day, Decimal(0))), (end - start) // MICROSECOND))
    return found


def _by_bucket(stretches: Sequence[Stretch], edges: Sequence[datetime]) -> list[int]:
    """Nano-dollars of all the stretches by bucket."""
    sums = [0] * (len(edges) - 1)
    for stretch in stretches:
        place = max(bisect_right(edges, stretch.start) - 1, 0)
        last = min(bisect_left(edges, stretch.end), len(sums))
        before = stretch.until(edges[place])
        for here in range(place, last):
            after = stretch.until(edges[here + 1])
            sums[here] += after - before
            before = after
    return sums


def _rounded(top: int, bottom: int) -> int:
    whole, rest = divmod(top, bottom)
    return whole + (2 * rest > bottom or (2 * rest == bottom and whole % 2 == 1))


def _nano(amount: Decimal) -> int:
    return int(amount.scaleb(9).to_integral_value())


def _usd(nano: int) -> Decimal:
    return Decimal(nano).scaleb(-9)
