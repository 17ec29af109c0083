"""What ingest tells the rollups: which buckets are no longer true, or, where raw is already gone, by how much they grow.

Called inside the transaction that stores the rows, so that a rollup and its facts can never part company.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pyarrow as pa

from roomleft.timespan import local_days
from warehouse.rollup_sql import run_file

if TYPE_CHECKING:
    from warehouse.store import Transaction

TIME_OF = {"usage": "occurred_at", "costs": "occurred_at", "samples": "observed_at"}
ARRIVAL_OF = {"usage": "ingested_at", "costs": "recorded_at", "samples": "ingested_at"}
ROLLUP_OF = {"usage": "usage", "costs": "usage", "samples": "samples"}
LOCAL_DAYS = pa.schema(
    [("zone", pa.string()), ("day", pa.date32()), ("since", pa.timestamp("us", "UTC")), ("until", pa.timestamp("us", "UTC"))]
)

# Marks are always appended, also where the bucket is marked already: a roll-up running now deletes only the marks it saw,
# and skipping a mark because of one it is about to delete would lose these rows.
MARK = """
INSERT INTO dirty_buckets BY NAME
SELECT $rollup AS rollup, make_timestamptz(quarter * 900000000) AS bucket, marked_at
FROM (SELECT epoch_us({time}) // 900000000 AS quarter, max({arrival}) AS marked_at FROM {staged} GROUP BY quarter)
WHERE make_timestamptz(quarter * 900000000)
    >= coalesce((SELECT max(before) FROM sealed WHERE rollup = $rollup), '-infinity'::TIMESTAMPTZ)
"""
SEALED = """
SELECT s.before, min({time}) AS first_at, max({time}) AS last_at
FROM {staged}, (SELECT max(before) AS before FROM sealed WHERE rollup = $rollup) AS s
WHERE {time} < s.before
GROUP BY s.before
"""


def on_ingest(tx: Transaction, kind: str, staged: str, touched: str | None = None) -> None:
    """Marks the buckets of newly stored rows dirty, or adds what they add to buckets that are sealed.

    `kind` is `usage`, `samples` or `costs` (re-priced revisions); `staged` names a temporary table or registered relation of `tx`
    holding exactly the new rows with every column of their table (`usage` rows also carry cost_usd and cost_state). Two
    statements when nothing is older than the seal. `touched` may name a smaller relation with the first and last row of each
    quarter hour (their time and arrival columns are enough): whoever knows those spares the statements from reading all rows.
    Raises KeyError for another kind.
    """
    words = {"time": TIME_OF[kind], "arrival": ARRIVAL_OF[kind], "staged": touched or staged}
    rollup = {"rollup": ROLLUP_OF[kind]}
    tx.execute(MARK.format_map(words), rollup)
    late = tx.execute(SEALED.format_map(words), rollup)
    if late.num_rows == 0:
        return
    params = {"staged": staged, "before": late["before"][0].as_py()}
    if kind == "samples":
        for grain in ("1m", "1h", "1d"):
            run_file(tx, f"samples_{grain}_delta", params)
        return
    run_file(
        tx, "priced_from_staged" if kind == "usage" else "priced_from_repriced", {**params, "low": late["first_at"][0].as_py()}
    )
    tx.execute("CREATE OR REPLACE TEMP TABLE todo AS SELECT DISTINCT quarter FROM priced")
    tx.execute("CREATE OR REPLACE TEMP TABLE todo_hours AS SELECT DISTINCT quarter // 4 AS hour FROM todo")
    register_local_days(tx, [(late["first_at"][0].as_py(), late["last_at"][0].as_py())], known_zones(tx))
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
