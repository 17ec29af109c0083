"""`expect`: what is announced so that it is no surprise. Through the server when one runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Protocol

import typer

from roomleft.cli.output import print_json, print_table

WHO = "command line"
expect_cli = typer.Typer(
    help="Announced events (launch, back-fill, holiday, campaign): what moves meanwhile pages nobody.", no_args_is_help=True
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@expect_cli.command("add")
def expect_add(
    kind: Annotated[str, typer.Argument(help="launch, backfill, holiday, campaign or other.")],
    platform: Annotated[str | None, typer.Option(help="The platform; all of them when absent.")] = None,
    target: Annotated[str | None, typer.Option(help="One series of it, for example shop/ai_cost; all when absent.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="Its beginning; now when absent.")] = None,
    until: Annotated[str | None, typer.Option(help="Its end, for example 2026-12-01T06:00:00Z.")] = None,
    length: Annotated[str | None, typer.Option("--for", help="How long instead, for example 2d.")] = None,
    note: Annotated[str, typer.Option(help="What it is, for whoever looks next.")] = "",
    as_json: Json = False,
) -> None:
    """Announce something. Its number is printed."""
    given = {"kind": kind, "platform": platform, "target": target, "from": since, "until": until, "for": length, "note": note}
    with _events() as events:
        made = events.add({name: value for name, value in given.items() if value})
    if as_json:
        print_json(made)
    else:
        print(
            f"event {made['id']}: {made['words']}; {_of(made)}, {_minute(made['from'])} to {_minute(made['until'])} UTC, {made['state']}"
        )


@expect_cli.command("list")
def expect_list(
    over: Annotated[bool, typer.Option("--over", help="Those that are over too.")] = False,
    platform: Annotated[str | None, typer.Option(help="Of one platform alone.")] = None,
    as_json: Json = False,
) -> None:
    """What is announced."""
    with _events() as events:
        found = events.listed(platform, over)
    if as_json:
        print_json(found)
        return
    rows = [
        [
            each["id"], each["state"], each["kind"], _of(each), _minute(each["from"]),
            _minute(each["until"]), each["made_by"], each["note"],
        ]
        for each in found
    ]  # fmt: skip
    print_table(("id", "state", "kind", "of", "from (UTC)", "until (UTC)", "by", "note"), rows)


@expect_cli.command("end")
def expect_end(
    number: Annotated[int, typer.Argument(metavar="ID", help="Its number, from `expect list`.")], as_json: Json = False
) -> None:
    """End an event now, or call it off."""
    with _events() as events:
        ended = events.end(number)
    if as_json:
        print_json(ended)
    else:
        print(f"event {number} has ended")


class Events(Protocol):
    """What the commands do."""

    def add(self, body: dict[str, Any]) -> dict[str, Any]: ...

    def listed(self, platform: str | None, over: bool) -> list[dict[str, Any]]: ...

    def end(self, number: int) -> dict[str, Any]: ...


def _of(event: dict[str, Any]) -> str:
    return str(event["target"] or event["platform"] or "all platforms")


def _minute(instant: Any) -> str:
    return str(instant)[:16].replace("T", " ")


@contextmanager
def _events() -> Iterator[Events]:
    from roomleft.cli.ask import located, own_state

    settings, server = located()
    if server is not None:
        from roomleft.cli.client import Client

        yield _Served(Client(server))
        return
    from roomleft.cli.packs_here import packs_known

    with own_state(settings) as state:
        yield _Own(state, packs_known(settings))


class _Served:
    """At a running server."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def add(self, body: dict[str, Any]) -> dict[str, Any]:
        return dict(self._client.post("/api/v1/expected-events", json=body))

    def listed(self, platform: str | None, over: bool) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._client.get("/api/v1/expected-events", over=str(over).lower(), platform=platform)
        return found

    def end(self, number: int) -> dict[str, Any]:
        return dict(self._client.delete(f"/api/v1/expected-events/{number}"))


class _Own:
    """Where no server runs."""

    def __init__(self, state: Any, packs: Mapping[str, Any]) -> None:
        self._state, self._packs = state, packs

    def add(self, body: dict[str, Any]) -> dict[str, Any]:
        from dashboards.anomaly_rows import announce, event_document

        now = self._state.clock.now()
        return event_document(announce(self._state, self._packs, body, WHO, now), now)

    def listed(self, platform: str | None, over: bool) -> list[dict[str, Any]]:
        from dashboards.anomaly_rows import event_document
        from roomleft.platform_names import known_platform
        from warehouse.state.expected_events import ExpectedEvents

        known_platform(platform, self._packs, "--platform")
        now = self._state.clock.now()
        found = ExpectedEvents(self._state).all(ending_after=None if over else now, platform=platform)
        return [event_document(each, now) for each in found]

    def end(self, number: int) -> dict[str, Any]:
        from dashboards.anomaly_rows import event_document
        from warehouse.state.expected_events import ExpectedEvents

        now = self._state.clock.now()
        return event_document(ExpectedEvents(self._state).end(number, who=WHO, now=now), now)
