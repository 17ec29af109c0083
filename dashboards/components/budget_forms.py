"""The forms of the Budgets page, as buttons that carry them: the browser draws the dialog (f-budgets.js) and sends what was filled in to the API,
which checks it. Dash has no plain fields, and a form drawn by a callback would lose what was typed at the next tick."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from dash import html

from dashboards.budget_amounts import one_of
from dashboards.budget_rows import BudgetRow
from roomleft.packs import Pack
from roomleft.packs_write import span_text
from roomleft.timespan import Period, Window

Field = dict[str, Any]
PERIODS = (
    ("day", "a day"),
    ("week", "a week"),
    ("month", "a month"),
    ("quarter", "a quarter"),
    ("year", "a year"),
    ("rolling", "rolling"),
)
COUNTED = (
    ("cost:usd", "cost in dollars"), ("count:requests", "requests"), ("count:tokens", "tokens"), ("count:images", "images"),
    ("count:characters", "characters"),
)  # fmt: skip
WHERE = (
    ("provider", "Provider"), ("model", "Model"), ("feature", "Feature"), ("team", "Team"), ("project", "Project"),
    ("environment", "Environment"), ("cost_centre", "Cost centre"), ("tier", "Tier"), ("api_key", "API key (hash)"), ("user", "User (pseudonym)"),
)  # fmt: skip
EFFECTIVE = (
    {"name": "from", "label": "Holds from (empty: now)", "type": "date", "half": True},
    {"name": "reason", "label": "Why", "half": True},
)


def form_button(
    words: str, title: str, url: str, method: str, fields: Sequence[Field], submit: str, className: str = "button"
) -> html.Button:
    """A button that opens a form; admin alone may send it, which the API sees to."""
    told = {"title": title, "url": url, "method": method, "fields": list(fields), "submit": submit}
    return html.Button(words, className=className, **{"data-act": "budget-form", "data-form": json.dumps(told)})


def take_back_button(decision: int, what: str) -> html.Button:
    """Takes a decision back after asking."""
    told = {
        "url": f"/api/v1/decisions/{decision}",
        "method": "DELETE",
        "ask": f"Take back: {what}? What held before holds again.",
    }
    return html.Button("Take back", className="button", **{"data-act": "budget-do", "data-form": json.dumps(told)})


def edit_button(each: BudgetRow, pack: Pack) -> html.Button:
    """The form of what can be changed of a limit."""
    limit = each.row.limit
    spec = pack.limit_spec(limit.limit_id)
    fields: list[Field] = []
    if spec.amount is not None:
        unit = {"usd": "dollars"}.get(limit.unit, limit.unit.replace("_", " "))
        per = each.written_per
        of_each = f" for each {one_of(per)}" if per is not None and limit.amount_per else ""
        fields.append({"name": "amount", "label": f"Amount ({unit}{of_each})", "value": plain(limit.amount), "half": True})
        if per is not None:
            options = [[per, f"{unit} for each {one_of(per)}"], ["", f"{unit} for the whole period"]]
            fields.append(
                {"name": "amount_per", "label": "The amount is", "type": "select", "options": options, "value": limit.amount_per or "",
                 "half": True, "with": "amount", "empty": "null"}
            )  # fmt: skip
    fields.append(
        {"name": "tight_below", "label": "Tight below (0.1 = 10 % left)", "value": plain(limit.tight_below), "half": True}
    )
    if limit.window is not None and spec.objective_percent is None:
        fields += window_fields(limit.window, per_user=limit.per_user)
    if spec.amount is not None and spec.amount_per is None and not limit.per_user and limit.window is not None:
        fields.append(
            {"name": "rollover", "label": "What a period leaves is added to the next", "type": "check", "value": limit.rollover}
        )
    fields += people(limit.owner, limit.recipients)
    fields.append({"name": "note", "label": "Note", "value": limit.note, "type": "text"})
    url = f"/api/v1/budgets/{quote(limit.limit_id)}"
    return form_button("Edit", limit.title, url, "PUT", [*fields, *EFFECTIVE], "Keep")


def end_button(each: BudgetRow) -> html.Button:
    """Ends a budget made in the app."""
    limit = each.row.limit
    url = f"/api/v1/budgets/{quote(limit.limit_id)}/end"
    return form_button("End", f"End {limit.title}", url, "POST", EFFECTIVE, "End it")


def new_budget_button(packs: Mapping[str, Pack], platform: str | None) -> html.Button:
    """The form of a budget that no pack has."""
    slugs = [platform] if platform in packs else list(packs)
    fields: list[Field] = [
        {
            "name": "platform",
            "label": "Platform",
            "type": "select",
            "options": [[slug, packs[slug].title] for slug in slugs if slug],
            "half": True,
        },
        {
            "name": "limit.kind",
            "label": "Kind",
            "type": "select",
            "options": [["budget", "Budget"], ["quota", "Quota"]],
            "half": True,
        },
        {"name": "limit.title", "label": "Title", "required": True},
        {"name": "limit.amount", "label": "Amount", "required": True, "half": True},
        {"name": "counts", "label": "Of", "type": "select", "options": [list(each) for each in COUNTED], "half": True},
        *window_fields(Window(Period.MONTH), prefix="limit."),
        {"name": "limit.rollover", "label": "What a period leaves is added to the next", "type": "check", "value": False},
        {"name": "limit.per_user", "label": "For each user apart", "type": "check", "value": False},
        {"type": "heading", "label": "Only usage of (empty: all; several with commas)"},
        *({"name": f"meter.where.{name}", "label": words, "half": True} for name, words in WHERE),
        *people("", (), prefix="limit."),
        {"name": "even_if_unseen", "label": "Keep it although no usage has had such values yet", "type": "check", "value": False},
        {"name": "limit.note", "label": "Note", "type": "text"},
        *EFFECTIVE,
    ]
    return form_button("New budget", "New budget or quota", "/api/v1/budgets", "POST", fields, "Add it", "button primary")


def credit_button(words: str = "New credit", filled: Mapping[str, Any] | None = None) -> html.Button:
    """The form of a prepaid credit, or of its correction."""
    had = filled or {}
    fields: list[Field] = [
        *([{"name": "id", "type": "hidden", "value": had["id"]}] if "id" in had else []),
        *([{"name": "platform", "type": "hidden", "value": had["platform"]}] if had.get("platform") else []),
        {"name": "title", "label": "Title", "required": True, "value": had.get("title", "")},
        {"name": "provider", "label": "Provider", "required": True, "half": True, "value": had.get("provider", "")},
        {"name": "amount_usd", "label": "Amount (usd)", "required": True, "half": True, "value": had.get("amount_usd", "")},
        {"name": "starts", "label": "From", "type": "date", "required": True, "half": True, "value": had.get("starts", "")},
        {
            "name": "expires",
            "label": "Last day (empty: does not expire)",
            "type": "date",
            "half": True,
            "value": had.get("expires", ""),
        },
        {"name": "zone", "label": "Days of the zone", "value": had.get("zone", "UTC")},
        *people(had.get("owner", ""), had.get("recipients", ())),
        {"name": "note", "label": "Note", "type": "text", "value": had.get("note", "")},
        {"name": "reason", "label": "Why"},
    ]
    title = f"Correct {had['title']}" if filled else "New prepaid credit"
    return form_button(words, title, "/api/v1/credits", "POST", fields, "Keep")


def contract_button(packs: Mapping[str, Pack]) -> html.Button:
    """The form of what was agreed with a provider. Prices by unit go through the API, which takes them too."""
    whose = [["", "all platforms"], *([slug, pack.title] for slug, pack in packs.items())]
    fields: list[Field] = [
        {"name": "provider", "label": "Provider", "required": True, "half": True},
        {"name": "model", "label": "Model (empty: all)", "half": True},
        {"name": "percent_off", "label": "Per cent off the list price", "required": True, "half": True},
        {"name": "platform", "label": "Of", "type": "select", "options": whose, "half": True},
        {"name": "from", "label": "From 00:00 UTC of (empty: now)", "type": "date", "half": True},
        {"name": "until", "label": "Until (UTC), if it ends", "type": "date", "half": True},
        {"name": "note", "label": "Note"},
    ]
    return form_button("New contract", "Agreed with a provider", "/api/v1/contracts", "POST", fields, "Keep")


def window_fields(window: Window, *, prefix: str = "", per_user: bool = False) -> list[Field]:
    """The fields that make up a window."""
    periods = [list(each) for each in PERIODS if each[0] != "rolling" or not per_user]
    span = span_text(window.span) if window.span is not None else span_text(timedelta(days=30))
    own = f"{prefix}window."
    return [
        {"name": f"{own}period", "label": "Period", "type": "select", "options": periods, "value": window.period.value, "half": True},
        {"name": f"{own}zone", "label": "Its zone", "value": window.zone.key, "half": True, "unless": [f"{own}period", "rolling"]},
        {"name": f"{own}rolling", "label": "The last", "value": span, "half": True, "when": [f"{own}period", "rolling"]},
        {"name": f"{own}year_starts", "label": "Fiscal year begins in month", "value": str(window.year_starts), "half": True,
         "when": [f"{own}period", "quarter", "year"]},
    ]  # fmt: skip


def people(owner: str, recipients: Sequence[str], prefix: str = "") -> list[Field]:
    """Whose it is, and who is told."""
    return [
        {"name": f"{prefix}owner", "label": "Owner", "value": owner, "half": True},
        {
            "name": f"{prefix}recipients",
            "label": "Recipients (e-mail, with commas)",
            "value": ", ".join(recipients),
            "half": True,
        },
    ]


def plain(value: Decimal) -> str:
    """A decimal as a person would type it."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
