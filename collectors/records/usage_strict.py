"""One usage record, judged field by field: either its cleaned values, or a `Refusal` that names the field."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from collectors.records import fields
from collectors.records.fields import Refusal
from collectors.records.usage_fields import COUNTS, FIELDS, NUMBERS, TEXTS


def clean(record: object, *, platform: str | None, known_platforms: Collection[str], now: datetime) -> dict[str, object]:
    """The values of a record, typed, defaults filled in, tokens not yet split. Raises Refusal."""
    if not isinstance(record, Mapping):
        raise Refusal(None, f"a usage record is a JSON object, not {fields.shown(record)}")
    fields.check_keys(record, FIELDS, "; anything else belongs in attributes, a map of strings")
    values: dict[str, object] = {name: fields.text(record, name) for name in TEXTS}
    values["id"] = fields.text(record, "id", required=True)
    values["platform"] = fields.platform(record, platform, known_platforms)
    values["occurred_at"] = at = fields.instant(record, "occurred_at", now)
    values["period_end"] = end = fields.instant(record, "period_end", now, required=False)
    values["status"] = fields.one_of(record, "status", fields.STATUSES, "ok")
    values["urgency"] = fields.one_of(record, "urgency", fields.URGENCIES)
    for name in COUNTS:
        values[name] = fields.count(record, name, default=1 if name == "requests" else 0)
    for name in NUMBERS:
        values[name] = fields.number(record, name, most=fields.MOST.get(name))
    amount = fields.money(record, "reported_cost_usd")
    values["reported_cost_usd"] = None if amount is None else f"{amount:f}"
    values["attributes"] = fields.text_map(record, "attributes")
    values["tags"] = fields.text_map(record, "tags")
    values["other_units"] = fields.number_map(record, "other_units")
    if end is not None and at is not None and end <= at:
        raise Refusal("period_end", "must be after occurred_at")
    if values["requests"] != 1 and end is None:
        raise Refusal("requests", "a row of several requests needs period_end, the end of the time it covers")
    _check_parts(values)
    return values


def _check_parts(values: Mapping[str, object]) -> None:
    total, read, write = (int(str(values[name])) for name in ("input_tokens", "cache_read_tokens", "cache_write_tokens"))
    if read + write > total:
        raise Refusal(
            "input_tokens",
            f"cached tokens ({read:,} read + {write:,} written) are more than input_tokens ({total:,}); "
            "input_tokens is the provider's total, cached tokens included",
        )
    output, reasoning = int(str(values["output_tokens"])), int(str(values["reasoning_tokens"]))
    if reasoning > output:
        raise Refusal("reasoning_tokens", f"{reasoning:,} are more than output_tokens ({output:,}), of which they are a part")
