"""`forecast`: what comes, target by target, each said in a sentence first; from the running server."""

from __future__ import annotations

from typing import Any

from roomleft.cli.ask import located
from roomleft.cli.client import Client
from roomleft.cli.output import out, print_json, print_table
from roomleft.errors import InputError

NEEDS_SERVER = "start one: `bin/roomleft serve` or `bin/roomleft demo`"
DAYS = 14
COLUMNS = ("day", "p05", "p10", "p50", "p90", "p95")


def run_forecast(platform: str | None, target: str | None, as_json: bool) -> int:
    """The newest forecasts: JSON, or for each a sentence, for one target its days too. 1 if there is none yet, else 0. Raises RoomleftError."""
    settings, server = located()
    if server is None:
        raise InputError("a forecast is made by a running server, and none runs", str(settings.data_dir), NEEDS_SERVER)
    client = Client(server)
    found: dict[str, Any] = client.get("/api/v1/forecasts", platform=platform, target=target)
    if as_json:
        print_json(found)
        return 0 if found["forecasts"] else 1
    job = found["job"] or {"outcome": "", "words": ""}
    failed = job["words"] if job["outcome"] == "failed" else ""
    if not found["forecasts"]:
        why = f"the forecaster failed: {failed}" if failed else "it takes the first complete days, and a minute"
        now = f" Now: {job['words']}." if job["words"] and not failed else ""
        out.print(f"Nothing has been forecast yet: {why}.{now}", markup=False, soft_wrap=True)
        return 1
    if found["fitted_at"] and target is None:
        out.print(f"Forecasts of {_minute(found['fitted_at'])} UTC.", markup=False)
    if failed and target is None:
        out.print(f"No newer one could be made: {failed}.", markup=False, soft_wrap=True)
    for each in found["forecasts"]:
        out.print(f"{each['target']}: {each['sentence']}", markup=False, soft_wrap=True)
        if target is not None:
            _print_one(each)
    for each in found["untold"]:
        out.print(f"{each['limit_id']}: no forecast: {each['words']}.", markup=False, soft_wrap=True)
    if target is None:
        record: dict[str, Any] = client.get("/api/v1/track-record", platform=platform)
        out.print(f"Track record: {record['words']}", markup=False, soft_wrap=True)
    return 0


def _minute(instant: str) -> str:
    return instant[:16].replace("T", " ")


def _print_one(each: dict[str, Any]) -> None:
    out.print(f"{each['words']}; {each['model']}; fitted {each['fitted_at']}", markup=False, soft_wrap=True)
    if each["limits"]:
        out.print(f"behind {', '.join(each['limits'])}", markup=False, soft_wrap=True)
    rows = [[point["about_at"][:10], *(f"{point[name]:,.4g}" for name in COLUMNS[1:])] for point in each["points"][:DAYS]]
    if rows:
        print_table(COLUMNS, rows, right=COLUMNS[1:])
