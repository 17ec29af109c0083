"""Your account: who you are here, what your role may do, where you are signed in, and your password."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from dash import Dash, Input, Output, State, html

from dashboards import wording
from dashboards.api.people import own_sessions
from dashboards.block import Pages, calm
from dashboards.components import states
from dashboards.components.tables import table_card
from dashboards.door.asking import asking
from dashboards.filters import Filters, parse
from dashboards.pages.people import SESSION_HEADS, session_row
from dashboards.role_words import MAY, SCOPE_WORDS
from dashboards.shell import Id as Shell
from warehouse.state import Principal, User, Users
from warehouse.state.open_sessions import OpenSession
from warehouse.state.passwords import SHORTEST

PATH = "/account"


class Id(StrEnum):
    """Ids of this page."""

    BODY = "account-body"


def layout() -> list[Any]:
    """A skeleton."""
    return [html.H1("Your account", className="page-title"), html.Div(states.skeleton(360), id=Id.BODY)]


def body(me: Principal, user: User | None, sessions: Sequence[OpenSession], filters: Filters, now: datetime) -> list[Any]:
    """Who, password, sessions."""
    return [_who(me, user, filters, now), _password(user), _sessions(me, user, sessions, filters, now)]


def _who(me: Principal, user: User | None, filters: Filters, now: datetime) -> html.Div:
    if user is None or me.role is None:
        may = "; ".join(SCOPE_WORDS[scope] for scope in sorted(me.scopes))
        facts: list[tuple[str, Any]] = [("Name", html.Bdi(me.name)), ("May", may)]
        note = "You came by a sign-in link of no person in particular. With an account of your own (People, or `bin/roomleft user add`) the audit knows you."
    else:
        facts = [("Name", html.Bdi(user.name))]
        facts += [("Called", html.Bdi(user.display_name))] if user.display_name else []
        facts += [("E-mail", html.Bdi(user.email))] if user.email else []
        facts += [("Role", me.role.value), ("May", MAY[me.role]), ("Since", wording.day(user.created_at, now, filters.zone))]
        note = ""
    listed = [part for name, words in facts for part in (html.Dt(name), html.Dd(words))]
    out = html.Button("Sign out", className="button", **{"data-act": "sign-out"})
    return html.Div(
        [
            html.Div(html.H2("Who you are"), className="card-head"),
            html.Dl(listed, className="facts-list account-facts"),
            states.note(note) if note else None,
            html.Div(out if me.session is not None else None, className="budget-acts"),
        ],
        className="card account-card",
    )


def _password(user: User | None) -> Any:
    if user is None:
        return None
    if user.source != "local":
        what: list[Any] = [html.P("You sign in elsewhere: your password is not kept here.", className="dim")]
    else:
        told = json.dumps({"has": user.has_password, "shortest": SHORTEST, "name": user.name})
        words = "You sign in with a password." if user.has_password else "You have no password yet: you came by a link."
        act = "Change the password" if user.has_password else "Set a password"
        rule = f"At least {SHORTEST} characters of any kind; your other sessions end."
        what = [
            html.P([words, " ", html.Span(rule, className="dim")]),
            html.Div(
                html.Button(act, className="button primary", **{"data-act": "set-password", "data-told": told}),
                className="budget-acts",
            ),
        ]
    return html.Div([html.Div(html.H2("Password"), className="card-head"), *what], className="card account-card")


def _sessions(me: Principal, user: User | None, sessions: Sequence[OpenSession], filters: Filters, now: datetime) -> html.Div:
    if not sessions:
        return html.Div(
            states.empty(
                "No browser is signed in by a session of this server.",
                then="A token or a proxy lets you in: whoever gave it to you ends it.",
            ),
            className="section-title",
        )
    rows = [session_row(each, filters, now, "end-own-session", this=each.session_id == me.session) for each in sessions]
    others = len(sessions) - 1
    note = None
    if user is not None and others > 0:
        note = html.Button(
            f"End the other {others}" if others > 1 else "End the other", className="button", **{"data-act": "end-others"}
        )
    under = f"Times in {wording.zone_name(filters.zone, now)}; last seen to five minutes. One you do not know: end it, and change your password."
    table = table_card("Where you are signed in", SESSION_HEADS, rows, name="own-sessions", cards=True, note=note, under=under)
    return html.Div(table, className="section-title")


def register(app: Dash, pages: Pages) -> None:
    """Connects the page."""
    parts = pages.parts

    @app.callback(
        Output(Id.BODY, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show(search: str | None, tick: int | None, path: str | None) -> Any:
        me = asking()
        name, session = me.name, me.session  # this answer is this person's alone
        calm(tick)

        async def make() -> Any:
            user = await pages.read(("account", name), lambda: Users(parts.state).get(name)) if me.role is not None else None
            sessions = await pages.read(("own sessions", name, session), lambda: own_sessions(parts.state, me))
            return body(me, user, sessions, parse(path, search), parts.state.clock.now())

        return await pages.guard(make)
