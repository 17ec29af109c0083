"""What ingest tells the rollups: which buckets are no longer true, or, where raw is already gone, by how much they grow.

Called inside the transaction that stores the rows, so that a rollup and its facts can never part company.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from roomleft.timespan import local_days
from warehouse.ingest.spans import QUARTER_US, literal
from warehouse.rollup_sql import run_file
from warehouse.tables import INSTANT

if TYPE_CHECKING:
    from warehouse.store import Transaction

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MOST_LITERALS = 200
TIME_OF = {"usage": "occurred_at", "costs": "occurred_at", "samples": "observed_at"}
ARRIVAL_OF = {"usage": "ingested_at", "costs": "recorded_at", "samples": "ingested_at"}
ROLLUP_OF = {"usage": "usage", "costs": "usage", "samples": "samples"}
LOCAL_DAYS = pa.schema(
    [("zone", pa.string()), ("day", pa.date32()), ("since", pa.timestamp("us", "UTC")), ("until", pa.timestamp("us", "UTC"))]
)

TOUCHED = """
SELECT epoch_us(min({time})) AS first_us, epoch_us(max({time})) AS last_us, max({arrival}) AS marked_at
FROM {staged} GROUP BY epoch_us({time}) // 900000000
"""


@dataclass(frozen=True, slots=True)
class Touched:
    """The times of newly stored rows, in microseconds (the first and the last of each quarter hour are enough), and when they arrived."""

    times_us: npt.NDArray[np.int64]
    marked_at: datetime


def on_ingest(tx: Transaction, kind: str, staged: str, touched: Touched | None = None, rows: pa.Table | None = None) -> None:
    """Marks the buckets of newly stored rows dirty, or adds what they add to buckets that are sealed.

    `kind` is `usage`, `samples` or `costs` (re-priced revisions); `staged` names a temporary table or registered relation of `tx`
    holding exactly the new rows with every column of their table (`usage` rows also carry cost_usd and cost_state), or `rows` are
    those, to be registered under that name should they be needed. Two statements when nothing is older than the seal and
    `touched` is given. Raises KeyError for another kind.
    """
    rollup = ROLLUP_OF[kind]
    if touched is None:
        touched = _touched_by(tx, kind, staged)
    before = sealed_before(tx, rollup)
    before_us = (before - EPOCH) // MICROSECOND if before is not None else None
    _mark(tx, rollup, touched, before_us)
    late_us = touched.times_us[touched.times_us < before_us] if before_us is not None else touched.times_us[:0]
    if not len(late_us):
        return
    if rows is not None:
        tx.register(staged, rows)
    _add_to_sealed(tx, kind, staged, before, (_instant(late_us.min()), _instant(late_us.max())))


def _touched_by(tx: Transaction, kind: str, staged: str) -> Touched:
    found = tx.execute(TOUCHED.format(time=TIME_OF[kind], arrival=ARRIVAL_OF[kind], staged=staged))
    times_us = np.concatenate([found["first_us"].to_numpy(), found["last_us"].to_numpy()])
    return Touched(times_us, max(found["marked_at"].to_pylist(), default=EPOCH))


def _mark(tx: Transaction, rollup: str, touched: Touched, before_us: int | None) -> None:
    """Marks are always appended, also where the bucket is marked already: a roll-up running now deletes only the marks it saw,
    and skipping a mark because of one it is about to delete would lose these rows.
    """
    quarters = np.unique(touched.times_us // QUARTER_US)
    if before_us is not None:
        quarters = quarters[quarters * QUARTER_US >= before_us]
    if not len(quarters):
        return
    if len(quarters) > MOST_LITERALS:
        marks = pa.table(
            {
                "rollup": pa.repeat(pa.scalar(rollup), len(quarters)),
                "bucket": pa.array(quarters * QUARTER_US).cast(INSTANT),
                "marked_at": pa.repeat(pa.scalar(touched.marked_at, INSTANT), len(quarters)),
            }
        )
        tx.insert("dirty_buckets", marks)
        return
    # A few marks as text are planned and stored in a third of the time that an Arrow table or a query takes.
    at = literal((touched.marked_at - EPOCH) // MICROSECOND)
    tx.execute(
        "INSERT INTO dirty_buckets (rollup, bucket, marked_at) VALUES "
        + ", ".join(f"('{rollup}', {literal(int(quarter) * QUARTER_US)}, {at})" for quarter in quarters)
    )


def _add_to_sealed(tx: Transaction, kind: str, staged: str, before: datetime | None, late: tuple[datetime, datetime]) -> None:
    """Adds what the staged rows before the seal add to its buckets. `late` is their first and last time."""
    params = {"staged": staged, "before": before}
    if kind == "samples":
        for grain in ("1m", "1h", "1d"):
            run_file(tx, f"samples_{grain}_delta", params)
        return
    run_file(tx, "priced_from_staged" if kind == "usage" else "priced_from_repriced", {**params, "low": late[0]})
    tx.execute("CREATE OR REPLACE TEMP TABLE todo AS SELECT DISTINCT quarter FROM priced")
    tx.execute("CREATE OR REPLACE TEMP TABLE todo_hours AS SELECT DISTINCT quarter // 4 AS hour FROM todo")
    register_local_days(tx, [late], known_zones(tx))
    for name in ("usage_15m", "usage_user_1d", "latency_1m", "latency_1h"):
        run_file(tx, name)


def sealed_before(tx: Transaction, rollup: str) -> datetime | None:
    """The instant before which `rollup` (`usage`, `samples`, `latency_1m` …) is behind the seal; None when nothing is sealed."""
    before: datetime | None = tx.execute("SELECT max(before) AS before FROM sealed WHERE rollup = $rollup", {"rollup": rollup})[
        "before"
    ][0].as_py()
    return before.astimezone(UTC) if before is not None else None


def known_zones(tx: Transaction) -> list[str]:
    """The zones that users' days are kept in, as the roll-up has noted them."""
    noted = tx.execute("SELECT DISTINCT rollup FROM sealed WHERE rollup LIKE 'zone/%' ORDER BY rollup")["rollup"].to_pylist()
    return [name.removeprefix("zone/") for name in noted]


def register_local_days(tx: Transaction, spans: Sequence[tuple[datetime, datetime]], zones: Sequence[str]) -> pa.Table:
    """Registers in `tx` every local day that `spans` (both ends inclusive) touch, as `local_days(zone, day, since, until)`,
    and their quarter hours as `day_quarters(zone, day, quarter)`. Returns `local_days`. zoneinfo works the days out, never SQL.
    """
    found: dict[tuple[str, date], tuple[datetime, datetime]] = {}
    for zone in zones:
        info = ZoneInfo(zone)
        for first_at, last_at in spans:
            # local_days is half-open, and a last instant that is itself a midnight begins a day of its own.
            for day, since, until in local_days(first_at, last_at + timedelta(microseconds=1), info):
                found[zone, day] = (since, until)
    rows = [{"zone": zone, "day": day, "since": since, "until": until} for (zone, day), (since, until) in sorted(found.items())]
    table = pa.Table.from_pylist(rows, schema=LOCAL_DAYS)
    tx.register("local_days", table)
    tx.execute(
        "CREATE OR REPLACE TEMP TABLE day_quarters AS SELECT zone, day,"
        " unnest(range(epoch_us(since) // 900000000, epoch_us(until) // 900000000)) AS quarter FROM local_days"
    )
    return table


def _instant(time_us: np.int64) -> datetime:
    return EPOCH + int(time_us) * MICROSECOND
