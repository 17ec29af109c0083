"""Roll-up: dirty buckets are redone from raw, newest first, each piece in a transaction of its own.

A piece deletes the rollup rows of its buckets, writes them anew and deletes the marks it saw, all or nothing: so doing it twice,
or being killed at any moment, changes nothing. Marks that ingest appends meanwhile are not in the piece's snapshot and stay.

Marks carry a name: `usage` and `samples` redo everything made from those facts; `zone/<IANA name>` redoes users' days of a newly
declared zone; `slo/<id>` redoes an SLO's minutes. A zone or SLO that is kept is noted in `sealed` under the same name.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import pyarrow as pa

from warehouse.marking import known_zones, register_local_days, sealed_before
from warehouse.rollup_sql import run_file
from warehouse.store import Store, Transaction

FENCE = "roll_up"
QUARTER = timedelta(minutes=15)
DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)
# A piece grows while pieces are quick: history costs few commits, and a busy warehouse still gets short transactions.
WIDEST_DAYS, GROWTH = 64, 4
QUICK_S, SLOW_S = 0.7, 3.0
# What sources that still read history have not come to yet is marked again and again: it waits, but not for ever.
FILLING_WAIT = timedelta(minutes=3)
# What has been read is redone so many days at a time: a piece costs much the same however small it is.
STEP = timedelta(days=24)
# History is read backwards, so what lies after `read_from` is all there. A source that is read forwards has no such instant.
FILLING = """
SELECT
    count(*) > 0 AS filling,
    max(coalesce(read_from, TIMESTAMPTZ '9999-01-01 00:00:00+00')) FILTER (contains(source, '.') OR stream = 'usage') AS usage,
    max(coalesce(read_from, TIMESTAMPTZ '9999-01-01 00:00:00+00')) FILTER (contains(source, '.') OR stream = 'samples') AS samples
FROM (
    SELECT source, stream, arg_max(caught_up, recorded_at) AS caught_up, arg_max_null(read_from, recorded_at) AS read_from
    FROM cursors GROUP BY source, stream
)
WHERE NOT caught_up
"""
SLOS = pa.schema(
    [
        ("slo", pa.string()),
        ("platform", pa.string()),
        ("provider", pa.string()),
        ("model", pa.string()),
        ("request_type", pa.string()),
        ("bad_over_ms", pa.float64()),
        ("bad_statuses", pa.list_(pa.string())),
    ]
)


@dataclass(frozen=True, slots=True)
class SloCount:
    """Which calls an SLO counts, and which of them are bad: a status in `bad_statuses`, or slower than the threshold.

    None for provider, model or request_type means any. With a latency threshold, a call that did not fail and whose latency is
    unknown is neither good nor bad.
    """

    slo: str
    platform: str
    provider: str | None = None
    model: str | None = None
    request_type: str | None = None
    bad_when_latency_over_ms: float | None = None
    bad_statuses: Sequence[str] = ("error", "timeout")


@dataclass(frozen=True, slots=True)
class RolledUp:
    """What a roll-up did: quarter hours redone, in how many transactions and seconds, and whether the budget was enough.

    `recent`: of the quarter hours, those since yesterday. `filling`: a source is still reading its history, so older ones may have been
    left to wait.
    """

    buckets: int
    transactions: int
    seconds: float
    finished: bool
    filling: bool = False
    recent: int = 0

    def __str__(self) -> str:
        rest = "" if self.finished else ", more is waiting"
        return f"{self.buckets} quarter hours in {self.seconds:.1f} s{rest}"


@dataclass(frozen=True, slots=True)
class Ripe:
    """Which marked buckets may be redone now: those of usage and of samples from an instant on, and those with a mark from before `marked_before`."""

    usage: datetime
    samples: datetime
    marked_before: datetime

    def since(self, name: str) -> datetime:
        """From when on the buckets marked `name` may be."""
        return self.samples if name == "samples" else self.usage


@dataclass(frozen=True, slots=True)
class Scope:
    """What a roll-up keeps: users' days in which zones, minutes of which SLOs. What it once kept is noted in `sealed`."""

    declared_zones: tuple[str, ...]
    slos: tuple[SloCount, ...]
    noted_zones: tuple[str, ...]
    noted_slos: tuple[str, ...]

    @property
    def zones(self) -> tuple[str, ...]:
        """Zones once declared stay kept up."""
        return tuple(sorted({*self.declared_zones, *self.noted_zones}))

    @property
    def absent_slos(self) -> tuple[str, ...]:
        """SLOs noted earlier whose definition was not given now."""
        return tuple(sorted(set(self.noted_slos) - {slo.slo for slo in self.slos}))

    def can_redo(self, name: str) -> bool:
        """Whether marks of this name can be worked off: those of an SLO need its definition."""
        return not name.startswith("slo/") or any(slo.slo == name.removeprefix("slo/") for slo in self.slos)


