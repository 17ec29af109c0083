"""Wrong bills that users of other systems met, each with providers' reports that are read again, revised, refunded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from collectors.providers.entries import Entry
from collectors.providers.lines import bill
from roomleft.clock import FixedClock
from tests.collectors.providers.doubles import Double, provider_double
from tests.collectors.providers.reading import Reading
from tests.warehouse.rows import NOON, make_rate, make_rates
from warehouse.store import Store
from warehouse.writer import Batch, Writer

COMPLETIONS, COSTS = "/v1/organization/usage/completions", "/v1/organization/costs"
DAY = timedelta(days=1)
BY_MONTH = """
SELECT strftime(billing_period, '%Y-%m') AS month, count(*) AS lines, sum(billed_cost)::DECIMAL(38, 15) AS usd FROM charges
WHERE billed_cost <> 0 GROUP BY ALL ORDER BY ALL
"""


def from_the_beginning(reading: Reading) -> None:
    """Forget how far was read, as after a restored backup or a source set up again."""
    with reading.store.transaction() as tx:
        tx.execute("DELETE FROM cursors")


def cost(value: str, item: str) -> dict[str, Any]:
    return {"amount": {"value": Decimal(value), "currency": "usd"}, "line_item": item, "project_id": "proj_1"}


def test_koku_1180_the_same_report_read_again_is_counted_once(provider: Double, reading: Reading) -> None:
    midnight = NOON.replace(hour=0)
    for number in range(1, 9):
        provider.report(
            COSTS, midnight - number * DAY, cost("10.000000000000001", "gpt-4o, input"), cost("0.5", "gpt-4o, output")
        )
        provider.report(
            COMPLETIONS,
            midnight - number * DAY,
            {"input_tokens": 100, "output_tokens": 5, "num_model_requests": 2, "model": "gpt-4o"},
        )
    assert reading.read("openai-usage", counts="usage").error is None
    before = (reading.charges("* EXCLUDE (recorded_at)"), reading.usage("event_id, requests"), reading.billed())
    assert before[2] == 8 * Decimal("10.500000000000001")
    for _ in range(3):
        from_the_beginning(reading)
        assert reading.read("openai-usage", counts="usage").error is None
    assert (reading.charges("* EXCLUDE (recorded_at)"), reading.usage("event_id, requests"), reading.billed()) == before
    assert {row["version"] for row in reading.charges()} == {1}


def test_koku_2962_6168_a_second_month_is_not_the_first_twice(provider: Double, reading: Reading) -> None:
    first = datetime(2026, 9, 1, tzinfo=UTC)
    for number in range(61):  # 30 days of September, 31 of October: the same lines each day
        lines = [
            {"amount": cents, "currency": "USD", "description": words} for words, cents in (("Input", "110"), ("Output", "220.0"))
        ]
        provider.report("/v1/organizations/cost_report", first + number * DAY, *lines)
    wanted = [
        {"month": "2026-09", "lines": 60, "usd": Decimal("99.00")},
        {"month": "2026-10", "lines": 62, "usd": Decimal("102.30")},
    ]
    for again in ("first", "the next look", "from the beginning"):
        if again == "from the beginning":
            from_the_beginning(reading)
        assert reading.read("anthropic-usage", back_fill="81d").error is None
        assert reading.store.select(BY_MONTH).to_pylist() == wanted, again
        reading.clock.advance(timedelta(hours=1))


WHAT = {"usage": ("gpt-4o, input", "40.00"), "purchase": ("Prepaid credits purchase", "100.00"), "tax": ("VAT", "7.60")}
BACK: dict[str, tuple[str, Decimal] | None] = {
    "nothing": None,
    "a refund": ("Refund: {}", Decimal(-1)),
    "half of it": ("Refund: {}", Decimal("-0.5")),
    "a discount": ("Volume discount", Decimal("-0.1")),
}
KIND = {"usage": "Usage", "purchase": "Purchase", "tax": "Tax"}


MATRIX = list(product(WHAT, BACK))


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str], dict[str, dict[str, Any]]]]:
    """Each thing that may be billed with each way to give it back, on a day of its own: the stored lines by their words."""
    folder, clock = tmp_path_factory.mktemp("matrix"), FixedClock(NOON)
    with provider_double() as provider, Store.open(f"duckdb:///{folder}/warehouse.duckdb", now=clock) as store:
        writer = Writer(store, clock, group_ms=0)
        writer.start()
        days = {case: NOON.replace(hour=0) - (2 + number) * DAY for number, case in enumerate(MATRIX)}
        for (what, back), day in days.items():
            words, price = WHAT[what]
            provider.report(COSTS, day, cost(price, words), *given_back(what, back))
        reading = Reading(provider, store, writer, clock)
        assert reading.read("openai-usage", back_fill="20d").error is None
        rows = reading.charges("billing_period, description, category, charge_class, billed_cost, effective_cost")
        yield {
            case: {row["description"]: row for row in rows if row["billing_period"] == day.date()} for case, day in days.items()
        }
        writer.close()


def given_back(what: str, back: str) -> list[dict[str, Any]]:
    given, (words, price) = BACK[back], WHAT[what]
    return [] if given is None else [cost(str((Decimal(price) * given[1]).quantize(Decimal("0.01"))), given[0].format(words))]


@pytest.mark.parametrize(("what", "back"), MATRIX)
def test_cid_framework_1087_1497_a_refund_gives_back_and_a_discount_stays(
    matrix: dict[tuple[str, str], dict[str, dict[str, Any]]], what: str, back: str
) -> None:
    words, price = WHAT[what]
    rows, returned = matrix[what, back], given_back(what, back)
    assert len(rows) == 1 + len(returned)
    paid = rows[words]
    assert (paid["category"], paid["charge_class"], paid["billed_cost"]) == (KIND[what], None, Decimal(price))
    assert paid["effective_cost"] == (0 if what == "purchase" else Decimal(price)), "what is bought ahead costs when it is used"
    for line in returned:
        reversal = rows[line["line_item"]]
        assert reversal["billed_cost"] == line["amount"]["value"] < 0
        kind = ("Credit", None) if back == "a discount" else (KIND[what], "Correction")
        assert (reversal["category"], reversal["charge_class"]) == kind
        wanted = Decimal(0) if reversal["category"] == "Purchase" else reversal["billed_cost"]
        assert reversal["effective_cost"] == wanted, "neither is the discount zeroed nor the refund of a purchase counted as use"


def test_finops_toolkit_727_every_cost_is_its_unit_price_times_its_quantity(provider: Double, reading: Reading) -> None:
    """Prices are written per million tokens; the row's cost must be the price of one token times its tokens, whatever the block."""
    at = NOON.replace(hour=0) - 3 * DAY
    quantities = [(1, 0, 0), (999_999, 0, 1), (1_000_000, 250_000, 7), (1_000_001, 1_000_001, 333), (123_456_789, 3, 987_654)]
    results = [
        {"input_tokens": put_in, "input_cached_tokens": cached, "output_tokens": out, "num_model_requests": 3, "model": "m", "project_id": f"p{number}"}
        for number, (put_in, cached, out) in enumerate(quantities)
    ]  # fmt: skip
    provider.report(COMPLETIONS, at, *results)
    prices = {"input_uncached_tokens": "0.000002500000", "cache_read_tokens": "0.000001250000", "output_tokens": "0.000010000000"}
    with reading.store.transaction() as tx:
        tx.insert("rates", make_rates(*(make_rate(unit, usd, provider="openai", price_id=unit) for unit, usd in prices.items())))
    reading.read("openai-usage", counts="usage")
    rows = reading.store.select(
        "SELECT u.project, u.input_uncached_tokens, u.cache_read_tokens, u.output_tokens, c.cost_usd, c.cost_state"
        " FROM ai_usage AS u JOIN cost_entries AS c USING (source, event_id) ORDER BY u.project"
    ).to_pylist()
    assert len(rows) == len(quantities)
    for row in rows:
        wanted = sum((Decimal(usd) * row[unit] for unit, usd in prices.items()), Decimal(0))
        assert (row["cost_usd"], row["cost_state"]) == (wanted.quantize(Decimal("0.000000001")), "priced")


