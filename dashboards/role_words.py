"""Roles, and how people come, in words."""

from __future__ import annotations

from collections.abc import Mapping

from warehouse.state import Role, Scope

MAY: Mapping[Role, str] = {
    Role.VIEWER: "sees every page and report; not what single users cost",
    Role.ONCALL: "what a viewer sees; takes alerts on, silences them, announces events",
    Role.FINANCE: "what a viewer sees, and what single users cost; decides on budgets, contracts, credits, allocation and closed books",
    Role.ADMIN: "everything: people, the audit, sources, recipients, and all that the other roles may",
}
SCOPE_WORDS: Mapping[Scope, str] = {
    Scope.INGEST: "hand in rows",
    Scope.READ: "see every page but what single users cost",
    Scope.RESPOND: "take alerts on and silence them",
    Scope.FINANCE: "see what single users cost, decide about money",
    Scope.ADMIN: "everything",
}
COMES: Mapping[str, str] = {"local": "password or link", "oidc": "provider", "proxy": "proxy"}
HOW: Mapping[str, str] = {"password": "password", "link": "sign-in link", "oidc": "provider"}
EVER_DAYS = 36_500
