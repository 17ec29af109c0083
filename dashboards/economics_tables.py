"""The tables of unit economics: by tier, by persona, by platform. Every table's lines add up to its foot."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from dash import html

from analytics.economics import Economics
from analytics.economics_answer import cents, rows_of
from analytics.economics_personas import PersonaRow
from analytics.economics_read import Told
from dashboards import wording
from dashboards.components.marks import badge, link
from dashboards.filters import Filters
from roomleft.money import CENT, MINUS, shares, shares_to, usd

GOOD, BAD = "gain", "loss"


def money(amount: Decimal | None, *, least: bool = False, places: int = 2) -> Any:
    """Dollars in a table; unknown is said, a lower bound marked."""
    if amount is None:
        return html.Span("unknown", className="dim")
    return f"{'≥' + wording.THIN if least else ''}{usd(amount, places)}"


def signed(amount: Decimal | None, *, most: bool = False) -> Any:
    """A margin: what is lost in the colour of a loss, with its sign, so that colour is not the only mark."""
    if amount is None:
        return html.Span("unknown", className="dim")
    words = f"{'≤' + wording.THIN if most else ''}{'+' if amount > 0 else ''}{usd(amount)}"
    return html.Span(words, className=f"strong {BAD if amount < 0 else GOOD}")


def percent(ratio: Decimal | None, *, least: bool = False) -> Any:
    """A ratio as per cent."""
    if ratio is None:
        return html.Span("unknown", className="dim")
    # One place for all: figures of a column stand under each other.
    words = f"{ratio * 100:,.1f}{wording.THIN}%".replace("-", MINUS)
    return f"{'≥' + wording.THIN if least else ''}{words}"


def table(
    title: str,
    note: Any,
    heads: Sequence[str],
    rows: Sequence[Sequence[Any]],
    foot: Sequence[Any] = (),
    *,
    name: str,
    under: Any = None,
) -> html.Div:
    """A table that becomes a card a row on a phone; the first column is text, the rest stand right."""
    body = [
        html.Tr([html.Td(html.Span(cell), className="num" if n else "", **{"data-head": heads[n]}) for n, cell in enumerate(row)])
        for row in rows
    ]
    ends = (
        [
            html.Tfoot(
                html.Tr(
                    [
                        html.Td(html.Span(cell), className="num" if n else "", **{"data-head": heads[n]})
                        for n, cell in enumerate(foot)
                    ]
                )
            )
        ]
        if foot
        else []
    )
    head = html.Thead(html.Tr([html.Th(each, scope="col", className="num" if n else "") for n, each in enumerate(heads)]))
    return html.Div(
        [
            html.Div([html.H2(title), html.Span(note, className="dim note-beside") if note else None], className="card-head table-head"),
            html.Div(html.Table([head, html.Tbody(body), *ends], className="plain-table economics-table"), className="table-scroll"),
            html.Div(under, className="card-context table-under") if under else None,
        ],
        className="card flush",
        **{"data-block": name},
    )  # fmt: skip


def tiers_table(told: Told) -> html.Div:
    """One line a tier, in the pack's order; every column adds up to its foot, and every line across to its margin, in the cents that are shown."""
    now, whole = told.now, cents(told.now)
    titles = {tier.name: tier.title for tier in told.pack.tiers}
    order = list(titles)
    tiers = sorted(now.tiers, key=lambda tier: order.index(tier.tier) if tier.tier in order else len(order))
    ai = _footing([tier.ai_usd for tier in tiers], whole["ai"])
    infrastructure = _footing([tier.infrastructure_usd for tier in tiers], whole["infrastructure"])
    revenue = iter(_footing([tier.revenue_usd for tier in tiers if tier.revenue_usd is not None], whole["revenue"]))
    rows = []
    for tier, ai_usd, part in zip(tiers, ai, infrastructure, strict=True):
        least, paid = tier.unpriced_requests > 0, None if tier.revenue_usd is None else next(revenue)
        rows.append(
            [
                titles.get(tier.tier, tier.tier) or "no tier given",
                f"{tier.users:,}",
                money(paid),
                money(ai_usd, least=least),
                money(part) if told.infrastructure_known else money(None),
                signed(None if paid is None else paid - ai_usd - part, most=least),
                "–" if tier.revenue_usd == 0 else percent(tier.api_share, least=least),
                money(tier.usd_per_user, least=least) if tier.users else "–",
            ]
        )
    foot = [
        "All",
        f"{now.users:,}",
        money(whole["revenue"]),
        money(whole["ai"], least=now.lower_bound),
        money(whole["infrastructure"]) if told.infrastructure_known else money(None),
        signed(whole["margin"], most=now.lower_bound),
        percent(now.api_share, least=now.lower_bound),
        money(now.per(now.users)["total_usd"], least=now.lower_bound) if now.users else "–",
    ]
    heads = ("Tier", "Active users", "Revenue", "AI cost", "Infrastructure", "Margin", "AI of revenue", "Cost a user")
    under = "A user counts in the tier they were in last; infrastructure is shared out by active users."
    return table("By tier", now.covered.words(), heads, rows, foot, name="tiers", under=under)


