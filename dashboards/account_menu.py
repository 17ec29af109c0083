"""The menu at the header's right: who is signed in, as what, and the way out."""

from __future__ import annotations

from typing import Any

from dash import html

from dashboards.components.marks import link
from dashboards.door.asking import asking
from warehouse.state import Scope

ACCOUNT = "/account"
ACCOUNT_PAGE = (ACCOUNT, "Account")
FOR_ADMINS = (("/people", "People"), ("/audit", "Audit"))


def for_admins() -> tuple[tuple[str, str], ...]:
    """The pages behind the gear that only administrators see, for one of them."""
    return FOR_ADMINS if asking().may(Scope.ADMIN) else ()


def account_menu() -> Any:
    """Name, role, Account, Sign out; nothing where no door stands before the pages."""
    me = asking()
    if not me.scopes:
        return None
    name = me.display_name or me.name
    role = me.role.value if me.role is not None else "by a link" if me.session is not None else "a token"
    items: list[Any] = [
        html.Div([html.Bdi(name, className="strong"), html.Div(role, className="dim")], className="account-who"),
        link("Account", ACCOUNT, "menu-item"),
    ]
    if me.session is not None:  # whoever a proxy vouches for is let out by the proxy
        items.append(html.Button("Sign out", className="menu-item", **{"data-act": "sign-out"}))
    label = f"{name}, {role}: your account"
    summary = html.Summary(
        [
            html.Span(_initials(name), className="account-initials", **{"aria-hidden": "true"}),
            html.Bdi(name, className="account-name wide-only"),
        ],
        className="button account",
        title=label,
        **{"aria-label": label},
    )
    return html.Details(
        [summary, html.Div(items, className="menu right")], className="menu-holder account-menu", **{"data-menu": "account"}
    )


def _initials(name: str) -> str:
    words = [word for word in name.replace(".", " ").replace("_", " ").split("@")[0].split() if word]
    return "".join(word[0] for word in words[:2]).upper() or "·"
