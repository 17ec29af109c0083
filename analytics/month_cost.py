"""What a calendar month costs in all, AI and infrastructure, of each platform and of all together: so far, and at its end as a range.

The rest of the month's AI cost is each platform's sampled future; infrastructure is known. Draw k of one platform belongs to draw k of every other,
so the platforms' totals are added draw by draw: the range of the sum is not the sum of the ranges. A budget stands beside a total only where monthly
budgets cover all of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np

from analytics.forecasting.calibration import Calibration
from analytics.forecasting.forecasts import Forecasts
from analytics.forecasting.futures import Futures
from analytics.forecasting.limit import NONE_SAID, SLACK
from analytics.forecasting.questions import DAY_S, Floats, covered_to_s, filling
from analytics.forecasting.targets import Plan, ai_cost_target, asks_all_ai_cost, plan_of
from analytics.infrastructure import infrastructure_spread, taken_by_usage
from analytics.ledger import Books, Question, quarter_of
from analytics.ledger_cost import Cost
from analytics.meter_usage import UsageFreshness, usage_freshness
from roomleft.limits import Direction, Headroom, Kind, Limit, State
from roomleft.outlook import NO_DATE_WORDS, NoDate, Outlook, Shape
from roomleft.packs import Pack
from roomleft.packs_meters import InfrastructureCostMeter
from roomleft.timespan import Period, Window

NANO = Decimal("1e-9")
ZERO = Decimal(0)
SHARES = (0.1, 0.5, 0.9)
BACK = timedelta(days=7)
"""Over how many days it is looked how much of the servers' cost usage pays for."""
Row = tuple[Headroom, Limit]


@dataclass(frozen=True, slots=True)
class MonthCost:
    """A platform's month, or that of all (`platform` empty). Dollars.

    `ends_…`: p10, p50, p90 of the whole month's cost; None where not known, and `why`. `budget_usd`: what the budgets named in `budgets` allow, where they
    cover all of it; `p_breach`: the chance that the month costs more. `lower_bound`: some calls have no price. `last_whole`: there is data of all of
    last month. `zone`: whose days it is counted in.
    """

    platform: str
    title: str
    since: datetime
    until: datetime
    ai_usd: Decimal = ZERO
    infrastructure_usd: Decimal = ZERO
    ends_p10: Decimal | None = None
    ends_p50: Decimal | None = None
    ends_p90: Decimal | None = None
    no_date: NoDate | None = None
    why: str = ""
    last_usd: Decimal = ZERO
    last_whole: bool = True
    budget_usd: Decimal | None = None
    budgets: tuple[str, ...] = ()
    p_breach: float | None = None
    lower_bound: bool = False
    zone: ZoneInfo = ZoneInfo("UTC")

    @property
    def cost_usd(self) -> Decimal:
        """All so far."""
        return self.ai_usd + self.infrastructure_usd


@dataclass(frozen=True, slots=True)
class Month:
    """All platforms together, and each."""

    total: MonthCost
    platforms: tuple[MonthCost, ...]


def platform_zone(pack: Pack) -> ZoneInfo:
    """Whose days a platform's month is counted in: those of most of its monthly budgets, so that the month and its budget are of the same days; without
    one, its own."""
    windows = [each.window for each in pack.limit_list() if each.kind is Kind.BUDGET and each.window is not None]
    zones = [window.zone.key for window in windows if window.period is Period.MONTH]
    return ZoneInfo(max(zones, key=zones.count)) if zones else ZoneInfo(pack.zone)


def month_zone(packs: Mapping[str, Pack], reader: ZoneInfo) -> ZoneInfo:
    """Whose days the month of several platforms together is counted in: those that all of them share, else the reader's."""
    zones = {platform_zone(pack).key: platform_zone(pack) for pack in packs.values()}
    return next(iter(zones.values())) if len(zones) == 1 else reader


