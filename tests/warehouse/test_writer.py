"""The writer's queue: bounded, grouped, honest about what failed. Over a file; what depends on the store is in conformance/."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from roomleft.clock import FixedClock
from roomleft.errors import DiskFull, InputError, QueueFull, StoreError
from tests.warehouse.rows import NOON, make_samples, make_usage
from warehouse import writer as writer_module
from warehouse.store import Store
from warehouse.writer import Batch, Receipt, Writer


@pytest.fixture
def store(tmp_path: Path, clock: FixedClock) -> Iterator[Store]:
    with Store.open(f"duckdb:///{tmp_path}/warehouse.duckdb", now=clock, memory_limit="512MB") as opened:
        yield opened


@pytest.fixture
def writer(store: Store, clock: FixedClock) -> Iterator[Writer]:
    writer = Writer(store, clock, group_ms=5)
    writer.start()
    yield writer
    writer.close()


def one(event_id: str, **columns: object) -> Batch:
    return Batch("atelier", usage=make_usage([{"event_id": event_id, **columns}]))


def test_a_full_queue_refuses_and_says_when_to_come_back(store: Store, clock: FixedClock) -> None:
    writer = Writer(store, clock, max_queued_rows=10)
    futures = [writer.submit(Batch("atelier", usage=make_usage([{"event_id": f"{n}-{i}"} for i in range(5)]))) for n in range(2)]
    with pytest.raises(QueueFull) as refused:
        writer.submit(one("too much"))
    assert 0.5 <= refused.value.retry_after_s <= 30
    writer.start()
    assert [future.result(30).added for future in futures] == [5, 5]
    assert writer.write(one("too much")).added == 1
    writer.close()


def test_a_batch_larger_than_the_queue_passes_when_nothing_waits(store: Store, clock: FixedClock) -> None:
    writer = Writer(store, clock, max_queued_rows=10)
    writer.start()
    assert writer.write(Batch("atelier", usage=make_usage(50))).added == 50
    writer.close()


def test_many_batches_share_one_commit(store: Store, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real = writer_module.store_group

    def counting(store: Store, batches: Sequence[object], *rest: object) -> object:
        sizes.append(len(batches))
        return real(store, batches, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(writer_module, "store_group", counting)
    writer = Writer(store, clock, group_rows=10)
    futures = [writer.submit(Batch(f"source-{i % 3}", usage=make_usage([{"event_id": str(i)}]))) for i in range(125)]
    writer.start()
    writer.close()
    assert [future.result(0).added for future in futures] == [1] * 125
    assert sizes == [50, 50, 25], "a backlog is stored five groups at a time"


def test_closing_stores_what_is_queued_and_refuses_more(store: Store, clock: FixedClock) -> None:
    writer = Writer(store, clock)
    future = writer.submit(one("last"))
    writer.start()
    writer.close()
    assert future.result(0) == Receipt(added=1)
    with pytest.raises(StoreError, match="closed"):
        writer.submit(one("later"))


def test_closing_a_writer_that_never_ran_fails_what_waits(store: Store, clock: FixedClock) -> None:
    writer = Writer(store, clock)
    future = writer.submit(one("never"))
    writer.close()
    with pytest.raises(StoreError, match="before these rows were stored"):
        future.result(0)


def test_one_bad_batch_fails_alone(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    real = writer_module.store_group

    def refusing(store: Store, batches: Sequence[object], *rest: object) -> object:
        if any(batch.source == "bad" for batch in batches):  # type: ignore[attr-defined]
            raise ValueError("no")
        return real(store, batches, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(writer_module, "store_group", refusing)
    futures = {name: writer.submit(Batch(name, usage=make_usage([{"event_id": name}]))) for name in ("a", "bad", "b")}
    assert futures["a"].result(30).added == futures["b"].result(30).added == 1
    with pytest.raises(StoreError, match="ValueError: no"):
        futures["bad"].result(30)


class Pseudonyms:
    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def of(self, people: Sequence[str]) -> dict[str, str]:
        self.asked.append(list(people))
        return {person: f"anon-{person[::-1]}" for person in people}


def test_people_are_stored_under_pseudonyms_only(store: Store, clock: FixedClock) -> None:
    book = Pseudonyms()
    writer = Writer(store, clock, pseudonyms=book, group_ms=5)
    writer.start()
    users = ["ada", "bob", None, "ada"]
    batch = Batch("atelier", usage=make_usage([{"event_id": str(i), "user_id": user} for i, user in enumerate(users)]))
    assert writer.write(batch).added == 4
    assert writer.write(batch).duplicate == 4
    writer.close()
    stored = store.select("SELECT user_id FROM ai_usage ORDER BY event_id")["user_id"].to_pylist()
    assert stored == ["anon-ada", "anon-bob", None, "anon-ada"]
    assert book.asked == [["ada", "bob"], ["ada", "bob"]]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(path: Path) -> None:
    """Writes until nothing more fits."""
    with path.open("wb") as file, suppress(OSError):
        while True:
            file.write(b"x" * 65536)
            file.flush()


def send_until_refused(writer: Writer) -> None:
    for start in range(200):
        writer.write(Batch("atelier", usage=make_usage([{"event_id": f"{start}-{i}", "team": f"{i}" * 50} for i in range(200)])))


def test_a_lone_batch_is_stored_at_once_and_the_next_waits_for_company(store: Store, clock: FixedClock) -> None:
    writer = Writer(store, clock, group_ms=600_000)
    writer.start()
    assert writer.write(one("first")).added == 1
    waiting = writer.submit(one("second"))
    assert not waiting.done()
    writer.close()
    assert waiting.result(30).added == 1


@pytest.mark.chaos
def test_a_full_disk_fails_batches_and_the_writer_goes_on(small_disk: Path, clock: FixedClock) -> None:
    filler = small_disk / "filler"
    with Store.open(f"duckdb:///{small_disk}/warehouse.duckdb", now=clock, memory_limit="512MB") as store:
        writer = Writer(store, clock, group_ms=1)
        writer.start()
        assert writer.write(one("before")).added == 1
        fill(filler)
        with pytest.raises(DiskFull):
            send_until_refused(writer)
        filler.unlink()
        assert writer.write(one("after")).added == 1
        writer.close()
        kept = store.select(
            "SELECT count(*) AS n, count(DISTINCT event_id) AS ids FROM ai_usage WHERE event_id IN ('before', 'after')"
        )
        assert kept.to_pylist() == [{"n": 2, "ids": 2}]


def test_a_full_disk_reaches_every_waiting_batch(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise DiskFull("the disk is full; nothing of this was stored")

    monkeypatch.setattr(writer_module, "store_group", full)
    futures = [writer.submit(one(str(i))) for i in range(3)]
    for future in futures:
        with pytest.raises(DiskFull):
            future.result(30)


def test_two_writers_of_one_store_share_what_they_know(store: Store, clock: FixedClock) -> None:
    writers = [Writer(store, clock, group_ms=1) for _ in range(2)]
    together = threading.Barrier(2)
    receipts: list[Receipt] = []

    def send(writer: Writer) -> None:
        writer.start()
        for _ in range(10):
            together.wait(30)
            receipts.append(writer.write(Batch("atelier", usage=make_usage(20), samples=make_samples([1, 2, 3]))))
        writer.close()

    threads = [threading.Thread(target=send, args=(writer,)) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(receipt.added for receipt in receipts) == 23
    assert sum(receipt.duplicate for receipt in receipts) == 19 * 23


def test_samples_may_come_dictionary_encoded_and_in_chunks(store: Store, writer: Writer) -> None:
    samples = pa.concat_tables([make_samples([1, 2]), make_samples([3], start=NOON + timedelta(hours=1))])
    encoded = samples.set_column(0, "platform", samples["platform"].dictionary_encode())
    assert writer.write(Batch("atelier", samples=encoded)).added == 3
    assert writer.write(Batch("atelier", samples=samples)).duplicate == 3


REFUSED = {
    "a column too many": (make_usage(1).append_column("colour", pa.array(["red"])), "colour"),
    "a column missing": (make_usage(1).drop_columns(["platform"]), "platform"),
    "a required value missing": (make_usage(1).set_column(0, "event_id", pa.array([None], pa.string())), "event_id"),
    "words for a number": (make_usage(1).drop_columns(["images"]).append_column("images", pa.array(["many"])), "images"),
    "a time without a zone": (
        make_usage(1)
        .drop_columns(["occurred_at"])
        .append_column("occurred_at", pa.array([NOON.replace(tzinfo=None)], pa.timestamp("us"))),
        "occurred_at",
    ),
    "an endless latency": (make_usage([{"latency_ms": float("inf")}]), "latency_ms"),
    "a latency that is no number": (make_usage([{"latency_ms": float("nan")}]), "latency_ms"),
}


@pytest.mark.parametrize(("usage", "column"), REFUSED.values(), ids=REFUSED)
def test_rows_that_do_not_fit_are_refused_at_the_door(writer: Writer, usage: pa.Table, column: str) -> None:
    with pytest.raises(InputError, match=column):
        writer.submit(Batch("atelier", usage=usage))
