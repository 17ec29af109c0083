"""Wrong numbers that users of other systems met, about what a call costs. Each test is named after the thread that tells of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from analytics.catalogue import Catalogue
from analytics.quote import Quote, quote
from jobs.price import price_job
from roomleft.clock import FixedClock
from roomleft.contracts import Contract, DatedContract
from roomleft.money import stored
from roomleft.packs_prices import Price
from roomleft.settings import ROOT
from tests.warehouse.rows import make_usage
from warehouse.rollup import roll_up
from warehouse.store import Store
from warehouse.writer import Batch, Writer

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LISTS = ROOT / "packs" / "prices"
CLAUDE = {"provider": "anthropic", "model": "claude-sonnet-4-5"}
IMAGE = {"provider": "gemini", "model": "gemini-2.5-flash-image"}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue(LISTS)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(f"duckdb:///{tmp_path}/w.duckdb", now=FixedClock(NOON))
    yield store
    store.close()


def one(catalogue: Catalogue, **call: Any) -> Quote:
    return quote(make_usage([{"occurred_at": NOON, **call}]), catalogue, NOON)[0]


def put(store: Store, catalogue: Catalogue, *events: dict[str, Any]) -> None:
    writer = Writer(store, FixedClock(NOON), group_ms=1, rates_for=lambda pairs: catalogue.rates_of(pairs, NOON))
    writer.start()
    writer.write(Batch("atelier", usage=make_usage([{"event_id": f"e-{n}", **event} for n, event in enumerate(events)])))
    writer.close()
    roll_up(store, NOON, ["UTC"])


# AI usage


def test_phoenix_10036_a_cache_write_has_a_price_of_its_own(catalogue: Catalogue) -> None:
    """3: cache writes were valued at what all of the input would cost."""
    written = one(catalogue, **CLAUDE, cache_write_tokens=10_000)
    assert written.cost_usd == Decimal("0.0375")
    assert one(catalogue, **CLAUDE, input_uncached_tokens=240, cache_write_tokens=10_000).cost_usd == Decimal("0.03822")


def test_litellm_42663_what_a_breakdown_of_cache_writes_leaves_out_is_not_free(catalogue: Catalogue) -> None:
    """4: of 1 000 tokens written 600 were told by how long they are kept; the other 400 cost nothing."""
    told = [("cache_write_5m_tokens", 400.0), ("cache_write_1h_tokens", 200.0)]
    found = one(catalogue, **CLAUDE, cache_write_tokens=1000, other_units=told)
    assert found.cost_usd == 800 * Decimal("0.00000375") + 200 * Decimal("0.000006")
    assert found.state == "priced"


def test_codex_observability_22_a_bucket_of_an_unknown_name_is_unpriced_not_free(catalogue: Catalogue, store: Store) -> None:
    """5: the sender's name of a bucket was not the list's, and its tokens were free."""
    call = {**CLAUDE, "input_uncached_tokens": 1000, "other_units": [("input_cache_creation", 500.0)]}
    found = one(catalogue, **call)
    assert (found.state, found.cost_usd) == ("unpriced", Decimal("0.003"))
    put(store, catalogue, call)
    row = store.select(
        "SELECT cost_usd, unpriced_requests::INT AS calls, unpriced_tokens::INT AS tokens FROM usage_15m"
    ).to_pylist()
    assert row == [{"cost_usd": Decimal("0.003"), "calls": 1, "tokens": 1000}]


def test_litellm_35913_an_unknown_model_is_unpriced_and_priced_later(catalogue: Catalogue, store: Store, tmp_path: Path) -> None:
    """12: 37.4 million tokens of a model that the list did not know yet came to $1.16 instead of about $185."""
    call = {"provider": "openai", "model": "gpt-of-tomorrow", "input_uncached_tokens": 37_000_000, "output_tokens": 400_000}
    put(store, catalogue, call)
    unpriced = store.select("SELECT cost_usd, unpriced_tokens::INT AS tokens FROM usage_15m").to_pylist()
    assert unpriced == [{"cost_usd": Decimal(0), "tokens": 37_400_000}]
    (tmp_path / "openai.yaml").write_text(
        "provider: openai\nchecked_on: 2026-11-20\nsource: the provider's page\nmodels:\n  gpt-of-tomorrow:\n"
        '    prices: [{from: 2026-11-01, input_usd_per_mtok: "4.9", output_usd_per_mtok: "9.25"}]\n'
    )
    price_job(store, {}, Catalogue(tmp_path)).run(NOON + timedelta(hours=1))
    roll_up(store, NOON + timedelta(hours=1), ["UTC"])
    found = store.select("SELECT cost_usd, unpriced_tokens::INT AS tokens FROM usage_15m").to_pylist()
    assert found == [{"cost_usd": Decimal(185), "tokens": 0}]
    reasons = store.select("SELECT reason, cost_state FROM cost_entries ORDER BY revision").to_pylist()
    assert [(row["reason"], row["cost_state"]) for row in reasons] == [("ingest", "unpriced"), ("late price", "priced")]


def test_litellm_8867_a_thousand_calls_add_up_without_float_dust(catalogue: Catalogue, store: Store) -> None:
    """17: sums of floats ended in …0000000002."""
    call = {"provider": "openai", "model": "gpt-4o-mini", "input_uncached_tokens": 7, "output_tokens": 3}
    put(store, catalogue, *({**call, "occurred_at": NOON + timedelta(seconds=n)} for n in range(1000)))
    exact = 1000 * stored(7 * Decimal("0.00000015") + 3 * Decimal("0.0000006"))
    assert store.select("SELECT sum(cost_usd) AS usd FROM usage_15m")["usd"][0].as_py() == exact == Decimal("0.00285")


def test_litellm_31142_a_picture_that_came_out_is_not_text(catalogue: Catalogue) -> None:
    """18: the tokens of a picture were priced as text, a twelfth of their price."""
    found = one(catalogue, **IMAGE, input_uncached_tokens=20, output_tokens=1300, other_units=[("output_image_tokens", 1290.0)])
    assert found.output_usd == 1290 * Decimal("0.00003") + 10 * Decimal("0.0000025")
    text = {"provider": "openai", "model": "gpt-4o", "output_tokens": 1300, "other_units": [("output_image_tokens", 1290.0)]}
    assert (one(catalogue, **text).state, one(catalogue, **text).cost_usd) == ("unpriced", Decimal("0.0001"))


PICTURES = {
    "low, small: not 24 times its price": ("images.low.1024x1024", "0.011"),
    "high, large: not 31 per cent below it": ("images.high.1536x1024", "0.25"),
}


@pytest.mark.parametrize(("kind", "usd"), PICTURES.values(), ids=list(PICTURES))
def test_litellm_37751_a_picture_costs_by_its_quality_and_size(catalogue: Catalogue, kind: str, usd: str) -> None:
    """18: one flat price for pictures of every quality and size."""
    call = {"provider": "openai", "model": "gpt-image-1", "images": 1}
    assert one(catalogue, **call, other_units=[(kind, 1.0)]).cost_usd == Decimal(usd)
    assert one(catalogue, **call).state == "unpriced"


def test_litellm_26807_an_own_price_keeps_the_discount_of_the_cache(tmp_path: Path) -> None:
    """19: with a price of one's own, tokens from the cache cost as much as any."""
    (tmp_path / "openai.yaml").write_text(
        "provider: openai\nchecked_on: 2026-11-20\nsource: our contract\nmodels:\n  gpt-4o:\n"
        '    prices: [{from: 2026-01-01, input_usd_per_mtok: "2", output_usd_per_mtok: "8"}]\n'
    )
    cached = {"provider": "openai", "model": "gpt-4o", "cache_read_tokens": 1_000_000}
    assert one(Catalogue(tmp_path), **cached).cost_usd == Decimal("1.25")
    half = Contract(provider="openai", percent_off=Decimal(50))
    deal = DatedContract("1", half, "", NOON - timedelta(days=1), None)
    assert one(Catalogue(None, [deal]), **cached).cost_usd == Decimal("0.625")


