"""`alerts replay`: what alert rules would have done over stored history, as they are and as changed. Through the server when one runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from roomleft.cli.output import err, print_json, print_table
from roomleft.errors import InputError, RoomleftError

PATIENCE_S = 3600.0
COLUMNS = ("rule", "fired", "pages/week", "detected", "missed", "flaps", "unknown", "verdict")


def alerts_replay(
    since: Annotated[str, typer.Option("--from", help="A day, an instant, or how long ago: 2026-11-01, 90d.")] = "7d",
    until: Annotated[str, typer.Option("--to", help="Not included; now when absent.")] = "",
    rules: Annotated[Path | None, typer.Option(help="A rule file to compare with what is in force.")] = None,
    step: Annotated[str, typer.Option(help="The step through history that nobody evaluated live.")] = "5m",
    platform: Annotated[str | None, typer.Option(help="Only this platform's rules.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Run alert rules over history: pages a week, time to detect, minutes missed, flaps, and a verdict on each."""
    raise typer.Exit(run_replay_command(since, until, rules, step, platform, as_json))


def run_replay_command(since: str, until: str, rules: Path | None, step: str, platform: str | None, as_json: bool) -> int:
    """Print the verdicts."""
    body: dict[str, Any] = {"step": step, "platform": platform, "files": _files(rules) if rules is not None else {}}

    def show(done: float, words: str) -> None:
        if err.is_terminal:
            err.print(f"\r{100 * done:3.0f} % {words[:60]:<60}", end="")

    found = _asked(body, since, until, show)
    if err.is_terminal:
        err.print("\r" + " " * 70 + "\r", end="")
    if as_json:
        print_json(found)
    else:
        _print(found)
    return 0


def _files(path: Path) -> dict[str, str]:
    """The rule file and the query files that may be its own, by name."""
    try:
        queries = [*path.parent.glob("*.sql"), *path.with_name(path.name.removesuffix(".rules.yaml")).glob("*.sql")]
        return {each.name: each.read_text(encoding="utf-8") for each in [path, *queries]}
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the rule file cannot be read: {error}", str(path), "name a .yaml file of alert rules") from error


def _span(since: str, until: str, now: datetime) -> dict[str, str]:
    last = _instant(until, now) if until else now
    return {"since": _instant(since, now).isoformat(), "until": last.isoformat()}


def _instant(text: str, now: datetime) -> datetime:
    from roomleft.book_periods import day_or_instant
    from roomleft.timespan import parse_span

    try:
        return now - parse_span(text)
    except (RoomleftError, ValueError):
        return day_or_instant(text, ZoneInfo("UTC"))


def _asked(body: dict[str, Any], since: str, until: str, show: Callable[[float, str], None]) -> dict[str, Any]:
    from roomleft.cli.ask import located

    settings, server = located()
    if server is not None:
        from roomleft.cli.client import Client
        from roomleft.timespan import parse_instant

        client = Client(server, timeout_s=PATIENCE_S)
        now = parse_instant(client.get("/healthz")["time"])
        return _streamed(client.http, {**body, **_span(since, until, now)}, show)
    from roomleft.app.replaying import ReplayBody, Replaying
    from roomleft.app.ruling import Ruling
    from roomleft.cli.ask import own_state, own_store
    from roomleft.cli.packs_here import packs_in_force
    from roomleft.clock import Clock

    clock = Clock()
    with own_state(settings) as state, own_store(settings) as store:
        packs = packs_in_force(settings, store)
        ruling = Ruling(settings, packs, store)
        ruling.begin()
        every = timedelta(seconds=settings.measure_every_s)
        replaying = Replaying(store, state, packs, ruling, clock.now, every)
        return replaying.run(ReplayBody.model_validate({**body, **_span(since, until, clock.now())}), show)


def _streamed(http: Any, body: dict[str, Any], show: Callable[[float, str], None]) -> dict[str, Any]:
    import httpx

    from roomleft.errors import CollectError

    try:
        with http.stream("POST", "/api/v1/alerts/replay", json=body) as response:
            if not response.is_success:
                told = json.loads(response.read()).get("error", {})
                raise InputError(*(str(told.get(key, "")) for key in ("what", "where", "hint")))
            for line in response.iter_lines():
                said = json.loads(line)
                if "done" in said:
                    show(said["done"], said["words"])
                elif "error" in said:
                    raise InputError(*(said["error"][key] for key in ("what", "where", "hint")))
                elif "result" in said:
                    result: dict[str, Any] = said["result"]
                    return result
    except (httpx.HTTPError, ValueError) as error:
        raise CollectError(f"the server does not answer: {error}", "/api/v1/alerts/replay", "is it still running?") from error
    raise CollectError("the server ended the replay without a result", "/api/v1/alerts/replay", "see the server's output")


def _print(found: dict[str, Any]) -> None:
    rows: list[list[str]] = []
    for each in found["rules"]:
        if not each.get("new"):
            rows.append(_row(each["rule"], each))
        if "changed" in each:
            rows.append(_row("  as changed" if not each.get("new") else f"{each['rule']} (new)", each["changed"]))
    print_table(COLUMNS, rows, right=COLUMNS[1:7])
    err.print(
        f"{found['from'][:16]} to {found['to'][:16]} UTC: {found['read']}; {len(found['incidents'])} known incidents.",
        soft_wrap=True,
    )


def _row(name: str, each: dict[str, Any]) -> list[str]:
    detected = "" if each["detection_s"] is None else f"{each['detection_s'] / 60:.0f} min"
    missed = f"{each['minutes_missed']:.0f} min" if each["incidents"] else ""
    unknown = f"{each['unknown_s'] / 3600:.1f} h" if each["unknown_s"] else ""
    verdict = f"{each['verdict']}: {each['why']}"
    return [name, str(each["fired"]), f"{each['pages_per_week']:.1f}", detected, missed, str(each["flaps"]), unknown, verdict]
