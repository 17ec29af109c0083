"""What the lists say becomes rates without losing anything: the package's prices at any instant, our own lists, contracts, and what changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from analytics import catalogue_genai
from analytics.catalogue import Catalogue
from analytics.catalogue_contracts import contracts_of
from analytics.catalogue_list import BEGINNING, exact
from analytics.catalogue_names import provider_of
from analytics.quote import quote
from roomleft.contracts import Contract, DatedContract, contract_of
from roomleft.errors import InputError
from roomleft.packs import Pack, RateRow, load_packs
from roomleft.packs_prices import load_price_list, load_price_lists
from roomleft.packs_yaml import PackFaults
from roomleft.settings import ROOT
from tests.warehouse.rows import make_usage
from warehouse.ingest.rate_changes import changes

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LISTS = ROOT / "packs" / "prices"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue(LISTS)


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def at(rows: Sequence[RateRow], unit: str, instant: datetime = NOW, *, context: str = "", size: int = 0) -> Decimal | None:
    """The price of a unit that holds then, for calls of exactly that size."""
    minute = instant.hour * 60 + instant.minute
    found = [
        row
        for row in rows
        if (row.unit, row.context, row.input_over) == (unit, context, size)
        and row.valid_from <= instant
        and (row.valid_to is None or instant < row.valid_to)
        and (row.minute_from is None or row.minute_from <= minute < (row.minute_to or 0))
    ]
    assert len(found) <= 1, found
    return found[0].usd_per_unit if found else None


SPELLINGS = {
    "as the provider does": ("openai", "gpt-4o", "openai/gpt-4o"),
    "in capitals": ("OpenAI", "GPT-4o", "openai/gpt-4o"),
    "of a day": ("openai", "gpt-4o-2024-08-06", "openai/gpt-4o"),
    "with the provider before the model": ("openai", "openai/gpt-4o", "openai/gpt-4o"),
    "gemini": ("gemini", "gemini-2.5-flash", "google/gemini-2.5-flash"),
    "gemini, a folder": ("gemini", "models/gemini-2.5-flash", "google/gemini-2.5-flash"),
    "vertex by its conventions": ("gcp.vertex_ai", "gemini-2.5-flash", "google/gemini-2.5-flash"),
    "gemini by its conventions": ("gcp.gemini", "gemini-2.5-flash", "google/gemini-2.5-flash"),
    "vertex as LiteLLM does": ("vertex_ai", "vertex_ai/gemini-2.5-flash", "google/gemini-2.5-flash"),
    "another's model on vertex": ("vertex_ai", "claude-sonnet-4@20250514", "google/claude-4-sonnet"),
    "bedrock": ("bedrock", "anthropic.claude-3-haiku-20240307-v1:0", "aws/anthropic.claude-3-haiku-20240307-v1:0"),
    "bedrock by its conventions": ("aws.bedrock", "amazon.nova-lite-v1:0", "aws/nova-lite"),
    "azure by its conventions": ("azure.ai.openai", "gpt-4o", "azure/gpt-4o"),
    "azure of old": ("az.ai.openai", "gpt-4o", "azure/gpt-4o"),
    "azure_openai": ("azure_openai", "gpt-4o", "azure/gpt-4o"),
    "mistral by its conventions": ("mistral_ai", "mistral-large-2411", "mistral/mistral-large"),
    "xai": ("xai", "grok-4", "x-ai/grok-4-0709"),
    "a gateway that names its provider": ("litellm", "gemini/gemini-2.5-flash", "google/gemini-2.5-flash"),
    "a client's name of a service": ("openai.responses", "gpt-4o", "openai/gpt-4o"),
}


@pytest.mark.parametrize(("provider", "model", "listed"), SPELLINGS.values(), ids=list(SPELLINGS))
def test_a_model_is_found_however_a_source_spells_it(catalogue: Catalogue, provider: str, model: str, listed: str) -> None:
    rows = catalogue.rates_for(provider, model, NOW)
    assert {(row.provider, row.model, row.platform) for row in rows} == {(provider, model, "")}
    name, _, known = listed.partition("/")
    found = catalogue_genai.find(provider, model)
    assert found is not None
    assert (found[0].id, found[1].id.startswith(known.split("-v1")[0]) or known in found[1].id) == (name, True)


UNKNOWN = {
    "a provider nobody lists": ("self-hosted", "build-llm"),
    "a model nobody lists": ("gemini", "flash"),
    "a name that only holds a known one": ("my-openai-proxy", "gpt-4o"),
    "a gateway that does not say whose": ("litellm", "gpt-4o"),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("provider", "model"), UNKNOWN.values(), ids=list(UNKNOWN))
def test_what_nobody_lists_has_no_price(catalogue: Catalogue, provider: str, model: str) -> None:
    assert catalogue.rates_for(provider, model, NOW) == []


def test_no_pack_means_a_model_of_the_lists_by_accident(catalogue: Catalogue) -> None:
    packs = load_packs(ROOT / "packs", ["scribe", "arena", "creator"])
    own = {(group.provider, model) for pack in packs.values() for group in pack.prices for model in group.models}
    assert {pair for pair in own if catalogue.rates_for(*pair, NOW)} == set()


def test_every_price_of_the_package_has_a_unit_of_ours() -> None:
    from genai_prices.data import providers
    from genai_prices.units import _get_registry

    keys = set()
    for provider in providers:
        for model in provider.models:
            lists = model.prices if isinstance(model.prices, list) else [SimpleNamespace(prices=model.prices)]
            for one in (*lists, *(model.price_variants or ())):
                keys |= {key for key, value in vars(one.prices).items() if value is not None}
    assert {key for key in keys if _get_registry().unit_for_price_key(key).usage_key not in catalogue_genai.UNIT_OF} == set()


INSTANTS = [day("2024-06-01"), day("2025-09-01T03:00"), day("2026-03-01T17:30"), NOW, NOW + timedelta(days=90)]
CONTEXTS: dict[str, dict[str, str]] = {"": {}, "batch": {"processing": "batch"}, "priority": {"service_tier": "priority"}}


@pytest.mark.parametrize("name", ["openai", "anthropic", "google", "deepseek", "mistral", "groq", "x-ai", "aws"])
def test_rates_say_what_the_package_says_at_any_instant(catalogue: Catalogue, name: str) -> None:
    """The whole of a provider's list, model by model, against the package's own answer."""
    provider = catalogue_genai._providers()[name]
    compared = 0
    for model in provider.models:
        rows = catalogue_genai.prices_of(name, model.id)
        if rows is None or (found := catalogue_genai.find(name, model.id)) is None or found[1] is not model:
            continue
        listed = [row for row in Catalogue(None).rates_for(name, model.id, NOW) if "as input" not in row.source]
        for instant in INSTANTS:
            for context, asked in CONTEXTS.items():
                told = model.get_prices(instant, asked)
                for key, price in vars(told).items():
                    usage_key = _unit(key)
                    if price is None or usage_key is None:
                        continue
                    base = price if isinstance(price, Decimal) else price.base
                    mine = at(listed, usage_key, instant, context=context)
                    if mine is None and context:
                        mine = at(listed, usage_key, instant)
                    assert mine == exact(base / _per(key)), (model.id, key, instant, context)
                    compared += 1
    assert compared > 100


def _unit(key: str) -> str | None:
    from genai_prices.units import _get_registry

    return catalogue_genai.UNIT_OF.get(_get_registry().unit_for_price_key(key).usage_key)


def _per(key: str) -> int:
    from genai_prices.units import _get_registry

    return _get_registry().unit_for_price_key(key).per


def test_sizes_hours_and_classes_are_rates_of_their_own(catalogue: Catalogue) -> None:
    pro = catalogue.rates_for("google", "gemini-2.5-pro", NOW)
    assert at(pro, "input_uncached_tokens") == Decimal("0.00000125")
    assert at(pro, "input_uncached_tokens", size=200_000) == Decimal("0.0000025")
    assert at(pro, "output_tokens", context="batch") == Decimal("0.000005")
    assert at(pro, "output_tokens", day("2026-10-13"), context="batch") is None
    chat = catalogue.rates_for("deepseek", "deepseek-chat", NOW)
    assert [at(chat, "output_tokens", day(f"2026-11-20T{hour}")) for hour in ("00:29", "00:30", "16:29", "16:30")] == [
        Decimal("5.5e-7"), Decimal("1.1e-6"), Decimal("1.1e-6"), Decimal("5.5e-7"),
    ]  # fmt: skip


def test_what_is_borrowed_says_so(catalogue: Catalogue) -> None:
    rows = {row.unit: row for row in catalogue.rates_for("openai", "gpt-4.1", NOW) if not row.context}
    assert rows["cache_write_tokens"].usd_per_unit == rows["input_uncached_tokens"].usd_per_unit
    assert "no price of cache writes: as input" in rows["cache_write_tokens"].source
    assert "as input" not in rows["cache_read_tokens"].source


OWN = {
    "speech by the character": ("elevenlabs", "eleven_multilingual_v2", "characters", "0.00008"),
    "fast speech": ("elevenlabs", "eleven_flash_v2_5", "characters", "0.00004"),
    "a picture by size and quality": ("openai", "dall-e-3", "images.hd.1024x1792", "0.12"),
    "a picture by the piece": ("vertex_ai", "imagen-4.0-fast-generate-001", "images", "0.02"),
    "a picture that has tokens too": ("gemini", "gemini-2.5-flash-image", "images", "0.039"),
    "and those tokens": ("gemini", "gemini-2.5-flash-image", "output_image_tokens", "0.00003"),
    "sound by the second": ("deepgram", "nova-3", "audio_seconds", "0.00007167"),
    "speech by the character, of the package": ("openai", "tts-1", "characters", "0.000015"),
    "by another of its names": ("elevenlabs", "elevenlabs/scribe_v1_experimental", "audio_seconds", "0.0000611"),
}


@pytest.mark.parametrize(("provider", "model", "unit", "usd"), OWN.values(), ids=list(OWN))
def test_our_lists_fill_the_gaps(catalogue: Catalogue, provider: str, model: str, unit: str, usd: str) -> None:
    rows = catalogue.rates_for(provider, model, NOW)
    assert at(rows, unit) == Decimal(usd)
    assert all(row.checked_on is not None and row.source for row in rows)


def test_our_list_wins_over_the_package_unit_by_unit(tmp_path: Path) -> None:
    head, _, _ = LIST.partition("    prices:")
    (tmp_path / "openai.yaml").write_text(head + '    prices: [{from: 2025-01-01, usd_per: {output_tokens: "0.000009"}}]\n')
    rows = Catalogue(tmp_path).rates_for("openai", "gpt-4o", NOW)
    assert at(rows, "output_tokens") == Decimal("0.000009")
    assert at(rows, "input_uncached_tokens") == Decimal("0.0000025")


LIST = """provider: openai
checked_on: 2026-11-01
source: a page
models:
  gpt-4o:
    prices:
      - {from: 2026-01-01, until: 2026-06-01, usd_per_image: "0.02"}
      - {from: 2026-06-01, usd_per_image: "0.03"}
