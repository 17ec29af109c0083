"""`silence` and `alerts ack`: what tells nobody for a time, and who has taken an alert on. Through the server when one runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Protocol

import typer

from roomleft.cli.output import print_json, print_table

WHO = "command line"
silence_cli = typer.Typer(
    help="Silences and maintenance windows: alerts that match tell nobody for a time.", no_args_is_help=True
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@silence_cli.command("add")
def silence_add(
    matchers: Annotated[
        list[str] | None, typer.Argument(metavar="MATCHER...", help='What it holds: platform=shop, alertname=~"Replica.*".')
    ] = None,
    length: Annotated[str | None, typer.Option("--for", help="How long, for example 2h; 30 days at most.")] = None,
    until: Annotated[str | None, typer.Option(help="Its end instead, for example 2026-12-01T06:00:00Z.")] = None,
    since: Annotated[str | None, typer.Option(help="Its start; now when absent.")] = None,
    note: Annotated[str, typer.Option(help="Why, for whoever looks next.")] = "",
    recurring: Annotated[str | None, typer.Option(help='Comes again until its end: "sat,sun 22:00-06:00 Europe/Berlin".')] = None,
    maintenance: Annotated[bool, typer.Option("--maintenance", help="Call it a maintenance window.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="End another one with the same matchers.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Hold every alert: you mean it.")] = False,
    as_json: Json = False,
) -> None:
    """Silence what matches every MATCHER. Its number is printed."""
    given = {"for": length, "endsAt": until, "startsAt": since, "recurring": recurring}
    body: dict[str, Any] = {name: value for name, value in given.items() if value}
    body |= {"matchers": matchers or [], "comment": note, "replace": replace, "all": everything}
    if maintenance:
        body["kind"] = "maintenance"
    with _silences() as silences:
        number = silences.add(body)
    _said({"silenceID": number}, f"silence {number}", as_json)


@silence_cli.command("list")
def silence_list(
    expired: Annotated[bool, typer.Option("--expired", help="Those that ended in the last week too.")] = False,
    as_json: Json = False,
) -> None:
    """Silences and windows, and how many alerts each hides now."""
    with _silences() as silences:
        found = [each for each in silences.listed() if expired or each["status"]["state"] != "expired"]
    if as_json:
        print_json(found)
        return
    rows = [
        [
            each["id"] or "–",
            each["status"]["state"],
            each["words"],
            _when(each),
            _minute(each["endsAt"]),
            each["notice"],
            each["createdBy"],
            each["comment"],
        ]
        for each in found
    ]
    print_table(("id", "state", "matches", "when", "until (UTC)", "now", "by", "note"), rows)


@silence_cli.command("end")
def silence_end(
    number: Annotated[int, typer.Argument(metavar="ID", help="Its number, from `silence list`.")], as_json: Json = False
) -> None:
    """End a silence now, for good."""
    with _silences() as silences:
        silences.end(number)
    _said({"silenceID": str(number), "state": "expired"}, f"silence {number} has ended", as_json)


@silence_cli.command("extend")
def silence_extend(
    number: Annotated[int, typer.Argument(metavar="ID", help="Its number, from `silence list`.")],
    length: Annotated[str | None, typer.Option("--for", help="How long from now, for example 2h.")] = None,
    until: Annotated[str | None, typer.Option(help="Its end instead, for example 2026-12-01T06:00:00Z.")] = None,
    as_json: Json = False,
) -> None:
    """Give a silence that is not over another end."""
    given = {"for": length, "endsAt": until}
    with _silences() as silences:
        silences.add({"id": str(number), **{name: value for name, value in given.items() if value}})
    _said({"silenceID": str(number)}, f"silence {number} has a new end", as_json)


def alerts_ack(
    episode: Annotated[str, typer.Argument(help="The alert's episode, as its page and notices name it.")],
    length: Annotated[
        str | None, typer.Option("--for", help="For how long, for example 4h; until it resolves when absent.")
    ] = None,
    note: Annotated[str, typer.Option(help="A word for whoever looks next.")] = "",
    back: Annotated[bool, typer.Option("--withdraw", help="Give it back: escalation begins anew.")] = False,
    as_json: Json = False,
) -> None:
    """Take an alert on: repeats and escalation stop. Of one that is over: an error."""
    with _silences() as silences:
        if back:
            told = silences.give_back(episode)
        else:
            told = silences.take(episode, {"note": note, **({"for": length} if length else {})})
    _said(told, f"episode {episode} " + ("is given back" if back else "is acknowledged"), as_json)


class Deeds(Protocol):
    """What the commands do."""

    def add(self, body: dict[str, Any]) -> str: ...

    def listed(self) -> list[dict[str, Any]]: ...

    def end(self, number: int) -> None: ...

    def take(self, episode: str, body: dict[str, Any]) -> dict[str, Any]: ...

    def give_back(self, episode: str) -> dict[str, Any]: ...


def _said(document: Any, words: str, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        print(words)


def _when(each: dict[str, Any]) -> str:
    if not each["recurring"]:
        return _minute(each["startsAt"])
    from alerts.windows import window_words
    from roomleft.alerting import RecurringSpec

    return window_words(RecurringSpec.model_validate(each["recurring"]))


def _minute(instant: Any) -> str:
    return str(instant)[:16].replace("T", " ") if instant else "–"


@contextmanager
def _silences() -> Iterator[Deeds]:
    from roomleft.cli.ask import located, own_state

    settings, server = located()
    if server is not None:
        from roomleft.cli.client import Client

        yield _Served(Client(server))
        return
    with own_state(settings) as state:
        yield _Own(state)


class _Served:
    """At a running server."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def add(self, body: dict[str, Any]) -> str:
        return str(self._client.post("/api/v1/silences", json=body)["silenceID"])

    def listed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._client.get("/api/v1/silences")
        return found

    def end(self, number: int) -> None:
        self._client.delete(f"/api/v1/silences/{number}")

    def take(self, episode: str, body: dict[str, Any]) -> dict[str, Any]:
        return dict(self._client.post(f"/api/v1/alerts/{episode}/acknowledge", json=body))

    def give_back(self, episode: str) -> dict[str, Any]:
        return dict(self._client.delete(f"/api/v1/alerts/{episode}/acknowledge"))


class _Own:
    """Where no server runs. Windows of alerting.yaml are not listed: what is in force is the server's."""

    def __init__(self, state: Any) -> None:
        self._state = state

    def add(self, body: dict[str, Any]) -> str:
        from dashboards.api.silences import change

        return str(change(self._state, body, WHO, self._state.clock.now()))

    def listed(self) -> list[dict[str, Any]]:
        from alerts.book import Book
        from dashboards.api.silences import listed

        now = self._state.clock.now()
        return listed(self._state, Book(self._state).active(now), (), now)

    def end(self, number: int) -> None:
        from alerts.silences import Silences

        Silences(self._state).end(number, who=WHO, now=self._state.clock.now())

    def take(self, episode: str, body: dict[str, Any]) -> dict[str, Any]:
        from dashboards.api.acknowledge import acknowledge

        return acknowledge(self._state, episode, body, WHO, self._state.clock.now(), source="cli")

    def give_back(self, episode: str) -> dict[str, Any]:
        from alerts.acknowledgements import Acknowledgements

        count = Acknowledgements(self._state).give_back(episode, who=WHO, now=self._state.clock.now())
        return {"episode": episode, "withdrawn": count}
