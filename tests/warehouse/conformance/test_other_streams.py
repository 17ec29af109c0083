"""Readings, health checks, deploys, business days and refused rows on their way in."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import timedelta

import pyarrow as pa
import pytest

from roomleft.clock import FixedClock
from tests.warehouse.rows import NOON, make_business, make_samples
from warehouse import tables
from warehouse.quarantine import quarantined, release
from warehouse.store import Store, as_rows
from warehouse.writer import Batch, Receipt, Writer


@pytest.fixture
def writer(store: Store, standing_clock: FixedClock) -> Iterator[Writer]:
    writer = Writer(store, standing_clock, group_ms=5)
    writer.start()
    yield writer
    writer.close()


def test_nan_infinity_and_stale_markers_are_kept_as_they_are(store: Store, writer: Writer) -> None:
    values = [1.5, math.nan, math.inf, -math.inf, None]
    assert writer.write(Batch("atelier", samples=make_samples(values))) == Receipt(added=5)
    found = store.select("SELECT value FROM samples ORDER BY observed_at")["value"].to_pylist()
    assert found[0] == 1.5
    assert math.isnan(found[1])
    assert found[2:] == [math.inf, -math.inf, None]
    assert writer.write(Batch("atelier", samples=make_samples(values))) == Receipt(duplicate=5), "NaN is the same as NaN here"


def test_a_series_is_named_once_and_its_labels_have_no_order(store: Store, writer: Writer) -> None:
    writer.write(Batch("atelier", samples=make_samples([1], labels={"a": "1", "b": "2"})))
    writer.write(Batch("atelier", samples=make_samples([2], start=NOON + timedelta(minutes=1), labels={"b": "2", "a": "1"})))
    writer.write(Batch("atelier", samples=make_samples([3], labels={"a": "2", "b": "1"})))
    writer.write(Batch("atelier", samples=make_samples([4])))
    named = "SELECT s.series_id, labels, count(*) AS n FROM series JOIN samples AS s USING (series_id) GROUP BY ALL ORDER BY n, s.series_id"
    found = as_rows(store.select(named))
    assert sorted((str(row["labels"]), row["n"]) for row in found) == [
        ("{'a': '1', 'b': '2'}", 2),
        ("{'a': '2', 'b': '1'}", 1),
        ("{}", 1),
    ]
    assert found[-1]["series_id"] == tables.series_id("atelier", "api", "requests_total", {"b": "2", "a": "1"})


def test_an_older_reading_than_the_newest_is_stored_once(store: Store, writer: Writer) -> None:
    writer.write(Batch("atelier", samples=make_samples([1, 2, 3])))
    older = make_samples([7, 8], start=NOON - timedelta(days=3))
    assert writer.write(Batch("atelier", samples=older)) == Receipt(added=2)
    assert writer.write(Batch("atelier", samples=older)) == Receipt(duplicate=2)
    between = make_samples([9], start=NOON + timedelta(seconds=7))
    assert writer.write(Batch("atelier", samples=between)) == Receipt(added=1)


def test_another_value_at_a_stored_instant_is_kept_out_and_visible(store: Store, writer: Writer) -> None:
    writer.write(Batch("atelier", samples=make_samples([1])))
    assert writer.write(Batch("atelier", samples=make_samples([2]))) == Receipt(conflict=1)
    assert (
        store.select("SELECT stream, content FROM rejected")
        .to_pylist()[0]["content"]
        .endswith("2026-11-20T12:00:00.000000Z: 2.0")
    )
    assert store.select("SELECT value FROM samples").to_pylist() == [{"value": 1.0}]


def test_repeats_within_one_batch_keep_the_first(store: Store, writer: Writer) -> None:
    twice = pa.concat_tables([make_samples([1, math.nan]), make_samples([1, math.nan]), make_samples([5])])
    assert writer.write(Batch("atelier", samples=twice)) == Receipt(added=2, duplicate=2, conflict=1)


def test_two_nodes_store_a_reading_once(store: Store, open_again: Callable[[], Store], standing_clock: FixedClock) -> None:
    writers = [Writer(node, standing_clock, group_ms=1) for node in (store, open_again())]
    receipts = []
    for writer in writers:
        writer.start()
        receipts.append(writer.write(Batch("atelier", samples=make_samples([1, 2, 3]))))
        writer.close()
    assert receipts == [Receipt(added=3), Receipt(duplicate=3)]


def test_readings_mark_their_quarter_hours(store: Store, writer: Writer) -> None:
    writer.write(
        Batch("atelier", samples=make_samples([1, 2, 3], start=NOON - timedelta(minutes=1), every=timedelta(minutes=30)))
    )
    marked = store.select("SELECT DISTINCT bucket FROM dirty_buckets WHERE rollup = 'samples' ORDER BY bucket")[
        "bucket"
    ].to_pylist()
    assert marked == [NOON - timedelta(minutes=15), NOON + timedelta(minutes=15), NOON + timedelta(minutes=45)]


def test_a_business_day_is_replaced_by_its_newest_answer(store: Store, writer: Writer) -> None:
    assert writer.write(Batch("atelier", business=make_business(10))) == Receipt(added=1)
    assert writer.write(Batch("atelier", business=make_business(10))) == Receipt(duplicate=1)
    restated = pa.concat_tables([make_business(11), make_business(12), make_business(3, tier="pro")])
    assert writer.write(Batch("atelier", business=restated)) == Receipt(added=2, duplicate=1)
    found = store.select("SELECT tier, active_users FROM business_days ORDER BY tier").to_pylist()
    assert found == [{"tier": "free", "active_users": 12}, {"tier": "pro", "active_users": 3}]


def test_health_checks_and_deploys_are_stored_once(store: Store, writer: Writer) -> None:
    health = pa.Table.from_pylist(
        [{"platform": "atelier", "component": "api", "check_name": "up", "observed_at": NOON, "status": "pass", "words": None}],
        schema=tables.HEALTH,
    )
    deploys = pa.Table.from_pylist(
        [{"platform": "atelier", "deploy_id": "d-1", "deployed_at": NOON, "title": "v2", "kind": "deploy"}], schema=tables.DEPLOYS
    )
    assert writer.write(Batch("atelier", health=health, deploys=deploys)) == Receipt(added=2)
    assert writer.write(Batch("atelier", health=health, deploys=deploys)) == Receipt(duplicate=2)
    renamed = deploys.set_column(deploys.schema.get_field_index("title"), "title", pa.array(["v3"]))
    assert writer.write(Batch("atelier", deploys=renamed)) == Receipt(conflict=1)
    found = store.select("SELECT source, stream, event_id FROM rejected").to_pylist()
    assert found == [{"source": "atelier", "stream": "deploys", "event_id": "atelier / d-1"}]


def test_rows_refused_before_they_came_are_kept_with_their_reason(store: Store, writer: Writer) -> None:
    row = {"source": "atelier", "stream": "usage", "reason": "output_tokens is negative", "field": "output_tokens", "line": 7}
    batch = Batch("atelier", rejected=pa.Table.from_pylist([row], schema=tables.REJECTED), samples=make_samples([1]))
    assert writer.write(batch) == Receipt(added=1, rejected=1)
    assert store.select("SELECT reason, line, rejected_at FROM rejected").to_pylist() == [
        {"reason": "output_tokens is negative", "line": 7, "rejected_at": NOON}
    ]


REFUSED = {"source": "file", "stream": "usage", "reason": "no", "field": "tokens", "event_id": "e", "line": 7, "content": "{}"}


@pytest.mark.parametrize(
    ("changed", "kept"),
    [
        ({}, 1),
        ({"source": "other file"}, 2),
        ({"stream": "samples"}, 2),
        ({"reason": "still no"}, 2),
        ({"field": None}, 2),
        ({"event_id": None}, 2),
        ({"line": 8}, 2),
        ({"content": '{"tokens":1}'}, 2),
        ({"content": None}, 2),
    ],
    ids=str,
)
def test_a_refused_row_said_again_is_kept_once_and_counted_each_time(
    store: Store, writer: Writer, changed: dict[str, object], kept: int
) -> None:
    for row in (REFUSED, {**REFUSED, **changed}):
        batch = Batch("file", rejected=pa.Table.from_pylist([row], schema=tables.REJECTED))
        assert writer.write(batch) == Receipt(rejected=1)
    assert store.select("SELECT count(*)::INT AS n FROM rejected").to_pylist() == [{"n": kept}]


@pytest.mark.parametrize("unknown", [{"line": None}, {"content": None, "event_id": None}], ids=str)
def test_what_cannot_be_told_from_another_is_kept_each_time(store: Store, writer: Writer, unknown: dict[str, object]) -> None:
    batch = Batch("push", rejected=pa.Table.from_pylist([{**REFUSED, **unknown}] * 2, schema=tables.REJECTED))
    for _ in range(2):
        writer.write(batch)
    assert store.select("SELECT count(*)::INT AS n FROM rejected").to_pylist() == [{"n": 4}]


def test_a_refusal_said_again_is_newer_so_forgetting_the_old_one_does_not_lose_it(
    store: Store, writer: Writer, standing_clock: FixedClock
) -> None:
    batch = Batch("file", rejected=pa.Table.from_pylist([REFUSED], schema=tables.REJECTED))
    writer.write(batch)
    (old,) = quarantined(store)
    standing_clock.advance(timedelta(minutes=1))
    writer.write(batch)
    assert release(store, [old["row_id"]]) == 0
    (new,) = quarantined(store)
    assert (new["line"], new["copies"], new["rejected_at"]) == (7, 1, NOON + timedelta(minutes=1))
