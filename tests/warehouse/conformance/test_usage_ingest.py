"""Usage is stored exactly once, whoever sends it, however often, in whatever order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from roomleft.clock import FixedClock
from roomleft.errors import StoreError
from tests.warehouse.rows import NOON, make_usage
from warehouse import writer as writer_module
from warehouse.ingest import group
from warehouse.ingest.usage import StoredUsage
from warehouse.migrate import FOLDER, migrate
from warehouse.store import Store, Transaction
from warehouse.writer import Batch, Cursor, Receipt, Writer


@pytest.fixture
def writer(store: Store, standing_clock: FixedClock) -> Iterator[Writer]:
    writer = Writer(store, standing_clock, group_ms=5)
    writer.start()
    yield writer
    writer.close()


def count(store: Store, table: str) -> int:
    return int(store.select(f"SELECT count(*) AS n FROM {table}")["n"][0].as_py())


def rejections(store: Store) -> list[tuple[str, str, str]]:
    found = store.select("SELECT event_id, field, reason FROM rejected ORDER BY event_id, field, reason")
    return [(row["event_id"], row["field"], row["reason"]) for row in found.to_pylist()]


def test_the_same_batch_twice_adds_nothing(store: Store, writer: Writer) -> None:
    batch = Batch("atelier", usage=make_usage(300))
    assert writer.write(batch) == Receipt(added=300)
    assert writer.write(batch) == Receipt(duplicate=300)
    assert count(store, "ai_usage") == count(store, "cost_entries") == 300
    assert count(store, "rejected") == 0


def test_two_writers_with_the_same_events_store_them_once(
    store: Store, open_again: Callable[[], Store], standing_clock: FixedClock
) -> None:
    writers = [Writer(node, standing_clock, group_ms=1) for node in (store, open_again())]
    receipts: list[Receipt] = []
    together = threading.Barrier(2)

    def send(writer: Writer) -> None:
        writer.start()
        for first in (0, 50, 100):
            together.wait(30)
            receipts.append(
                writer.write(Batch("atelier", usage=make_usage([{"event_id": f"e-{i}"} for i in range(first, first + 100)])))
            )
        writer.close()

    threads = [threading.Thread(target=send, args=(writer,)) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(receipt.added for receipt in receipts) == 200
    assert sum(receipt.added + receipt.duplicate for receipt in receipts) == 600
    stored = store.select("SELECT count(*) AS n, count(DISTINCT event_id) AS ids FROM ai_usage").to_pylist()
    assert stored == [{"n": 200, "ids": 200}]
    assert count(store, "cost_entries") == 200


def test_one_node_knows_what_another_stored(store: Store, open_again: Callable[[], Store], standing_clock: FixedClock) -> None:
    first, second = Writer(store, standing_clock, group_ms=1), Writer(open_again(), standing_clock, group_ms=1)
    first.start()
    second.start()
    for start in range(3):
        batch = Batch("atelier", usage=make_usage([{"event_id": f"{start}-{i}"} for i in range(10)]))
        assert first.write(batch) == Receipt(added=10)
        assert second.write(batch) == Receipt(duplicate=10)
    first.close()
    second.close()


def test_a_crash_between_commit_and_acknowledgement_doubles_nothing(
    store: Store, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = Batch("atelier", usage=make_usage(20), cursor=Cursor("atelier", "usage", "page-1"))
    real = writer_module.store_group

    def crash_after_commit(*args: object) -> object:
        real(*args)  # type: ignore[arg-type]
        raise RuntimeError("the power went")

    monkeypatch.setattr(writer_module, "store_group", crash_after_commit)
    with pytest.raises(StoreError, match="the power went"):
        writer.write(batch)
    monkeypatch.setattr(writer_module, "store_group", real)
    assert writer.write(batch) == Receipt(duplicate=20)
    assert count(store, "ai_usage") == 20


def test_a_restarted_process_still_knows_every_id(store: Store, store_url: str, standing_clock: FixedClock) -> None:
    with_store = Writer(store, standing_clock, group_ms=1)
    with_store.start()
    with_store.write(Batch("atelier", usage=make_usage([{"event_id": "a"}, {"event_id": "b"}])))
    with_store.close()
    store.close()
    with Store.open(store_url, now=standing_clock) as again:
        writer = Writer(again, standing_clock, group_ms=1)
        writer.start()
        moved = make_usage([{"event_id": "a"}, {"event_id": "b", "occurred_at": NOON - timedelta(days=90)}, {"event_id": "c"}])
        assert writer.write(Batch("atelier", usage=moved)) == Receipt(added=1, duplicate=1, conflict=1)
        writer.close()


def test_the_same_id_of_another_source_is_another_event(store: Store, writer: Writer) -> None:
    for source in ("atelier", "arena"):
        assert writer.write(Batch(source, usage=make_usage([{"event_id": "1", "source": source}]))).added == 1
    assert count(store, "ai_usage") == 2


def test_late_events_are_stored_and_mark_their_own_quarter_hour(store: Store, writer: Writer) -> None:
    writer.write(Batch("atelier", usage=make_usage(10)))
    late = [{"event_id": f"{days} d", "occurred_at": NOON - timedelta(days=days, minutes=7)} for days in (0.1, 1, 35, 380)]
    assert writer.write(Batch("atelier", usage=make_usage(late))).added == 4
    marked = store.select("SELECT DISTINCT bucket FROM dirty_buckets WHERE rollup = 'usage'")["bucket"].to_pylist()
    for event in late:
        at = event["occurred_at"]
        assert isinstance(at, datetime)
        assert at - timedelta(minutes=at.minute % 15, seconds=at.second, microseconds=at.microsecond) in marked
    assert writer.write(Batch("atelier", usage=make_usage(late))) == Receipt(duplicate=4)


def test_stragglers_scattered_over_months_are_each_judged_rightly(store: Store, writer: Writer) -> None:
    scattered = [{"event_id": f"s-{i}", "occurred_at": NOON - timedelta(days=3 * i, minutes=i)} for i in range(60)]
    assert writer.write(Batch("atelier", usage=make_usage(scattered))) == Receipt(added=60)
    again = [*scattered[:50], *({**event, "status": "error"} for event in scattered[50:]), {"event_id": "new"}]
    assert writer.write(Batch("atelier", usage=make_usage(again))) == Receipt(added=1, duplicate=50, conflict=10)


CONFLICTS = {
    "another time, near": ({"occurred_at": NOON + timedelta(seconds=1)}, "occurred_at"),
    "another time, months away": ({"occurred_at": NOON - timedelta(days=200)}, "occurred_at"),
    "another status": ({"status": "error"}, "content"),
    "more tokens": ({"output_tokens": 6}, "content"),
    "a tag more": ({"tags": [("a", "1"), ("b", "2")]}, "content"),
    "a value where there was none": ({"latency_ms": 12.5}, "content"),
}


def test_the_same_id_with_something_else_is_kept_out_and_visible(store: Store, writer: Writer) -> None:
    originals = [{"event_id": name, "output_tokens": 5, "tags": [("a", "1")]} for name in CONFLICTS]
    writer.write(Batch("atelier", usage=make_usage(originals)))
    changed = [{**original, **change} for original, (change, _) in zip(originals, CONFLICTS.values(), strict=True)]
    assert writer.write(Batch("atelier", usage=make_usage(changed))) == Receipt(conflict=len(CONFLICTS))
    assert {event_id: field for event_id, field, _ in rejections(store)} == {
        name: field for name, (_, field) in CONFLICTS.items()
    }
    stored_times = [reason.split(": ")[1] for _, field, reason in rejections(store) if field == "occurred_at"]
    assert all(words.startswith("2026-11-20T12:00:00.000000Z stored") for words in stored_times)
    assert writer.write(Batch("atelier", usage=make_usage(changed))) == Receipt(conflict=len(CONFLICTS))
    assert count(store, "rejected") == len(CONFLICTS), "what was said once is not said again"
    assert count(store, "ai_usage") == count(store, "cost_entries") == len(CONFLICTS)


def test_a_map_in_another_order_is_the_same_content(store: Store, writer: Writer) -> None:
    writer.write(Batch("atelier", usage=make_usage([{"tags": [("a", "1"), ("b", "2")]}])))
    assert writer.write(Batch("atelier", usage=make_usage([{"tags": [("b", "2"), ("a", "1")]}]))) == Receipt(duplicate=1)


def test_within_one_batch_the_first_of_an_id_is_kept(store: Store, writer: Writer) -> None:
    events = [{"event_id": "a"}, {"event_id": "a"}, {"event_id": "a", "status": "error"}, {"event_id": "b"}]
    assert writer.write(Batch("atelier", usage=make_usage(events))) == Receipt(added=2, duplicate=1, conflict=1)
    assert store.select("SELECT status FROM ai_usage WHERE event_id = 'a'").to_pylist() == [{"status": "ok"}]


def test_what_a_conflict_held_is_kept_without_free_text(store: Store, writer: Writer) -> None:
    secret = {"event_id": "x", "attributes": [("prompt", "tell nobody")]}
    writer.write(Batch("atelier", usage=make_usage([{"event_id": "x"}])))
    writer.write(Batch("atelier", usage=make_usage([secret])))
    content = store.select("SELECT content FROM rejected")["content"][0].as_py()
    assert '"platform":"atelier"' in content
    assert "tell nobody" not in content


def test_a_refused_batch_leaves_its_cursor_where_it_was(store: Store, writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    writer.write(Batch("atelier", usage=make_usage(1), cursor=Cursor("atelier", "usage", "page-1")))
    real = group.store_usage

    def refusing(tx: Transaction, usage: pa.Table, *more: Any) -> StoredUsage:
        stored = real(tx, usage, *more)
        if "broken" in usage.column("event_id").to_pylist():
            raise StoreError("the engine refused it", "warehouse")
        return stored

    monkeypatch.setattr(group, "store_usage", refusing)
    broken = make_usage([{"event_id": "beside it"}, {"event_id": "broken"}])
    good = writer.submit(Batch("arena", usage=make_usage([{"event_id": "good", "source": "arena"}])))
    bad = writer.submit(Batch("atelier", usage=broken, cursor=Cursor("atelier", "usage", "page-2")))
    with pytest.raises(StoreError, match="the engine refused it"):
        bad.result(60)
    assert good.result(60).added == 1, "one bad batch does not fail the others of its group"
    assert store.rows("latest_cursor", source="atelier", stream="usage")[0]["position"] == "page-1"
    assert count(store, "ai_usage") == count(store, "cost_entries") == 2, "nothing of the refused batch is stored"
    monkeypatch.setattr(group, "store_usage", real)
    again = Batch("atelier", usage=broken, cursor=Cursor("atelier", "usage", "page-2"))
    assert writer.write(again) == Receipt(added=2), "and nothing of it is remembered as stored"


def test_the_newest_cursor_wins_even_within_one_instant(store: Store, writer: Writer) -> None:
    for position in ("page-1", "page-2", "page-3"):
        writer.submit(
            Batch("atelier", cursor=Cursor("atelier", "usage", position, newest_at=NOON, caught_up=position == "page-3"))
        )
    writer.close()
    (newest,) = store.rows("latest_cursor", source="atelier", stream="usage")
    assert (newest["position"], newest["caught_up"], newest["newest_at"]) == ("page-3", True, NOON)
    assert count(store, "cursors") == 3


def test_a_new_column_arrives_beside_inserts(
    store: Store, open_again: Callable[[], Store], writer: Writer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("migrations")
    for path in FOLDER.glob("*.sql"):
        (folder / path.name).write_text(path.read_text())
    number = len(list(folder.iterdir())) + 1
    (folder / f"{number:04d}_note.sql").write_text("ALTER TABLE ai_usage ADD COLUMN note VARCHAR;")
    before = [writer.submit(Batch("atelier", usage=make_usage([{"event_id": f"b-{i}"}]))) for i in range(5)]
    node = open_again()
    assert migrate(node.run, NOON, node.where, folder) == 1
    after = [writer.submit(Batch("atelier", usage=make_usage([{"event_id": f"a-{i}"}]))) for i in range(5)]
    assert sum(future.result(60).added for future in before + after) == 10
    assert store.select("SELECT count(*) AS n, count(note) AS notes FROM ai_usage").to_pylist() == [{"n": 10, "notes": 0}]
    assert migrate(node.run, NOON, node.where, folder) == 0
