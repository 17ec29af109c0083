"""Error budgets: how much of an SLO's is left, how it went over time, and what each incident took of it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate

from analytics.meter_health import bad_minutes
from analytics.meters import Meters
from analytics.slo_asking import Looking, SloView
from analytics.slo_burns import Burn, burns
from roomleft.packs import Pack
from roomleft.packs_meters import IncreaseMeter, PromqlMeter, TotalMeter
from roomleft.slos import Counted, Events, Method, Minutes, Slo, Source

POINTS = 120
BURN_WINDOWS = (timedelta(hours=1), timedelta(hours=6), timedelta(days=3))
FIRST_CHECK = """
SELECT min(observed_at) AS first_at FROM health_checks
WHERE platform = $platform AND list_contains($components::VARCHAR[], component) AND status <> 'unknown'
  AND ($checks::VARCHAR[] IS NULL OR list_contains($checks::VARCHAR[], check_name))
"""


@dataclass(frozen=True, slots=True)
class Budget:
    """An SLO's error budget in its window [start, end). `allowed` bad events (minutes, slices) of `total`; `bad` so far. `left` is the share of it
    that is left, below 0 when more is gone than there was; None when it cannot be told, and `words` say why.
    """

    slo_id: str
    start: datetime
    end: datetime
    bad: float
    total: float
    allowed: float
    left: float | None
    words: str = ""
    observed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What a stretch of time took: bad events (minutes, slices) and their share of the whole window's budget (None when there is none to go by)."""

    bad: float
    share: float | None


def allowed_of(slo: Slo, total: float) -> float:
    """How many bad events the budget is: a share of all there were; of minutes one of the whole window's."""
    if isinstance(slo.indicator, Minutes):
        return float(slo.budget_s) / 60
    return float(slo.budget) * total


def budgets(view: SloView, slos: Sequence[Slo], now: datetime) -> dict[str, Budget]:
    """The budget of each SLO's window so far. Raises StoreError."""
    bounds = {slo.slo_id: slo.window.bounds(now) for slo in slos}
    asked = [(slo.slo_id, now - bounds[slo.slo_id][0]) for slo in slos if now > bounds[slo.slo_id][0]]
    found = burns(view, asked, now)
    told = {}
    for slo in slos:
        start, end = bounds[slo.slo_id]
        burn = found.get((slo.slo_id, now - start)) or Burn(slo.slo_id, now - start)
        told[slo.slo_id] = _budget(slo, burn, start, end)
    return told


def _budget(slo: Slo, burn: Burn, start: datetime, end: datetime) -> Budget:
    if burn.unknown is not None:
        return Budget(slo.slo_id, start, end, 0.0, 0.0, 0.0, None, burn.words, burn.observed_at)
    allowed = allowed_of(slo, burn.total)
    if allowed <= 0:
        words = "nothing happened in the window yet" if burn.total <= 0 else "the objective leaves no budget"
        return Budget(slo.slo_id, start, end, burn.bad, burn.total, 0.0, None, words, burn.observed_at)
    return Budget(slo.slo_id, start, end, burn.bad, burn.total, allowed, 1 - burn.bad / allowed, "", burn.observed_at)


def spent_in(view: SloView, slo: Slo, stretches: Sequence[tuple[datetime, datetime]], budget: Budget) -> list[Spent]:
    """What each stretch [from, until) took of the budget. Raises StoreError."""
    found = []
    for since, until in stretches:
        since = max(since, budget.start)
        if until <= since:
            found.append(Spent(0.0, 0.0 if budget.allowed > 0 else None))
            continue
        asked = Looking(view.store, view.packs, {slo.slo_id: slo}, view.read_to, view.slack)
        burn = burns(asked, [(slo.slo_id, until - since)], until)[slo.slo_id, until - since]
        bad = burn.bad if burn.unknown is None else 0.0
        found.append(Spent(bad, bad / budget.allowed if budget.allowed > 0 and burn.unknown is None else None))
    return found


