"""Limits as screens list them: the stored headroom row joined with what the pack says about the limit, worst first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from analytics.urgency import needs_decision, rank
from roomleft.limits import WORST_FIRST, Direction, Freshness, Headroom, Kind, Limit, State
from roomleft.outlook import NoDate

STALE_AFTER = timedelta(minutes=3)
"""A row older than this was not measured lately: what it says may no longer be so."""

FULL = 1.25
"""What a headroom bar's whole width stands for: 125 % of the limit. More is clamped."""
STOCK_HORIZON = timedelta(days=30)
REMOTE = 0.05
"""Below this chance a date is dim: it holds only in the unlikely case that the limit runs out at all."""


@dataclass(frozen=True, slots=True)
class LimitRow:
    """One limit with its newest headroom. A limit that was never measured has an `unknown` headroom saying so."""

    limit: Limit
    headroom: Headroom
    since: datetime | None = None
    """Since when it has been in its present state; None for one that is ok, or when nobody knows."""
    began_before: bool = False
    """It was so when it was first measured, so `since` is only when somebody looked."""

    @property
    def key(self) -> str:
        """Names the row in an address."""
        return self.limit.limit_id

    @property
    def state(self) -> State:
        return self.headroom.state

    @property
    def is_floor(self) -> bool:
        return self.limit.direction is Direction.AT_LEAST

    @property
    def used_share(self) -> float | None:
        """How full the bar is: used ÷ amount, for a floor amount ÷ reading; None without a reading. 1 is the limit."""
        used, amount = self.headroom.used, self.headroom.amount
        if used is None:
            return None
        if self.is_floor:
            return float(amount / used) if used > 0 else FULL
        if amount <= 0:
            return FULL if used > 0 else 1.0
        return max(0.0, float(used / amount))

    @property
    def is_remote(self) -> bool:
        """Whether it is known to be unlikely that it runs out: its dates are dim."""
        chance = self.headroom.p_breach
        return chance is not None and chance < REMOTE and self.state is not State.EXHAUSTED

    @property
    def horizon(self) -> datetime | None:
        """To when the fan looks ahead: the window's end; 30 days for a stock; None for a rolling window."""
        window = self.limit.window
        if window is None:
            return self.headroom.as_of + STOCK_HORIZON
        return None if window.span is not None else self.headroom.window_end

    def fan(self) -> tuple[float, float, float] | None:
        """Where use probably will be when its chance is settled: p10, p50, p90 as shares of the limit. None where there are no grounds.

        With a forecast: what it says will have been used. Without one, of a ceiling, derived from the stored exhaustion times: reaching the limit
        at t means a pace of (1 − used) / (t − now).
        """
        if self.used_share is None or self.state is State.UNKNOWN:
            return None
        return self._foreseen() or self._at_this_pace()

    def _foreseen(self) -> tuple[float, float, float] | None:
        row = self.headroom
        ends = [row.ends_p10, row.ends_p50, row.ends_p90]
        if None in ends or row.amount <= 0:
            return None
        shares = [self._share(end) for end in ends if end is not None]
        # Of a floor the lowest reading fills the bar most.
        low, middle, high = sorted(shares)
        return low, middle, high

    def _share(self, used: Decimal) -> float:
        if self.is_floor:
            return float(self.headroom.amount / used) if used > 0 else FULL
        return max(0.0, float(used / self.headroom.amount))

    def _at_this_pace(self) -> tuple[float, float, float] | None:
        now, used, horizon, row = self.headroom.as_of, self.used_share, self.horizon, self.headroom
        if used is None or horizon is None or horizon <= now or self.is_floor or row.p_breach is not None:
            return None

        def at_horizon(reaches: datetime | None) -> float | None:
            if reaches is None or reaches <= now:
                return None
            return used + max(0.0, 1 - used) * ((horizon - now) / (reaches - now))

        even = None
        if row.burn_rate is not None and self.limit.window is not None:
            even = max(used, row.burn_rate)
        middle = at_horizon(row.exhausts_p50) or even
        if middle is None:
            return None
        high = max(middle, at_horizon(row.exhausts_p10) or middle)
        low = min(middle, at_horizon(row.exhausts_p90) or middle)
        return low, middle, high


def never_measured(limit: Limit, now: datetime) -> Headroom:
    """The headroom of a limit no job has measured yet: unknown, and why."""
    start, end = limit.window.bounds(now) if limit.window else (None, None)
    return Headroom(
        limit_id=limit.limit_id, platform=limit.platform, kind=limit.kind, unit=limit.unit, amount=limit.amount,
        used=None, remaining=None, fraction_left=None, state=State.UNKNOWN, reason="not measured yet", burn_rate=None,
        exhausts_p10=None, exhausts_p50=None, exhausts_p90=None, p_breach=None, window_start=start, window_end=end, subject="",
        basis="", lower_bound=False, freshness=Freshness.PROVISIONAL, observed_at=None, as_of=now,
    )  # fmt: skip


