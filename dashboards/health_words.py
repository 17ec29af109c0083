"""Health checks in words, for screens. What a status is and where it comes from is `analytics.health`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboards import wording

STATUS_STATE = {"pass": "ok", "warn": "tight", "fail": "exhausted", "unknown": "unknown"}


def reason(check: Mapping[str, Any]) -> str:
    """A check in words: what it said, else its name and value."""
    if check["words"]:
        return str(check["words"])
    name = str(check["check_name"]).replace("_", " ")
    if check["value"] is None:
        return name
    return f"{name} {reading(check['value'], check['unit'])}"


def reading(value: float, unit: str | None) -> str:
    """A check's value with its unit."""
    unit = unit or ""
    if unit.startswith("1/"):
        return f"{wording.count(value)}{wording.THIN}{unit[1:]}"
    worded = wording.amount(value, unit)
    noun = wording.unit_word(unit)
    return f"{worded} {noun}".strip()
