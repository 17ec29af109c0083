"""People: who may sign in and as what, how they come, when they were last here, and where they are signed in now. For administrators."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from dash import Dash, Input, Output, State, html

from dashboards import wording
from dashboards.block import Pages, calm
from dashboards.components import states
from dashboards.components.marks import age, badge, link
from dashboards.components.tables import table_card
from dashboards.door.asking import asking
from dashboards.door.deeds import NEEDS
from dashboards.filters import Filters, parse
from dashboards.role_words import COMES, EVER_DAYS, HOW, MAY
from dashboards.shell import Id as Shell
from roomleft.settings_sign_in import OidcProvider
from warehouse.state import Role, Scope, User, Users
from warehouse.state.open_sessions import OpenSession, OpenSessions

PATH = "/people"
EVER = timedelta(days=EVER_DAYS)


class Id(StrEnum):
    """Ids of this page."""

    LIST = "people-list"


def layout() -> list[Any]:
    """A skeleton."""
    return [html.H1("People", className="page-title"), html.Div(states.skeleton(320), id=Id.LIST)]


def body(
    users: Sequence[User],
    sessions: Sequence[OpenSession],
    filters: Filters,
    now: datetime,
    me: str,
    providers: Sequence[OidcProvider] = (),
) -> list[Any]:
    """The sentence, the people, whoever came by a link of nobody's, and what the roles mean."""
    told = json.dumps(
        {"roles": {role.value: MAY[role] for role in Role}, "providers": [(each.slug, each.title) for each in providers]}
    )
    add = html.Button("Add a person", className="button primary", **{"data-act": "add-person", "data-told": told})
    top = html.Div(
        [html.P(sentence(users), className="page-sub"), html.Div(add, className="budget-acts")], className="budget-top"
    )
    known = {user.name for user in users}
    strangers = [each for each in sessions if each.user not in known]
    parts: list[Any] = [top]
    if users:
        heads = ("Person", "Role", "Comes by", "Last seen", "Signed in now", "")
        rows = [_row(user, [each for each in sessions if each.user == user.name], filters, now, me) for user in users]
        parts.append(table_card("People", heads, rows, name="people", cards=True))
    else:
        parts.append(
            states.empty(
                "Nobody has an account: whoever holds a sign-in link is the owner.",
                then="Add yourself as an administrator first.",
            )
        )
    if strangers:
        rows = [session_row(each, filters, now, "end-session", show_who=True) for each in strangers]
        parts.append(
            html.Div(
                table_card("Signed in by a link of no person", SESSION_HEADS, rows, name="link-sessions", cards=True, under="Such a link, as the server prints when it "
                           "starts, makes its bearer an administrator. Who did what is clearer when everybody has an account."),
                className="section-title",
            )
        )  # fmt: skip
    roles = [[html.Strong(role.value), MAY[role], str(sum(user.role is role for user in users))] for role in Role]
    parts.append(html.Div(table_card("What a role may do", ("Role", "May", "People"), roles, numbers=(2,), name="roles"), className="section-title"))  # fmt: skip
    return parts


def sentence(users: Sequence[User]) -> str:
    """The page in one sentence."""
    enabled = [user for user in users if user.disabled_at is None]
    admins = sum(user.role is Role.ADMIN for user in enabled)
    if not users:
        return "Nobody has an account yet."
    who = f"{wording.plural(len(enabled), 'person', 'people')} may sign in, {wording.plural(admins, 'administrator')} among them"
    off = len(users) - len(enabled)
    return f"{who}; {off} disabled." if off else f"{who}."


def _row(user: User, sessions: Sequence[OpenSession], filters: Filters, now: datetime, me: str) -> list[Any]:
    off = user.disabled_at is not None
    name = [
        html.Bdi(user.called, className="strong"),
        badge("you") if user.name == me else None,
        badge("disabled", "warn") if off else None,
    ]
    second = [part for part in (user.name if user.display_name else "", user.email) if part]
    comes = COMES.get(user.source, user.source)
    if user.source == "local" and not user.has_password:
        comes = "link; no password set"
    seen = age(user.last_seen_at, now, old=EVER) if user.last_seen_at else html.Span("never", className="dim")
    return [
        html.Div(
            [html.Div(name, className="status wrap"), html.Div(" · ".join(second), className="dim wrap") if second else None]
        ),
        html.Span(user.role.value, title=MAY[user.role]),
        comes,
        html.Span([seen, " ago"]) if user.last_seen_at else seen,
        _signed_in(sessions, filters, now),
        _acts(user, len(sessions), me),
    ]


