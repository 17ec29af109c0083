"""`close` and `reopen`: closed books, in which no cost may change any more. Through the server when one runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from roomleft.book_periods import book_period
from roomleft.cli.ask import located, own_state
from roomleft.cli.client import Client
from roomleft.cli.output import print_json, print_table
from roomleft.errors import InputError
from roomleft.packs_fields import zone_hint
from roomleft.timespan import known_zones, parse_instant

WHO = "command line"


class Books(Protocol):
    """What the commands do with the books."""

    def closed(self) -> list[dict[str, Any]]: ...

    def close(self, since: datetime, until: datetime, platform: str, note: str) -> int: ...

    def reopen(self, period_id: int) -> None: ...


def run_close(period: str | None, platform: str | None, zone: str, note: str, as_json: bool) -> int:
    """Close a period, or list the closed ones."""
    with _books() as books:
        if period is not None:
            since, until = book_period(period, _zone(zone))
            books.close(since, until, platform or "", note)
        _print(books.closed(), as_json)
    return 0


def run_reopen(period: str, platform: str | None, zone: str, as_json: bool) -> int:
    """Open the books of exactly that period again."""
    since, until = book_period(period, _zone(zone))
    with _books() as books:
        wanted = (since, until, platform or "")
        found = [
            each for each in books.closed() if (_instant(each["since"]), _instant(each["until"]), each["platform"]) == wanted
        ]
        if not found:
            raise InputError(
                f"{period} of {platform or 'all platforms'} is not closed",
                "reopen",
                "`roomleft close` without a period lists what is",
            )
        for each in found:
            books.reopen(each["id"])
        _print(books.closed(), as_json)
    return 0


def _print(closed: list[dict[str, Any]], as_json: bool) -> None:
    names = ("id", "platform", "since", "until", "closed_by", "closed_at", "note")
    rows = [{name: each[name] for name in names} for each in closed]
    if as_json:
        print_json(rows)
        return
    shown = [
        [
            row["platform"] or "all",
            *(f"{_instant(row[name]):%Y-%m-%d %H:%M}" for name in ("since", "until")),
            row["closed_by"],
            row["note"],
        ]
        for row in rows
    ]
    print_table(("platform", "from (UTC)", "until (UTC)", "by", "note"), shown)


def _zone(name: str) -> ZoneInfo:
    if name not in known_zones():
        raise InputError(f"unknown time zone {name[:60]!r}", "--zone", zone_hint(name))
    return ZoneInfo(name)


def _instant(value: Any) -> datetime:
    return value if isinstance(value, datetime) else parse_instant(str(value))


@contextmanager
def _books() -> Iterator[Books]:
    settings, server = located()
    if server is not None:
        yield _Served(Client(server))
        return
    with own_state(settings) as state:
        yield _Own(state)


class _Served:
    """The books of a running server."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def closed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._client.get("/api/v1/closed-periods")
        return found

    def close(self, since: datetime, until: datetime, platform: str, note: str) -> int:
        body = {"since": since.isoformat(), "until": until.isoformat(), "platform": platform, "note": note}
        return int(self._client.post("/api/v1/closed-periods", json=body)["id"])

    def reopen(self, period_id: int) -> None:
        self._client.post(f"/api/v1/closed-periods/{period_id}/reopen", json={})


class _Own:
    """The books, where no server runs."""

    def __init__(self, state: Any) -> None:
        from warehouse.state.closed_periods import ClosedPeriods

        self._periods = ClosedPeriods(state)

    def closed(self) -> list[dict[str, Any]]:
        return [asdict(each) for each in self._periods.closed()]

    def close(self, since: datetime, until: datetime, platform: str, note: str) -> int:
        return self._periods.close(since, until, who=WHO, platform=platform, note=note)

    def reopen(self, period_id: int) -> None:
        self._periods.reopen(period_id, who=WHO)