@dataclass(frozen=True, slots=True)
class _Steps:
    """Bad and all events as they came, as running sums."""

    at: Sequence[datetime]
    bad: Sequence[float]
    total: Sequence[float]

    def between(self, since: datetime, until: datetime) -> tuple[float, float]:
        """Bad and all events in (since, until]."""
        first, last = bisect_right(self.at, since), bisect_right(self.at, until)
        return self.bad[last] - self.bad[first], self.total[last] - self.total[first]


def budget_over_time(view: SloView, slo: Slo, now: datetime, points: int = POINTS) -> list[tuple[datetime, float | None]]:
    """The share of the budget that was left at instants of the last window, None where there was nothing to go by. Raises StoreError, PackError.

    From hourly rollups where the indicator is counters: each point is of the window as it was then, as far as it had been lived.
    """
    start = now - slo.period
    instants = [start + (now - start) * n / points for n in range(1, points + 1)]
    steps = _steps(view, slo, slo.window.bounds(start)[0], now)
    if steps is None:
        return _asked_over_time(view, slo, instants)
    first = _first(view, slo, steps)
    found: list[tuple[datetime, float | None]] = []
    for at in instants:
        bad, total = steps.between(slo.window.bounds(at)[0], at)
        allowed = allowed_of(slo, total)
        known = allowed > 0 and first is not None and first <= at
        found.append((at, 1 - bad / allowed if known else None))
    return found


def _first(view: SloView, slo: Slo, steps: _Steps) -> datetime | None:
    """When anything was counted first."""
    if isinstance(slo.indicator, Minutes):
        meter = slo.indicator.meter
        asked = {"platform": slo.platform, "components": list(meter.components), "checks": meter.checks}
        first: datetime | None = view.store.select(FIRST_CHECK, asked)["first_at"][0].as_py()
        return first
    return next((at for at, whole in zip(steps.at, steps.total[1:], strict=True) if whole), None)


def _asked_over_time(view: SloView, slo: Slo, instants: Sequence[datetime]) -> list[tuple[datetime, float | None]]:
    found: list[tuple[datetime, float | None]] = []
    # Each is a question of its own: fewer of them.
    for at in instants[3::4]:
        asked = Looking(view.store, view.packs, {slo.slo_id: slo}, view.read_to, view.slack)
        found.append((at, budgets(asked, [slo], at)[slo.slo_id].left))
    return found


def _steps(view: SloView, slo: Slo, since: datetime, now: datetime) -> _Steps | None:
    """The indicator's events since an instant, from rollups; None for one that rollups cannot tell."""
    if slo.method is not Method.OCCURRENCES:
        return None
    meters = Meters(view.store, view.packs[slo.platform], now)
    if isinstance(slo.indicator, Minutes):
        at = bad_minutes(meters, slo.indicator.meter, since)
        return _Steps(at, [float(n) for n in range(len(at) + 1)], [0.0] * (len(at) + 1))
    if not isinstance(slo.indicator, Events):
        return None
    part = slo.indicator.good or slo.indicator.bad
    total = _rises(meters, view.packs, slo.indicator.total, since)
    some = _rises(meters, view.packs, part, since) if part is not None else None
    if total is None or some is None:
        return None
    at = sorted(set(total) | set(some))
    whole = [0.0, *accumulate(total.get(each, 0.0) for each in at)]
    counted = [0.0, *accumulate(some.get(each, 0.0) for each in at)]
    bad = [all_ - good for all_, good in zip(whole, counted, strict=True)] if slo.indicator.good is not None else counted
    return _Steps(at, bad, whole)


def _rises(meters: Meters, packs: Mapping[str, Pack], source: Source, since: datetime) -> dict[datetime, float] | None:
    if not isinstance(source, Counted):
        return None
    match source.meter:
        case TotalMeter(of=parts):
            found: dict[datetime, float] = {}
            for part in parts:
                each = _rises(meters, packs, Counted(source.platform, part, packs[source.platform].meters[part]), since)
                if each is None:
                    return None
                for at, rise in each.items():
                    found[at] = found.get(at, 0.0) + rise
            return found
        case PromqlMeter() as meter if source.counter:
            counter = IncreaseMeter(kind="increase", unit=meter.unit, series=f"promql:{source.meter_id}", labels={})
            return dict(meters.rises(counter, since).steps)
        case IncreaseMeter() as meter:
            return dict(meters.rises(meter, since).steps)
    return None
