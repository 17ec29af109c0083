"""Every place of the product that has an address of its own, for the search: pages, their tabs, settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A place: its name, its address, the group it is listed in, and other words people look for it by."""

    name: str
    href: str
    group: str = "Pages"
    also: str = ""


PLACES: Sequence[Place] = (
    Place("Overview", "/", also="home start limits room left verdict"),
    Place("Platforms", "/platforms", also="health services homes"),
    Place("On call", "/on-call", also="alerts pages incidents firing"),
    Place("Silences", "/on-call/silences", also="mute maintenance on call"),
    Place("Deliveries", "/on-call/deliveries", also="notices sent outbox mail slack webhook on call"),
    Place("SLOs", "/slos", also="objectives error budget burn rate"),
    Place("Cost", "/cost", also="spend money explorer bill"),
    Place("Cost, calls", "/cost/rows", also="usage events requests rows ledger"),
    Place("Unit economics", "/cost/economics", also="revenue margin tier persona cost a user"),
    Place("Allocation", "/cost/allocation", also="unallocated shared teams chargeback"),
    Place("Budgets", "/budgets", also="quotas credits contracts money"),
    Place("Capacity, room left", "/capacity", also="headroom order by"),
    Place("Forecasts", "/capacity/forecasts", also="fan prediction runs out when"),
    Place("Unusual lately", "/capacity/forecasts#unusual-lately", also="anomalies odd outliers"),
    Place("Track record", "/capacity/track-record", also="accuracy backtest calibration reliability"),
    Place("Reports", "/reports", also="mail weekly archive recipients pdf"),
    Place("Glossary", "/glossary", "Help", also="words meaning terms definitions"),
    Place("API", "/api/docs", "Help", also="openapi routes programs"),
    Place("Sources", "/sources", "Settings", also="collectors connect exporter prometheus lag rejected refused quarantine"),
    Place("Prices", "/prices", "Settings", also="price list models providers tokens unpriced"),
    Place("People", "/people", "Settings", also="users roles passwords invite"),
    Place("Audit", "/audit", "Settings", also="who did what log history"),
    Place("Your account", "/account", "Settings", also="password sessions sign out theme"),
)
