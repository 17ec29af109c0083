"""Providers' reports over real HTTP: paged, resumed, settled, billed once."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from pydantic import ValidationError

from tests.collectors.providers.doubles import Double
from tests.collectors.providers.reading import ENTRY, Reading
from tests.warehouse.rows import NOON

MIDNIGHT = NOON.replace(hour=0)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
COMPLETIONS, COSTS = "/v1/organization/usage/completions", "/v1/organization/costs"
MESSAGES, COST_REPORT = "/v1/organizations/usage_report/messages", "/v1/organizations/cost_report"


def completions(tokens: int = 1000, **more: object) -> dict[str, object]:
    return {
        "object": "organization.usage.completions.result", "input_tokens": tokens, "input_cached_tokens": 400, "output_tokens": 50,
        "input_audio_tokens": 30, "num_model_requests": 7, "model": "gpt-4o-2024-08-06", "project_id": "proj_1", "api_key_id": "key_1",
        "batch": False, **more,
    }  # fmt: skip


def cost(value: str, item: str = "gpt-4o, input", **more: object) -> dict[str, object]:
    return {"amount": {"value": Decimal(value), "currency": "usd"}, "line_item": item, "project_id": "proj_1", **more}


def hours(provider: Double, count: int, before: datetime) -> None:
    for number in range(1, count + 1):
        provider.report(COMPLETIONS, before - number * HOUR, completions(1000 + number))


def test_openai_use_becomes_disjoint_buckets_page_after_page(provider: Double, reading: Reading) -> None:
    hours(provider, 8, NOON - 2 * DAY)
    done = reading.read("openai-usage", counts="usage")
    assert done.error is None
    rows = reading.usage()
    assert len(rows) == 8
    first = rows[0]
    assert (first["input_uncached_tokens"], first["cache_read_tokens"], first["output_tokens"]) == (1008 + 30 - 400, 400, 50)
    assert dict(first["other_units"]) == {"input_audio_tokens": 30.0}
    assert (first["requests"], first["period_end"] - first["occurred_at"]) == (7, HOUR)
    assert (first["provider"], first["model"], first["project"]) == ("openai", "gpt-4o-2024-08-06", "proj_1")
    assert first["api_key_hash"]
    assert "key_1" not in str(first)
    assert len([path for path in provider.asked if path.startswith(COMPLETIONS)]) == 2 + 2, (
        "two weeks, one of them of three pages"
    )


def test_only_settled_buckets_are_usage_and_the_others_show_in_charges(provider: Double, reading: Reading) -> None:
    hours(provider, 40, NOON)
    reading.read("openai-usage", counts="usage")
    rows = reading.usage("period_end")
    assert len(rows) == 16
    assert max(row["period_end"] for row in rows) == NOON - DAY
    told = reading.store.select("SELECT sum(quantity)::BIGINT AS calls FROM charges WHERE unit = 'requests'")["calls"][0].as_py()
    assert told == 40 * 7
    reading.clock.advance(DAY)
    reading.read("openai-usage", counts="usage")
    assert len(reading.usage()) == 40


def test_use_beside_another_source_of_calls_is_kept_to_compare_only(provider: Double, reading: Reading) -> None:
    hours(provider, 8, NOON - 2 * DAY)
    provider.report(COSTS, MIDNIGHT - 2 * DAY, cost("1.25"))
    reading.read("openai-usage")
    assert reading.usage() == []
    told = reading.charges("line, quantity")
    assert any(row["line"].endswith("|requests") and row["quantity"] == 8 * 7 for row in told)
    assert reading.billed() == Decimal("1.25")


def test_batch_and_service_tiers_are_told_apart(provider: Double, reading: Reading) -> None:
    at = MIDNIGHT - 3 * DAY
    provider.report(COMPLETIONS, at, completions(batch=True), completions(service_tier="flex"), completions())
    reading.read("openai-usage", counts="usage")
    assert sorted(row["service_tier"] or "" for row in reading.usage("service_tier")) == ["", "batch", "flex"]


@pytest.mark.parametrize(
    ("report", "result", "column", "amount"),
    [
        ("embeddings", {"input_tokens": 900}, "input_uncached_tokens", 900),
        ("moderations", {"input_tokens": 12}, "input_uncached_tokens", 12),
        ("images", {"images": 3, "size": "1024x1024", "source": "image.generation"}, "images", 3),
        ("audio_speeches", {"characters": 4321}, "characters", 4321),
        ("audio_transcriptions", {"seconds": 61}, "audio_seconds", 61),
    ],
)
def test_every_kind_of_openai_use(
    provider: Double, reading: Reading, report: str, result: dict[str, object], column: str, amount: int
) -> None:
    provider.report(f"/v1/organization/usage/{report}", MIDNIGHT - 3 * DAY, {**result, "num_model_requests": 2, "model": "m"})
    reading.read("openai-usage", counts="usage")
    (row,) = reading.usage()
    assert (row[column], row["requests"], row["request_type"]) == (amount, 2, report)


def test_anthropic_cents_are_dollars_to_the_last_digit(provider: Double, reading: Reading) -> None:
    result = {
        "amount": "123.456789012345",
        "currency": "USD",
        "description": "Claude Sonnet 4 Usage - Input Tokens",
        "workspace_id": "wrk",
    }
    provider.report(COST_REPORT, MIDNIGHT - 2 * DAY, result)
    reading.read("anthropic-usage")
    assert reading.billed() == Decimal("1.234567890123450")


def test_anthropic_messages_are_disjoint_and_never_look_longer_than_their_window(provider: Double, reading: Reading) -> None:
    used = {
        "uncached_input_tokens": 900_000, "cache_read_input_tokens": 200, "cache_creation": {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 4},
        "output_tokens": 5, "server_tool_use": {"web_search_requests": 2}, "model": "claude-sonnet-4-20250514", "context_window": "0-200k",
        "service_tier": "standard", "api_key_id": "apikey_1",
    }  # fmt: skip
    provider.report(MESSAGES, MIDNIGHT - 3 * DAY, used, {**used, "context_window": "200k-1M"})
    reading.read("anthropic-usage", counts="usage")
    rows = {dict(row["attributes"])["context_window"]: row for row in reading.usage()}
    short, long = rows["0-200k"], rows["200k-1M"]
    assert (short["input_uncached_tokens"], short["cache_read_tokens"], short["cache_write_tokens"]) == (900_000, 200, 34)
    assert dict(short["other_units"]) == {"cache_write_5m_tokens": 30, "cache_write_1h_tokens": 4, "web_searches": 2}
    assert (900_234 / short["requests"] <= 200_000, 900_234 / long["requests"] > 200_000) == (True, True)
    assert dict(short["attributes"])["requests"] == "at least"


def test_elevenlabs_money_wins_and_credits_stand_beside(provider: Double, reading: Reading) -> None:
    at = int((MIDNIGHT - 3 * DAY).timestamp() * 1000)
    provider.elevenlabs_units = {
        "total_usage": "credits",
        "fiat_total": "usd",
        "request_count": "requests",
        "characters": "characters",
    }
    provider.elevenlabs_rows = [
        {
            "timestamp": at, "product_type": "TTS", "model": "eleven_v3", "fiat_currency": "usd", "hashed_xi_api_key": "h", "total_usage": 1200,
            "fiat_total": Decimal("0.36"), "request_count": 4, "characters": 1150,
        }
    ]  # fmt: skip
    reading.read("elevenlabs-usage", counts="usage")
    (row,) = reading.usage()
    assert (row["characters"], row["requests"], row["reported_cost_usd"], row["provider"]) == (
        1150,
        4,
        Decimal("0.36"),
        "elevenlabs",
    )
    assert dict(row["attributes"])["cost_source"] == "provider"
    assert reading.billed() == Decimal("0.36")
    assert [row["quantity"] for row in reading.charges("quantity, unit") if row["unit"] == "credits"] == [1200]


def test_a_read_that_breaks_off_goes_on_where_it_was(provider: Double, reading: Reading) -> None:
    hours(provider, 8, NOON - 2 * DAY)
    provider.report(COSTS, MIDNIGHT - 9 * DAY, cost("3.5"))
    provider.failing = [(500, {})]
    first = reading.read("openai-usage", counts="usage")
    assert first.error is not None
    assert reading.usage() == []
    asked = len(provider.asked)
    assert reading.read("openai-usage", counts="usage").error is None
    assert len(reading.usage()) == 8
    assert reading.billed() == Decimal("3.5")
    assert len(provider.asked) > asked


def test_it_asks_no_more_until_the_provider_wants_to_be_asked(provider: Double, reading: Reading) -> None:
    reader = reading.reader("openai-usage")
    provider.failing = [(429, {"retry-after": "40"})]
    first = reader.run()
    assert first.error is not None
    assert first.error.retry_after_s == 40
    assert 0 < reader.run().waits_s <= 40
    assert len(provider.asked) == 1


def test_a_wrong_key_says_so_and_never_shows_it(provider: Double, reading: Reading) -> None:
    done = reading.read("anthropic-usage", key="sk-wrong")
    assert "401" in str(done.error)
    assert "sk-wrong" not in str(done.error)


def test_a_revised_day_replaces_the_old_one_as_a_whole(provider: Double, reading: Reading) -> None:
    day = MIDNIGHT - DAY
    provider.report(COSTS, day, cost("1.00"), cost("2.00", "gpt-4o, output"))
    reading.read("openai-usage")
    provider.report(COSTS, day, cost("1.10"))
    reading.clock.advance(HOUR)
    reading.read("openai-usage")
    assert [(row["version"], row["billed_cost"]) for row in reading.charges()] == [(2, Decimal("1.10"))]
    provider.reports[COSTS].clear()
    reading.clock.advance(HOUR)
    reading.read("openai-usage")
    assert reading.charges() == []


def test_every_digit_of_an_amount_is_kept(provider: Double, reading: Reading) -> None:
    provider.report(COSTS, MIDNIGHT - DAY, cost("12345678901.123456789012345"))
    reading.read("openai-usage")
    (row,) = reading.charges("billing_period, billed_cost, currency")
    assert row == {"billing_period": date(2026, 11, 19), "billed_cost": Decimal("12345678901.123456789012345"), "currency": "USD"}


@pytest.mark.parametrize(
    "body",
    [
        {"data": {}},
        {"data": [{"results": 5}]},
        {"data": [{"start_time": 1, "end_time": 2, "results": [{"amount": {"value": "x"}}]}]},
    ],
)
def test_another_form_is_an_error_and_not_nothing(
    provider: Double, reading: Reading, monkeypatch: pytest.MonkeyPatch, body: object
) -> None:
    monkeypatch.setattr("tests.collectors.providers.doubles._get", lambda *_: body)
    done = reading.read("openai-usage")
    assert done.error is not None or reading.charges() == []
    assert done.error is not None


def test_late_buckets_must_have_time_to_become_usage() -> None:
    entry = {
        "kind": "openai-usage",
        "name": "bills",
        "component": "api",
        "token_env": "KEY",
        "overlap": "1d",
        "settled_after": "24h",
    }
    with pytest.raises(ValidationError, match="a day longer"):
        ENTRY.validate_python(entry)