"""
REFUSED = {
    "a float price": (('"0.02"', "0.02"), "models.gpt-4o.prices[0].usd_per_image, line 7: an unquoted fraction would become a float"),
    "overlapping dates": (("until: 2026-06-01", "until: 2026-06-02"), "prices, line 6: the price from 2026-06-01 overlaps the one until"),
    "dates out of order": (("from: 2026-06-01", "from: 2025-06-01"), "prices, line 6: prices are not in order of their dates"),
    "a day twice": (("from: 2026-06-01", "from: 2026-01-01"), "prices, line 6: prices are not in order of their dates"),
    "an end before the begin": (("until: 2026-06-01", "until: 2025-06-01"), "line 7: it ends before it begins"),
    "a unit nobody counts": (('usd_per_image: "0.03"', 'usd_per: {picture: "0.03"}'), "line 8: 'picture' is nothing that is counted"),
    "half a picture's kind": (('usd_per_image: "0.03"', 'usd_per: {images.hd: "0.03"}'), "'images.hd' is nothing that is counted"),
    "a price below nothing": (('"0.03"', '"-0.03"'), "prices[1].usd_per_image, line 8"),
    "a key nobody knows": (("source: a page", "source: a page\nurl: x"), "url, line 4: unknown key 'url'"),
    "a name of two models": (("models:", 'models:\n  other: {also: [GPT-4o], prices: [{from: 2026-01-01, usd_per_image: "1"}]}'), "is a name of two models"),
    "another provider than the file": (("provider: openai", "provider: mistral"), "provider, line 1: provider is 'mistral' but the file is openai.yaml"),
    "no price at all": (('usd_per_image: "0.03"', "service_class: batch"), "line 8: no price"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "words"), REFUSED.values(), ids=list(REFUSED))
def test_a_price_list_with_a_fault_is_refused_with_file_and_path(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    path = tmp_path / "openai.yaml"
    path.write_text(LIST)
    assert load_price_list(path).models["gpt-4o"].prices[1].usd_per_image == Decimal("0.03")
    path.write_text(LIST.replace(*change))
    with pytest.raises(PackFaults) as caught:
        load_price_lists(tmp_path)
    assert words in str(caught.value)
    assert "openai.yaml" in str(caught.value)


def test_the_shipped_lists_load_and_say_when_they_were_checked(catalogue: Catalogue) -> None:
    lists = catalogue.lists(NOW)
    own = {one.provider: one for one in lists if one.catalogue.startswith("roomleft-")}
    assert own.keys() == {"deepgram", "elevenlabs", "google", "openai"}
    package = {one.provider: one for one in lists if one.catalogue.startswith("genai-prices@")}
    assert package["openai"].models > 100
    assert {one.checked_on for one in package.values()} == {date(2026, 11, 3)}
    assert not package["openai"].stale
    assert {one.provider for one in catalogue.lists(NOW + timedelta(days=60)) if not one.stale} == set()


def contract(
    number: str, content: dict[str, Any], platform: str = "", since: str = "2026-03-01", until: str | None = None
) -> DatedContract:
    return DatedContract(number, contract_of(content), platform, day(since), day(until) if until else None)


def test_a_contract_lowers_the_list_price_within_its_dates() -> None:
    deal = contract("7", {"provider": "OpenAI", "percent_off": "12.5"}, until="2026-09-01")
    rows = Catalogue(None, [deal]).rates_for("openai", "gpt-4o", NOW)
    prices = [
        at(rows, "output_tokens", day(when)) for when in ("2026-02-28T23:59", "2026-03-01", "2026-08-31T23:59", "2026-09-01")
    ]
    assert prices == [Decimal("0.00001"), Decimal("0.00000875"), Decimal("0.00000875"), Decimal("0.00001")]
    row = next(row for row in rows if row.unit == "output_tokens" and row.usd_per_unit == Decimal("0.00000875"))
    assert row.list_usd_per_unit == Decimal("0.00001")
    assert row.source.startswith("contract 7 from 2026-03-01, 12.5 % off the list; list: https://")
    assert Catalogue(None, [deal]).rates_for("anthropic", "claude-sonnet-4-5", NOW) == Catalogue(None).rates_for(
        "anthropic", "claude-sonnet-4-5", NOW
    )


def test_the_contract_of_a_model_wins_over_the_provider_s_and_a_later_one_over_both() -> None:
    deals = [
        contract("1", {"provider": "openai", "model": "gpt-4o", "usd": {"output_tokens": "0.000005"}}),
        contract("2", {"provider": "openai", "percent_off": 50}),
        contract("3", {"provider": "openai", "model": "gpt-4o", "usd": {"output_tokens": "0.000004"}}, since="2026-06-01"),
    ]
    catalogue = Catalogue(None, deals)
    assert [at(catalogue.rates_for("openai", "gpt-4o", NOW), "output_tokens", day(when)) for when in ("2026-05-31", "2026-06-01")] == [
        Decimal("0.000005"), Decimal("0.000004"),
    ]  # fmt: skip
    assert at(catalogue.rates_for("openai", "gpt-4.1", NOW), "output_tokens") == Decimal("0.000004")


def test_a_platform_s_contract_binds_it_alone() -> None:
    catalogue = Catalogue(None, [contract("7", {"provider": "openai", "percent_off": 50}, "arena")])
    usage = make_usage(
        [
            {"event_id": platform, "platform": platform, "provider": "openai", "model": "gpt-4o", "output_tokens": 1000}
            for platform in ("arena", "scribe")
        ]
    )
    assert [str(one.cost_usd) for one in quote(usage, catalogue, NOW)] == ["0.005000000", "0.010000000"]


def test_a_pack_s_own_price_wins_over_contracts_and_lists() -> None:
    data = load_packs(ROOT / "packs", ["tabletop"])["tabletop"].model_dump(by_alias=True, exclude_none=True)
    pack = Pack.model_validate(data)
    catalogue = Catalogue(LISTS, [contract("7", {"provider": "gemini", "percent_off": 50})], packs={"tabletop": pack})
    usage = make_usage(
        [
            {"event_id": platform, "platform": platform, "provider": "gemini", "model": "gemini-2.5-flash", "output_tokens": 1000, "occurred_at": NOW}
            for platform in ("tabletop", "scribe")
        ]
    )  # fmt: skip
    assert [str(one.cost_usd) for one in quote(usage, catalogue, NOW)] == ["0.002500000", "0.001250000"]


BAD_CONTRACTS: dict[str, dict[str, Any]] = {
    "neither": {"provider": "openai"},
    "both": {"provider": "openai", "model": "m", "percent_off": 5, "usd": {"output_tokens": "1"}},
    "a float": {"provider": "openai", "percent_off": 12.5},
    "more than all": {"provider": "openai", "percent_off": 101},
    "a unit nobody counts": {"provider": "openai", "model": "m", "usd": {"pictures": "1"}},
    "prices of no model": {"provider": "openai", "usd": {"output_tokens": "1"}},
    "no provider": {"percent_off": 5},
}


@pytest.mark.parametrize("content", BAD_CONTRACTS.values(), ids=list(BAD_CONTRACTS))
def test_a_contract_that_makes_no_sense_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        contract_of(content)


def test_contracts_come_from_the_decisions_that_stand() -> None:
    term = SimpleNamespace(
        id=3, platform="arena", valid_from=NOW, valid_to=None, content={"provider": "openai", "percent_off": "10"}
    )
    terms = SimpleNamespace(standing=lambda kind: [term] if kind == "contract" else [])
    assert contracts_of(terms) == [DatedContract("3", Contract(provider="openai", percent_off=Decimal(10)), "arena", NOW, None)]


def test_a_contract_that_cannot_be_read_leaves_the_list_prices() -> None:
    def broken() -> list[DatedContract]:
        raise InputError("odd", "contract", "look")

    assert at(Catalogue(None, broken).rates_for("openai", "gpt-4o", NOW), "output_tokens") == Decimal("0.00001")


# What a list that has changed adds to what is stored.


def rate(
    usd: str, *, unit: str = "output_tokens", since: datetime = BEGINNING, until: datetime | None = None, **other: Any
) -> RateRow:
    row = RateRow(f"list:{since:%Y-%m-%d}", "p", "m", "", unit, Decimal(usd), since, until, "list@1", "a page", NOW)
    return row._replace(**other)


def stored(*rows: RateRow) -> list[dict[str, Any]]:
    return [{**row._asdict(), "resolved_at": NOW - timedelta(days=30)} for row in rows]


LATER = NOW + timedelta(days=10)
CHANGES: dict[str, tuple[list[RateRow], list[RateRow], list[tuple[str, datetime, int]]]] = {
    "nothing is stored: all of it, its past too": (
        [], [rate("1", until=day("2026-01-01")), rate("2", since=day("2026-01-01"))], [("1", BEGINNING, 0), ("2", day("2026-01-01"), 0)],
    ),
    "nothing has changed": ([rate("1")], [rate("1")], []),
    "another price: from now on": ([rate("1")], [rate("2")], [("2", NOW, 0)]),
    "the past alone was put right": ([rate("1")], [rate("9", until=day("2026-01-01")), rate("1", since=day("2026-01-01"))], []),
    "a price announced": ([rate("1")], [rate("1", until=LATER), rate("2", since=LATER)], [("2", LATER, 0)]),
    "an announced price that came to nothing": ([rate("1", until=LATER), rate("2", since=LATER)], [rate("1")], [("1", LATER, 0)]),
    "a unit that was not listed": ([rate("1")], [rate("1"), rate("3", unit="images")], [("3", NOW, 0)]),
    "a price that is no longer listed stays": ([rate("1"), rate("3", unit="images")], [rate("1")], []),
    "a size that is no longer dearer": ([rate("1"), rate("2", input_over=200_000)], [rate("1")], [("1", NOW, 200_000)]),
    "a size that is new": ([rate("1")], [rate("1"), rate("2", input_over=200_000)], [("2", NOW, 200_000)]),
    "hours that are no longer cheaper": (
        [rate("1", minute_from=0, minute_to=720), rate("2", minute_from=720, minute_to=1440)], [rate("1")], [("1", NOW, 0), ("1", NOW, 0)],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "added"), CHANGES.values(), ids=list(CHANGES))
def test_a_list_that_has_changed_adds_rates_from_now_on(
    old: list[RateRow], new: list[RateRow], added: list[tuple[str, datetime, int]]
) -> None:
    found = changes(stored(*old), new, NOW)
    shown = sorted((f"{row.usd_per_unit.normalize():f}", row.valid_from, row.input_over) for row in found)
    assert shown == sorted(added)
    assert changes([*stored(*old), *(row._asdict() for row in found)], new, NOW) == []


def test_the_end_of_a_platform_s_contract_brings_the_list_price_back() -> None:
    agreed = rate("1", platform="arena", catalogue="contract 7 over list@1", since=day("2026-03-01"))
    found = changes(stored(rate("2"), agreed), [rate("2")], NOW)
    assert [(row.platform, row.usd_per_unit, row.valid_from) for row in found] == [("arena", Decimal(2), NOW)]
    assert found[0].catalogue.startswith("contract ended")
    # A price of the pack's own is none of the lists' business.
    own = rate("5", platform="arena", catalogue="arena@2026-01-01")
    assert changes(stored(rate("2"), own), [rate("2")], NOW) == []


def test_a_contract_in_place_of_a_longer_one_ends_when_it_says() -> None:
    old = rate("1", platform="arena", catalogue="contract 7 over list@1", since=day("2026-03-01"))
    new = rate("1", platform="arena", catalogue="contract 8 over list@1", since=day("2026-03-01"), until=LATER)
    over = rate("1", platform="arena", catalogue="contract 9 over list@1", since=day("2026-03-01"), until=day("2026-04-01"))
    for contract_now, ends in ((new, LATER), (over, NOW)):
        fresh = [rate("2"), contract_now]
        found = changes(stored(rate("2"), old), fresh, NOW)
        assert [(row.platform, row.usd_per_unit, row.valid_from) for row in found] == [("arena", Decimal(2), ends)]
        assert changes([*stored(rate("2"), old), *(row._asdict() for row in found)], fresh, NOW) == []


def test_a_provider_nobody_knows_keeps_its_name() -> None:
    assert provider_of("My-Own.Gateway") == "my-own.gateway"