def month_cost(books: Books, forecasts: Forecasts | None, rows: Sequence[Row], now: datetime, reader: ZoneInfo) -> Month:
    """The month that holds `now`, of the platforms of the books, each by its own days (`platform_zone`), all together by those of `month_zone`: only where
    the platforms share their days do they add up to it. `rows` are their limits. Raises StoreError."""
    calibration = forecasts.calibration if forecasts is not None else Calibration()
    zones = {slug: platform_zone(pack) for slug, pack in books.packs.items()}
    whole = month_zone(books.packs, reader)
    made = {
        zone: _each(books, forecasts, rows, now, ZoneInfo(zone), calibration)
        for zone in sorted({whole.key, *(each.key for each in zones.values())})
    }
    since, until = Window(Period.MONTH, whole).bounds(now)
    found = [one for one, _ in made[whole.key].values()]
    drawn = [draws for _, draws in made[whole.key].values()]
    total = _total(found, drawn, calibration, since, until, now)
    return Month(replace(total, zone=whole), tuple(made[zone.key][slug][0] for slug, zone in zones.items()))


def _each(
    books: Books, forecasts: Forecasts | None, rows: Sequence[Row], now: datetime, zone: ZoneInfo, calibration: Calibration
) -> dict[str, tuple[MonthCost, Floats | None]]:
    """Every platform's month by the days of one zone, and what each draw says it will cost in all."""
    window = Window(Period.MONTH, zone)
    since, until = window.bounds(now)
    before = window.previous(now)
    spent, last = _by_platform(books, since, max(now, since + timedelta(minutes=15)), now), _by_platform(books, *before, now)
    rest = _infrastructure_ahead(books, now, until)
    found: dict[str, tuple[MonthCost, Floats | None]] = {}
    for slug, pack in books.packs.items():
        own, plan = spent.get(slug, Cost(())), forecasts.plan(pack) if forecasts is not None else plan_of(pack)
        read = usage_freshness(books.store, pack, now)
        first_at = read.first_at
        made = MonthCost(
            slug, pack.title, since, until, own.ai_usd, own.infrastructure_usd, lower_bound=bool(own.unpriced_requests),
            last_usd=last.get(slug, Cost(())).cost_usd, last_whole=first_at is None or first_at <= before[0], zone=zone,
        )  # fmt: skip
        ends = _ends(forecasts, pack, own, read, now, (since, until))
        asked = [row for row in rows if row[1].platform == slug and _is_of(row, since + (until - since) / 2)]
        budget = _budget(plan, asked, first_at is not None, pack.costs is not None)
        made = replace(made, budget_usd=budget[0], budgets=budget[1])
        if isinstance(ends, Outlook):
            found[slug] = replace(made, no_date=ends.no_date, why=ends.basis), None
        else:
            draws = ends + float(own.infrastructure_usd + rest.get(slug, ZERO))
            found[slug] = _told(made, draws, calibration, now), draws
    return found


def _total(
    found: Sequence[MonthCost],
    drawn: Sequence[Floats | None],
    calibration: Calibration,
    since: datetime,
    until: datetime,
    now: datetime,
) -> MonthCost:
    every = all(each.budget_usd is not None for each in found) and bool(found)
    made = MonthCost(
        "", "All platforms", since, until, sum((each.ai_usd for each in found), ZERO), sum((each.infrastructure_usd for each in found), ZERO),
        last_usd=sum((each.last_usd for each in found), ZERO), last_whole=all(each.last_whole for each in found),
        lower_bound=any(each.lower_bound for each in found),
        budget_usd=sum((each.budget_usd or ZERO for each in found), ZERO) if every else None,
        budgets=tuple(name for each in found for name in each.budgets) if every else (),
    )  # fmt: skip
    unknown = next((each for each in found if each.ends_p50 is None), None)
    if unknown is not None:
        return replace(made, no_date=unknown.no_date, why=f"{unknown.title}: {unknown.why}")
    known = [draws for draws in drawn if draws is not None]
    if not known:
        return made
    draws = min(len(each) for each in known if len(each) > 1) if any(len(each) > 1 for each in known) else 1
    return _told(
        made, np.sum([each[:draws] if len(each) > 1 else np.repeat(each, draws) for each in known], axis=0), calibration, now
    )


