"""The rules of the Allocation page: each in words, with who made it and from when it holds, and the buttons that make and withdraw one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from dash import html

from analytics.allocation import ASSIGNABLE, Rule
from dashboards import wording
from dashboards.components import states
from dashboards.components.marks import age, badge
from roomleft.packs import Pack

DIMENSIONS = {
    "team": "team", "project": "project", "feature": "feature", "environment": "environment", "cost_centre": "cost centre",
    "component": "component", "provider": "provider", "model": "model", "request_type": "request type", "tier": "tier", "api_key_hash": "API key",
}  # fmt: skip
OLD = timedelta(days=36_500)


def assign_button(
    words: str, dimension: str, platform: str, given: Mapping[str, str | None], since: datetime | None = None
) -> html.Button:
    """Opens the form of a rule, filled with what the usage says of itself."""
    said = {name: value for name, value in given.items() if value and name != "platform"}
    filled = {
        "dimension": dimension if dimension in ASSIGNABLE else "team",
        "platform": platform,
        "match": said,
        "since": f"{since:%Y-%m-%d}" if since else "",
    }
    return html.Button(words, className="button", **{"data-act": "allocate", "data-filled": json.dumps(filled)})


def rule_list(rules: Sequence[Rule], packs: Mapping[str, Pack], now: datetime) -> Any:
    """Every rule that stands, in the order they are asked."""
    title = html.H2(
        ["Rules ", html.Span("asked in this order; the first that fits counts", className="dim note-beside")],
        className="section-title",
    )
    if not rules:
        return [
            title,
            states.empty(
                "There are no mapping rules: usage is allocated by what it says of itself.",
                then="Assign a line above that has no team, and the answer becomes a rule.",
            ),
        ]
    body = []
    for rule in rules:
        begins, ends = f"{rule.valid_from:%Y-%m-%d %H:%M}", f"{rule.valid_to:%Y-%m-%d %H:%M}" if rule.valid_to else "for good"
        marks = [badge("override", title="Also replaces what usage says")] if rule.says.override else []
        if rule.says.priority:
            marks.append(badge(f"priority {rule.says.priority}"))
        if rule.valid_from > now:
            marks.append(badge("not yet"))
        elif rule.valid_to and rule.valid_to <= now:
            marks.append(badge("over"))
        whose = packs[rule.platform].title if rule.platform in packs else rule.platform or "all"
        button = html.Button(
            "Withdraw",
            className="button",
            **{"data-act": "withdraw-rule", "data-url": f"/api/v1/allocation/rules/{rule.id}/withdraw", "data-name": rule.name},
        )
        cells: list[tuple[str, Any, str]] = [
            (
                "Rule",
                [
                    html.Div([rule.name, *(item for mark in marks for item in (" ", mark))]),
                    html.Div(rule.note, className="dim") if rule.note else None,
                ],
                "allocation-says",
            ),
            ("Platform", whose, ""),
            ("If", html.Div(_match_words(rule)), "allocation-says"),
            ("Then", html.Div(_then_words(rule)), "allocation-says"),
            ("From, until (UTC)", [html.Div(begins), html.Div(ends, className="dim")], ""),
            ("By", [html.Div(rule.made_by), html.Div(age(rule.made_at, now, old=OLD), className="dim")], ""),
            ("", button, "num"),
        ]
        body.append(html.Tr([html.Td(cell, className=kind or None, **{"data-label": head}) for head, cell, kind in cells]))
    heads = ("Rule", "Platform", "If", "Then", "From, until (UTC)", "By", "")
    head = html.Tr([html.Th(name, scope="col") for name in heads])
    table = html.Table([html.Thead(head), html.Tbody(body)], className="plain-table cards")
    return [title, html.Div(html.Div(table, className="table-scroll"), className="card flush")]


def _match_words(rule: Rule) -> str:
    tests = [
        f"{DIMENSIONS.get(name, name)} is {' or '.join(short(value) or 'not said' for value in values)}"
        for name, values in rule.says.match.items()
    ]
    return ", ".join(tests) or "any usage"


def _then_words(rule: Rule) -> str:
    told = [f"{DIMENSIONS[name]} {short(value)}" for name, value in rule.says.assign.items()]
    for name, parts in rule.says.share.items():
        told.append(
            f"{DIMENSIONS[name]} "
            + ", ".join(f"{short(value)} {(part * 100).normalize():f}{wording.THIN}%" for value, part in parts.items())
        )
    return "; ".join(told)


def short(value: str) -> str:
    """A value that may be long, such as a hash: its beginning and end."""
    return value if len(value) <= 40 else f"{value[:18]}…{value[-8:]}"
