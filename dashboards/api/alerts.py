"""The HTTP API of alerts: rules and alerts in the shape of Prometheus' API, with details of our own beside, and the ledger of deliveries."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

import yaml
from fastapi import APIRouter, Query, Request, Response

from alerts.alert import Alert
from dashboards import alert_rows
from dashboards.alert_lines import alert_lines, evaluated
from dashboards.alert_page_html import plain_when
from dashboards.alert_words import AlertLine, began_at, is_unknown
from dashboards.api.answers import answer
from dashboards.filters import parse
from dashboards.pages.on_call_deliveries import COLUMNS, CSV_PATH, DAYS, deliveries_csv, deliveries_told, shown
from dashboards.parts import Parts
from roomleft.errors import InputError
from roomleft.findings import AlertState, Unknown, fingerprint
from roomleft.rules import Rule

NEVER = "0001-01-01T00:00:00Z"
"""What Prometheus answers for a rule that was not evaluated yet."""
AT_LINE = re.compile(r"(:\d+|, line \d+)$")
ORDER = ("firing", "pending", "unknown", "inactive")
"""A rule's state is the first of these that one of its alerts is in."""
DESCRIBED_RULES = (
    "The shape of Prometheus' `/api/v1/rules`. `query` is the condition as it stands in its file. A rule's `state` may be `unknown` as well, its "
    "`health` is `err` where it could not be evaluated. Own keys: `ruleId`, `title`, `owner`, `runbook`, `onNoData`, `where`."
)
DESCRIBED_ALERTS = (
    "The shape of Prometheus' `/api/v1/alerts`: what is pending and what fires, and, with the state `unknown`, what nobody knows of. Own keys: "
    "`ruleId`, `fingerprint` (of all labels, as Alertmanager tells alerts apart), `key` (with `ruleId` the name of the alert's page), `episode`, `firingSince`, `unit`, `limit`, `reason`, `observedAt`, `unknownSince`, `unknownWhy`, `acknowledgedBy`, `quiet`."
)
DESCRIBED_DELIVERIES = (
    "Every attempt to tell somebody and its answer, and every notice withheld and why, newest first, of the last 30 days."
)


def make_alert_api(parts: Parts) -> APIRouter:
    """Routes /api/v1/rules, /api/v1/alerts, /api/v1/deliveries and the deliveries' CSV."""
    router = APIRouter()

    @router.get(
        "/api/v1/rules", summary="The alert rules in force, as Prometheus tells them", description=DESCRIBED_RULES, tags=["read"]
    )
    async def rules(
        type: str = "",
        rule_name: Annotated[list[str] | None, Query(alias="rule_name[]")] = None,
        rule_group: Annotated[list[str] | None, Query(alias="rule_group[]")] = None,
        exclude_alerts: bool = False,
        platform: str | None = None,
    ) -> Response:
        if type not in ("", "alert", "record"):
            raise InputError(f"unknown type {type[:40]!r}", "the parameter type", "alert or record")
        now = parts.clock.now()
        lines = await asyncio.to_thread(alert_lines, parts, now)
        kept = [
            rule
            for rule in parts.rules.values()
            if type != "record"
            and (not rule_name or rule.alert in rule_name)
            and (not rule_group or rule.group in rule_group)
            and platform in (None, rule.platform)
        ]
        return answer({"status": "success", "data": {"groups": groups_of(kept, lines, parts, without_alerts=exclude_alerts)}})

    @router.get("/api/v1/alerts", summary="The alerts, as Prometheus tells them", description=DESCRIBED_ALERTS, tags=["read"])
    async def alerts(platform: str | None = None) -> Response:
        lines = await asyncio.to_thread(alert_lines, parts, parts.clock.now())
        told = [alert_answer(line) for line in lines if line.group != "resolved" and platform in (None, line.alert.platform)]
        return answer({"status": "success", "data": {"alerts": told}})

    @router.get("/api/v1/deliveries", summary="Every attempt to tell somebody", description=DESCRIBED_DELIVERIES, tags=["read"])
    async def deliveries(episode: str | None = None, outcome: str | None = None, receiver: str | None = None) -> Response:
        rows = await asyncio.to_thread(_deliveries, parts, episode)
        kept = [each for each in rows if outcome in (None, each.outcome) and receiver in (None, each.receiver)]
        return answer([{name: getattr(each, name) for name in ("id", *COLUMNS)} for each in kept])

    @router.get(CSV_PATH, include_in_schema=False)
    async def as_csv(request: Request) -> Response:
        rows = shown(await asyncio.to_thread(_deliveries, parts, None), parse(CSV_PATH, request.url.query))
        return Response(
            deliveries_csv(rows),
            media_type="text/csv; charset=utf-8",
            headers={"content-disposition": 'attachment; filename="deliveries.csv"', "cache-control": "no-store"},
        )

    return router