def test_litellm_7223_speech_is_priced_by_the_character(catalogue: Catalogue) -> None:
    """19: text to speech, billed by the character, was not tracked at all."""
    found = [
        one(catalogue, provider=provider, model=model, characters=1000)
        for provider, model in (("elevenlabs", "eleven_multilingual_v2"), ("openai", "tts-1"), ("deepgram", "aura-2"))
    ]
    assert [(f"{each.cost_usd:.3f}", each.state) for each in found] == [
        ("0.080", "priced"),
        ("0.015", "priced"),
        ("0.030", "priced"),
    ]


def test_phoenix_12673_an_old_price_list_says_so() -> None:
    """20: prices were months old, and nobody was told."""
    fresh = {(each.catalogue, each.provider) for each in Catalogue(LISTS).lists(NOON) if not each.stale}
    assert ("roomleft-elevenlabs@2026-11-21", "elevenlabs") in fresh
    later = Catalogue(LISTS, stale_after=timedelta(days=30)).lists(NOON + timedelta(days=60))
    assert all(each.stale for each in later)
    assert {each.provider for each in later} >= {"openai", "anthropic", "google", "elevenlabs"}


# Bills


def test_claude_spend_31_an_unknown_model_is_not_priced_as_the_dearest(catalogue: Catalogue, store: Store) -> None:
    """7: rows told twice, and unknown models at the dearest known price: five times the cost."""
    call = {**CLAUDE, "input_uncached_tokens": 1000}
    put(store, catalogue, call, {**call, "model": "a-model-of-nobody"})
    put(store, catalogue, call, {**call, "model": "a-model-of-nobody"})
    total = store.select(
        "SELECT sum(cost_usd) AS usd, sum(requests)::INT AS calls, sum(unpriced_tokens)::INT AS tokens FROM usage_15m"
    )
    assert total.to_pylist() == [{"usd": Decimal("0.003"), "calls": 2, "tokens": 1000}]


def test_infracost_3270_a_missing_price_is_not_a_price_of_nothing() -> None:
    """19: a resource without a price counted as $0, and so as a saving."""
    free = Price.model_validate({"from": "2026-01-01", "usd_per_image": "0"})
    assert free.per_unit() == {"images": Decimal(0)}
    nothing = Catalogue(None)
    assert one(nothing, provider="openrouter", model="nobody/knows", images=4).state == "unpriced"
    assert one(nothing, provider="openrouter", model="nobody/knows", status="error").state == "free"
