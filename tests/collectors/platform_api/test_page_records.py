"""Records taken out of a page's body as lines say what parsing the body says, or are parsed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from collectors.platform_api.page_records import taken_apart
from collectors.records.samples_rows import samples_table
from collectors.records.small_rows import health_table
from collectors.records.usage_rows import usage_table

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
AT = "2026-11-20T11:00:00Z"
HEAD: dict[str, Any] = {"after": None, "next": "c", "more": False}


def usage(**more: Any) -> dict[str, Any]:
    return {"id": "a", "occurred_at": AT, "input_tokens": 3, **more}


def sample(**more: Any) -> dict[str, Any]:
    return {"observed_at": AT, "component": "db", "name": "size", "labels": {}, "value": 1, **more}


def check(**more: Any) -> dict[str, Any]:
    return {
        "observed_at": AT,
        "component": "db",
        "check": "size",
        "status": "pass",
        "value": 1.5,
        "unit": "ms",
        "output": "",
        **more,
    }


RECORDS = {
    "plain": ("usage", [usage(), usage(id="b", model="m")]),
    "what stands between objects, inside a text": ("usage", [usage(id="a},{b"), usage(id='x"},{"y'), usage(id="z")]),
    "nested lists": ("usage", [usage(tags=[{"a": 1}, {"b": 2}]), usage(id="b")]),
    "maps": ("usage", [usage(attributes={"k": "v"}), usage(id="b", tags={"t": "u"})]),
    "no object": ("usage", [usage(), None, 7, "text", [usage(id="c")], usage(id="d")]),
    "one bad field": ("usage", [usage(), usage(id="b", input_tokens="many"), usage(id="c")]),
    "samples with labels": (
        "samples",
        [sample(labels={"a": "1"}), sample(name="n", labels={"b": "2", "a": "3"}), sample(name="m")],
    ),
    "samples without labels": ("samples", [{k: v for k, v in sample(name=n).items() if k != "labels"} for n in "ab"]),
    "special readings": ("samples", [sample(), sample(name="n", value="NaN"), sample(name="m", value=None)]),
    "a reading left out": ("samples", [{k: v for k, v in sample().items() if k != "value"}]),
    "another platform's sample": ("samples", [sample(platform="other"), sample()]),
    "labels that are no map": ("samples", [sample(labels=["a"]), sample(name="b")]),
    "an empty label": ("samples", [sample(labels={"a": None}), sample(name="b", labels={"a": ""})]),
    "checks": ("health", [check(), check(check="other", status="fail", output="it is full", unit="")]),
    "checks in other words": ("health", [check(status="up"), check(check="b", status="fine"), check(check="c", unit=None)]),
    "long words": ("health", [check(output="x" * 3000)]),
    "checks without a value": ("health", [{"observed_at": AT, "component": "db", "check": "up", "status": "pass"}]),
}


def judged(kind: str, records: Any) -> tuple[list[Any], list[Any]]:
    who: dict[str, Any] = {"source": "s", "platform": "p", "now": NOW}
    if kind == "health":
        found = health_table(records, **who)
    else:
        found = {"usage": usage_table, "samples": samples_table}[kind](records, known_platforms={"p"}, **who)
    return found.rows.to_pylist(), found.rejected.to_pylist()


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("compact", [True, False], ids=["compact", "spaced"])
def test_what_is_read_from_lines_is_what_is_read_from_the_body(name: str, compact: bool) -> None:
    kind, records = RECORDS[name]
    document = {**HEAD, "records": records}
    body = orjson.dumps(document) if compact else json.dumps(document).encode()
    apart = taken_apart(body)
    assert apart is not None
    head, taken = apart
    assert {**head, "records": records} == document
    assert repr(judged(kind, taken)) == repr(judged(kind, records))  # NaN equals nothing, not even itself
    assert taken.parsed() == records


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(orjson.dumps({**HEAD, "records": []}), id="no records"),
        pytest.param(orjson.dumps({"records": [usage()], **HEAD}), id="records first"),
        pytest.param(orjson.dumps({"data": {**HEAD, "records": [usage()]}}), id="a page within"),
        pytest.param(orjson.dumps({**HEAD, "records": [usage()]}, option=orjson.OPT_INDENT_2), id="on several lines"),
        pytest.param(orjson.dumps({**HEAD, "records": {"a": 1}}), id="no list"),
        pytest.param(orjson.dumps({"records": [usage()], "list": [{}]}), id="no page"),
        pytest.param(b'{"after": null, "next": "c", "more": false, "records": [{"id": "a"}', id="cut off"),
        pytest.param(b"", id="empty"),
    ],
)
def test_a_body_of_another_form_is_left_to_the_parser(body: bytes) -> None:
    assert taken_apart(body) is None
