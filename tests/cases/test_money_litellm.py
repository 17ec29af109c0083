"""Wrong money that users of LiteLLM met: each is a test named after its thread. Calls come by its webhook and by its spend logs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from collectors.litellm.calls import record_of, record_of_row
from collectors.litellm.rows import calls_table
from collectors.litellm.tokens import quantities_of
from roomleft.clock import FixedClock
from roomleft.packs import Pack, pack_of
from roomleft.packs_yaml import read_yaml_text
from tests.collectors.litellm.logged import line, row
from tests.warehouse.rows import make_rate, make_rates
from warehouse.store import Store
from warehouse.writer import Batch, Receipt, Writer

NOW = datetime.fromisoformat("2026-11-20T12:00:00Z")
SINCE = NOW - timedelta(days=365)
USD = {
    "input_uncached_tokens": "0.0000025", "cache_read_tokens": "0.00000125", "cache_write_tokens": "0.000003125", "output_tokens": "0.00001",
}  # fmt: skip
SHOP = """
slug: shop
title: Shop
summary: Its AI calls go through a proxy.
states: {today: {title: Today, summary: Now.}}
components: [{id: gateway, title: Gateway, summary: The proxy}]
meters: {spent: {kind: cost, unit: usd}}
limits: [{id: spent, kind: budget, title: AI, amount: 1000, unit: usd, meter: spent, owner: finance, window: month}]
"""


class Ledger:
    """A warehouse that knows the prices of gpt-4o and claude-sonnet-4-5, and half of them for batches."""

    def __init__(self, clock: FixedClock) -> None:
        self.clock = clock
        self.store = Store.open("duckdb:///:memory:", now=clock, threads=1)
        self.writer = Writer(self.store, clock, group_ms=1)
        self.writer.start()
        self.pack: Pack = pack_of(read_yaml_text(SHOP, "packs/shop.yaml"), Path("packs/shop.yaml"))
        rates = [
            make_rate(
                unit, f"{Decimal(usd) * factor:f}", valid_from=SINCE, provider=provider, model=model, context=context,
                price_id=f"{model} {unit} {context}",
            )
            for provider, model in (("openai", "gpt-4o"), ("anthropic", "claude-sonnet-4-5"))
            for unit, usd in USD.items()
            for context, factor in (("", Decimal(1)), ("batch", Decimal("0.5")))
        ]  # fmt: skip
        self.store.run(lambda tx: tx.insert("rates", make_rates(*rates)))

    def webhook(self, *calls: dict[str, Any]) -> Receipt:
        """Calls as the proxy posts them."""
        return self._put("litellm", calls, record_of)

    def spend_logs(self, *rows: dict[str, Any]) -> Receipt:
        """Rows as its table holds them."""
        return self._put("shop.logs", rows, record_of_row)

    def _put(self, source: str, calls: Any, read: Any) -> Receipt:
        judged = calls_table(
            list(calls), source=source, platform="shop", known_platforms=("shop",), now=self.clock.now(), packs={"shop": self.pack}, read=read
        )  # fmt: skip
        assert judged.rejected.to_pylist() == []
        return self.writer.write(Batch(source, usage=judged.rows))

    def usd(self) -> Decimal:
        """What all of it costs."""
        return Decimal(self.store.select("SELECT sum(cost_usd) AS usd FROM cost_entries")["usd"][0].as_py())

    def rows(self, columns: str) -> list[tuple[Any, ...]]:
        found = self.store.select(f"SELECT {columns} FROM ai_usage JOIN cost_entries USING (source, event_id) ORDER BY ALL")
        return [tuple(each.values()) for each in found.to_pylist()]


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    made = Ledger(FixedClock(NOW))
    yield made
    made.writer.close()
    made.store.close()


def cost(**tokens: int) -> Decimal:
    """Dollars of so many tokens at the prices above."""
    return sum((Decimal(USD[unit]) * count for unit, count in tokens.items()), Decimal(0))


def test_litellm_14849_cached_tokens_are_counted_once(ledger: Ledger) -> None:
    usage = {"prompt_tokens": 250_000, "completion_tokens": 1_000, "prompt_tokens_details": {"cached_tokens": 240_000}}
    ledger.webhook(line(usage))
    assert ledger.usd() == cost(input_uncached_tokens=10_000, cache_read_tokens=240_000, output_tokens=1_000)


def test_litellm_17814_one_answer_under_changing_ids_is_charged_once(ledger: Ledger) -> None:
    later = {"startTime": (NOW - timedelta(minutes=4)).timestamp()}
    assert ledger.webhook(line()).added == 1
    for more in ({"litellm_call_id": "call-2", "trace_id": "trace-2"}, later):
        assert ledger.webhook(line(**more)).duplicate == 1
    assert ledger.spend_logs(row(litellm_call_id="call-3")).duplicate == 1
    assert len(ledger.rows("event_id")) == 1
    assert ledger.usd() == cost(input_uncached_tokens=1200, output_tokens=300)


@pytest.mark.parametrize("first", ["webhook", "spend logs"])
def test_litellm_15740_a_response_that_was_logged_twice_is_charged_once(ledger: Ledger, first: str) -> None:
    ways = [lambda: ledger.webhook(line(id="resp_1")), lambda: ledger.spend_logs(row(request_id="resp_1"))]
    for way in ways if first == "webhook" else ways[::-1]:
        way()
    assert ledger.usd() == cost(input_uncached_tokens=1200, output_tokens=300)
    assert ledger.store.select("SELECT * FROM rejected").to_pylist() == []


def test_litellm_12084_a_batch_is_charged_once_however_often_it_is_polled(ledger: Ledger) -> None:
    used = {"prompt_tokens": 80_000, "completion_tokens": 20_000, "total_tokens": 100_000}
    polls = [
        {"startTime": (NOW - timedelta(minutes=60 - n)).timestamp(), "endTime": None, "completionStartTime": None}
        for n in range(8)
    ]
    for number, poll in enumerate(polls):
        usage = used if number >= 4 else {}
        ledger.webhook(
            line(usage, id="batch_1", call_type="aretrieve_batch", litellm_call_id=f"poll-{number}", response_cost=0.0, **poll)
        )
    ledger.spend_logs(row(used, request_id="batch_1_batch_cost", call_type="aretrieve_batch"))
    charged = [found for found in ledger.rows("output_tokens, cost_usd") if found[0]]
    assert len(charged) == 1
    assert ledger.usd() == charged[0][1]


def test_litellm_35358_a_batch_is_charged_at_batch_prices(ledger: Ledger) -> None:
    used = {"prompt_tokens": 80_000, "completion_tokens": 20_000, "total_tokens": 100_000}
    ledger.webhook(line({}, id="batch_1", call_type="acreate_batch", response_cost=0.0))
    ledger.webhook(line(used, id="batch_1", call_type="aretrieve_batch", litellm_call_id="poll"))
    assert ledger.usd() == cost(input_uncached_tokens=80_000, output_tokens=20_000) / 2


def test_litellm_39455_a_failed_attempt_does_not_swallow_the_success(ledger: Ledger) -> None:
    failed = {"status": "failure", "response_cost": 0.0, "response": None}
    at = [(NOW - timedelta(minutes=5 - n)).timestamp() for n in range(3)]
    ledger.webhook(line({}, id="one", startTime=at[0], **failed), line({}, id="one", startTime=at[1], **failed))
    ledger.webhook(line(id="one", startTime=at[2]))
    assert sorted(ledger.rows("status, output_tokens")) == [("error", 0), ("error", 0), ("ok", 300)]
    assert ledger.usd() == cost(input_uncached_tokens=1200, output_tokens=300)


def test_litellm_11364_its_own_cache_is_not_a_providers(ledger: Ledger) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 800}}
    # The provider's cache helped: LiteLLM's column says no. Its own cache answered: it says yes, and nothing was asked.
    ledger.spend_logs(
        row(usage, cache_hit="False"),
        row(request_id="x_cache_hit1795264218.5", litellm_call_id="hit", cache_hit="True", spend=0.0),
    )
    assert sorted(ledger.rows("cost_state, cache_read_tokens, output_tokens")) == [("free", 0, 0), ("priced", 800, 10)]
    assert ledger.usd() == cost(input_uncached_tokens=200, cache_read_tokens=800, output_tokens=10)


def test_litellm_35913_a_model_litellm_logs_at_0_dollars_is_unpriced_not_free(ledger: Ledger) -> None:
    ledger.webhook(line(model="openai/brand-new", response_cost=0.0))
    assert ledger.rows("cost_state, output_tokens") == [("unpriced", 300)]


def test_litellm_37923_a_stream_logged_at_0_dollars_is_priced_by_its_tokens(ledger: Ledger) -> None:
    ledger.webhook(line(stream=True, response_cost=0.0))
    assert ledger.usd() == cost(input_uncached_tokens=1200, output_tokens=300)


def test_litellms_own_estimate_counts_only_where_no_price_is_known(ledger: Ledger) -> None:
    ledger.webhook(
        line(response_cost=99.0), line(id="chatcmpl-2", litellm_call_id="call-2", model="openai/brand-new", response_cost=0.25)
    )
    assert sorted(ledger.rows("cost_state, cost_usd")) == [
        ("priced", cost(input_uncached_tokens=1200, output_tokens=300)),
        ("reported", Decimal("0.25")),
    ]


ANTHROPIC = {
    "no cache": {"input_tokens": 120, "output_tokens": 30},
    "read": {"input_tokens": 3, "cache_read_input_tokens": 2000, "cache_creation_input_tokens": 0, "output_tokens": 90},
    "written": {"input_tokens": 3, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 2000, "output_tokens": 90},
    "both, the larger part new": {"input_tokens": 5000, "cache_read_input_tokens": 2000, "cache_creation_input_tokens": 700, "output_tokens": 9},
}  # fmt: skip


def through_adapter(said: dict[str, int]) -> dict[str, Any]:
    """What LiteLLM's Anthropic adapter makes of a provider's usage: cached tokens inside `prompt_tokens`."""
    read, write = said.get("cache_read_input_tokens", 0), said.get("cache_creation_input_tokens", 0)
    prompt = said["input_tokens"] + read + write
    return {
        "prompt_tokens": prompt, "completion_tokens": said["output_tokens"], "total_tokens": prompt + said["output_tokens"],
        "cache_read_input_tokens": read, "cache_creation_input_tokens": write,
        "prompt_tokens_details": {"cached_tokens": read, "cache_creation_tokens": write, "text_tokens": said["input_tokens"]},
    }  # fmt: skip


@pytest.mark.parametrize("case", ANTHROPIC)
@pytest.mark.parametrize("form", ["through the adapter", "as the provider said it"])
def test_anthropics_cached_usage_through_litellm_equals_the_providers_own_numbers(case: str, form: str) -> None:
    said = ANTHROPIC[case]
    found = quantities_of(said if form == "as the provider said it" else through_adapter(said))
    read, write = found.get("cache_read_tokens", 0), found.get("cache_write_tokens", 0)
    assert found["input_tokens"] - read - write == said["input_tokens"]
    assert (read, write) == (said.get("cache_read_input_tokens", 0), said.get("cache_creation_input_tokens", 0))
    assert found["output_tokens"] == said["output_tokens"]
