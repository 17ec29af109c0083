"""Samples: NaN, infinities and stale markers are legal; the rest is judged like usage."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from collectors.records.refused import Normalised
from collectors.records.samples_rows import samples_table
from warehouse import tables

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "observed_at": "2026-11-20T11:59:00Z",
    "component": "db",
    "name": "up",
    "labels": {"b": "2", "a": "1"},
    "value": 1,
}


def judged(records: Any) -> Normalised:
    return samples_table(records, source="s", platform="arena", known_platforms={"arena"}, now=NOW)


def test_every_legal_reading_is_kept_as_it_is() -> None:
    said = [1, 2.5, "NaN", "+Inf", "-Inf", None, -3]
    found = judged([{**GOOD, "value": value} for value in said])
    assert found.rows.schema == tables.SAMPLES
    values = found.rows.column("value").to_pylist()
    assert values[:2] == [1.0, 2.5]
    assert math.isnan(values[2])
    assert values[3:] == [math.inf, -math.inf, None, -3.0]
    assert found.rows.column("labels").to_pylist()[0] == [("a", "1"), ("b", "2")]
    assert found.rejected.num_rows == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"value": "12"}, "value: must be a number"),
        ({"value": True}, "value: must be a number"),
        ({"value": [1]}, "value: must be a number"),
        ({"value": 10**400}, "value: is absurdly large"),
        ({"name": ""}, "name: is required"),
        ({"name": "x" * 201}, "name: is 201 characters"),
        ({"component": 4}, "component: must be a string"),
        ({"labels": {"a": 1}}, "labels: 'a' must be a string"),
        ({"labels": "a"}, "labels: must be a map"),
        ({"observed_at": "2026-11-20T11:59:00"}, "observed_at: 2026-11-20T11:59:00 has no time zone"),
        ({"observed_at": "2027-11-20T11:59:00Z"}, "in the future"),
        ({"platform": "other"}, "unknown platform 'other'"),
        ({"vlaue": 1}, "did you mean 'value'"),
    ],
)
def test_a_bad_sample_costs_its_neighbours_nothing(change: dict[str, Any], says: str) -> None:
    found = judged([GOOD, {**GOOD, **change}, {**GOOD, "value": 3}])
    assert found.rows.column("value").to_pylist() == [1.0, 3.0]
    (refused,) = found.rejected.to_pylist()
    assert says in refused["reason"]
    assert refused["line"] == 2


def test_a_missing_value_is_not_a_stale_marker() -> None:
    found = judged([{name: value for name, value in GOOD.items() if name != "value"}])
    assert found.rows.num_rows == 0
    assert "value: is required" in found.rejected.to_pylist()[0]["reason"]


def test_ndjson_with_a_broken_line() -> None:
    body = orjson.dumps(GOOD) + b"\n\n{\n" + orjson.dumps({**GOOD, "value": 2})
    found = judged(body)
    assert found.rows.column("value").to_pylist() == [1.0, 2.0]
    assert found.rejected.column("line").to_pylist() == [3]


def test_the_quick_way_and_the_strict_way_give_the_same_rows() -> None:
    records = [{**GOOD, "labels": {"i": str(i % 3)} if i % 2 else {}, "value": [i, None, "NaN"][i % 3]} for i in range(20)]
    quick = judged(records).rows
    strict = judged([*records, {"junk": 1}]).rows
    assert str(quick.to_pylist()) == str(strict.to_pylist())
