"""Buttons that somebody may not use stand there disabled and say which role they need. The server refuses anyway: see `rules`."""

from __future__ import annotations

from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboards.door.asking import asking
from roomleft.errors import NEEDS_FINANCE
from warehouse.state import Principal, Scope

NEEDS = {
    Scope.RESPOND: "Needs the oncall role",
    Scope.FINANCE: NEEDS_FINANCE,
    Scope.ADMIN: "Needs the admin role",
}
DEEDS = {
    "ack": Scope.RESPOND,
    "silence": Scope.RESPOND,
    "end-silence": Scope.RESPOND,
    "prolong-silence": Scope.RESPOND,
    "expected": Scope.RESPOND,
    "allocate": Scope.FINANCE,
    "withdraw-rule": Scope.FINANCE,
    "budget-form": Scope.FINANCE,
    "budget-do": Scope.FINANCE,
    "add-recipient": Scope.ADMIN,
    "end-recipient": Scope.ADMIN,
    "send-report": Scope.ADMIN,
    "test-source": Scope.ADMIN,
    "choose-rejected": Scope.ADMIN,
    "fault": Scope.ADMIN,
}
"""What a button's `data-act` does, and the scope of the request it makes."""


def needs(scope: Scope) -> str:
    """What stands where somebody lacks a scope: `Needs the finance role`; empty for those who have it."""
    return "" if asking().may(scope) else NEEDS[scope]


def as_allowed(built: Any) -> Any:
    """A built block for whoever asks: the same, its buttons for what they may not do disabled."""
    who = asking()
    if not who.may(Scope.ADMIN):
        _visit(built, who)
    return built


def _visit(built: Any, who: Principal) -> None:
    if isinstance(built, (list, tuple)):
        for each in built:
            _visit(each, who)
    elif isinstance(built, Component):
        if isinstance(built, html.Button):
            scope = DEEDS.get(getattr(built, "data-act", ""))
            if scope is not None and not who.may(scope):
                built.disabled = True
                built.title = NEEDS[scope]
        children = getattr(built, "children", None)
        if children is not None and not isinstance(children, str):
            _visit(children, who)
