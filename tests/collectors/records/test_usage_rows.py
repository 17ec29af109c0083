"""Usage records: what is accepted, what is refused and in which words, and that the quick way and the strict way agree."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.records import usage_rows
from collectors.records.refused import Normalised
from collectors.records.usage_columns import columns_of, read_columns, usage_from
from collectors.records.usage_rows import usage_table
from collectors.records.usage_strict import clean
from roomleft.errors import InputError
from warehouse import tables

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
GOOD: dict[str, Any] = {"id": "c1", "occurred_at": "2026-11-20T11:59:00Z"}
FULL: dict[str, Any] = {
    **GOOD,
    "component": "router", "provider": "openrouter", "model": "m", "operation": "chat", "request_type": "q", "feature": "f",
    "status": "timeout", "user_id": "u", "tier": "free", "team": "t", "project": "p", "environment": "prod",
    "input_tokens": 100, "cache_read_tokens": 30, "cache_write_tokens": 20, "output_tokens": 10, "reasoning_tokens": 4,
    "images": 1, "characters": 2, "audio_seconds": 1.5, "latency_ms": 12.5, "first_token_ms": 3, "urgency": "low", "complexity": 0.5,
    "cost_hint": 2.5, "response_id": "r", "attributes": {"b": "2", "a": "1"}, "tags": {"k": "v"}, "other_units": {"searches": 2},
    "reported_cost_usd": "0.000123",
}  # fmt: skip


def judged(*records: object, platform: str | None = "arena") -> Normalised:
    return usage_table(list(records), source="s", platform=platform, known_platforms={"arena", "scribe"}, now=NOW)  # type: ignore[arg-type]


def test_a_full_record_keeps_every_field_and_splits_its_tokens() -> None:
    found = judged(FULL)
    assert found.rejected.num_rows == 0
    assert found.usage.schema == tables.USAGE
    (row,) = found.usage.to_pylist()
    assert (row["input_uncached_tokens"], row["cache_read_tokens"], row["cache_write_tokens"]) == (50, 30, 20)
    assert (row["event_id"], row["source"], row["platform"], row["requests"]) == ("c1", "s", "arena", 1)
    assert row["occurred_at"] == datetime(2026, 11, 20, 11, 59, tzinfo=UTC)
    assert (row["audio_seconds"], row["reported_cost_usd"]) == (Decimal("1.500"), Decimal("0.000123000"))
    assert row["attributes"] == [("a", "1"), ("b", "2")]
    assert row["other_units"] == [("searches", 2.0)]
    same = {name: value for name, value in FULL.items() if name in row and not isinstance(value, dict)}
    for name in same.keys() - {"occurred_at", "audio_seconds", "reported_cost_usd"}:
        assert row[name] == FULL[name], name


def test_a_bare_record_gets_its_defaults() -> None:
    (row,) = judged(GOOD).usage.to_pylist()
    assert (row["status"], row["requests"], row["input_uncached_tokens"], row["images"]) == ("ok", 1, 0, 0)
    assert (row["model"], row["latency_ms"], row["attributes"], row["reported_cost_usd"]) == (None, None, None, None)


REFUSED: list[tuple[str, object, str, str]] = [
    ("no id", {"id": None}, "id", "is required"),
    ("empty id", {"id": ""}, "id", "is required"),
    ("number as id", {"id": 7}, "id", "must be a string"),
    ("long id", {"id": "x" * 201}, "id", "201 characters"),
    ("no time", {"occurred_at": None}, "occurred_at", "is required"),
    ("naive time", {"occurred_at": "2026-11-20T11:00:00"}, "occurred_at", "add Z or an offset"),
    ("a day", {"occurred_at": "2026-11-20"}, "occurred_at", "has no time zone"),
    ("unix time", {"occurred_at": 1_700_000_000}, "occurred_at", "such as 2026-11-21T04:00:00Z"),
    ("13th month", {"occurred_at": "2026-13-20T11:00:00Z"}, "occurred_at", "is not an instant"),
    ("future", {"occurred_at": "2026-11-20T12:10:01Z"}, "occurred_at", "in the future"),
    ("absurd", {"occurred_at": "1970-01-01T00:00:00Z"}, "occurred_at", "before 2015"),
    ("year 1", {"occurred_at": "0001-01-01T00:00:00+05:00"}, "occurred_at", "absurd"),
    ("tokens as text", {"input_tokens": "12"}, "input_tokens", "whole number, not '12'"),
    ("tokens true", {"input_tokens": True}, "input_tokens", "whole number"),
    ("half a token", {"output_tokens": 12.5}, "output_tokens", "whole number, not 12.5"),
    ("negative", {"output_tokens": -1}, "output_tokens", "must not be negative"),
    ("beyond a million million", {"output_tokens": 10**12 + 1}, "output_tokens", "at most 1,000,000,000,000"),
    ("beyond 2^63", {"output_tokens": 2**63}, "output_tokens", "absurdly large"),
    ("beyond everything", {"output_tokens": 10**30}, "output_tokens", "absurdly large"),
    ("NaN", {"latency_ms": math.nan}, "latency_ms", "not a finite number"),
    ("NaN in words", {"latency_ms": "NaN"}, "latency_ms", "not a finite number"),
    ("Inf", {"cost_hint": math.inf}, "cost_hint", "not a finite number"),
    ("NaN tokens", {"input_tokens": math.nan}, "input_tokens", "not a finite number"),
    ("a latency of weeks", {"latency_ms": 1.7e308}, "latency_ms", "above 1e+09"),
    ("NUL", {"model": "a\0b"}, "model", "NUL"),
    ("NUL in attributes", {"attributes": {"a": "\0"}}, "attributes", "NUL"),
    ("negative latency", {"latency_ms": -0.1}, "latency_ms", "must not be negative"),
    ("complexity", {"complexity": 1.1}, "complexity", "above 1"),
    ("cached above input", {"input_tokens": 10, "cache_read_tokens": 6, "cache_write_tokens": 5}, "input_tokens", "cached tokens"),
    ("reasoning above output", {"output_tokens": 1, "reasoning_tokens": 2}, "reasoning_tokens", "output_tokens"),
    ("status", {"status": "fine"}, "status", "ok, error, timeout, refused"),
    ("urgency", {"urgency": "now"}, "urgency", "low, normal, high"),
    ("unknown platform", {"platform": "arean"}, "platform", "did you mean 'arena'"),
    ("another's platform", {"platform": "scribe"}, "platform", "this source is 'arena'"),
    ("unknown field", {"input_token": 5}, "input_token", "did you mean 'input_tokens'"),
    ("prompt", {"prompt": "my secret"}, "prompt", "texts are not kept"),
    ("messages", {"messages": [{"content": "my secret"}]}, "messages", "texts are not kept"),
    ("attribute number", {"attributes": {"a": 1}}, "attributes", "must be a string"),
    ("attribute date", {"attributes": {"a": ["2026"]}}, "attributes", "must be a string"),
    ("attributes list", {"attributes": ["a"]}, "attributes", "map of strings"),
    ("long attribute", {"attributes": {"a": "x" * 201}}, "attributes", "longer than 200"),
    ("units text", {"other_units": {"a": "x"}}, "other_units", "must be a number"),
    ("units negative", {"other_units": {"a": -1}}, "other_units", "must not be negative"),
    ("several without an end", {"requests": 5}, "requests", "period_end"),
    ("end before begin", {"requests": 5, "period_end": "2026-11-20T11:00:00Z"}, "period_end", "after occurred_at"),
    ("cost in words", {"reported_cost_usd": "cheap"}, "reported_cost_usd", "is not an amount"),
    ("cost NaN", {"reported_cost_usd": "NaN"}, "reported_cost_usd", "not a finite amount"),
    ("not an object", "text", "", "JSON object"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "field", "says"), [pytest.param(*case[1:], id=case[0]) for case in REFUSED])
@pytest.mark.parametrize("form", ["sequence", "ndjson"])
def test_a_bad_record_is_refused_by_name_and_costs_its_neighbours_nothing(
    form: str, change: object, field: str, says: str
) -> None:
    bad = {**GOOD, "id": "bad", **change} if isinstance(change, dict) else change
    records = [{**GOOD, "id": f"g{i}"} for i in range(3)]
    records.insert(1, bad)  # type: ignore[arg-type]
    body: Any = records
    if form == "ndjson":
        body = "\n".join(json.dumps(record) for record in records).encode()
        if b"NaN" in body.replace(b'"NaN"', b"") or b"Infinity" in body:
            field, says = "", "not JSON"  # as Python's json module writes them
    found = usage_table(body, source="s", platform="arena", known_platforms={"arena", "scribe"}, now=NOW)
    assert sorted(found.usage.column("event_id").to_pylist()) == ["g0", "g1", "g2"]
    (refused,) = found.rejected.to_pylist()
    assert refused["line"] == 2
    assert says in refused["reason"]
    assert (refused["field"] or "") == field
    assert "my secret" not in str(refused)


@pytest.mark.parametrize(
    ("value", "field", "stored"), [(12.0, "output_tokens", 12), (10**12, "output_tokens", 10**12), (0, "requests", None)]
)
def test_the_edges_of_counts(value: object, field: str, stored: object) -> None:
    found = judged({**GOOD, field: value})
    assert found.usage.column(field).to_pylist() == ([] if stored is None else [stored])


def test_a_prompt_or_a_person_never_reaches_the_rejected_table() -> None:
    bad = {
        **FULL,
        "id": 5,
        "prompt": "my secret",
        "user_id": "ada@example.org",
        "notes": "my secret",
        "attributes": {"q": "my secret"},
        "model": "x" * 500,
    }
    (refused,) = judged(bad).rejected.to_pylist()
    assert "secret" not in str(refused)
    assert "ada" not in str(refused)
    assert orjson.loads(refused["content"])["input_tokens"] == 100
    assert len(refused["content"]) <= 1000


def test_a_huge_refused_record_is_kept_short() -> None:
    (refused,) = judged({**GOOD, **{f"field_{i}": i for i in range(5000)}}).rejected.to_pylist()
    assert len(refused["content"].encode()) <= 1000


def test_lines_are_numbered_as_they_stand_blank_ones_included() -> None:
    body = b"\n\n" + orjson.dumps(GOOD) + b"\n\nnot json\n" + orjson.dumps({**GOOD, "id": ""}) + b"\n"
    found = usage_table(body, source="s", platform="arena", known_platforms={"arena"}, now=NOW)
    assert found.usage.num_rows == 1
    assert [(r["line"], r["field"]) for r in found.rejected.to_pylist()] == [(5, None), (6, "id")]


def test_one_bad_line_in_a_long_body_is_found_by_its_line() -> None:
    lines = [orjson.dumps({**GOOD, "id": f"e{i}"}) for i in range(3000)]
    lines[1234] = b'{"id": "e1234", "occurred_at": '
    lines[2999] = orjson.dumps({**GOOD, "id": "e2999", "output_tokens": "7"})
    found = usage_table(b"\n".join(lines), source="s", platform="arena", known_platforms={"arena"}, now=NOW)
    assert found.usage.num_rows == 2998
    assert sorted(found.rejected.column("line").to_pylist()) == [1235, 3000]


@pytest.mark.parametrize("line", [b"null", b"5", b'"text"', b"true"])
@pytest.mark.parametrize("beside", [b"", orjson.dumps(GOOD) + b"\n"], ids=["alone", "beside a good one"])
def test_a_line_that_is_no_object_costs_only_itself(line: bytes, beside: bytes) -> None:
    # Arrow's JSON reader ends the process at a line `null`.
    found = usage_table(beside + line, source="s", platform="arena", known_platforms={"arena"}, now=NOW)
    assert (found.usage.num_rows, found.rejected.num_rows) == (int(bool(beside)), 1)


def test_a_json_array_is_accepted_and_a_broken_one_is_an_error() -> None:
    found = usage_table(
        orjson.dumps([GOOD, {**GOOD, "id": "c2"}]), source="s", platform="arena", known_platforms={"arena"}, now=NOW
    )
    assert found.usage.num_rows == 2
    with pytest.raises(InputError, match="byte 2: the JSON array breaks in record 1"):
        usage_table(b"[{]", source="s", platform="arena", known_platforms={"arena"}, now=NOW)


@pytest.mark.parametrize("body", [b"", b"\n\n", b"[]", []])
def test_nothing_gives_nothing(body: Any) -> None:
    found = usage_table(body, source="s", platform="arena", known_platforms={"arena"}, now=NOW)
    assert (found.usage.num_rows, found.rejected.num_rows) == (0, 0)
    assert found.usage.schema == tables.USAGE


def test_a_push_names_its_platform_in_every_record() -> None:
    found = judged({**GOOD, "platform": "scribe"}, {**GOOD, "id": "c2"}, platform=None)
    assert found.usage.column("platform").to_pylist() == ["scribe"]
    assert found.rejected.column("reason").to_pylist() == ["platform: is required"]


def test_an_aggregate_may_hold_no_request_at_all() -> None:
    row = {**GOOD, "requests": 0, "period_end": "2026-11-20T12:00:00Z"}
    assert judged(row).usage.column("requests").to_pylist() == [0]


def test_a_column_that_only_refused_records_carry_leaves_no_trace() -> None:
    found = judged(GOOD, {**GOOD, "id": "c2", "surprise": 1})
    assert found.usage.num_rows == 1
    assert "surprise" in found.rejected.to_pylist()[0]["reason"]


names = st.text('abé\u00a0"\\ ', max_size=4)
maybe_bad = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2**54), st.floats(), names, st.just("2026-11-20T11:00:00.25+02:00")
)
records_strategy = st.lists(
    st.fixed_dictionaries(
        {"id": st.one_of(names, st.just("x")), "occurred_at": st.sampled_from([
            "2026-11-20T11:00:00Z", "2026-11-20T11:00:00.123456+05:30", "2026-11-20T11:00:00.1234567Z", "2026-11-20T11:00:00", "2014-01-01T00:00:00Z",
        ])},
        optional={
            "model": names, "status": st.sampled_from(["ok", "", "bad"]), "input_tokens": st.one_of(st.integers(0, 9), maybe_bad),
            "cache_read_tokens": st.integers(0, 9), "output_tokens": st.integers(0, 5), "reasoning_tokens": st.integers(0, 5),
            "latency_ms": st.one_of(st.floats(0, 1e6), maybe_bad), "audio_seconds": st.floats(0, 1e6),
            "attributes": st.dictionaries(names, st.one_of(names, st.just("2026-01-01"), st.none())),
            "other_units": st.dictionaries(names, st.one_of(st.integers(0, 9), st.floats(0, 9))),
            "reported_cost_usd": st.sampled_from(["1", "0.5", "1e-3", 2, 0.25, "-1"]), "nothing": st.none(),
        },
    ),
    max_size=6,
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(records_strategy)
def test_the_quick_way_and_the_strict_way_give_the_same_rows(records: list[dict[str, Any]]) -> None:
    cleaned = []
    for record in records:
        try:
            cleaned.append(clean(record, platform="arena", known_platforms={"arena"}, now=NOW))
        except usage_rows.Refusal:
            continue
    expected = usage_from(columns_of(cleaned), "s").to_pylist()
    found = usage_table(records, source="s", platform="arena", known_platforms={"arena"}, now=NOW)
    assert sorted(map(str, found.usage.to_pylist())) == sorted(map(str, expected))
    assert found.usage.num_rows + found.rejected.num_rows == len(records)


def test_the_edge_of_the_future_is_ten_minutes() -> None:
    at = [NOW + timedelta(minutes=10), NOW + timedelta(minutes=10, microseconds=1)]
    found = judged(*({**GOOD, "id": str(i), "occurred_at": t.isoformat()} for i, t in enumerate(at)))
    assert found.usage.column("event_id").to_pylist() == ["0"]


def test_a_field_that_only_later_records_have_keeps_its_type() -> None:
    first = {"id": "a", "occurred_at": "2026-11-20T11:00:00Z", "platform": "scribe"}
    second = {**first, "id": "b", "user_id": "2026-11-20T11:00:00Z", "latency_ms": 7}
    body = b"\n".join(orjson.dumps(record) for record in (first, second))
    read = read_columns(body, 2)
    assert read is not None
    assert read.column("user_id").to_pylist() == [None, "2026-11-20T11:00:00Z"]
    assert read.column("latency_ms").to_pylist() == [None, 7.0]
