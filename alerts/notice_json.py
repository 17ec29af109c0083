"""A notice as the text that the outbox keeps, and back. Keys are sorted, instants are RFC 3339 in UTC."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from alerts.notice import Kind, Notice, NoticeAlert, Why

INSTANTS = ("since", "resolved_at", "observed_at", "fired_at")


def notice_text(notice: Notice) -> str:
    """The notice as JSON."""
    return json.dumps(notice_document(notice), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def notice_document(notice: Notice) -> dict[str, Any]:
    """The notice as plain JSON values."""
    document = _plain(notice)
    document["alerts"] = [_plain(alert) for alert in notice.alerts]
    return document


def notice_of(text: str) -> Notice:
    """The notice that `notice_text` wrote. Fields that a later version added are left out; ValueError for a text that is none."""
    document = json.loads(text)
    try:
        known = _known(Notice, document)
        known["alerts"] = tuple(_alert(each) for each in document["alerts"])
        known["kind"], known["why"] = Kind(known["kind"]), Why(known["why"])
        known["made_at"] = datetime.fromisoformat(known["made_at"])
        known["changed"] = tuple(known.get("changed", ()))
        return Notice(**known)
    except (KeyError, TypeError) as error:
        raise ValueError(f"this is no notice: {error}") from error


def _alert(document: Mapping[str, Any]) -> NoticeAlert:
    known = _known(NoticeAlert, document)
    for name in INSTANTS:
        if known.get(name) is not None:
            known[name] = datetime.fromisoformat(known[name])
    return NoticeAlert(**known)


def _known(kind: type, document: Mapping[str, Any]) -> dict[str, Any]:
    names = {field.name for field in dataclasses.fields(kind)}
    return {name: value for name, value in document.items() if name in names}


def _plain(thing: Any) -> dict[str, Any]:
    return {field.name: _value(getattr(thing, field.name)) for field in dataclasses.fields(thing)}


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(key): str(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return list(value)
    return value