ONE_USER = "one user"
"""Stands for the user who used most of a limit for each user, where who asks may not know them."""


def unnamed(headroom: Headroom, limit: Limit, see_users: bool) -> Headroom:
    """The same; of a limit for each user without the worst user's pseudonym, unless `see_users`."""
    if see_users or not limit.per_user or not headroom.subject:
        return headroom
    return replace(headroom, subject=ONE_USER)


def headroom_of(row: Mapping[str, Any]) -> Headroom:
    """The vocabulary's Headroom from a stored row."""
    values = {name: row[name] for name in Headroom.__dataclass_fields__}
    return Headroom(
        **{**values, "kind": Kind(row["kind"]), "state": State(row["state"]), "freshness": Freshness(row["freshness"])}
    )


def believed(headroom: Headroom, now: datetime, slack: timedelta = timedelta(0)) -> Headroom:
    """The same, or unknown when the row itself is too old to believe."""
    if now - headroom.as_of <= STALE_AFTER + slack:
        return headroom
    minutes = int((now - headroom.as_of).total_seconds() // 60)
    return replace(
        headroom, state=State.UNKNOWN, reason=f"not measured for {minutes} min; it was {headroom.state}", exhausts_p10=None,
        exhausts_p50=None, exhausts_p90=None, p_breach=None, order_by=None, no_date=str(NoDate.STALE),
    )  # fmt: skip


def limit_rows(
    stored: Iterable[Mapping[str, Any]],
    limits: Iterable[Limit],
    now: datetime,
    slack: timedelta = timedelta(0),
    begun: Mapping[str, datetime] | None = None,
    began_before: Collection[str] = (),
    see_users: bool = False,
) -> list[LimitRow]:
    """Every limit of the packs with its newest headroom, worst first. Stored rows of limits no longer in a pack are left out.

    `slack` is how much older than three minutes a row may be: a clock that runs fast leaves less time to measure in. `begun` is since
    when each limit's stored state has held; of those in `began_before` it is only known that it held then. Without `see_users`
    the user who used most of a limit for each user is not named.
    """
    kept = {row["limit_id"]: headroom_of(row) for row in stored}
    rows = []
    for limit in limits:
        found = kept.get(limit.limit_id)
        headroom = unnamed(believed(found, now, slack), limit, see_users) if found else never_measured(limit, now)
        since = None
        if found is not None and headroom.state is not State.OK:
            # A row too old to believe has been unknown since it was last measured.
            since = (begun or {}).get(limit.limit_id) if headroom.state is found.state else found.as_of
        before = found is not None and headroom.state is found.state and limit.limit_id in began_before
        rows.append(LimitRow(limit, headroom, since, before))
    return sorted(rows, key=lambda row: worst_first(row, now))


def worst_first(row: LimitRow, now: datetime) -> tuple[Any, ...]:
    """Sorts by state, then as the verdict and the reports do where it needs a decision, then the chance of running out, the least room and the name."""
    urgent = needs_decision(row.headroom, now)
    left = row.headroom.fraction_left
    return (
        WORST_FIRST.index(row.state),
        not urgent,
        rank(row.headroom, row.limit, now) if urgent else (),
        -(row.headroom.p_breach or 0.0),
        left if left is not None else float("inf"),
        f"{row.limit.platform} {row.limit.title}",
    )


def kept(
    rows: Sequence[LimitRow], *, platform: str | None = None, state: str = "", kind: str = "", words: str = ""
) -> list[LimitRow]:
    """The rows that pass the page's filters, in their order."""
    needle = words.casefold().strip()
    return [
        row
        for row in rows
        if (platform is None or row.limit.platform == platform)
        and (not state or row.state == state)
        and (not kind or row.limit.kind == kind)
        and (not needle or needle in f"{row.limit.platform} {row.limit.title} {row.limit.owner} {row.limit.limit_id}".casefold())
    ]


def sorted_by(rows: Sequence[LimitRow], order: str) -> list[LimitRow]:
    """The rows by another order than worst first: `left`, `runs-out`, `platform`, `age`. Unknown values last."""
    if order == "left":
        return sorted(
            rows, key=lambda row: row.headroom.fraction_left if row.headroom.fraction_left is not None else float("inf")
        )
    if order == "runs-out":
        return sorted(rows, key=_runs_out_at)
    if order == "platform":
        return sorted(rows, key=lambda row: (row.limit.platform, row.limit.title))
    if order == "age":
        return sorted(rows, key=lambda row: row.headroom.observed_at.timestamp() if row.headroom.observed_at else float("-inf"))
    return list(rows)


def _runs_out_at(row: LimitRow) -> tuple[bool, float]:
    """Dates that hold only in an unlikely case come after all others."""
    date = row.headroom.exhausts_p50
    return row.is_remote, date.timestamp() if date else float("inf")


def amount_of(value: Decimal | None) -> float | None:
    """A stored decimal for a chart or a share, where a float is in its place."""
    return None if value is None else float(value)
