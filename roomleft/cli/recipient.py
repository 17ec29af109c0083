"""`recipient`: who gets the weekly report by mail. Through the server when one runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Protocol

import typer

from roomleft.cli.output import print_json, print_table

WHO = "command line"
recipient_cli = typer.Typer(help="Who gets the weekly report by mail, and when.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@recipient_cli.command("add")
def recipient_add(
    address: Annotated[str, typer.Argument(help="An e-mail address.")],
    zone: Annotated[str, typer.Option(help="Whose clocks decide, for example Europe/Berlin.")] = "UTC",
    weekday: Annotated[str, typer.Option(help="mon, tue, wed, thu, fri, sat or sun.")] = "mon",
    hour: Annotated[int, typer.Option(min=0, max=23, help="The full hour.")] = 8,
    platforms: Annotated[str | None, typer.Option(help="Only these, comma separated; all of them when absent.")] = None,
    as_json: Json = False,
) -> None:
    """Send the weekly report to ADDRESS from now on. One that gets it already gets it by these terms instead."""
    slugs = [slug.strip() for slug in (platforms or "").split(",") if slug.strip()]
    body = {"address": address, "zone": zone, "weekday": weekday, "hour": hour, "platforms": slugs or None}
    with _recipients() as recipients:
        made = recipients.add(body)
    if as_json:
        print_json(made)
        return
    when = f"{made['weekday']} {made['hour']:02d}:00 {made['zone']}"
    print(f"recipient {made['id']}: {made['address']}, {when}, of {', '.join(made['platforms']) or 'all platforms'}")


@recipient_cli.command("list")
def recipient_list(
    every: Annotated[bool, typer.Option("--all", help="Also those who ended in the last 30 days.")] = False, as_json: Json = False
) -> None:
    """Recipients, when each gets the report next, and what became of the newest copy."""
    with _recipients() as recipients:
        found = recipients.listed()
    if as_json:
        print_json(found)
        return
    rows = [
        [
            str(each["id"]),
            each["address"],
            f"{each['weekday']} {each['hour']:02d}:00 {each['zone']}",
            ", ".join(each["platforms"]) or "all",
            str(each["next_at"])[:16].replace("T", " "),
            _last(each["last"]),
        ]
        for each in found["recipients"]
    ]
    if every:
        rows += [
            [
                str(each["id"]), each["address"], f"{each['weekday']} {each['hour']:02d}:00 {each['zone']}", ", ".join(each["platforms"]) or "all",
                "never", f"ended {_minute(each['ended_at'])} by {each['ended_by']}",
            ]
            for each in found["ended"]
        ]  # fmt: skip
    print_table(("id", "address", "when", "platforms", "next (UTC)", "newest copy"), rows)
    if found["mail"]["words"]:
        print(found["mail"]["words"])


def _last(last: dict[str, Any] | None) -> str:
    """What became of the newest copy: `refused 550 no such user`, `waiting, next attempt 2026-11-21 23:05`."""
    if last is None:
        return "–"
    again = f", next attempt {_minute(last['next_at'])}" if last["next_at"] and last["state"] in ("waiting", "unknown") else ""
    answer = " ".join(part for part in (last["status"], last["answer"]) if part)
    return f"{last['state']}{again}{f': {answer}' if answer else ''}"


def _minute(at: Any) -> str:
    return str(at)[:16].replace("T", " ")


@recipient_cli.command("end")
def recipient_end(
    which: Annotated[str, typer.Argument(metavar="ADDRESS|ID", help="As `recipient list` names it.")], as_json: Json = False
) -> None:
    """Send nothing more to a recipient; what still waits for them is called off."""
    with _recipients() as recipients:
        gone = recipients.end(which)
    if as_json:
        print_json(gone)
    else:
        print(f"{gone['address']} gets no further report")


class Deeds(Protocol):
    """What the commands do."""

    def add(self, body: dict[str, Any]) -> dict[str, Any]: ...

    def listed(self) -> dict[str, Any]: ...

    def end(self, which: str) -> dict[str, Any]: ...


@contextmanager
def _recipients() -> Iterator[Deeds]:
    from roomleft.cli.ask import located, own_state

    settings, server = located()
    if server is not None:
        from roomleft.cli.client import Client

        yield _Served(Client(server))
        return
    from roomleft.cli.packs_here import packs_known

    with own_state(settings) as state:
        yield _Own(state, settings, list(packs_known(settings)))


class _Served:
    """At a running server."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def add(self, body: dict[str, Any]) -> dict[str, Any]:
        return dict(self._client.post("/api/v1/recipients", json=body))

    def listed(self) -> dict[str, Any]:
        return dict(self._client.get("/api/v1/recipients"))

    def end(self, which: str) -> dict[str, Any]:
        return dict(self._client.delete(f"/api/v1/recipients/{which}"))


class _Own:
    """Where no server runs: what is decided holds as soon as one does."""

    def __init__(self, state: Any, settings: Any, platforms: list[str]) -> None:
        self._state, self._settings, self._platforms = state, settings, platforms

    def add(self, body: dict[str, Any]) -> dict[str, Any]:
        from dashboards.api.recipients import add, document

        return dict(document(add(self._state, body, self._platforms, WHO), self._mailer()))

    def listed(self) -> dict[str, Any]:
        from dashboards.api.recipients import listed

        return dict(listed(self._state, self._mailer()))

    def end(self, which: str) -> dict[str, Any]:
        from warehouse.state.recipients import Recipients

        gone = Recipients(self._state).end(which, who=WHO)
        return {"id": gone.id, "address": gone.address, "ended_at": gone.ended_at}

    def _mailer(self) -> Any:
        from roomleft.app.reporting import NoServer

        return NoServer(self._state.clock)
