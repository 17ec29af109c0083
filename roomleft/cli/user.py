"""`user`: who may sign in and as what. Through the server when one runs, else in the state database itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Protocol
from urllib.parse import quote

import typer

from roomleft.cli.output import err, print_json, print_table

WHO = "command line"
user_cli = typer.Typer(help="People: who may sign in, and (forget) whose use is watched.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Name = Annotated[str, typer.Argument(help="The person's name.")]
Force = Annotated[bool, typer.Option("--force", help="Also if nobody is left who may administer.")]
ROLES = "viewer, oncall, finance or admin"


@user_cli.command("add")
def user_add(
    name: Name,
    role: Annotated[str, typer.Option(help=f"{ROLES}.")],
    email: Annotated[str, typer.Option(help="Their address.")] = "",
    called: Annotated[str, typer.Option(help="How pages call them.")] = "",
    source: Annotated[
        str,
        typer.Option(
            help="local; oidc:NAME or proxy for somebody that this provider, or a proxy, will vouch for under this e-mail."
        ),
    ] = "local",
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read their password from standard input.")] = False,
    as_json: Json = False,
) -> None:
    """Let a person in. Prints a one-time sign-in link last, unless a password is given or somebody else vouches for them."""
    body = {"name": name, "role": role, "email": email, "display_name": called, "source": source}
    if password_stdin:
        body["password"] = sys.stdin.readline().rstrip("\r\n")
    with _people() as people:
        made = people.add(body)
    if as_json:
        print_json(made)
        return
    err.print(f"{made['name']} may sign in as {made['role']}.", soft_wrap=True)
    if made["link"]:
        _show_link(made["link"])


@user_cli.command("list")
def user_list(as_json: Json = False) -> None:
    """Everybody who may sign in: role, how they come, last seen, live sessions."""
    with _people() as people:
        found = people.list()
    if as_json:
        print_json(found)
        return
    rows = [
        [
            each["name"],
            each["role"],
            each["source"] if each["source"] != "local" else "password" if each["has_password"] else "link",
            _minute(each["last_seen_at"]) or "never",
            each["sessions"],
            f"disabled {_minute(each['disabled_at'])}" if each["disabled_at"] else "",
            each["email"],
        ]
        for each in found
    ]
    print_table(("name", "role", "comes by", "last seen (UTC)", "sessions", "state", "e-mail"), rows, ("sessions",))


@user_cli.command("role")
def user_role(
    name: Name, role: Annotated[str, typer.Argument(help=f"{ROLES}.")], force: Force = False, as_json: Json = False
) -> None:
    """Give a person another role: it holds for their open pages within seconds."""
    _changed(name, {"role": role}, force, as_json, lambda made: f"{made['name']} is {made['role']} now")


@user_cli.command("disable")
def user_disable(name: Name, force: Force = False, as_json: Json = False) -> None:
    """Sign a person out everywhere and let them in no more, until enabled again."""
    _changed(name, {"disabled": True}, force, as_json, lambda made: f"{made['name']} is disabled")


@user_cli.command("enable")
def user_enable(name: Name, as_json: Json = False) -> None:
    """Let a disabled person in again."""
    _changed(name, {"disabled": False}, False, as_json, lambda made: f"{made['name']} may sign in again")


@user_cli.command("remove")
def user_remove(name: Name, force: Force = False, as_json: Json = False) -> None:
    """Remove a person and end their sessions. What they did stays in the audit."""
    with _people() as people:
        gone = people.remove(name, force)
    _said(gone, as_json, f"{gone['name']} is removed")


@user_cli.command("link")
def user_link(
    name: Name,
    reset: Annotated[
        bool, typer.Option("--reset", help="Forget their password and end their sessions: for one who lost it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print a one-time sign-in link for a person."""
    with _people() as people:
        made = people.link(name, reset)
    if as_json:
        print_json(made)
    else:
        _show_link(made["link"])


@user_cli.command("sessions")
def user_sessions(name: Annotated[str | None, typer.Argument(help="Only this person's.")] = None, as_json: Json = False) -> None:
    """Live sessions: who, with which browser, from where, last seen."""
    with _people() as people:
        found = people.sessions(name)
    if as_json:
        print_json(found)
        return
    names = ("session_id", "who", "how", "browser", "address", "created_at", "last_seen_at")
    rows = [[_minute(each[key]) if key.endswith("_at") else each[key] for key in names] for each in found]
    print_table(("session", "who", "came by", "browser", "address", "since (UTC)", "last seen (UTC)"), rows)


@user_cli.command("sign-out")
def user_sign_out(
    which: Annotated[str, typer.Argument(metavar="NAME|SESSION", help="A person, or one session as `user sessions` names it.")],
    as_json: Json = False,
) -> None:
    """End every session of a person and void their unused links, or end one session."""
    with _people() as people:
        done = people.sign_out(which)
    ended = done.get("sessions_ended", 1)
    _said(done, as_json, f"{ended} {'session' if ended == 1 else 'sessions'} ended")


