"""Where somebody lands who signs in without having asked for a page."""

from __future__ import annotations

from collections.abc import Mapping

from warehouse.state import Principal, Role

LANDING: Mapping[Role, str] = {
    Role.VIEWER: "/",
    Role.ONCALL: "/on-call",
    Role.FINANCE: "/cost",
    Role.ADMIN: "/",
}


def landing_of(principal: Principal | None) -> str:
    """The first page of a role; the overview for whoever has none."""
    return LANDING.get(principal.role, "/") if principal is not None and principal.role is not None else "/"