def roll_up(
    store: Store,
    now: datetime,
    zones: Sequence[str] = ("UTC",),
    *,
    budget_s: float | None = None,
    slos: Sequence[SloCount] = (),
) -> RolledUp:
    """Redoes every dirty bucket, newest first, so that screens fill from today backwards.

    `zones` are the IANA zones that users' days are kept in (zones kept earlier are kept up too); a zone or SLO seen for the first
    time is filled from all raw there is. Stops between transactions once `budget_s` seconds have passed; what is left stays marked.
    Buckets marked during the call, newer than where it has got to, wait for the next. `now` stamps marks. While a source is still
    reading its history, buckets older than yesterday and than what it has read are redone only once a mark of theirs is three minutes old,
    so that what many pages change is redone once. Raises StoreError, StoreConflict, ZoneInfoNotFoundError.
    """
    started = time.monotonic()
    scope = _declare(store, now, zones, slos)
    buckets = transactions = recent = 0
    width_days: dict[str, int] = {}
    below: dict[str, datetime] = {}
    filling, ripe = _ripe(store, now)
    while (target := _newest(store, scope, below, ripe)) is not None:
        if budget_s is not None and transactions and time.monotonic() - started >= budget_s:
            return RolledUp(buckets, transactions, time.monotonic() - started, False, filling, recent)
        name, newest = target
        width = width_days.get(name, 1)
        low = utc_day(newest) - DAY * (width - 1)
        if newest >= ripe.since(name):
            low = max(low, ripe.since(name))
        high = newest + QUARTER
        before = time.monotonic()
        redone = store.run(partial(redo, name=name, low=low, high=high, scope=scope), fence=FENCE)
        buckets += redone
        recent += redone if newest >= utc_day(now) - DAY else 0
        transactions += 1
        below[name] = low
        took = time.monotonic() - before
        if took < QUICK_S:
            width_days[name] = min(WIDEST_DAYS, width * GROWTH)
        elif took > SLOW_S:
            width_days[name] = max(1, width // GROWTH)
    return RolledUp(buckets, transactions, time.monotonic() - started, True, filling, recent)


def _ripe(store: Store, now: datetime) -> tuple[bool, Ripe]:
    """Whether a source still reads its history, and which buckets may be redone."""
    found = store.select(FILLING).to_pylist()[0]
    if not found["filling"]:
        return False, Ripe(EPOCH, EPOCH, END_OF_TIME)
    yesterday = utc_day(now) - DAY
    usage, samples = (_earlier(yesterday, found[name]) for name in ("usage", "samples"))
    return True, Ripe(usage, samples, now - FILLING_WAIT)


def _earlier(yesterday: datetime, read_from: datetime | None) -> datetime:
    """From when on everything is there, by steps of several days: all of it when no stream of the kind is left to read."""
    if read_from is None:
        return EPOCH
    steps = -((EPOCH - read_from) // STEP)
    return min(yesterday, EPOCH + steps * STEP)


def redo(tx: Transaction, name: str, low: datetime, high: datetime, scope: Scope) -> int:
    """Redoes the buckets marked `name` in [low, high) from raw and deletes their marks; how many. Sealed ones are left alone."""
    sealed = sealed_before(tx, "samples" if name == "samples" else "usage")
    if sealed is not None and sealed > low:
        low = sealed
    span = {"name": name, "low": low, "high": high}
    tx.execute(
        "CREATE OR REPLACE TEMP TABLE todo AS SELECT DISTINCT epoch_us(bucket) // 900000000 AS quarter FROM dirty_buckets"
        " WHERE rollup = $name AND bucket >= $low AND bucket < $high",
        span,
    )
    quarters: list[int] = tx.execute("SELECT quarter FROM todo ORDER BY quarter")["quarter"].to_pylist()
    if not quarters:
        return 0
    tx.execute("CREATE OR REPLACE TEMP TABLE todo_hours AS SELECT DISTINCT quarter // 4 AS hour FROM todo")
    if name == "samples":
        tx.execute("CREATE OR REPLACE TEMP TABLE todo_days AS SELECT DISTINCT quarter // 96 AS day FROM todo")
        run_file(tx, "samples", {"low": utc_day(_instant(quarters[0])), "high": utc_day(_instant(quarters[-1])) + DAY})
    else:
        _redo_usage(tx, name, quarters, scope)
    tx.execute("DELETE FROM dirty_buckets WHERE rollup = $name AND bucket >= $low AND bucket < $high", span)
    return len(quarters)


def _redo_usage(tx: Transaction, name: str, quarters: list[int], scope: Scope) -> None:
    kind, _, subject = name.partition("/")
    zones = {"usage": scope.zones, "zone": (subject,)}.get(kind, ())
    slos = [slo for slo in scope.slos if kind == "usage" or (kind == "slo" and slo.slo == subject)]
    days = register_local_days(tx, [(_instant(first), _instant(last)) for first, last in _runs(quarters)], zones)
    tx.execute(
        "CREATE OR REPLACE TEMP TABLE wanted AS"
        " SELECT quarter FROM day_quarters UNION SELECT hour * 4 + unnest(range(4)) FROM todo_hours"
    )
    hull = tx.execute("SELECT min(quarter) AS first, max(quarter) AS last FROM wanted")
    bounds = {"low": _instant(hull["first"][0].as_py()), "high": _instant(hull["last"][0].as_py()) + QUARTER}
    run_file(tx, "priced_from_raw", bounds)
    if kind == "usage":
        run_file(tx, "forget_usage", bounds)
        for file in ("usage_15m", "latency_1m", "latency_1h"):
            run_file(tx, file)
        if scope.absent_slos:
            _leave_to_slos(tx, scope.absent_slos)
    if days.num_rows:
        run_file(tx, "forget_user_days")
        run_file(tx, "usage_user_1d")
    if slos:
        tx.register("slos", _slo_table(slos))
        run_file(tx, "forget_slos", bounds)
        run_file(tx, "slo_1m")


def _declare(store: Store, now: datetime, zones: Sequence[str], slos: Sequence[SloCount]) -> Scope:
    """Notes zones and SLOs seen for the first time and marks all their history; returns what to keep up."""
    scope = store.run(lambda tx: scope_of(tx, zones, slos))
    if set(zones) <= set(scope.noted_zones) and {slo.slo for slo in slos} <= set(scope.noted_slos):
        return scope

    def note(tx: Transaction) -> Scope:
        noted = scope_of(tx, zones, slos)
        for zone in sorted(set(zones) - set(noted.noted_zones)):
            _note(tx, f"zone/{zone}", now, {})
        for slo in (slo for slo in slos if slo.slo not in noted.noted_slos):
            filters = {"platform": slo.platform, "provider": slo.provider, "model": slo.model, "request_type": slo.request_type}
            _note(tx, f"slo/{slo.slo}", now, filters)
        return scope_of(tx, zones, slos)

    return store.run(note, fence=FENCE)


def _note(tx: Transaction, name: str, now: datetime, filters: dict[str, str | None]) -> None:
    before = sealed_before(tx, "usage") or EPOCH
    given = {key: value for key, value in filters.items() if value is not None}
    where = "".join(f" AND {key} = ${key}" for key in given)
    tx.execute("INSERT INTO sealed VALUES ($name, $before, $now)", {"name": name, "before": before, "now": now})
    tx.execute(
        "INSERT INTO dirty_buckets BY NAME SELECT DISTINCT $name AS rollup, bucket, $now AS marked_at FROM usage_15m"
        f" WHERE bucket >= $before{where}",
        {"name": name, "before": before, "now": now, **given},
    )


def scope_of(tx: Transaction, zones: Sequence[str], slos: Sequence[SloCount]) -> Scope:
    """What is to be kept up: what is declared now, and the zones and SLOs noted earlier."""
    noted = tx.execute("SELECT DISTINCT rollup FROM sealed WHERE rollup LIKE 'slo/%' ORDER BY rollup")["rollup"].to_pylist()
    return Scope(tuple(zones), tuple(slos), tuple(known_zones(tx)), tuple(name.removeprefix("slo/") for name in noted))


def recount_slo(store: Store, slo: str) -> None:
    """Forgets an SLO's minutes, because its definition changed: the next roll-up that is given it counts them again from raw."""

    def forget(tx: Transaction) -> None:
        tx.execute("DELETE FROM slo_1m WHERE slo = $slo", {"slo": slo})
        for table in ("dirty_buckets", "sealed"):
            tx.execute(f"DELETE FROM {table} WHERE rollup = $name", {"name": f"slo/{slo}"})

    store.run(forget, fence=FENCE)


def _newest(store: Store, scope: Scope, below: dict[str, datetime], ripe: Ripe) -> tuple[str, datetime] | None:
    """The newest marked bucket this call has not come past yet."""
    newest: tuple[str, datetime] | None = None
    for name in store.select("SELECT DISTINCT rollup FROM dirty_buckets ORDER BY rollup")["rollup"].to_pylist():
        if not scope.can_redo(name):
            continue
        found = store.select(
            "SELECT max(bucket) AS bucket FROM dirty_buckets WHERE rollup = $name AND bucket < $below"
            " AND (bucket >= $recent OR marked_at < $marked_before)"
            " AND bucket >= coalesce((SELECT max(before) FROM sealed WHERE rollup = $raw), '-infinity'::TIMESTAMPTZ)",
            {
                "name": name,
                "below": below.get(name, END_OF_TIME),
                "raw": "samples" if name == "samples" else "usage",
                "recent": ripe.since(name),
                "marked_before": ripe.marked_before,
            },
        )["bucket"][0].as_py()
        if found is not None and (newest is None or found > newest[1]):
            newest = (name, found.astimezone(UTC))
    return newest


def _leave_to_slos(tx: Transaction, absent: Sequence[str]) -> None:
    """Buckets redone without an SLO's definition stay marked for it."""
    tx.execute(
        "INSERT INTO dirty_buckets BY NAME SELECT 'slo/' || slo AS rollup, make_timestamptz(quarter * 900000000) AS bucket,"
        " (SELECT max(marked_at) FROM dirty_buckets) AS marked_at FROM (SELECT unnest($slos) AS slo), todo",
        {"slos": list(absent)},
    )


def _slo_table(slos: Sequence[SloCount]) -> pa.Table:
    rows = [
        {
            "slo": slo.slo,
            "platform": slo.platform,
            "provider": slo.provider,
            "model": slo.model,
            "request_type": slo.request_type,
            "bad_over_ms": slo.bad_when_latency_over_ms,
            "bad_statuses": list(slo.bad_statuses),
        }
        for slo in slos
    ]
    return pa.Table.from_pylist(rows, schema=SLOS)


def _runs(quarters: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Ascending quarter numbers as runs without a gap: (first, last)."""
    first = last = quarters[0]
    for quarter in quarters[1:]:
        if quarter != last + 1:
            yield first, last
            first = quarter
        last = quarter
    yield first, last


def _instant(quarter: int) -> datetime:
    return EPOCH + QUARTER * quarter


def utc_day(instant: datetime) -> datetime:
    """The start of the UTC day holding `instant`."""
    return instant.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
