"""Failures of other systems that begin with the data: what is read, when it came, and what of it is missing. docs/paging-cases.md tells of each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from analytics.conditions_asked import Snapshot
from roomleft.findings import Unknown
from roomleft.rules_when import Bound
from tests.analytics.looking import HOUR, MINUTE, NOW, SECOND, Watched, rule
from warehouse import tables
from warehouse.writer import Batch

FAILED = {"series": "failed_total", "over_time": "increase", "over": "5m", "at_least": 1}


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    world = Watched(tmp_path)
    yield world
    world.close()


def read_all_along(watched: Watched, minutes: int = 10) -> None:
    """The source `app` was read each minute up to now."""
    watched.series("up", [1.0] * (minutes + 1), start=NOW - minutes * MINUTE, source="shop.app", stream="samples")


def test_paging_07a_the_first_value_of_a_counter_that_is_born_counts(watched: Watched) -> None:
    read_all_along(watched)
    watched.series("failed_total", [1.0], start=NOW, source="app")
    found = watched.one(FAILED)
    assert [(finding.holds, finding.value) for finding in found.findings] == [(True, 1.0)]
    assert found.findings[0].reason == "failed_total rose by 1 in the last 5\u202fmin, at or above 1"


def test_paging_07b_a_counter_met_at_its_source_s_first_reading_is_not_born(watched: Watched) -> None:
    watched.series("up", [1.0], start=NOW, source="shop.app", stream="samples")
    watched.series("failed_total", [5_000.0], start=NOW, source="app")
    assert [(finding.holds, finding.value) for finding in watched.one(FAILED).findings] == [(False, 0.0)]


def test_paging_07c_a_counter_that_comes_back_after_a_silence_is_not_born(watched: Watched) -> None:
    read_all_along(watched, 60)
    watched.series("failed_total", [5_000.0], start=NOW - HOUR, source="app")
    watched.series("failed_total", [5_003.0], start=NOW, source="app")
    assert [(finding.holds, finding.value) for finding in watched.one(FAILED).findings] == [(False, 0.0)]


def test_paging_07d_without_looks_on_record_another_series_of_the_name_tells(watched: Watched) -> None:
    watched.series("failed_total", [7.0, 7, 7], start=NOW - 2 * MINUTE, route="old")
    watched.series("failed_total", [1.0], start=NOW, route="new")
    found = watched.one({**FAILED, "by": ["route"]})
    assert {finding.labels["route"]: finding.value for finding in found.findings} == {"old": 0.0, "new": 1.0}


def test_paging_07e_a_reset_counts_what_came_after_it(watched: Watched) -> None:
    watched.series("failed_total", [100.0, 102, 1, 2], start=NOW - 3 * MINUTE, source="app")
    assert [finding.value for finding in watched.one(FAILED).findings] == [4.0]


def stored_gb(watched: Watched, values: dict[str, list[float | None]], start_ago: timedelta) -> None:
    for disk, each in values.items():
        watched.series("stored_gb", each, start=NOW - start_ago, disk=disk)


SUM = {"series": "stored_gb", "across": "sum", "over_time": "last", "below": 50}


def test_paging_10a_a_sum_of_which_series_are_missing_cannot_be_told(watched: Watched) -> None:
    # After a restart of two hours two of five disks have been read.
    stored_gb(watched, {disk: [20.0] * 10 for disk in "abcde"}, 3 * HOUR)
    stored_gb(watched, {disk: [20.0] for disk in "ab"}, timedelta(0))
    found = watched.one(SUM)
    assert (found.unknown, found.words) == (Unknown.STALE, "stored_gb: 2 of 5 series so far")


def test_paging_10b_a_sum_that_is_whole_again_is_told(watched: Watched) -> None:
    stored_gb(watched, {disk: [20.0] * 10 for disk in "abcde"}, 3 * HOUR)
    stored_gb(watched, {disk: [20.0] for disk in "abcde"}, timedelta(0))
    assert [(finding.holds, finding.value) for finding in watched.one(SUM).findings] == [(False, 100.0)]


def test_paging_10c_a_sum_waits_until_the_first_readings_are_in(watched: Watched) -> None:
    stored_gb(watched, {"a": [20.0]}, timedelta(0))
    found = watched.one(SUM)
    assert (found.unknown, found.words) == (Unknown.STALE, "stored_gb: 1 series so far, the first readings of it")
    stored_gb(watched, {"b": [20.0, 20, 20]}, timedelta(minutes=-1))
    stored_gb(watched, {"a": [20.0, 20, 20]}, timedelta(minutes=-1))
    assert [finding.value for finding in watched.one(SUM, at=NOW + 3 * MINUTE).findings] == [40.0]


def test_paging_10d_a_series_that_ended_while_its_source_is_read_is_no_part_of_the_sum(watched: Watched) -> None:
    read_all_along(watched)
    for disk in "ab":
        watched.series("stored_gb", [20.0] * 10, start=NOW - 10 * MINUTE, disk=disk, source="app")
    watched.series("stored_gb", [None], start=NOW, disk="b", source="app")
    watched.series("stored_gb", [20.0], start=NOW, disk="a", source="app")
    assert [finding.value for finding in watched.one(SUM).findings] == [20.0]


class _Interrupted(Snapshot):
    """A snapshot during whose reading the next scrape is stored."""

    world: Watched
    again: bool = True

    def query(self, name: str, /, **params: object) -> pa.Table:
        found = super().query(name, **params)
        if name == "meter_counter" and self.again:
            type(self).again = False
            rows: list[dict[str, Any]] = [
                {
                    "platform": "shop",
                    "component": "database",
                    "name": name,
                    "labels": {},
                    "observed_at": NOW - SECOND,
                    "value": value,
                }
                for name, value in (("requests_total", 1_000_000.0), ("failed_total", 1_000_000.0))
            ]
            self.world.write(NOW, Batch("shop", samples=pa.Table.from_pylist(rows, schema=tables.SAMPLES)))
        return found


def test_paging_11a_a_scrape_stored_between_the_parts_of_a_ratio_is_in_neither(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    for k in range(6):
        rows: list[dict[str, Any]] = [
            {
                "platform": "shop", "component": "database", "name": name, "labels": {},
                "observed_at": NOW - (6 - k) * MINUTE, "value": 100.0 * k,
            }
            for name in ("requests_total", "failed_total")
        ]  # fmt: skip
        watched.write(NOW - (6 - k) * MINUTE, Batch("shop", samples=pa.Table.from_pylist(rows, schema=tables.SAMPLES)))
    _Interrupted.world, _Interrupted.again = watched, True
    monkeypatch.setattr("analytics.conditions.Snapshot", _Interrupted)
    found = watched.one({"meter": "failures", "above": 100})
    assert not _Interrupted.again, "the scrape came in meanwhile"
    assert [(finding.holds, finding.value) for finding in found.findings] == [(False, 100)]


def test_paging_11b_what_had_not_arrived_is_read_by_no_part(watched: Watched) -> None:
    for name in ("requests_total", "failed_total"):
        watched.series(name, [100.0 * k for k in range(6)], start=NOW - 5 * MINUTE)
    watched.series("failed_total", [900.0], start=NOW, arrived=NOW + SECOND, kind="late")
    rules = [
        rule({**FAILED, "series": name, "at_least": 1}, name.title().replace("_", ""))
        for name in ("requests_total", "failed_total")
    ]
    found = watched.look(*rules, at=NOW, read_to=NOW)
    assert [each.findings[0].value for each in found.values()] == [500.0, 500.0]


def test_paging_12_late_samples_change_nothing_that_a_query_offset_left_for_them(watched: Watched) -> None:
    # Each reading arrives 40 s after it was made; a rule that looks at the present sees a gap, one that looks a minute back does not.
    for k in range(12):
        watched.series("lag_s", [31.0], start=NOW - (12 - k) * 20 * SECOND, arrived=NOW - (12 - k) * 20 * SECOND + 40 * SECOND)
    when = {"series": "lag_s", "over_time": "min", "over": "30s", "above": 30}
    eager, patient = rule(when, "Eager"), rule(when, "Patient", offset=MINUTE)
    at = [NOW - k * 5 * SECOND for k in range(8)]
    told = [watched.look(eager, patient, at=each) for each in at]
    assert {len(each["shop.Patient"].findings) for each in told} == {1}
    assert {each["shop.Patient"].findings[0].holds for each in told} == {True}
    assert any(each["shop.Eager"].unknown for each in told), "else the offset would have been of no use"
    # And what the patient one said stays said, now that everything is there.
    later = [watched.look(patient, at=each, read_to=NOW + HOUR)["shop.Patient"].findings[0].value for each in at]
    assert later == [each["shop.Patient"].findings[0].value for each in told]


def sql_rule(text: str, **when: Any) -> Any:
    return rule({"sql": "asked.sql", "above": 1, **when}, sql={"asked.sql": text})


def test_paging_18a_a_query_without_rows_says_that_nothing_holds(watched: Watched) -> None:
    found = watched.look(sql_rule("SELECT check_name, 1 AS value FROM health_checks"))["shop.Watched"]
    assert (found.unknown, found.findings, found.words) == (None, (), "")


def test_paging_18b_rows_with_equal_labels_are_refused_and_the_others_are_not(watched: Watched) -> None:
    text = "SELECT * FROM (VALUES ('a', 2), ('b', 5), ('a', 7), ('c', 0)) AS t(queue, value)"
    found = watched.look(sql_rule(text))["shop.Watched"]
    assert found.unknown is None
    assert {finding.labels["queue"]: finding.holds for finding in found.findings} == {"a": None, "b": True, "c": False}
    refused = next(finding for finding in found.findings if finding.labels["queue"] == "a")
    assert refused.reason == "asked of a: 2 rows have the same labels, so none of them is taken"
    assert refused.facts["unknown"] == Unknown.ERROR


def test_paging_18c_a_query_that_fails_makes_its_rule_unknown_and_no_other(watched: Watched) -> None:
    watched.series("lag_s", [31.0], start=NOW)
    well = rule({"series": "lag_s", "above": 30}, "Well")
    found = watched.look(sql_rule("SELECT 1 / nothing_such AS value"), well)
    assert found["shop.Watched"].unknown is Unknown.ERROR
    assert "nothing_such" in found["shop.Watched"].words
    assert found["shop.Well"].findings[0].holds is True


def test_paging_21a_a_host_without_its_network_finds_nothing_down(watched: Watched) -> None:
    lost = "this host has lost its network since 2026-11-21 11:50:00 UTC: db-1 cannot be reached"
    watched.series("up", [1.0] * 5, start=NOW - 14 * MINUTE, source="shop.app", stream="samples")
    watched.series("lag_s", [1.0] * 5, start=NOW - 14 * MINUTE, source="app")
    for k in range(10):
        watched.health("reads app", "unknown", NOW - k * MINUTE, lost)
    rules: dict[str, dict[str, Any]] = {
        "Down": {"health": "database"},
        "Silent": {"source": "*"},
        "Lagging": {"series": "lag_s", "above": 30},
        "Absent": {"absent": "lag_s", "for_longer_than": "5m"},
    }
    found = watched.look(*(rule(when, name) for name, when in rules.items()))
    assert {rule_id: each.unknown for rule_id, each in found.items()} == dict.fromkeys(
        ("shop.Down", "shop.Silent", "shop.Lagging", "shop.Absent"), Unknown.OFFLINE
    )
    assert all(lost in each.words for each in found.values())


def test_paging_21b_a_source_that_refuses_is_down_and_what_it_gave_is_offline(watched: Watched) -> None:
    watched.series("up", [1.0] * 5 + [0.0] * 10, start=NOW - 14 * MINUTE, source="shop.app", stream="samples")
    watched.series("lag_s", [1.0] * 5 + [None], start=NOW - 14 * MINUTE, source="app")
    watched.health("reads app", "fail", NOW, "connection refused")
    found = watched.look(
        rule({"health": "database"}, "Down"), rule({"source": "*"}, "Silent"), rule({"series": "lag_s", "above": 30}, "Lagging")
    )
    assert found["shop.Down"].findings[0].holds is True
    assert found["shop.Silent"].findings[0].reason == (
        "shop.app has not been read for 10\u202fmin; it cannot be read: connection refused"
    )
    assert found["shop.Lagging"].unknown is Unknown.OFFLINE
    assert "connection refused" in found["shop.Lagging"].words


def test_paging_24a_more_failures_than_requests_is_an_error_in_words(watched: Watched) -> None:
    watched.series("requests_total", [0.0, 10, 20, 30, 40], start=NOW - 5 * MINUTE)
    watched.series("failed_total", [0.0, 10, 20, 30, 47], start=NOW - 5 * MINUTE)
    found = watched.one({"meter": "failures", "above": 5})
    assert found.unknown is Unknown.ERROR
    assert found.words == "failures: 47 failed of 40 requests: more than there were, so the two do not belong together"


def test_paging_25a_a_reading_near_its_line_does_not_flap() -> None:
    bound = Bound.model_validate({"above": 30, "clear": 20})
    told, fires = [], False
    for reading in (29.0, 31.0, 29.5, 30.5, 29.0, 21.0, 19.0, 29.0):
        fires = bound.holds(reading, firing=fires)
        told.append(fires)
    assert told == [False, True, True, True, True, True, False, False]


def test_paging_25b_what_fires_goes_on_until_the_reading_is_clear(watched: Watched) -> None:
    watched.series("lag_s", [25.0], start=NOW)
    finding = watched.one({"series": "lag_s", "above": 30, "clear": 20}).findings[0]
    assert (finding.holds, finding.still) == (False, True)


def test_paging_25c_a_rise_is_what_was_counted_and_nothing_is_drawn_out_beyond_it(watched: Watched) -> None:
    # Two readings 60 s apart in a window of 5 min: 10 more, not the 50 that a line through them would give.
    watched.series("failed_total", [100.0, 110.0], start=NOW - MINUTE, source="app")
    assert [finding.value for finding in watched.one(FAILED).findings] == [10.0]