def _footing(parts: Sequence[Decimal], foot: Decimal | None) -> list[Decimal]:
    """The parts in cents that add up to the foot as it is shown; by themselves where they are not all of it."""
    if foot is None or abs(sum(parts, Decimal(0)) - foot) > CENT:
        return shares(parts)
    return shares_to(parts, foot)


def personas_table(told: Told) -> html.Div:
    """One line a persona: how many, what one costs a month, what they pay, and what the design says."""
    rows = rows_of(told)
    if not rows:
        words = told.personas.reason[:1].upper() + told.personas.reason[1:]
        return html.Div(
            [html.Div(html.H2("Personas"), className="card-head"), html.Div(f"{words}.", className="card-context")],
            className="card", **{"data-block": "personas"},
        )  # fmt: skip
    titles = {tier.name: tier.title for tier in told.pack.tiers}
    allowed = next((row.wanted_share for row in rows), None)
    heads = [
        "Persona", "Users", "AI cost a month", "Nine in ten", "Pays", "Result", "With infrastructure", "Breaks even at",
        *([f"AI is {wording.percent(allowed)} at"] if allowed else []), "Design",
    ]  # fmt: skip
    body = [_persona(row, titles, allowed) for row in rows]
    left = [f"{count} {why}" for why, count in told.personas.left_out.items() if count]
    under = f"Found in what {sum(row.found.users for row in rows):,} users used, by what that costs, brought to a month of 30.4375 days by the days each was there."
    under += f" Not told apart: {', '.join(left)}." if left else ""
    return table("By persona", "measured, beside the design", heads, body, name="personas", under=under)


def _persona(row: PersonaRow, titles: dict[str, str], allowed: Decimal | None) -> list[Any]:
    found, least = row.found, row.found.lower_bound
    tier = titles.get(found.tier or "", found.tier or "no tier")
    whose = tier if found.tier_share == 1 else f"{tier}, {wording.percent(found.tier_share, 0)} of them"
    said = "unknown" if row.profit_usd is None else row.result
    design = row.described
    cells: list[Any] = [
        row.title,
        f"{found.users:,} ({wording.percent(found.share)})",
        html.Span(money(found.usd_per_month, least=least), className="strong"),
        f"{usd(found.low_usd)}–{usd(found.high_usd)}",
        [money(row.price_usd), html.Span(f" {whose}", className="dim")],
        [signed(row.profit_usd, most=least), html.Span(f" {said}", className="dim")],
        signed(row.margin_usd, most=least),
        money(row.break_even_usd, least=least),
    ]
    if allowed:
        cells.append(money(row.share_price_usd, least=least))
    cells.append(
        "–"
        if design is None
        else html.Span(
            f"{usd(design.ai_usd_per_month)}"
            + (f", {design.share_percent}{wording.THIN}% of users" if design.share_percent is not None else "")
            + (f", {usd(row.designed_profit_usd)} left" if row.designed_profit_usd is not None else ""),
            className="dim",
        )
    )
    return cells


def platforms_table(found: Sequence[Told], filters: Filters) -> html.Div:
    """One line a platform; the name opens it."""
    heads = ("Platform", "Active users", "Revenue", "AI cost", "Infrastructure", "Margin", "AI of revenue", "Cost a user")
    rows = [[_name(told, filters), *_figures(told, told.now)] for told in found]
    return table("By platform", "whole days of each platform's own zone", heads, rows, _all_of(found), name="platforms")


def _all_of(found: Sequence[Told]) -> list[Any]:
    """The sums of the lines as they are shown; what one platform does not know, all together do not."""
    known = [told for told in found if told.read_to is not None and told.now.covered.days >= 1]
    if len(known) < 2:
        return []
    least, parts = any(told.now.lower_bound for told in known), [cents(told.now) for told in known]
    whole = len(known) == len(found)

    def sum_of(name: str) -> Decimal | None:
        amounts = [part[name] for part in parts]
        return sum((each for each in amounts if each is not None), Decimal(0)) if whole and None not in amounts else None

    revenue, ai, margin = sum_of("revenue"), sum_of("ai"), sum_of("margin")
    infrastructure = sum_of("infrastructure") if all(told.infrastructure_known for told in known) else None
    users = sum(told.now.users for told in known) if whole else 0
    cost = None if ai is None or infrastructure is None else ai + infrastructure
    return [
        "All", f"{users:,}" if whole else money(None), money(revenue), money(ai, least=least), money(infrastructure), signed(margin, most=least),
        percent(ai / revenue if revenue and ai is not None else None, least=least), money(cost / users if cost is not None and users else None, least=least),
    ]  # fmt: skip


def _name(told: Told, filters: Filters) -> list[Any]:
    marks = [badge("partial", "", told.now.covered.words())] if not told.now.whole else []
    return [link(told.pack.title, filters.href(platform=told.pack.slug)), " ", *marks]


def _figures(told: Told, now: Economics) -> list[Any]:
    if told.read_to is None or now.covered.days < 1:
        return [money(None) for _ in range(7)]
    least, whole = now.lower_bound, cents(now)
    return [
        f"{now.users:,}", money(whole["revenue"]), money(whole["ai"], least=least),
        money(whole["infrastructure"]) if told.infrastructure_known else money(None), signed(whole["margin"], most=least),
        percent(now.api_share, least=least), money(now.per(now.users)["total_usd"], least=least) if now.users else "–",
    ]  # fmt: skip
