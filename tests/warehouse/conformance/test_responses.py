"""One answer of a provider is one event, whoever tells of it, under whatever id, however often."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from roomleft.clock import FixedClock
from roomleft.errors import StoreError
from tests.warehouse.rows import NOON, make_rate, make_rates, make_usage
from warehouse import writer as writer_module
from warehouse.ingest.responses import same_model
from warehouse.store import Store
from warehouse.writer import Batch, Receipt, Writer


@pytest.fixture
def writer(store: Store, standing_clock: FixedClock) -> Iterator[Writer]:
    writer = Writer(store, standing_clock, group_ms=5)
    writer.start()
    yield writer
    writer.close()


def told(source: str, event_id: str, response_id: str | None = "r-1", **columns: Any) -> Batch:
    event = {"provider": "p", "model": "m", "output_tokens": 5, **columns}
    return Batch(source, usage=make_usage([{"event_id": event_id, "source": source, "response_id": response_id, **event}]))


def several(source: str, *events: dict[str, Any]) -> Batch:
    return Batch(source, usage=make_usage([{"source": source, "provider": "p", "model": "m", **event} for event in events]))


def stored(store: Store, columns: str = "source, event_id") -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in store.select(f"SELECT {columns} FROM ai_usage ORDER BY ALL").to_pylist()]


def rejected(store: Store) -> list[tuple[str, str, str]]:
    found = store.select("SELECT source, field, reason FROM rejected ORDER BY ALL").to_pylist()
    return [(row["source"], row["field"], row["reason"]) for row in found]


def test_two_sources_telling_of_one_answer_are_one_event(store: Store, writer: Writer) -> None:
    assert writer.write(told("gateway", "a")) == Receipt(added=1)
    assert writer.write(told("traces", "span-7", occurred_at=NOON + timedelta(milliseconds=3))) == Receipt(duplicate=1)
    assert stored(store) == [("gateway", "a")]
    assert rejected(store) == []
    assert store.select("SELECT count(*) AS n FROM cost_entries")["n"][0].as_py() == 1


def test_an_answer_under_changing_ids_of_one_source_is_one_event(store: Store, writer: Writer) -> None:
    for number in range(3):
        writer.write(told("gateway", f"e-{number}", occurred_at=NOON + timedelta(seconds=number)))
    assert stored(store) == [("gateway", "e-0")]


def test_within_one_batch_the_first_counts(store: Store, writer: Writer) -> None:
    events = [{"event_id": f"e-{n}", "response_id": f"r-{n % 3}", "output_tokens": 5} for n in range(9)]
    assert writer.write(several("gateway", *events)) == Receipt(added=3, duplicate=6)
    assert [event for _, event in stored(store)] == ["e-0", "e-1", "e-2"]


def test_the_same_again_is_still_a_duplicate(store: Store, writer: Writer) -> None:
    writer.write(told("gateway", "a"))
    for _ in range(2):
        assert writer.write(told("traces", "b")) == Receipt(duplicate=1)
    assert len(stored(store)) == 1


def test_an_answer_told_days_later_is_found(store: Store, writer: Writer) -> None:
    writer.write(told("gateway", "a"))
    assert writer.write(told("back-fill", "b", occurred_at=NOON - timedelta(days=40))) == Receipt(duplicate=1)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ({"output_tokens": 5}, {"output_tokens": 6}, "output_tokens 5 stored, 6 now"),
        (
            {"input_uncached_tokens": 1000},
            {"input_uncached_tokens": 200, "cache_read_tokens": 800},
            "input_uncached_tokens 1000 stored, 200 now, cache_read_tokens 0 stored, 800 now",
        ),
        ({"model": "large"}, {"model": "small"}, "model large stored, small now"),
        ({"audio_seconds": Decimal("1.500")}, {"audio_seconds": Decimal("2.000")}, "audio_seconds 1.500 stored, 2.000 now"),
    ],
)
def test_sources_that_disagree_are_told_of_once_and_the_first_counts(
    store: Store, writer: Writer, first: dict[str, Any], second: dict[str, Any], words: str
) -> None:
    writer.write(told("gateway", "a", **first))
    for _ in range(2):
        assert writer.write(told("traces", "b", attributes=[("prompt", "tell nobody")], **second)) == Receipt(duplicate=1)
    assert rejected(store) == [("traces", "response_id", f"two sources disagree; gateway counts: {words}")]
    assert stored(store) == [("gateway", "a")]
    assert "tell nobody" not in str(store.select("SELECT * FROM rejected").to_pylist())


def test_one_source_that_tells_other_numbers_later_is_told_of(store: Store, writer: Writer) -> None:
    writer.write(told("gateway", "a", output_tokens=5))
    writer.write(told("gateway", "b", output_tokens=9))
    assert rejected(store) == [("gateway", "response_id", "it was told before: output_tokens 5 stored, 9 now")]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("gpt-4o", "gpt-4o-2024-08-06", True),
        ("openai/gpt-4o", "gpt-4o", True),
        ("claude-sonnet-4-5", "claude-sonnet-4-5@20250929", True),
        ("Model-X", "model-x", True),
        (None, "gpt-4o", True),
        ("gpt-4", "gpt-4o", False),
        ("gpt-4", "gpt-4-turbo", False),
        ("gpt-4o", "gpt-4o-mini", False),
    ],
)
def test_a_models_name_with_its_version_is_the_same_model(one: str | None, other: str | None, same: bool) -> None:
    assert same_model(one, other) is same
    assert same_model(other, one) is same


NOT_TOLD_TWICE = {
    "another answer": {"response_id": "r-2"},
    "another platform": {"platform": "forge"},
    "no response id": {"response_id": None},
    "a row of several requests": {"requests": 3, "period_end": NOON + timedelta(hours=1)},
}


@pytest.mark.parametrize("case", NOT_TOLD_TWICE)
def test_what_is_another_answer_is_stored(store: Store, writer: Writer, case: str) -> None:
    writer.write(told("gateway", "a"))
    assert writer.write(told("traces", "b", **NOT_TOLD_TWICE[case])) == Receipt(added=1)


def test_a_failed_attempt_does_not_swallow_the_success(store: Store, writer: Writer) -> None:
    events = [
        {"event_id": "try-1", "response_id": "r-1", "status": "error"},
        {"event_id": "try-2", "response_id": "r-1", "status": "timeout"},
        {"event_id": "try-3", "response_id": "r-1", "output_tokens": 5},
    ]
    for batch in (several("gateway", *events), several("traces", {**events[2], "event_id": "s"})):
        writer.write(batch)
    assert stored(store, "event_id, status, output_tokens") == [
        ("try-1", "error", 0),
        ("try-2", "timeout", 0),
        ("try-3", "ok", 5),
    ]


def test_a_failure_that_used_tokens_claims_its_answer(store: Store, writer: Writer) -> None:
    writer.write(told("gateway", "a", status="error"))
    assert writer.write(told("traces", "b", status="error")) == Receipt(duplicate=1)


def test_looks_at_a_batch_are_one_call_and_its_tokens_are_charged_once(store: Store, writer: Writer) -> None:
    looks = [{"event_id": f"look-{n}", "response_id": "batch-1", "occurred_at": NOON + timedelta(hours=n)} for n in range(4)]
    done = [{**looks[0], "event_id": f"done-{n}", "output_tokens": 900, "operation": "batch"} for n in range(3)]
    for event in (*looks, *done, *looks):
        writer.write(several("gateway", event))
    assert stored(store, "event_id, output_tokens") == [("done-0", 900), ("look-0", 0)]


def test_what_was_kept_out_does_not_stand_for_its_answer(store: Store, writer: Writer) -> None:
    # Nothing of the first is stored, so the second, in the same batch, is not told twice.
    store.run(lambda tx: tx.insert("rates", make_rates(make_rate("output_tokens", "0.01"))))
    absurd = {"event_id": "a", "response_id": "r-1", "output_tokens": 10**9}
    assert writer.write(several("gateway", absurd, {"event_id": "b", "response_id": "r-1", "output_tokens": 7})) == Receipt(
        added=1, conflict=1
    )
    assert stored(store, "event_id, output_tokens") == [("b", 7)]


def test_a_crash_between_commit_and_acknowledgement_doubles_nothing(
    store: Store, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = writer_module.store_group

    def crash_after_commit(*args: object) -> object:
        real(*args)  # type: ignore[arg-type]
        raise RuntimeError("the power went")

    monkeypatch.setattr(writer_module, "store_group", crash_after_commit)
    with pytest.raises(StoreError, match="the power went"):
        writer.write(told("gateway", "a"))
    monkeypatch.setattr(writer_module, "store_group", real)
    assert writer.write(told("gateway", "a")) == Receipt(duplicate=1)
    assert writer.write(told("traces", "b")) == Receipt(duplicate=1)


def test_a_restarted_process_still_knows_every_answer(store: Store, store_url: str, standing_clock: FixedClock) -> None:
    first = Writer(store, standing_clock, group_ms=1)
    first.start()
    first.write(told("gateway", "a"))
    first.close()
    store.close()
    with Store.open(store_url, now=standing_clock) as again:
        writer = Writer(again, standing_clock, group_ms=1)
        writer.start()
        assert writer.write(told("traces", "b")) == Receipt(duplicate=1)
        assert writer.write(told("traces", "c", "r-2")) == Receipt(added=1)
        writer.close()


def test_one_node_knows_the_answers_another_stored(
    store: Store, open_again: Callable[[], Store], standing_clock: FixedClock
) -> None:
    one, other = (Writer(node, standing_clock, group_ms=1) for node in (store, open_again()))
    one.start()
    other.start()
    for number in range(3):
        assert one.write(told("gateway", f"a-{number}", f"r-{number}")) == Receipt(added=1)
        assert other.write(told("traces", f"b-{number}", f"r-{number}")) == Receipt(duplicate=1)
    one.close()
    other.close()