@user_cli.command("forget")
def user_forget(
    user: Annotated[str, typer.Argument(help="The person as the platform names them.")], as_json: Json = False
) -> None:
    """Erase who a person is, for good: their calls and all sums stay, under a pseudonym of nobody. Exit 1 if something still names them."""
    from roomleft.cli.forget import run_forget

    raise typer.Exit(run_forget(user, as_json))


class Deeds(Protocol):
    """What the commands do."""

    def add(self, body: dict[str, Any]) -> dict[str, Any]: ...

    def list(self) -> Any: ...

    def change(self, name: str, body: dict[str, Any]) -> dict[str, Any]: ...

    def remove(self, name: str, force: bool) -> dict[str, Any]: ...

    def link(self, name: str, reset: bool) -> dict[str, Any]: ...

    def sessions(self, name: str | None) -> Any: ...

    def sign_out(self, which: str) -> dict[str, Any]: ...


class _Served:
    """At a running server."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def add(self, body: dict[str, Any]) -> dict[str, Any]:
        return dict(self._client.post("/api/v1/people", json=body))

    def list(self) -> Any:
        return self._client.get("/api/v1/people")

    def change(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        return dict(self._client.put(_path(name), json=body))

    def remove(self, name: str, force: bool) -> dict[str, Any]:
        return dict(self._client.delete(_path(name) + ("?force=true" if force else "")))

    def link(self, name: str, reset: bool) -> dict[str, Any]:
        return dict(self._client.post(_path(name) + "/link", json={"reset": reset}))

    def sessions(self, name: str | None) -> Any:
        return self._client.get("/api/v1/sessions", user=name)

    def sign_out(self, which: str) -> dict[str, Any]:
        if _is_session(which):
            return dict(self._client.delete(f"/api/v1/sessions/{quote(which, safe='')}"))
        return dict(self._client.post(_path(which) + "/sign-out"))


class _Own:
    """Where no server runs. A running server of another machine on the same database notices within seconds."""

    def __init__(self, state: Any, providers: Any) -> None:
        self._state = state
        self._providers = providers

    def add(self, body: dict[str, Any]) -> dict[str, Any]:
        from dashboards.api.people import add, document

        made, secret = add(self._state, body, WHO, self._providers)
        return {**document(made), "link": _relative(secret) if secret else None}

    def list(self) -> Any:
        from dashboards.api.people import people

        return people(self._state)

    def change(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        from dashboards.api.people import document, role_named
        from warehouse.state import Users

        values = {**body, **({"role": role_named(body["role"])} if "role" in body else {})}
        return document(Users(self._state).change(name, WHO, **values))

    def remove(self, name: str, force: bool) -> dict[str, Any]:
        from roomleft.errors import InputError
        from warehouse.state import Users

        if not Users(self._state).remove(name, WHO, force=force):
            raise InputError(f"there is no user {name[:100]!r}", "user remove", "`bin/roomleft user list` shows them")
        return {"name": name, "removed": True}

    def link(self, name: str, reset: bool) -> dict[str, Any]:
        from warehouse.state import SignIn

        return {"name": name, "link": _relative(SignIn(self._state).issue_for(name, reset=reset, by=WHO))}

    def sessions(self, name: str | None) -> Any:
        from dashboards.api.people import session_document
        from dashboards.door.asking import NOBODY
        from warehouse.state.open_sessions import OpenSessions

        return [session_document(each, NOBODY) for each in OpenSessions(self._state).list(name)]

    def sign_out(self, which: str) -> dict[str, Any]:
        from warehouse.state import Users
        from warehouse.state.open_sessions import OpenSessions

        sessions = OpenSessions(self._state)
        if _is_session(which):
            return {"session_id": sessions.end(which, WHO).session_id}
        user = Users(self._state).get(which)
        return {"name": which, "sessions_ended": sessions.end_all(user.name if user else which, WHO)}


@contextmanager
def _people() -> Iterator[Deeds]:
    from roomleft.cli.ask import located, own_state

    settings, server = located()
    if server is not None:
        from roomleft.cli.client import Client

        yield _Served(Client(server))
        return
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with own_state(settings) as state:
        yield _Own(state, settings.oidc)


def _changed(name: str, body: dict[str, Any], force: bool, as_json: bool, words: Any) -> None:
    with _people() as people:
        made = people.change(name, {**body, **({"force": True} if force else {})})
    _said(made, as_json, words(made))


def _said(document: dict[str, Any], as_json: bool, words: str) -> None:
    if as_json:
        print_json(document)
    else:
        print(words)


def _show_link(link: str) -> None:
    err.print("It signs in once, within a day:", soft_wrap=True)
    sys.stdout.write(link + "\n")


def _relative(secret: str) -> str:
    """Where no server runs nobody knows its address: the path, to be opened below it."""
    return f"/sign-in?link={secret}"


def _path(name: str) -> str:
    return f"/api/v1/people/{quote(name, safe='')}"


def _is_session(which: str) -> bool:
    return which.startswith("s_") and len(which) == 18


def _minute(at: Any) -> str:
    return str(at)[:16].replace("T", " ") if at else ""
