"""`reprice`: what the past costs by the prices as known now, and, if asked, the difference appended. Through the server when one runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from roomleft.book_periods import day_or_instant
from roomleft.cli.ask import located, own_store
from roomleft.cli.client import Client
from roomleft.cli.output import err, print_json, print_table
from roomleft.errors import InputError
from roomleft.money import usd

STEP = timedelta(days=7)
PATIENCE_S = 3600.0
Ask = Callable[[dict[str, Any], str], Any]
"""Sends a body to a route of /api/v1 and gives its answer."""


def run_reprice(
    since: str, until: str, platform: str | None, provider: str | None, model: str | None, apply: bool, as_json: bool
) -> int:
    """Print the difference by model and day; with `apply`, append it."""
    zone = ZoneInfo("UTC")
    first, last = day_or_instant(since, zone), day_or_instant(until, zone)
    if first >= last:
        raise InputError(
            "--since must be before --until", "reprice", "until is not included: --since 2026-10-01 --until 2026-11-01"
        )
    narrowed = {"platform": platform, "provider": provider, "model": model}
    with _asking() as ask:
        if apply:
            # All of it, before any of it: half a month priced anew would fit neither price list.
            ask({**narrowed, **_span(first, last)}, "reprice/allowed")
        found: list[dict[str, Any]] = []
        at = first
        while at < last:
            after = min(at + STEP, last)
            part = ask({**narrowed, **_span(at, after), "apply": apply}, "reprice")
            found.append(part)
            if not as_json:
                changed = sum(line["requests"] for line in part["lines"] if line["why"] != "unchanged")
                err.print(
                    f"{at:%Y-%m-%d} to {after:%Y-%m-%d}: {part['total']['requests']:,} calls, {changed:,} differ", soft_wrap=True
                )
            at = after
    whole = _joined(found)
    if as_json:
        print_json({"since": first, "until": last, **narrowed, "applied": apply, **whole})
    else:
        _print(whole, apply)
    return 0


def _span(since: datetime, until: datetime) -> dict[str, str]:
    return {"since": since.isoformat(), "until": until.isoformat()}


@contextmanager
def _asking() -> Iterator[Ask]:
    """Asks the server, or does the same here where none runs."""
    settings, server = located()
    if server is not None:
        client = Client(server, timeout_s=PATIENCE_S)
        yield lambda body, route: client.post(f"/api/v1/{route}", json=body)
        return
    from analytics.reprice import Asked, refuse_settled, reprice
    from analytics.reprice_rates import rates_known
    from dashboards.api.reprice import note, told
    from roomleft.app.pricing import catalogue_of
    from roomleft.cli.packs_here import packs_in_force
    from roomleft.clock import Clock
    from roomleft.timespan import parse_instant
    from warehouse.state import StateDb
    from warehouse.state.audit import Audit
    from warehouse.state.closed_periods import ClosedPeriods

    clock = Clock()
    state = StateDb.open(settings.state_url, clock)
    try:
        with own_store(settings) as store:
            catalogue = catalogue_of(settings, packs_in_force(settings, store), state)

            def here(body: dict[str, Any], route: str) -> Any:
                span = parse_instant(body["since"]), parse_instant(body["until"])
                asked = Asked(*span, body["platform"], body["provider"], body["model"]).checked()
                closed = ClosedPeriods(state).closed()
                if route == "reprice/allowed":
                    refuse_settled(store, asked, closed)
                    return None
                now = clock.now()
                done = reprice(store, rates_known(catalogue, now), asked, now, apply=body["apply"], closed=closed)
                if body["apply"]:
                    note(Audit(state), "command line", asked, done)
                return told(done)

            yield here
    finally:
        state.close()


def _joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    names = ("requests", "stored_usd", "listed_usd", "difference_usd")
    total: dict[str, Any] = {name: sum((Decimal(part["total"][name]) for part in parts), Decimal(0)) for name in names}
    total["requests"] = int(total["requests"])
    alone: dict[str, int] = {}
    for part in parts:
        for reason, calls in part["left_alone"].items():
            alone[reason] = alone.get(reason, 0) + calls
    lines: dict[tuple[Any, ...], dict[str, Any]] = {}
    for line in (line for part in parts for line in part["lines"]):
        # A step that does not begin at midnight ends within a day that the next one goes on with.
        key = tuple(line[name] for name in ("day", "platform", "provider", "model", "why"))
        old = lines.get(key)
        lines[key] = (
            line if old is None else {**line, **{name: Decimal(str(old[name])) + Decimal(str(line[name])) for name in names}}
        )
    return {
        "lines": list(lines.values()),
        "total": total,
        "revisions": sum(part["revisions"] for part in parts),
        "left_alone": alone,
    }


def _print(whole: dict[str, Any], applied: bool) -> None:
    columns = ("day", "platform", "provider", "model", "why", "calls", "stored", "by the list", "difference")
    rows: list[tuple[Any, ...]] = []
    same: dict[str, Any] = {"requests": 0, "stored_usd": Decimal(0), "listed_usd": Decimal(0)}
    for line in whole["lines"]:
        if line["why"] == "unchanged":
            for name in same:
                same[name] += Decimal(line[name])
            continue
        money = [_usd(line[name]) for name in ("stored_usd", "listed_usd", "difference_usd")]
        rows.append(
            (line["day"], line["platform"], line["provider"], line["model"], line["why"], f"{int(line['requests']):,}", *money)
        )
    if same["requests"]:
        rows.append(
            (
                "",
                "",
                "",
                "",
                "unchanged",
                f"{int(same['requests']):,}",
                _usd(same["stored_usd"]),
                _usd(same["listed_usd"]),
                _usd(0),
            )
        )
    total = whole["total"]
    sums = [_usd(total[name]) for name in ("stored_usd", "listed_usd", "difference_usd")]
    rows.append(("total", "", "", "", "", f"{total['requests']:,}", *sums))
    print_table(columns, rows, right=columns[5:])
    for reason, calls in whole["left_alone"].items():
        err.print(f"{calls:,} calls keep their cost: {reason}.", soft_wrap=True)
    if applied:
        err.print(
            f"{whole['revisions']:,} revisions were appended; the figures follow with the next roll-up, marked restated.",
            soft_wrap=True,
        )
    else:
        err.print("Nothing was changed; --apply appends the differences.", soft_wrap=True)


def _usd(amount: Any) -> str:
    """To the last stored digit: these are to be added up by whoever checks them."""
    return usd(Decimal(str(amount)), 9)