def _deliveries(parts: Parts, episode: str | None) -> list[alert_rows.Delivery]:
    since = parts.state.clock.now() - timedelta(days=DAYS)
    return deliveries_told(alert_rows.deliveries(parts.state, episode=episode, since=since))


def groups_of(rules: Sequence[Rule], lines: Sequence[AlertLine], parts: Parts, *, without_alerts: bool) -> list[dict[str, Any]]:
    """The rules by group, in their order."""
    by_rule: dict[str, list[AlertLine]] = {}
    for line in lines:
        by_rule.setdefault(line.alert.rule_id, []).append(line)
    evaluated_at, took_s = evaluated(parts)
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for rule in rules:
        file = AT_LINE.sub("", rule.where)
        group = groups.setdefault(
            (file, rule.group),
            {
                "name": rule.group,
                "file": file,
                "interval": (rule.interval or timedelta(seconds=parts.settings.measure_every_s)).total_seconds(),
                "limit": rule.limit or 0,
                "evaluationTime": took_s,
                "lastEvaluation": evaluated_at or NEVER,
                "rules": [],
            },
        )
        group["rules"].append(rule_answer(rule, by_rule.get(rule.rule_id, []), evaluated_at, took_s, without_alerts))
    return list(groups.values())


def rule_answer(
    rule: Rule, lines: Sequence[AlertLine], evaluated_at: datetime | None, took_s: float, without_alerts: bool
) -> dict[str, Any]:
    """One rule as Prometheus tells it. Its alerts are those pending, firing or unknown."""
    live = [line for line in lines if line.group != "resolved"]
    states = {_state(line.alert) for line in live}
    failed = next((line.alert.unknown_words for line in lines if line.alert.unknown_why is Unknown.ERROR), "")
    return {
        "state": next((state for state in ORDER if state in states), "inactive"),
        "name": rule.alert,
        "query": query_of(rule),
        "duration": rule.hold.total_seconds(),
        "keepFiringFor": rule.keep_firing_for.total_seconds(),
        "labels": {name: value for name, value in rule.labels.items() if name != "alertname"},
        "annotations": dict(rule.annotations),
        "alerts": [] if without_alerts else [alert_answer(line) for line in live],
        "health": "err" if failed else "ok" if evaluated_at else "unknown",
        **({"lastError": failed} if failed else {}),
        "evaluationTime": took_s,
        "lastEvaluation": evaluated_at or NEVER,
        "type": "alerting",
        "ruleId": rule.rule_id,
        "title": rule.title,
        "owner": rule.owner,
        "runbook": rule.runbook,
        "onNoData": rule.on_no_data,
        "where": rule.where,
    }


def alert_answer(line: AlertLine) -> dict[str, Any]:
    """One alert as Prometheus tells it."""
    alert = line.alert
    return {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "state": _state(alert),
        "activeAt": began_at(alert),
        "value": number(alert.value),
        **({"keepFiringSince": alert.cleared_since} if alert.cleared_since and alert.state is AlertState.FIRING else {}),
        "ruleId": alert.rule_id,
        "fingerprint": fingerprint(alert.labels),
        "key": alert.fingerprint,
        "episode": alert.episode,
        "title": line.title,
        "firingSince": alert.fired_at,
        "unit": alert.unit,
        "limit": number(alert.line) if alert.line is not None else None,
        "reason": alert.reason,
        "observedAt": alert.observed_at,
        "unknownSince": alert.unknown_since,
        "unknownWhy": alert.unknown_words if is_unknown(alert) else "",
        "acknowledgedBy": line.taken.who if line.taken else "",
        "quiet": line.quiet,
    }


def _state(alert: Alert) -> str:
    if alert.state in (AlertState.FIRING, AlertState.PENDING):
        return str(alert.state)
    return "unknown" if is_unknown(alert) else "inactive"


def number(value: Decimal | None) -> str:
    """A reading as Prometheus writes it: the shortest text of a float, with an exponent; `NaN` for none."""
    if value is None:
        return "NaN"
    sign, digits, exponent = Decimal(repr(float(value))).normalize().as_tuple()
    if not isinstance(exponent, int):
        return "NaN"
    text = "".join(map(str, digits))
    power = exponent + len(text) - 1
    return f"{'-' if sign else ''}{text[0]}{f'.{text[1:]}' if len(text) > 1 else ''}e{power:+03d}"


def query_of(rule: Rule) -> str:
    """A rule's condition in one line, as its file may write it."""
    text = yaml.safe_dump(plain_when(rule.when), default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6)
    return text.strip()