def _told(made: MonthCost, draws: Floats, calibration: Calibration, now: datetime) -> MonthCost:
    """With the range of the draws, and the chance against the budget."""
    low, middle, high = (Decimal(repr(float(value))).quantize(NANO) for value in np.quantile(draws, SHARES))
    chance = None
    if made.budget_usd is not None:
        over = int((draws > float(made.budget_usd) * (1 + SLACK)).sum())
        days = (made.until - now) / timedelta(days=1)
        if made.cost_usd > made.budget_usd:
            chance = 1.0
        elif len(draws) == 1:
            # One draw is no sample: all of it is known beforehand.
            chance = float(over)
        else:
            chance = float(calibration.probabilities(str(Kind.BUDGET), days, len(draws))[over])
    return replace(made, ends_p10=low, ends_p50=middle, ends_p90=high, p_breach=chance)


def _by_platform(books: Books, since: datetime, until: datetime, now: datetime) -> dict[str, Cost]:
    told = books.costs(Question(since, until, ("platform",)), now)
    return {str(each.key[0]): each for each in told.groups}


def _infrastructure_ahead(books: Books, now: datetime, until: datetime) -> dict[str, Decimal]:
    """What each platform's infrastructure will yet cost in the month. Of servers whose cost usage pays for, what usage left over in the last days."""
    begin = quarter_of(now)
    if begin >= until:
        return {}
    taken: dict[tuple[str, str], dict[date, Decimal]] = {}
    if books.served:
        days = int((until - begin) / timedelta(days=1)) + 2
        for key, paid in taken_by_usage(books.store, books.packs, books.served, begin - BACK, begin).items():
            # The first and the last of them are parts of a day.
            whole = [paid[day] for day in sorted(paid)[1:-1]]
            mean = sum(whole, ZERO) / len(whole) if whole else ZERO
            first = begin.astimezone(ZoneInfo(_costs_zone(books.packs[key[0]]))).date()
            taken[key] = {first + timedelta(days=number): mean.quantize(NANO) for number in range(-1, days)}
    found: dict[str, Decimal] = {}
    for row in infrastructure_spread(books.packs, [begin, until], taken=taken or None):
        found[row.platform] = found.get(row.platform, ZERO) + row.cost_usd
    return found


def _costs_zone(pack: Pack) -> str:
    return pack.costs.zone if pack.costs is not None else pack.zone


def _ends(
    forecasts: Forecasts | None, pack: Pack, own: Cost, usage: UsageFreshness, now: datetime, month: tuple[datetime, datetime]
) -> Floats | Outlook:
    """What each draw says the month's AI cost will be; or why nothing is said."""
    since, until = month
    if usage.first_at is None and not own.ai_usd and (forecasts is None or pack.slug not in forecasts.waiting):
        return np.zeros(1)
    futures = forecasts.of_series(pack, ai_cost_target(pack).name) if forecasts is not None else Outlook.none(NoDate.NOT_YET)
    if isinstance(futures, Outlook):
        return futures
    if futures.no_date is NoDate.ALL_ZERO and not own.ai_usd:
        return np.zeros(1)
    why = _groundless(futures, until)
    if why is not None:
        words = futures.basis if why is futures.no_date and futures.basis else NO_DATE_WORDS[why]
        return Outlook.none(why, words)
    read = min(max(usage.observed_at or now, since), now)
    course = filling(futures, float(own.ai_usd), now.timestamp(), until.timestamp(), read.timestamp())
    return np.asarray(course.values[:, -1], dtype=np.float64)


