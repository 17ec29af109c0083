"""A platform's Deploys tab: what was deployed, launched and rolled back in the range, and what changed with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from dash import Dash, html

from analytics.deploy_effect import MOST, Effect, Measured, Side, deploy_effects
from dashboards import reads, wording
from dashboards.block import Pages
from dashboards.components import states
from dashboards.components.marks import age, badge, link
from dashboards.components.tables import table_card
from dashboards.filters import Filters
from dashboards.pages.platform_tab import of_platform
from roomleft.money import usd

EVER = timedelta(days=36_500)
"""A deploy does not go stale."""
KIND_BADGES = {"rollback": "warn", "launch": "", "deploy": ""}
HEADS = ("When", "Kind", "What", "Errors", "p99", "Cost a call", "Calls", "Age")


class Id(StrEnum):
    """Ids of this tab."""

    DEPLOYS = "platform-deploys"


def layout() -> list[Any]:
    """A skeleton."""
    return [html.Div(states.skeleton(320), id=Id.DEPLOYS)]


def deploy_table(
    deploys: Sequence[Mapping[str, Any]], effects: Mapping[datetime, Effect], filters: Filters, now: datetime
) -> html.Div:
    """Deploys, launches and rollbacks, newest first, each with its hour before and after."""
    rows = []
    for each in deploys:
        told = effects.get(each["deployed_at"])
        version = html.Span([" ", html.Span(each["version"], className="mono")]) if each["version"] else None
        rows.append(
            [
                wording.moment(each["deployed_at"], now, filters.zone),
                badge(each["kind"], KIND_BADGES.get(each["kind"], "")),
                html.Div([html.Strong(each["component"]) if each["component"] else None, version, html.Div(each["title"], className="dim", style={"whiteSpace": "normal"})]),
                changed(told, lambda side: side.error_rate, _percent),
                changed(told, lambda side: side.p99_ms, wording.latency),
                changed(told, lambda side: side.usd_per_call, _dollars),
                _calls(told),
                age(each["deployed_at"], now, old=EVER),
            ]
        )  # fmt: skip
    under = (
        "All AI calls of the platform in the hour before and after, less where another deploy or now is nearer. In brackets: the range that holds "
        "the true figure 95 times in 100. Bold: the two ranges do not touch, so chance alone hardly explains it."
    )
    if len(deploys) > MOST:
        under += f" Before and after are told of the newest {MOST}."
    return table_card(
        "Deploys", HEADS, rows, numbers=(6, 7), note=filters.range_words.lower(), under=under, name="deploys", cards=True
    )


def changed(told: Effect | None, pick: Callable[[Side], Measured | None], words: Callable[[float], str]) -> Any:
    """`0.4 % → 1.9 %` above both ranges; set off where they lie apart."""
    before, after = (pick(side) for side in (told.before, told.after)) if told else (None, None)
    if before is None and after is None:
        return "–"
    line = f"{words(before.value) if before else 'none'} → {words(after.value) if after else 'none yet'}"
    apart = before is not None and after is not None and before.apart(after)
    ranges = " → ".join(_range(each, words) for each in (before, after))
    return html.Div([html.Strong(line) if apart else line, html.Div(ranges, className="dim")], className="wrap")


def _range(each: Measured | None, words: Callable[[float], str]) -> str:
    if each is None or (each.low is None and each.high is None):
        return "–"
    if each.high is None or each.low is None:
        return f"(at least {words(each.low)})" if each.low is not None else "–"
    return f"({words(each.low)} to {words(each.high)})"


def _calls(told: Effect | None) -> str:
    return f"{told.before.requests:,} → {told.after.requests:,}" if told else "–"


def _percent(share: float) -> str:
    return wording.percent(share, 2) if share < 0.01 else wording.percent(share)


def _dollars(amount: float) -> str:
    return usd(Decimal(str(round(amount, 9))), 4 if amount < 1 else 2)


def register(app: Dash, pages: Pages) -> None:
    """Connects the tab."""
    parts = pages.parts

    async def deployed(filters: Filters, now: datetime, slug: str) -> Any:
        deploys = await pages.read(("deploys", slug, filters.when), lambda: reads.deploys(parts.store, slug, filters.span(now)))
        if not deploys:
            wider = link("Last 90 d", filters.href(range="90d"), "button")
            return states.empty(f"No deploy of {slug} in this range ({filters.range_words.lower()}).", [wider])
        ats = [each["deployed_at"] for each in deploys]
        effects = await pages.read(("effects", slug, filters.when), lambda: deploy_effects(parts.store, slug, ats, now))
        return deploy_table(deploys, effects, filters, now)

    of_platform(app, pages, Id.DEPLOYS, deployed)
