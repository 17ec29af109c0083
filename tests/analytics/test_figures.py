"""Every figure of scribe's design, transcribed by hand; the pack must work out the same."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from analytics.figures import evaluate, figure_rows, namespace
from roomleft.errors import PackError
from roomleft.packs import Pack, load_pack

PACKS = Path(__file__).parent.parent.parent / "packs"

SCRIBE = {
    "API response time": ("100", "ms"),
    "API requests within 100 ms": ("95", "percent"),
    "Page load": ("2", "seconds"),
    "Frame rate": ("60", "fps"),
    "Database query": ("50", "ms"),
    "Cache hits": ("90", "percent"),
    "Concurrent users": ("100000", "users"),
    "Concurrent users in the vision": ("1000000", "users"),
    "Request rate": ("10000", "requests_per_second"),
    "Connection failures": ("2", "percent"),
    "Memory of an instance": ("4", "gb"),
    "Content stored": ("1", "tb"),
    "AI cost of an active user": ("2", "usd_per_user"),
    "Infrastructure cost of an active user": ("3", "usd_per_user"),
    "Storage cost of an active user": ("0.5", "usd_per_user"),
    "Whole cost of an active user": ("5", "usd_per_user"),
    "Free tier share of images": ("85", "percent"),
    "CPU use": ("70", "percent"),
    "Availability": ("99.9", "percent"),
    "Availability error budget of 30 days": ("43.2", "minutes"),
    "Mean time to recover": ("15", "minutes"),
    "Errors": ("0.1", "percent"),
    "Durability": ("99.999999999", "percent"),
    "Restore time": ("1", "hours"),
    "Query time threshold": ("100", "ms"),
    "Pool use threshold": ("80", "percent"),
    "Slow queries threshold": ("5", "queries"),
    "Replication lag threshold": ("1000", "ms"),
    "Free images of a user a day": ("1000", "images"),
    "Replica score weight of response time": ("0.4", "score"),
    "Replica score weight of free connections": ("0.3", "score"),
    "Replica score weight of success": ("0.2", "score"),
    "Replica score weight of lag": ("0.1", "score"),
    "Replica score bound of lag": ("1", "seconds"),
    "Flash price of a token": ("0.000002", "usd_per_token"),
    "Flash price of a million tokens": ("2", "usd"),
    "Lite price over flash price": ("0.5", "ratio"),
    "Image price": ("0.039", "usd_per_image"),
    "OpenRouter paid price of a token": ("0.000003", "usd_per_token"),
    "OpenRouter free image price": ("0", "usd_per_image"),
    "Days in the cost report": ("30", "days"),
    "Share of requests at peak that calls for a move": ("70", "percent"),
    "Saving of moving off-peak": ("15", "percent"),
    "Saving of each image that could be free": ("0.039", "usd"),
    "Requests that could be batched": ("10", "requests"),
    "Saving of each batched request": ("0.001", "usd"),
    "Days of history in the capacity report": ("90", "days"),
    "Forecast of users": ("30", "days"),
    "Forecast of resources": ("30", "days"),
    "Forecast of storage": ("90", "days"),
    "Forecast of AI requests": ("30", "days"),
    "Forecast of AI cost": ("30", "days"),
    "CPU forecast that calls for instances": ("70", "percent"),
    "Cost of 2–3 instances": ("500", "usd"),
    "Lead time of instances": ("14", "days"),
    "Storage growth that calls for an archive": ("50", "percent"),
    "Saving of an archive": ("200", "usd"),
    "Lead time of an archive": ("30", "days"),
    "AI cost forecast that calls for optimising": ("80", "percent"),
    "Saving of optimising AI": ("20", "percent"),
    "Lead time of optimising AI": ("7", "days"),
}


@pytest.fixture(scope="module")
def scribe() -> Pack:
    return load_pack(PACKS / "scribe.yaml")


@pytest.mark.parametrize("name", SCRIBE)
def test_the_pack_works_out_each_figure_of_the_design(scribe: Pack, name: str) -> None:
    rows = {row.figure: row for row in figure_rows(scribe)}
    amount, unit = SCRIBE[name]
    assert rows[name].computed == Decimal(amount), rows[name].error
    assert rows[name].unit == unit


def test_every_figure_of_the_pack_is_reproduced(scribe: Pack) -> None:
    assert [row.figure for row in figure_rows(scribe) if not row.reproduced] == []


def test_a_figure_whose_expectation_is_wrong_is_not_reproduced(scribe: Pack) -> None:
    wrong = scribe.figures[0].model_copy(update={"expected": Decimal(101)})
    row = figure_rows(scribe.model_copy(update={"figures": [wrong]}))[0]
    assert not row.reproduced
    assert row.as_dict()["computed"] == "100"


def test_declared_targets_are_never_judged_and_unmeasured_ones_are_open(scribe: Pack) -> None:
    assert {row.target_met for row in figure_rows(scribe)} == {None}


@pytest.mark.parametrize(("state", "met"), [("ok", True), ("tight", True), ("exhausted", False), ("unknown", None)])
def test_a_target_is_judged_by_the_words_a_server_sends(scribe: Pack, state: str, met: bool | None) -> None:
    named = next(figure for figure in scribe.figures if figure.limit)
    rows = figure_rows(scribe, {f"scribe.{named.limit}": state})
    assert {row.target_met for row in rows if row.figure == named.figure} == {met}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1 + 0.2", "0.3"),
        ("-(2 - 5) * 2 ** 3", "24"),
        ("limits.availability.amount", "43.2"),
        ("prices.gemini['flash-lite'].usd_per_token * 1_000_000", "1"),
        ("total(costs.items, 'usd_per_month')", "6640"),
        ("hours(reports.cost.period)", "720"),
        ("maximum(1, 2.5, minimum(9, 3))", "3"),
        ("scores.replica.terms[3].weight", "0.1"),
    ],
)
def test_arithmetic_is_exact(scribe: Pack, text: str, value: str) -> None:
    assert evaluate(text, namespace(scribe)) == Decimal(value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("__import__('os').system('true')", "is not arithmetic"),
        ("().__class__", "is not arithmetic"),
        ("limits.__class__", "unknown name '__class__'"),
        ("open('x')", "unknown function 'open'"),
        ("[1][0]", "is not arithmetic"),
        ("1 if 2 else 3", "is not arithmetic"),
        ("1 / 0", "cannot be worked out"),
        ("9 ** 999", "a power above 64"),
        ("limits.page_laod.amount", "did you mean 'page_load'"),
        ("limits.page_load", "gives a section, not a number"),
        ("limits.page_load.title + 1", "is a word, not a number"),
        ("days(limits.page_load.amount)", "counts a length of time"),
        ("scores.replica.terms[9].weight", "there is no item 9"),
        ("True", "truth values"),
        ("1 +", "not an expression"),
        ("(" * 2000 + "1" + ")" * 2000, "not an expression"),
    ],
)
def test_anything_else_is_refused_in_words(scribe: Pack, text: str, words: str) -> None:
    with pytest.raises(PackError, match=words.replace("(", r"\(")):
        evaluate(text, namespace(scribe))
