"""Usage and cost with their total, by one dimension, read from rollups: what is left to round is rounded by the reader, once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from roomleft.errors import InputError, UsersHidden
from roomleft.timespan import utc
from warehouse.store import Store

QUARTER, DAY = timedelta(minutes=15), timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DIMENSIONS = ("platform", "provider", "model", "request_type", "tier", "component", "status", "user")
MOST_USERS = 1_000


@dataclass(frozen=True, slots=True)
class UsageSummary:
    """Usage and cost in [since, until), which is what was asked for, widened to whole steps of `grain`.

    `rows` have label (None where the dimension was not given), requests, the token buckets, images, characters, audio_seconds,
    cost_usd (Decimal), unpriced_requests, unpriced_tokens, mean_latency_ms, last_at; dearest first. By user they have `tokens` in
    place of the buckets, and neither audio, unpriced tokens nor latency. `total` has the same of all: the rows add up to it, to the
    last stored digit. Where requests are unpriced the cost is a lower bound.
    """

    since: datetime
    until: datetime
    grain: str
    rows: list[dict[str, Any]]
    total: dict[str, Any]


def usage_summary(
    store: Store, since: datetime, until: datetime, *, by: str, platform: str | None = None, most_users: int = MOST_USERS,
    see_users: bool = False,
) -> UsageSummary:  # fmt: skip
    """Usage and cost between two instants by one of DIMENSIONS; of one platform if given. Raises InputError; UsersHidden by user without `see_users`.

    Counted in whole quarter hours; by user in whole UTC days, since users' use is kept by the day. Of more than `most_users` users the
    rest is one row, `(others)`. The label of a user is a pseudonym.
    """
    if by not in DIMENSIONS:
        raise InputError(f"usage is not kept by {by!r}", "usage", f"one of {', '.join(DIMENSIONS)}")
    if by == "user" and not see_users:
        raise UsersHidden("usage by user")
    step, grain = (DAY, "UTC day") if by == "user" else (QUARTER, "15 minutes")
    since, until = _floor(since, step), _ceiling(until, step)
    if by == "user":
        rows = _by_user(store, since.date(), (until - DAY).date(), "UTC", platform, most_users)
    else:
        rows = store.rows("usage_by", by=by, platform=platform, since=since, until=until)
    # One statement gives both, so the total is of the very rows above it.
    told = [{name: value for name, value in row.items() if name != "is_total"} for row in rows]
    total = {name: value for name, value in told[-1].items() if name != "label"}
    return UsageSummary(since, until, grain, told[:-1], total)


def _by_user(store: Store, first_day: date, last_day: date, zone: str, platform: str | None, most: int) -> list[dict[str, Any]]:
    return store.rows("usage_users", zone=zone, first_day=first_day, last_day=last_day, platform=platform, most=most)


def _floor(instant: datetime, step: timedelta) -> datetime:
    instant = utc(instant)
    return instant - (instant - EPOCH) % step


def _ceiling(instant: datetime, step: timedelta) -> datetime:
    start = _floor(instant, step)
    return start if start == utc(instant) else start + step