def _signed_in(sessions: Sequence[OpenSession], filters: Filters, now: datetime) -> Any:
    if not sessions:
        return html.Span("–", className="dim")
    listed = [
        html.Li(
            [
                html.Span([each.browser or "a browser", f" from {each.address}" if each.address else ""], className="wrap"),
                html.Span(
                    [" · ", HOW.get(each.how, each.how), " · seen ", age(each.last_seen_at, now, old=EVER), " ago "],
                    className="dim",
                ),
                _end(each, "end-session"),
            ]
        )
        for each in sessions
    ]
    return html.Details([html.Summary(wording.plural(len(sessions), "session")), html.Ul(listed, className="session-list")])


def _acts(user: User, sessions: int, me: str) -> html.Div:
    about = {
        "name": user.name,
        "called": user.called,
        "role": user.role.value,
        "email": user.email,
        "display_name": user.display_name,
    }
    change = json.dumps({**about, "roles": {role.value: MAY[role] for role in Role}})
    told = json.dumps(about)
    buttons = [html.Button("Change", className="button", **{"data-act": "change-person", "data-told": change})]
    if user.disabled_at is not None:
        buttons.append(html.Button("Enable", className="button", **{"data-act": "enable-person", "data-told": told}))
    else:
        if user.source == "local":
            buttons.append(html.Button("Link", className="button", title="A one-time sign-in link", **{"data-act": "link-person", "data-told": told}))  # fmt: skip
            if user.has_password and user.name != me:
                buttons.append(
                    html.Button("Reset password", className="button", **{"data-act": "reset-person", "data-told": told})
                )
        if sessions and user.name != me:
            buttons.append(html.Button("Sign out", className="button", **{"data-act": "sign-out-person", "data-told": told}))
        if user.name != me:
            buttons.append(html.Button("Disable", className="button", **{"data-act": "disable-person", "data-told": told}))
    if user.name != me:
        buttons.append(html.Button("Remove", className="button", **{"data-act": "remove-person", "data-told": told}))
    return html.Div(buttons, className="a-acts people-acts")


SESSION_HEADS = ("Browser", "Address", "Came by", "Signed in", "Last seen", "")


def session_row(
    each: OpenSession, filters: Filters, now: datetime, act: str, *, this: bool = False, show_who: bool = False
) -> list[Any]:
    """One live session: browser, address, how it came, since when, last seen, and the button that ends it."""
    name = [html.Span(each.browser or "a browser", className="strong"), " ", badge("this one") if this else None]
    return [
        html.Div([html.Div(name), html.Div(html.Bdi(each.who), className="dim") if show_who else None]),
        html.Span(each.address or "–", className="mono wrap"),
        HOW.get(each.how, each.how),
        html.Span(
            [
                wording.moment(each.created_at, now, filters.zone),
                html.Span(f", until {wording.moment(each.expires_at, now, filters.zone)}", className="dim"),
            ],
            className="wrap",
        ),
        html.Span([age(each.last_seen_at, now, old=EVER), " ago"]) if each.last_seen_at else "–",
        html.Div(None if this else _end(each, act), className="a-acts"),
    ]


def _end(each: OpenSession, act: str) -> html.Button:
    told = json.dumps({"id": each.session_id, "words": each.browser or "a browser"})
    return html.Button("End", className="button", **{"data-act": act, "data-told": told})


def register(app: Dash, pages: Pages) -> None:
    """Connects the page."""
    parts = pages.parts

    @app.callback(
        Output(Id.LIST, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show(search: str | None, tick: int | None, path: str | None) -> Any:
        if not asking().may(Scope.ADMIN):
            return not_for_you(parse(path, search))
        calm(tick)
        me = asking().name

        async def make() -> Any:
            users = await pages.read("people", Users(parts.state).list)
            sessions = await pages.read("all sessions", OpenSessions(parts.state).list)
            return body(users, sessions, parse(path, search), parts.state.clock.now(), me, parts.settings.oidc)

        return await pages.guard(make)


def not_for_you(filters: Filters) -> Any:
    """What stands on an administrators' page for everybody else."""
    return states.empty(f"{NEEDS[Scope.ADMIN]}: ask an administrator.", [link("Overview", filters.href("/"), "button")])