@pytest.mark.parametrize(
    ("unit_price", "quantity", "unit"),
    [
        ("2.5", "5", "1000000 Tokens"),
        ("0.0000025", "5000000", "Tokens"),
        ("0.015000000000001", "333", "Requests"),
        ("3", "-2", "Seats"),
    ],
)
def test_finops_toolkit_727_a_bill_lines_list_cost_is_its_unit_price_times_its_quantity(
    unit_price: str, quantity: str, unit: str
) -> None:
    entry = Entry(
        datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC), {"line_item": "x"}, cost=Decimal("12.5"), words="x",
        quantity=Decimal(quantity), unit=unit, unit_price=Decimal(unit_price),
    )  # fmt: skip
    (line,) = bill([entry], [date(2026, 11, 1)], source="s", platform="atelier", provider="openai").lines.to_pylist()
    assert line["list_cost"] == Decimal(unit_price) * Decimal(quantity)
    assert (line["quantity"], line["unit"], line["billed_cost"]) == (Decimal(quantity), unit, Decimal("12.5"))


def test_a_batch_of_bills_is_stored_with_its_cursor_or_not_at_all(reading: Reading) -> None:
    entry = Entry(NOON, NOON + DAY, {"line_item": "x"}, cost=Decimal(1), words="x")
    made = bill([entry], [NOON.date()], source="atelier.bills:costs", platform="atelier", provider="openai")
    assert reading.writer.write(Batch("atelier.bills", bills=(made,))).added == 1
    assert reading.writer.write(Batch("atelier.bills", bills=(made,))).added == 0
    assert reading.billed() == 1
