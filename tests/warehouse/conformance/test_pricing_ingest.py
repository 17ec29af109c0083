"""An event is priced in the transaction that stores it: exactly, by the rate valid then, and never as zero when the price is unknown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roomleft.clock import FixedClock
from roomleft.money import stored
from tests.warehouse.rows import NOON, make_rate, make_rates, make_usage
from warehouse.ingest.pricing import split_rows
from warehouse.store import Store
from warehouse.writer import Batch, Writer

UNITS = (
    "input_uncached_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "images",
    "characters",
    "audio_seconds",
    "requests",
)
CALL = {"provider": "p", "model": "m"}


@pytest.fixture
def writer(store: Store, standing_clock: FixedClock) -> Iterator[Writer]:
    writer = Writer(store, standing_clock, group_ms=5)
    writer.start()
    yield writer
    writer.close()


def costs(store: Store) -> dict[str, tuple[Decimal, str]]:
    found = store.select("SELECT event_id, cost_usd, cost_state FROM cost_entries ORDER BY event_id").to_pylist()
    return {row["event_id"]: (row["cost_usd"], row["cost_state"]) for row in found}


RATES = make_rates(
    make_rate("input_uncached_tokens", "0.000002"),
    make_rate("output_tokens", "0.000010"),
    make_rate("output_tokens", "0.000004", platform="arena"),
    make_rate("output_tokens", "0.000020", valid_from=NOON + timedelta(hours=1), valid_to=NOON + timedelta(hours=2)),
    make_rate("images", "0"),
    make_rate("characters", "0.0000125", valid_to=NOON),
    make_rate("requests", "0.5", model="per-call"),
    make_rate("images", "0.01", model="ends", valid_to=NOON - timedelta(hours=1)),
)
PRICED = {
    "by its tokens": ({**CALL, "input_uncached_tokens": 100, "output_tokens": 10}, "0.000300000", "priced"),
    "by its platform's own rate": ({**CALL, "output_tokens": 10, "platform": "arena"}, "0.000040000", "priced"),
    "by the rate since then": ({**CALL, "output_tokens": 10, "occurred_at": NOON + timedelta(hours=1)}, "0.000200000", "priced"),
    "by the older rate again after it": ({**CALL, "output_tokens": 10, "occurred_at": NOON + timedelta(hours=2)}, "0.000100000", "priced"),
    "just before the new rate": (
        {**CALL, "output_tokens": 10, "occurred_at": NOON + timedelta(hours=1, microseconds=-1)}, "0.000100000", "priced"
    ),
    "free where the rate is 0": ({**CALL, "images": 4}, "0", "free"),
    "free where nothing was used": ({**CALL, "status": "error"}, "0", "free"),
    "free where nothing was used of nothing known": ({}, "0", "free"),
    "unpriced: no such model": ({"provider": "p", "model": "other", "output_tokens": 3}, "0", "unpriced"),
    "unpriced: no model at all": ({"output_tokens": 3}, "0", "unpriced"),
    "unpriced: a lower bound of the known part": ({**CALL, "output_tokens": 10, "audio_seconds": Decimal("1.5")}, "0.000100000", "unpriced"),
    "unpriced: a rate that has ended": ({**CALL, "characters": 4}, "0", "unpriced"),
    "unpriced: a model whose only rate has ended": ({"provider": "p", "model": "ends", "images": 1}, "0", "unpriced"),
    "by the request": ({"provider": "p", "model": "per-call", "requests": 3}, "1.500000000", "priced"),
    "before any rate": ({**CALL, "output_tokens": 10, "occurred_at": NOON - timedelta(days=366)}, "0", "unpriced"),
}  # fmt: skip


def test_each_event_is_priced_by_the_rate_that_was_valid(store: Store, writer: Writer) -> None:
    with store.transaction() as tx:
        tx.insert("rates", RATES)
    writer.write(Batch("atelier", usage=make_usage([{"event_id": name, **columns} for name, (columns, _, _) in PRICED.items()])))
    found = costs(store)
    assert {name: (str(cost), state) for name, (cost, state) in found.items()} == {
        name: (str(Decimal(cost).quantize(Decimal("1e-9"))), state) for name, (_, cost, state) in PRICED.items()
    }


def test_a_cost_names_the_price_it_used(store: Store, writer: Writer) -> None:
    with store.transaction() as tx:
        tx.insert(
            "rates", make_rates(make_rate("output_tokens", "0.1", price_id="march"), make_rate("images", "0.1", price_id="march"))
        )
    writer.write(Batch("atelier", usage=make_usage([{**CALL, "output_tokens": 1}])))
    assert store.select("SELECT price_id, revision FROM cost_entries").to_pylist() == [{"price_id": "march", "revision": 0}]


GPT = {"provider": "p", "model": "m", "input_uncached_tokens": 100, "output_tokens": 10}
SHAPED = make_rates(
    *(
        make_rate(unit, usd)
        for unit, usd in (("input_uncached_tokens", "0.000002"), ("output_tokens", "0.00001"), ("cache_write_tokens", "0.000004"))
    ),
    make_rate("input_uncached_tokens", "0.000004", input_over=200_000),
    make_rate("output_tokens", "0.00002", input_over=200_000),
    make_rate("input_uncached_tokens", "0.000001", context="batch"),
    make_rate("output_tokens", "0.000001", minute_from=22 * 60, minute_to=2 * 60),
    make_rate("cache_write_1h_tokens", "0.000008"),
    make_rate("input_audio_tokens", "0.00003"),
    make_rate("web_searches", "0.01"),
    make_rate("reasoning_tokens", "0.00005", model="thinks"),
    make_rate("output_tokens", "0.00001", model="thinks"),
    make_rate("images.hd.1024x1024", "0.08", model="draws"),
    make_rate("images.standard.1024x1024", "0.04", model="draws"),
    make_rate("images", "0.039", model="flat"),
    make_rate("images", "0.039", model="tokens or pictures"),
    make_rate("output_image_tokens", "0.00003", model="tokens or pictures"),
    make_rate("output_tokens", "0.000002", model="tokens or pictures"),
    make_rate("output_tokens", "0.00001", model="guessed", catalogue="estimate:atelier"),
    make_rate("output_tokens", "0.00001", model="changes"),
    make_rate("output_tokens", "0.00002", model="changes", valid_from=NOON + timedelta(hours=1)),
    make_rate("output_tokens", "0.5", model="own"),
    make_rate("output_tokens", "0.5", model="agreed"),
    make_rate("output_tokens", "0.3", model="agreed", platform="atelier", catalogue="contract 7 over test"),
    make_rate("output_tokens", "0.1", model="own", platform="atelier"),
    make_rate(
        "output_tokens",
        "0.3",
        model="own",
        platform="atelier",
        catalogue="contract 7 over test",
        valid_from=NOON - timedelta(days=1),
    ),
)
LATE_EVENING = NOON.replace(hour=23)
PICTURE = {"provider": "p", "model": "draws", "images": 1}
BOTH = {"provider": "p", "model": "tokens or pictures"}
BY_SHAPE = {
    "a call of ordinary size": (GPT, "0.0003", "priced"),
    "at the border of a size": ({**GPT, "input_uncached_tokens": 200_000}, "0.4001", "priced"),
    "above it all of its tokens are dearer": ({**GPT, "input_uncached_tokens": 200_001}, "0.800204", "priced"),
    "the cache counts for the size": ({**GPT, "input_uncached_tokens": 1, "cache_write_tokens": 200_000}, "0.800204", "priced"),
    "several calls in a row by their mean size": ({**GPT, "requests": 3, "input_uncached_tokens": 300_000}, "0.6001", "estimated"),
    "of a class with a price of its own": ({**GPT, "service_tier": "batch"}, "0.0002", "priced"),
    "a batch by its operation": ({**GPT, "operation": "batch"}, "0.0002", "priced"),
    "of a class nobody lists": ({**GPT, "service_tier": "flex"}, "0.0003", "estimated"),
    "what a provider calls its standard tier": ({**GPT, "service_tier": "default"}, "0.0003", "priced"),
    "in the cheap hours": ({**GPT, "occurred_at": LATE_EVENING}, "0.00021", "priced"),
    "in the cheap hours after midnight": ({**GPT, "occurred_at": LATE_EVENING + timedelta(hours=3) - timedelta(microseconds=1)}, "0.00021", "priced"),
    "when the cheap hours end": ({**GPT, "occurred_at": LATE_EVENING + timedelta(hours=3)}, "0.0003", "priced"),
    "a part with a price of its own leaves its bucket": ({**GPT, "other_units": [("input_audio_tokens", 40.0)]}, "0.00142", "priced"),
    "a part without one costs what its bucket costs": ({**GPT, "other_units": [("input_image_tokens", 40.0)]}, "0.0003", "priced"),
    "sound that came out is not text": ({**GPT, "other_units": [("output_audio_tokens", 4.0)]}, "0.00026", "unpriced"),
    "what was thought at its own price": ({"provider": "p", "model": "thinks", "output_tokens": 10, "reasoning_tokens": 4}, "0.00026", "priced"),
    "what was thought, without one": ({**GPT, "reasoning_tokens": 4}, "0.0003", "priced"),
    "a thing counted beside the tokens": ({**GPT, "other_units": [("web_searches", 2.0)]}, "0.0203", "priced"),
    "a thing nobody prices": ({**GPT, "other_units": [("file_searches", 2.0)]}, "0.0003", "unpriced"),
    "a thing nobody knows": ({**GPT, "other_units": [("gpu_hours", 2.0)]}, "0.0003", "unpriced"),
    "none of a thing nobody knows": ({**GPT, "other_units": [("gpu_hours", 0.0)]}, "0.0003", "priced"),
    "a picture by quality and size": ({**PICTURE, "other_units": [("images.hd.1024x1024", 1.0)]}, "0.08", "priced"),
    "a picture of a size nobody lists": ({**PICTURE, "other_units": [("images.hd.4096x4096", 1.0)]}, "0", "unpriced"),
    "a picture that says nothing of itself": (PICTURE, "0", "unpriced"),
    "pictures told by their kind alone": ({**PICTURE, "images": 0, "other_units": [("images.standard.1024x1024", 2.0)]}, "0.08", "priced"),
    "a picture of any kind at a flat price": ({**PICTURE, "model": "flat", "other_units": [("images.hd.1024x1024", 1.0)]}, "0.039", "priced"),
    "a picture by the tokens it is": ({**BOTH, "images": 1, "output_tokens": 1290, "other_units": [("output_image_tokens", 1290.0)]}, "0.0387", "priced"),
    "the same by the picture, where no tokens are told": ({**BOTH, "images": 1}, "0.039", "priced"),
    "a rate that nobody measured": ({"provider": "p", "model": "guessed", "output_tokens": 1}, "0.00001", "estimated"),
    "usage that somebody estimated": ({**GPT, "attributes": [("usage_estimated", "true")]}, "0.0003", "estimated"),
    "a platform's own price before its contract's": ({"provider": "p", "model": "own", "output_tokens": 1}, "0.1", "priced"),
    "a contract's price before everyone's": ({"provider": "p", "model": "agreed", "output_tokens": 1}, "0.3", "priced"),
    "everyone's price where a platform has none of its own": ({"provider": "p", "model": "own", "platform": "arena", "output_tokens": 1}, "0.5", "priced"),
    "a cost that the source told, of a known price": ({**GPT, "reported_cost_usd": Decimal("3.5")}, "0.0003", "priced"),
    "a cost that the source told, and no price": ({"reported_cost_usd": Decimal("3.5")}, "3.5", "reported"),
    "a cost that the source told, and half a price": ({**GPT, "images": 1, "reported_cost_usd": Decimal("3.5")}, "3.5", "reported"),
    "a cost that the provider itself told": (
        {**GPT, "reported_cost_usd": Decimal("3.5"), "attributes": [("cost_source", "provider")]}, "3.5", "reported"
    ),
    "a cost that the source told is nothing": ({**GPT, "reported_cost_usd": Decimal(0), "attributes": [("cost_source", "provider")]}, "0", "reported"),
    "nothing told by a source that knows no price either": ({"provider": "p", "model": "new", "output_tokens": 9, "reported_cost_usd": Decimal(0)}, "0", "unpriced"),
    "several calls over hours of different prices": ({**GPT, "requests": 1, "period_end": NOON + timedelta(days=1)}, "0.0003", "estimated"),
    "several calls over a change of the price": (
        {"provider": "p", "model": "changes", "output_tokens": 10, "period_end": NOON + timedelta(days=1)}, "0.0001", "estimated"
    ),
    "several calls until the change of the price": (
        {"provider": "p", "model": "changes", "output_tokens": 10, "period_end": NOON + timedelta(hours=1)}, "0.0001", "priced"
    ),
    "a hint is no cost": ({"cost_hint": 7.0}, "0", "free"),
}  # fmt: skip


def test_a_call_is_priced_by_its_class_size_hour_and_parts(store: Store, writer: Writer) -> None:
    with store.transaction() as tx:
        tx.insert("rates", SHAPED)
    usage = make_usage([{"event_id": name, **columns} for name, (columns, _, _) in BY_SHAPE.items()])
    writer.write(Batch("atelier", usage=usage))
    assert costs(store) == {name: (Decimal(cost).quantize(Decimal("1e-9")), state) for name, (_, cost, state) in BY_SHAPE.items()}


ODD = {
    "more of a part than of its bucket": [("input_audio_tokens", 101.0)],
    "parts that add up to more": [("input_audio_tokens", 60.0), ("input_image_tokens", 41.0)],
    "fewer than none": [("web_searches", -1.0)],
    "a fraction of a token": [("input_audio_tokens", 0.5)],
    "no number": [("web_searches", float("nan"))],
    "more than can be counted": [("web_searches", 1e300)],
}


def test_units_that_cannot_be_true_are_kept_out_with_the_reason(store: Store, writer: Writer) -> None:
    with store.transaction() as tx:
        tx.insert("rates", SHAPED)
    events = [{"event_id": name, **GPT, "other_units": units} for name, units in ODD.items()]
    receipt = writer.write(Batch("atelier", usage=make_usage([*events, {"event_id": "good", **GPT}])))
    assert (receipt.added, receipt.conflict) == (1, len(ODD))
    assert costs(store) == {"good": (Decimal("0.0003"), "priced")}
    kept = store.select("SELECT event_id, field, reason FROM rejected ORDER BY event_id").to_pylist()
    assert [(row["event_id"], row["field"]) for row in kept] == [(name, "other_units") for name in sorted(ODD)]
    assert all("more of a part than of what it is a part of" in row["reason"] for row in kept)


def test_input_and_output_add_up_to_the_whole() -> None:
    rows = SHAPED.to_pylist()
    usage = make_usage(
        [{**GPT, "cache_write_tokens": 10, "other_units": [("cache_write_1h_tokens", 4.0), ("web_searches", 1.0)]}]
    )
    priced, split = split_rows(usage, rows)
    assert (split.input_usd[0].as_py(), split.output_usd[0].as_py()) == (Decimal("0.000256"), Decimal("0.0001"))
    assert priced.cost_usd[0].as_py() == Decimal("0.010356")


quantities = st.fixed_dictionaries({unit: st.integers(0, 10**5) for unit in UNITS[:6]}).flatmap(
    lambda counts: st.fixed_dictionaries(
        {
            **{unit: st.just(n) for unit, n in counts.items()},
            "requests": st.integers(1, 1000),
            "audio_seconds": st.decimals(0, 10**5, places=3),
        }
    )
)
prices = st.fixed_dictionaries({unit: st.decimals(0, 1, places=12) for unit in UNITS})
numbers = count()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(quantities, min_size=1, max_size=5), rates=prices)
def test_costs_are_exact_to_the_last_digit(
    store: Store, writer: Writer, events: list[dict[str, Decimal | int]], rates: dict[str, Decimal]
) -> None:
    run = next(numbers)
    model = f"m-{run}"
    with store.transaction() as tx:
        tx.insert("rates", make_rates(*(make_rate(unit, str(rate), model=model) for unit, rate in rates.items())))
    usage = [{"event_id": f"{run}-{i}", "provider": "p", "model": model, **event} for i, event in enumerate(events)]
    writer.write(Batch("atelier", usage=make_usage(usage)))
    with localcontext() as context:
        context.prec = 60
        context.rounding = ROUND_HALF_EVEN
        expected = [stored(sum((Decimal(event[unit]) * rates[unit] for unit in UNITS), Decimal(0))) for event in events]
        total = sum(expected, Decimal(0))
    found = store.select("SELECT cost_usd FROM cost_entries WHERE event_id LIKE $run ORDER BY event_id", {"run": f"{run}-%"})
    assert found["cost_usd"].to_pylist() == expected
    summed = store.select("SELECT sum(cost_usd) AS total FROM cost_entries WHERE event_id LIKE $run", {"run": f"{run}-%"})
    assert summed["total"][0].as_py() == total


@pytest.mark.parametrize(("rate", "tokens", "cost"), [("0.0000000125", 1, "0.000000012"), ("0.0000000125", 3, "0.000000038")])
def test_a_half_is_rounded_to_even_as_everywhere(store: Store, writer: Writer, rate: str, tokens: int, cost: str) -> None:
    with store.transaction() as tx:
        tx.insert("rates", make_rates(make_rate("output_tokens", rate)))
    writer.write(Batch("atelier", usage=make_usage([{**CALL, "output_tokens": tokens}])))
    assert costs(store)["e-1"][0] == Decimal(cost)


def test_an_event_of_a_million_dollars_is_kept_out_alone(store: Store, writer: Writer) -> None:
    with store.transaction() as tx:
        tx.insert("rates", make_rates(make_rate("output_tokens", "0.000010")))
    events = [{"event_id": name, "output_tokens": tokens, **CALL} for name, tokens in (("a", 10), ("dear", 10**11), ("b", 10))]
    receipt = writer.write(Batch("atelier", usage=make_usage(events)))
    assert (receipt.added, receipt.conflict) == (2, 1)
    assert costs(store) == {"a": (Decimal("0.0001"), "priced"), "b": (Decimal("0.0001"), "priced")}
    kept = store.select("SELECT event_id, field, reason FROM rejected").to_pylist()
    assert [(row["event_id"], row["field"]) for row in kept] == [("dear", "cost_usd")]
    assert "million dollars" in kept[0]["reason"]
    # Sent alone it is refused again, told once, and nothing else comes of it.
    again = writer.write(Batch("atelier", usage=make_usage(events[1:2])))
    assert (again.added, again.conflict) == (0, 1)
    assert store.select("SELECT count(*)::INT AS n FROM rejected").to_pylist() == [{"n": 1}]
