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


def test_a_source_s_own_cost_is_kept_apart(store: Store, writer: Writer) -> None:
    writer.write(Batch("atelier", usage=make_usage([{"cost_hint": 7.0, "reported_cost_usd": Decimal("3.5")}])))
    assert costs(store) == {"e-1": (Decimal("0E-9"), "free")}
    assert store.select("SELECT cost_hint, reported_cost_usd FROM ai_usage").to_pylist() == [
        {"cost_hint": 7.0, "reported_cost_usd": Decimal("3.500000000")}
    ]


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
