"""`status` and `sql`: questions to the server, or to the store when no server runs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roomleft.cli.client import Client
from roomleft.cli.output import err, print_json, print_table
from roomleft.clock import Clock
from roomleft.datadir import RunningServer, find
from roomleft.errors import InputError
from roomleft.settings import Settings, load_settings
from roomleft.timespan import parse_instant

if TYPE_CHECKING:
    from warehouse.state import StateDb

SHOWN = (
    "limit_id", "platform", "kind", "amount", "unit", "used", "remaining", "fraction_left", "state", "reason", "burn_rate", "exhausts_at",
    "p_breach", "as_of", "observed_at", "since", "order_by", "next_step", "no_date",
)  # fmt: skip
"""What `status --json` promises, in this order."""
NEVER_MEASURED = "not measured yet"


def located() -> tuple[Settings, RunningServer | None]:
    """The settings that hold for the data folder a command speaks of, and its server if one runs."""
    settings = load_settings()
    named = settings.data_dir if "ROOMLEFT_DATA_DIR" in os.environ or settings.data_dir != Path("var").resolve() else None
    data_dir, server = find(named)
    if data_dir != settings.data_dir:
        settings = load_settings(overrides={"data_dir": str(data_dir)})
    return settings, server


@contextlib.contextmanager
def own_store(settings: Settings) -> Iterator[Any]:
    """The warehouse, opened by this command because no server has it."""
    from warehouse.store import Store

    url = settings.warehouse_url
    if url.startswith("duckdb:///") and not Path(url.removeprefix("duckdb:///")).exists():
        raise InputError("there is no warehouse yet", url, "run `bin/roomleft demo`, `serve` or `import` first")
    store = Store.open(url, now=Clock())
    try:
        yield store
    finally:
        store.close()


@contextlib.contextmanager
def own_state(settings: Settings) -> Iterator[StateDb]:
    """The state database, on the wall's clock; a running server may have it open too."""
    from warehouse.state import StateDb

    db = StateDb.open(settings.state_url, Clock())
    try:
        yield db
    finally:
        db.close()


def run_status(as_json: bool) -> int:
    """Print every limit; the exit code says the worst state."""
    settings, server = located()
    if server is not None:
        client = Client(server)
        rows = client.get("/api/v1/headroom")
        # A demo's clock is its own: ages count from what the server calls now.
        now = _instant(client.get("/healthz")["time"])
    else:
        from dashboards.headroom_rows import headroom_rows
        from roomleft.cli.packs_here import packs_in_force

        now = Clock().now()
        with own_store(settings) as store:
            rows = headroom_rows(store, packs_in_force(settings, store), now)
    if as_json:
        print_json([{name: row[name] for name in SHOWN} for row in rows])
    else:
        err.print(_measured(rows, now), soft_wrap=True)
        status_table(rows, now=now)
    states = {row["state"] for row in rows}
    if "unknown" in states or not rows:
        return 2
    return 1 if states & {"tight", "exhausted"} else 0


def _measured(rows: Sequence[dict[str, Any]], now: datetime) -> str:
    """As of when all this is, in a line."""
    at = f"as of {now:%d %b %Y %H:%M:%S} UTC"
    known = [_instant(row["as_of"]) for row in rows if row["reason"] != NEVER_MEASURED]
    return f"{at}, measured {_age(now - max(known))} ago" if known else f"{at}, never measured"


def status_table(rows: Sequence[dict[str, Any]], *, short: bool = False, now: datetime | None = None) -> None:
    """Limits with their headroom, as the API gives them, for a person: what needs somebody first, then the others in their order. `short` leaves out platform and reason.

    With `now` also since when each has been out and how old its newest reading is.
    """
    columns = (
        "state", "since", "platform", "limit", "left", "% left", "runs out", "chance", "order by", "next step", "reading", "reason",
    )  # fmt: skip
    ahead = ("chance", "order by", "next step")
    left_out = {*(("platform", "reason", *ahead) if short else ()), *(("since", "reading") if now is None else ())}
    shown = [place for place, name in enumerate(columns) if name not in left_out]
    ordered = sorted(rows, key=lambda row: (row["urgency"] is None, row["urgency"] or 0))
    lines = [[line[place] for place in shown] for line in (_line(row, now) for row in ordered)]
    print_table([columns[place] for place in shown], lines, right=("% left", "chance"))


def _line(row: dict[str, Any], now: datetime | None) -> tuple[Any, ...]:
    fraction = row["fraction_left"]
    read_at = row["observed_at"]
    reading = "none" if not read_at else f"{_age(now - _instant(read_at))} old" if now else ""
    return (
        row["state"], _minute(row.get("since")), row["platform"], row["title"], _words(row, "left"),
        "" if fraction is None else f"{100 * fraction:.1f}", "" if row["state"] == "unknown" else _words(row, "runs_out"), _chance(row), _words(row, "order_by"),
        _next_step(row), reading, row["reason"],
    )  # fmt: skip


def _words(row: dict[str, Any], name: str) -> str:
    """As pages say it, with the spaces of a terminal."""
    from dashboards.wording import THIN

    return str(row["words"][name]).replace(THIN, " ").replace("\u00a0", " ")


def _chance(row: dict[str, Any]) -> str:
    from dashboards.wording import THIN, chance

    if row["state"] in ("exhausted", "unknown"):
        return "out" if row["state"] == "exhausted" else ""
    return "" if row["p_breach"] is None else chance(row["p_breach"]).replace(THIN, " ")


def _next_step(row: dict[str, Any]) -> str:
    """What to do, and what it costs, of a limit that somebody should do something about."""
    step = row["next_step"]
    if step is None or row["state"] == "unknown" or (row["state"] == "ok" and row["urgency"] is None):
        return ""
    from analytics.wording import monthly_text

    cost = step["cost_usd_per_month"]
    return step["what"] if cost is None else f"{step['what']} ({monthly_text(Decimal(str(cost)))})"


def _age(span: timedelta) -> str:
    from dashboards.wording import THIN, age

    return age(span).replace(THIN, " ")


def _minute(value: Any) -> str:
    return f"{_instant(value):%d %b %Y %H:%M}" if value else ""


def _instant(value: Any) -> datetime:
    return value if isinstance(value, datetime) else parse_instant(str(value))


def run_sql(query: str, as_json: bool) -> None:
    """Print the rows of one question: a SELECT, SHOW TABLES, DESCRIBE or SUMMARIZE."""
    settings, server = located()
    if server is not None:
        answer = Client(server).post("/api/v1/sql", json={"query": query})
        columns, rows = answer["columns"], answer["rows"]
    else:
        with own_store(settings) as store:
            table = store.ask(query, row_limit=settings.query_row_limit, time_limit_s=settings.query_time_limit_s, see_users=True)
            columns, rows = table.column_names, table.to_pylist()
    if as_json:
        print_json(rows)
    else:
        print_table(columns, [[row[name] for name in columns] for row in rows])