def _groundless(futures: Futures, until: datetime) -> NoDate | None:
    if futures.no_date in NONE_SAID or not futures.values.size:
        return futures.no_date or NoDate.NO_DATA
    if futures.shape is not Shape.FLOW or not bool(np.isfinite(futures.values).all()):
        return NoDate.NOT_FINITE
    return NoDate.BEYOND if covered_to_s(futures) < until.timestamp() - DAY_S / 24 else None


def _is_of(row: Row, middle: datetime) -> bool:
    """Whether a limit's stored amount is that of the month with this middle: for some hours its own zone is in another, and an amount for each of
    something is not worked out while nobody knows of how many."""
    stored, limit = row
    if limit.amount_per is not None and stored.state is State.UNKNOWN:
        return False
    return stored.window_start is None or stored.window_end is None or stored.window_start <= middle < stored.window_end


def _budget(plan: Plan, rows: Sequence[Row], has_ai: bool, has_infrastructure: bool) -> tuple[Decimal | None, tuple[str, ...]]:
    """What monthly budgets allow the platform in all, where they cover all its cost: one that is about everything, else one for each half."""
    halves: dict[frozenset[str], Row] = {}
    for row, limit in rows:
        parts = _covers(plan, limit)
        if parts and (parts not in halves or row.amount < halves[parts][0].amount):
            halves[parts] = (row, limit)
    needed = {name for name, has in (("ai", has_ai), ("infrastructure", has_infrastructure)) if has}
    if not needed:
        return None, ()
    whole = [(row, limit) for parts, (row, limit) in halves.items() if parts >= needed]
    if whole:
        tightest = min(whole, key=lambda pair: pair[0].amount)
        return tightest[0].amount, (tightest[1].limit_id,)
    if all(frozenset({name}) in halves for name in needed):
        chosen = [halves[frozenset({name})] for name in sorted(needed)]
        return sum((row.amount for row, _ in chosen), ZERO), tuple(limit.limit_id for _, limit in chosen)
    return None, ()


def _covers(plan: Plan, limit: Limit) -> frozenset[str]:
    """Of which halves of the cost a limit is the whole month's budget; nothing where it is of a part of one, or no such budget."""
    window = limit.window
    if not (
        limit.kind is Kind.BUDGET
        and limit.unit == "usd"
        and not limit.per_user
        and limit.direction is Direction.AT_MOST
        and window is not None
        and window.period is Period.MONTH
    ):
        return frozenset()
    subject = plan.subject(limit.limit_id)
    targets = subject.recipe.targets() if subject is not None and subject.recipe.join in ("target", "total") else ()
    found = set()
    for target in targets:
        if asks_all_ai_cost(target.meter):
            found.add("ai")
        elif isinstance(target.meter, InfrastructureCostMeter) and target.meter.parts is None:
            found.add("infrastructure")
        else:
            return frozenset()
    return frozenset(found)


def as_dict(month: Month) -> Mapping[str, object]:
    """For programs; amounts as they are."""
    return {**one_as_dict(month.total), "platforms": [one_as_dict(each) for each in month.platforms]}


def one_as_dict(each: MonthCost) -> dict[str, object]:
    """One of them."""
    known = each.ends_p50 is not None
    return {
        "platform": each.platform or None, "title": each.title, "since": each.since, "until": each.until, "zone": each.zone.key, "cost_usd": each.cost_usd,
        "ai_usd": each.ai_usd, "infrastructure_usd": each.infrastructure_usd, "lower_bound": each.lower_bound,
        "ends": {"p10": each.ends_p10, "p50": each.ends_p50, "p90": each.ends_p90} if known else None,
        "no_date": each.no_date, "why": each.why, "last_month_usd": each.last_usd, "last_month_whole": each.last_whole,
        "budget_usd": each.budget_usd, "budgets": list(each.budgets), "p_breach": each.p_breach,
    }  # fmt: skip
