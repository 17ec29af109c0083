"""What the track record calls what a claim was about."""

from __future__ import annotations

import pytest

from dashboards import record_words


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        ("shop/cache_hits#lowest", "Cache hits, lowest hour"),
        ("shop/api_latency#busiest", "API latency, busiest hour"),
        ("shop/usage:cost#model=flash-lite", "AI cost, model flash-lite"),
        ("shop/disk", "Disk"),
    ],
)
def test_what_a_claim_is_about_reads_as_words(subject: str, words: str) -> None:
    assert record_words.subject_words({"platform": "shop", "subject": subject, "target": ""}, {}) == words
