"""Health checks, business days and deploys: few records a page, so each is judged on its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from collectors.platform_api.page_records import Records
from collectors.records import fields
from collectors.records.fields import Refusal
from collectors.records.instants import instants
from collectors.records.lines import table_of
from collectors.records.refused import Normalised, RefusedRows
from warehouse import tables

HEALTH_STATUSES = ("pass", "warn", "fail")
SAME_STATUS = {"ok": "pass", "up": "pass", "error": "fail", "down": "fail"}
"""Synonyms that application/health+json allows."""
DEPLOY_KINDS = ("deploy", "launch", "rollback")
WORDS_LIMIT = 1000
READ_HEALTH = pa.schema(
    [(name, pa.string()) for name in ("observed_at", "component", "check", "status")]
    + [("value", pa.float64()), ("unit", pa.string()), ("output", pa.string())]
)
MEASURES = {"value", "unit", "output"}

Clean = Callable[[Mapping[str, object]], dict[str, object]]


def health_table(records: Sequence[Mapping[str, object]], *, source: str, platform: str, now: datetime) -> Normalised:
    """Records of `/health-history` as `tables.HEALTH`. `output`, the issue in words, is cut at 1,000 characters."""
    quick = _health_by_lines(records, platform, now) if isinstance(records, Records) else None
    if quick is not None:
        return Normalised(quick, RefusedRows(source, "health", now).table())

    def clean(record: Mapping[str, object]) -> dict[str, object]:
        fields.check_keys(record, ("observed_at", "component", "check", "status", *MEASURES))
        status = record.get("status")
        return {
            "platform": platform,
            "component": fields.text(record, "component", required=True),
            "check_name": fields.text(record, "check", required=True),
            "observed_at": fields.instant(record, "observed_at", now),
            "status": fields.one_of({"status": SAME_STATUS.get(str(status), status)}, "status", HEALTH_STATUSES)
            or _missing("status"),
            "value": _reading(record.get("value")),
            "unit": fields.text(record, "unit"),
            "words": _words(record),
        }

    return _normalised(
        records, clean, tables.HEALTH, RefusedRows(source, "health", now, {"observed_at", "component", "check", "status"})
    )


def _health_by_lines(records: Records, platform: str, now: datetime) -> pa.Table | None:
    """All records at once, or None when any of them needs a closer look."""
    found = None if records.lines is None else table_of(records.lines, len(records), READ_HEALTH)
    if found is None or set(found.column_names) != set(READ_HEALTH.names):
        return None
    columns = {name: found.column(name).combine_chunks() for name in READ_HEALTH.names}
    try:
        at, doubtful = instants(columns["observed_at"], now, required=True)
    except pa.ArrowInvalid:
        return None
    doubtful |= ~np.asarray(pc.is_in(columns["status"], value_set=pa.array(HEALTH_STATUSES)))
    for name, least in (("component", 1), ("check", 1), ("unit", 0)):
        lengths = pc.binary_length(columns[name])
        doubtful |= np.asarray(pc.fill_null(pc.or_(pc.less(lengths, least), pc.greater(lengths, fields.TEXT_LIMIT)), least > 0))
    if doubtful.any():
        return None
    unit, words = (pc.if_else(pc.equal(columns[name], ""), None, columns[name]) for name in ("unit", "output"))
    row = [pa.repeat(pa.scalar(platform, pa.string()), found.num_rows), columns["component"], columns["check"], at]
    row += [columns["status"], columns["value"], unit, pc.utf8_slice_codeunits(words, 0, WORDS_LIMIT)]
    names = ("platform", "component", "check_name", "observed_at", "status", "value", "unit", "words")
    return pa.table(dict(zip(names, row, strict=True))).select(tables.HEALTH.names).cast(tables.HEALTH)


def business_table(
    records: Sequence[Mapping[str, object]], *, source: str, platform: str | None, known_platforms: Collection[str], now: datetime
) -> Normalised:
    """Business days as `tables.BUSINESS`. `revenue_usd` is a decimal string; refunds may make it negative."""
    counts = ("active_users", "new_users", "returning_users", "converted_users")

    def clean(record: Mapping[str, object]) -> dict[str, object]:
        fields.check_keys(record, ("platform", "day", "tier", *counts, "revenue_usd", "satisfaction"))
        return {
            "platform": fields.platform(record, platform, known_platforms),
            "source": source,
            "day": fields.calendar_day(record, "day", now),
            "tier": fields.text(record, "tier", required=True),
            **{name: fields.count(record, name) for name in counts},
            "revenue_usd": fields.money(record, "revenue_usd", required=True, negative=True),
            "satisfaction": fields.number(record, "satisfaction"),
        }

    return _normalised(
        records, clean, tables.BUSINESS, RefusedRows(source, "business", now, {"platform", "day", "tier", "revenue_usd"})
    )


def deploys_table(records: Sequence[Mapping[str, object]], *, source: str, platform: str, now: datetime) -> Normalised:
    """Deploy markers as `tables.DEPLOYS`."""
    names = ("id", "deployed_at", "component", "version", "title", "kind")

    def clean(record: Mapping[str, object]) -> dict[str, object]:
        fields.check_keys(record, names)
        return {
            "platform": platform,
            "deploy_id": fields.text(record, "id", required=True),
            "deployed_at": fields.instant(record, "deployed_at", now),
            "component": fields.text(record, "component"),
            "version": fields.text(record, "version"),
            "title": fields.text(record, "title", required=True),
            "kind": fields.one_of(record, "kind", DEPLOY_KINDS, "deploy"),
        }

    return _normalised(records, clean, tables.DEPLOYS, RefusedRows(source, "deploys", now, names))


def live_health(body: Mapping[str, object], *, source: str, platform: str, now: datetime) -> Normalised:
    """An `application/health+json` answer as `tables.HEALTH`: one row a check, and one for the platform's own verdict (`overall`)."""
    said_at = body.get("time") or now.isoformat()
    overall = {
        "component": platform,
        "check": "overall",
        "status": body.get("status"),
        "observed_at": said_at,
        "output": body.get("output"),
    }
    records: list[Mapping[str, object]] = [overall]
    checks = body.get("checks") or {}
    if not isinstance(checks, Mapping):
        checks = {}
    for name, answers in checks.items():
        component, _, measurement = str(name).partition(":")
        for place, answer in enumerate(answers if isinstance(answers, list) else [answers]):
            said = answer if isinstance(answer, Mapping) else {}
            # Several answers to one check (nodes of a cluster) are told apart by componentId.
            check = measurement or "status"
            records.append(
                {
                    "component": component or platform,
                    "check": check if place == 0 else f"{check} {said.get('componentId') or place + 1}",
                    "status": said.get("status", body.get("status")),
                    "observed_at": said.get("time") or said_at,
                    "value": said.get("observedValue"),
                    "unit": said.get("observedUnit"),
                    "output": said.get("output"),
                }
            )
    return health_table(records, source=source, platform=platform, now=now)


def _normalised(records: Sequence[object], clean: Clean, schema: pa.Schema, refused: RefusedRows) -> Normalised:
    rows = []
    for line, record in enumerate(records, start=1):
        try:
            if not isinstance(record, Mapping):
                raise Refusal(None, f"a record is a JSON object, not {fields.shown(record)}")
            rows.append(clean(record))
        except Refusal as refusal:
            refused.add(refusal, line, record)
    return Normalised(pa.table({name: [row[name] for row in rows] for name in schema.names}, schema=schema), refused.table())


def _missing(field: str) -> str:
    raise Refusal(field, "is required")


def _reading(value: object) -> float | None:
    """A check's number; a value that is no number (a version, a map) has no place in the column and is left to its words."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _words(record: Mapping[str, object]) -> str | None:
    words = record.get("output")
    return words[:WORDS_LIMIT] if isinstance(words, str) and words else None
