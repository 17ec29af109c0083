"""Usage of 788 recorded responses, for each provider whose price list knows the model, against the expected normalised usage."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from collectors.responses import read_response
from tests.collectors.responses.told import comparable, lines, numbers_in, whole_counts

CASES = "llm_prices/usage_cases_with_expected_price.jsonl.gz"
SHAPES = (
    ("usageMetadata", None, "google"),
    ("meta", "billed_units", "cohere"),
    ("usage", "billed_units", "cohere"),
    ("usage", "inputTokens", "aws"),
    ("usage", "cache_creation_input_tokens", "anthropic"),
    ("usage", "queue_time", "groq"),
    ("usage", "cost_details", "openrouter"),
    ("usage", "prompt_cache_hit_tokens", "deepseek"),
    ("usage", "num_cached_tokens", "mistral"),
)
MODELS = (("claude", "anthropic"), ("gpt-oss", ""), ("gpt-", "openai"), ("o1", "openai"), ("o3", "openai"), ("o4", "openai"), ("text-embedding", "openai"),
          ("gemini", "google"), ("mistral", "mistral"), ("magistral", "mistral"), ("pixtral", "mistral"), ("grok", "x-ai"), ("sonar", "perplexity"))  # fmt: skip
SAYS_MORE = "the body says more than the library reads of this provider"


def first_party(body: dict[str, Any]) -> str | None:
    """Who made this response, by its shape, else by its model's name; None when neither says."""
    for holder, mark, provider in SHAPES:
        if isinstance(body.get(holder), dict) and (mark is None or mark in body[holder]):
            return provider
    model = str(body.get("model", ""))
    return next((provider for start, provider in MODELS if model.startswith(start)), "") or None


@pytest.fixture(scope="module")
def cases(shared_data: Path) -> list[dict[str, Any]]:
    return list(lines(shared_data / CASES))


def judged(case: dict[str, Any], provider: str) -> str:
    """`equal`, the general reason for a difference, or what is wrong."""
    record = read_response({"body": case["body"]}, provider=provider).records[0]
    got = whole_counts(record)
    expected = [comparable(e["usage"]) for e in case["extracted"] if any(x["provider_id"] == provider for x in e["extractors"])]
    if got in expected:
        return "equal"
    stated = set(numbers_in(case["body"]))
    for counts in expected:
        extra = {name: count for name, count in got.items() if name not in counts}
        if counts.items() <= got.items() and extra and set(extra.values()) <= stated:
            return SAYS_MORE
    return f"case {case['case']} for {provider}: {got}, expected one of {expected}"


def test_the_first_party_provider_gives_the_expected_usage(cases: list[dict[str, Any]]) -> None:
    found: Counter[str] = Counter()
    for case in cases:
        listed = {x["provider_id"] for e in case["extracted"] for x in e["extractors"]}
        provider = first_party(case["body"])
        found[
            judged(case, provider)
            if provider is not None and provider in listed
            else f"no first party among the expected ({provider})"
        ] += 1
    equal, more = found.pop("equal"), found.pop(SAYS_MORE, 0)
    unknown = sum(found.pop(words) for words in list(found) if words.startswith("no first party"))
    print(f"{equal} equal, {more} {SAYS_MORE}, {unknown} whose first party cannot be told from the body")
    assert not found
    assert equal + more + unknown == len(cases)
    assert more <= len(cases) // 100
    assert unknown <= len(cases) // 10


def test_every_provider_that_has_a_price_gives_the_expected_usage(cases: list[dict[str, Any]]) -> None:
    """Whoever serves the model: one body, read by each provider that lists a price for it."""
    found: Counter[str] = Counter()
    for case in cases:
        providers = {x["provider_id"] for e in case["extracted"] for x in e["extractors"] if "input_price" in x}
        found.update(judged(case, provider) for provider in providers)
    equal, more = found.pop("equal"), found.pop(SAYS_MORE, 0)
    print(f"{equal} equal, {more} {SAYS_MORE}")
    assert not found
    assert more * 20 < equal
