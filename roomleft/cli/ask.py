"""`status` and `sql`: questions to the server, or to the store when no server runs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from roomleft.cli.client import Client
from roomleft.cli.output import print_json, print_table
from roomleft.clock import Clock
from roomleft.datadir import RunningServer, find
from roomleft.errors import InputError
from roomleft.settings import Settings, load_settings
from roomleft.timespan import parse_instant

SHOWN = (
    "limit_id", "platform", "kind", "amount", "unit", "used", "remaining", "fraction_left", "state", "reason", "burn_rate", "exhausts_at",
    "p_breach", "as_of",
)  # fmt: skip
"""What `status --json` promises, in this order."""


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


def run_status(as_json: bool) -> int:
    """Print every limit; the exit code says the worst state."""
    settings, server = located()
    if server is not None:
        rows = Client(server).get("/api/v1/headroom")
    else:
        from dashboards.headroom_rows import headroom_rows
        from roomleft.packs import load_packs

        with own_store(settings) as store:
            rows = headroom_rows(store, load_packs(settings.packs_dir, settings.packs or None), Clock().now())
    if as_json:
        print_json([{name: row[name] for name in SHOWN} for row in rows])
    else:
        columns = ("state", "platform", "limit", "left", "of", "unit", "% left", "runs out", "reason")
        print_table(columns, [_line(row) for row in rows], right=("left", "of", "% left"))
    states = {row["state"] for row in rows}
    if "unknown" in states or not rows:
        return 2
    return 1 if states & {"tight", "exhausted"} else 0


def _line(row: dict[str, Any]) -> tuple[Any, ...]:
    fraction = row["fraction_left"]
    dates = row["exhausts_at"]
    return (
        row["state"], row["platform"], row["title"], _number(row["remaining"]), _number(row["amount"]), row["unit"],
        "" if fraction is None else f"{100 * fraction:.1f}", "" if not dates else _instant(dates["p50"]).strftime("%d %b %Y %H:%M"), row["reason"],
    )  # fmt: skip


def _instant(value: Any) -> datetime:
    return value if isinstance(value, datetime) else parse_instant(str(value))


def _number(value: Any) -> str:
    if value is None:
        return "unknown"
    number = Decimal(str(value))
    places = 0 if abs(number) >= 1000 else 2 if abs(number) >= 1 else 4
    return f"{number:,.{places}f}".replace("-", "\u2212")


def run_sql(query: str, as_json: bool) -> None:
    """Print the rows of one SELECT."""
    settings, server = located()
    if server is not None:
        answer = Client(server).post("/api/v1/sql", json={"query": query})
        columns, rows = answer["columns"], answer["rows"]
    else:
        with own_store(settings) as store:
            table = store.ask(query, row_limit=settings.query_row_limit, time_limit_s=settings.query_time_limit_s)
            columns, rows = table.column_names, table.to_pylist()
    if as_json:
        print_json(rows)
    else:
        print_table(columns, [[row[name] for name in columns] for row in rows])
