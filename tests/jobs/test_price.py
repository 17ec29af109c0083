"""The price job: what came in without a price is priced when one is known, models a platform runs itself by what their servers cost, and closed
books stay as they are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from analytics.catalogue import Catalogue
from analytics.infrastructure import taken_by_usage
from analytics.self_hosted import due_rates, served_days, served_items
from jobs.late_prices import LatePrices
from jobs.price import price, price_job
from jobs.schedule import Did
from roomleft.clock import FixedClock
from roomleft.contracts import Contract, DatedContract
from roomleft.packs import Pack, load_packs
from roomleft.settings import ROOT
from tests.warehouse.rows import make_rate, make_rates, make_usage
from warehouse.retention import Keep, retain
from warehouse.rollup import roll_up
from warehouse.state import StateDb
from warehouse.state.closed_periods import ClosedPeriods
from warehouse.store import Store
from warehouse.writer import Batch, Writer

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CALL = {"provider": "p", "model": "m", "output_tokens": 10}
OURS = {"platform": "coach", "provider": "self-hosted", "model": "build-llm"}


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def store(tmp_path: Path, clock: FixedClock) -> Iterator[Store]:
    store = Store.open(f"duckdb:///{tmp_path}/w.duckdb", now=clock)
    yield store
    store.close()


@pytest.fixture(scope="module")
def coach() -> Pack:
    return load_packs(ROOT / "packs", ["coach"])["coach"]


def put(store: Store, clock: FixedClock, *events: dict[str, Any], catalogue: Catalogue | None = None) -> None:
    rates_for = None if catalogue is None else lambda pairs: catalogue.rates_of(pairs, clock.now())
    writer = Writer(store, clock, group_ms=1, rates_for=rates_for)
    writer.start()
    writer.write(Batch("atelier", usage=make_usage([{"event_id": f"e-{n}", **event} for n, event in enumerate(events)])))
    writer.close()
    roll_up(store, clock.now(), ["UTC"])


def add_rates(store: Store, *rates: dict[str, Any]) -> None:
    with store.transaction() as tx:
        tx.insert("rates", make_rates(*rates))


def entries(store: Store) -> list[tuple[str, int, str, str, str]]:
    found = store.select("SELECT event_id, revision, cost_usd, cost_state, reason FROM cost_entries ORDER BY event_id, revision")
    return [
        (r["event_id"], r["revision"], f"{r['cost_usd'].normalize():f}", r["cost_state"], r["reason"]) for r in found.to_pylist()
    ]


def run(
    store: Store, now: datetime, *packs: Pack, catalogue: Catalogue | None = None, closed: ClosedPeriods | None = None
) -> Did:
    did = price_job(store, {pack.slug: pack for pack in packs}, catalogue, closed).run(now)
    assert isinstance(did, Did)
    return did


def rolled_up(store: Store, now: datetime) -> tuple[Decimal, int, Decimal]:
    roll_up(store, now, ["UTC"])
    row = store.select(
        "SELECT sum(cost_usd) AS usd, sum(unpriced_requests)::INT AS unpriced, sum(estimated_usd) AS estimated FROM usage_15m"
    )
    return row["usd"][0].as_py(), row["unpriced"][0].as_py(), row["estimated"][0].as_py()


def test_a_late_price_prices_what_was_waiting_as_a_revision(store: Store, clock: FixedClock) -> None:
    put(store, clock, CALL, {**CALL, "images": 2}, {**CALL, "model": "other"})
    add_rates(store, make_rate("output_tokens", "0.00001", resolved_at=NOON))
    did = run(store, NOON + timedelta(hours=1))
    assert did.words == "0 new rates, 2 costs revised"
    assert entries(store) == [
        ("e-0", 0, "0", "unpriced", "ingest"),
        ("e-0", 1, "0.0001", "priced", "late price"),
        ("e-1", 0, "0", "unpriced", "ingest"),
        ("e-1", 1, "0.0001", "unpriced", "late price"),
        ("e-2", 0, "0", "unpriced", "ingest"),
    ]
    assert rolled_up(store, NOON + timedelta(hours=1)) == (Decimal("0.0002"), 2, Decimal(0))
    # Nothing new is known: nothing is written.
    assert run(store, NOON + timedelta(hours=2)).words == "0 new rates"
    assert len(entries(store)) == 5


def test_a_late_price_is_that_of_the_time_of_the_call(store: Store, clock: FixedClock) -> None:
    put(store, clock, CALL, {**CALL, "occurred_at": NOON - 5 * DAY}, {**CALL, "occurred_at": NOON - 40 * DAY})
    add_rates(
        store,
        make_rate("output_tokens", "0.00001", valid_from=NOON - 30 * DAY, valid_to=NOON - DAY),
        make_rate("output_tokens", "0.00002", valid_from=NOON - DAY, price_id="new"),
    )
    run(store, NOON)
    assert [entry for entry in entries(store) if entry[4] == "late price"] == [
        ("e-0", 1, "0.0002", "priced", "late price"),
        ("e-1", 1, "0.0001", "priced", "late price"),
    ]


def test_closed_books_are_left_alone(store: Store, clock: FixedClock, tmp_path: Path) -> None:
    state = StateDb.open(f"sqlite:///{tmp_path}/s.db", clock)
    books = ClosedPeriods(state)
    put(
        store,
        clock,
        *(
            {**CALL, "platform": platform, "occurred_at": NOON - days * DAY}
            for platform in ("atelier", "arena")
            for days in (0, 40, 80)
        ),
    )
    books.close(NOON - 60 * DAY, NOON - 30 * DAY, who="finance", platform="arena")
    books.close(NOON - 90 * DAY, NOON - 60 * DAY, who="finance")
    add_rates(store, make_rate("output_tokens", "0.00001"))
    assert run(store, NOON, closed=books).words == "0 new rates, 3 costs revised"
    assert {event for event, revision, *_ in entries(store) if revision} == {"e-0", "e-1", "e-3"}
    state.close()


def test_a_run_is_bounded_and_the_next_goes_on(store: Store, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.late_prices.BATCH", 3)
    put(store, clock, *({**CALL, "occurred_at": NOON + timedelta(seconds=n // 2)} for n in range(10)))
    add_rates(store, make_rate("output_tokens", "0.00001"))
    late = LatePrices(store, None)
    assert [late.run(NOON, most=4) for _ in range(3)] == [(6, True), (4, True), (0, False)]
    assert sum(entry[1] for entry in entries(store)) == 10


def test_a_hosted_model_seen_for_the_first_time_has_its_price_at_once(store: Store, clock: FixedClock) -> None:
    catalogue = Catalogue(ROOT / "packs" / "prices")
    known = {"provider": "openai", "model": "gpt-4o", "output_tokens": 100}
    put(store, clock, known, {**known, "model": "gpt-of-tomorrow"}, catalogue=catalogue)
    assert [entry[2:4] for entry in entries(store)] == [("0.001", "priced"), ("0", "unpriced")]
    rates = store.select("SELECT DISTINCT catalogue, checked_on FROM rates").to_pylist()
    assert [row["catalogue"] for row in rates] == ["genai-prices@0.2.3"]
    assert run(store, NOON, catalogue=catalogue).words == "0 new rates"


def test_events_are_stored_whatever_a_price_list_does(store: Store, clock: FixedClock) -> None:
    class Broken(Catalogue):
        def rates_of(self, pairs: Any, now: datetime) -> Any:
            raise LookupError("odd")

    call = {"provider": "openai", "model": "gpt-4o", "output_tokens": 100}
    put(store, clock, call, catalogue=Broken(None))
    put(store, clock, {**call, "event_id": "later"}, catalogue=Catalogue(None))
    assert [(entry[0], entry[3]) for entry in entries(store)] == [("e-0", "unpriced"), ("later", "priced")]


def test_a_contract_holds_from_the_next_run_on_and_ends_when_it_is_taken_back(store: Store, clock: FixedClock) -> None:
    contracts: list[DatedContract] = []
    catalogue = Catalogue(None, lambda: contracts)
    call = {"provider": "openai", "model": "gpt-4o", "output_tokens": 100}
    put(store, clock, call, catalogue=catalogue)
    contracts.append(DatedContract("1", Contract(provider="openai", percent_off=Decimal(10)), "", NOON - 30 * DAY, None))
    assert run(store, NOON + timedelta(hours=1), catalogue=catalogue).rows
    put(store, clock, {**call, "event_id": "under", "occurred_at": NOON + timedelta(hours=2)}, catalogue=catalogue)
    contracts.clear()
    run(store, NOON + timedelta(hours=3), catalogue=catalogue)
    put(store, clock, {**call, "event_id": "z-after", "occurred_at": NOON + timedelta(hours=4)}, catalogue=catalogue)
    # What was stored before the contract was known keeps its cost until somebody re-prices it.
    assert [entry[:3] for entry in entries(store)] == [("e-0", 0, "0.001"), ("under", 0, "0.0009"), ("z-after", 0, "0.001")]


def test_a_contract_from_the_same_day_does_not_keep_a_pack_s_own_price_out(store: Store) -> None:
    arena = load_packs(ROOT / "packs", ["arena"])["arena"]
    own = arena.rates(NOON)
    agreed = [row._replace(usd_per_unit=row.usd_per_unit + 1, catalogue="contract 7 over test", price_id="agreed") for row in own]
    add_rates(store, *(row._asdict() for row in agreed))
    found = price(store, {"arena": arena}, NOON)
    assert (len(found.rows), found.contradictions) == (len(own), ())
    assert own
    assert price(store, {"arena": arena}, NOON).rows == ()


def test_served_items_are_those_of_the_tier_in_force(coach: Pack) -> None:
    assert [(item.item_id, item.provider, item.models) for item in served_items(coach)] == [("server", "self-hosted", None)]


def test_a_model_of_the_platform_s_own_costs_its_servers_by_its_tokens(store: Store, clock: FixedClock, coach: Pack) -> None:
    # Four days of thirty in November at $24 a month: $0.80 a day.
    days = [NOON - n * DAY for n in (3, 2, 1)]
    put(
        store,
        clock,
        *({**OURS, "occurred_at": day, "input_uncached_tokens": 300_000, "output_tokens": 100_000} for day in days),
        {**OURS, "model": "screenshot-vlm", "occurred_at": days[0], "input_uncached_tokens": 400_000},
        {**OURS, "occurred_at": NOON, "output_tokens": 1000},
    )
    assert {entry[3] for entry in entries(store)} == {"unpriced"}
    run(store, NOON, coach)
    found = {entry[0]: entry[2:] for entry in entries(store) if entry[1]}
    assert found == {
        "e-0": ("0.4", "priced", "measured"),
        "e-1": ("0.8", "priced", "measured"),
        "e-2": ("0.8", "priced", "measured"),
        "e-3": ("0.4", "priced", "measured"),
        # Today is not over: $2.40 of three days over 1.6 million tokens.
        "e-4": ("0.0015", "estimated", "late price"),
    }
    assert rolled_up(store, NOON) == (Decimal("2.4015"), 0, Decimal("0.0015"))
    assert [day.usd_per_mtok for day in served_days(store, coach, days[0], NOON)][:2] == [Decimal(1), Decimal(2)]

    # The next day: today's server costs what it costs, and its tokens are measured.
    run(store, NOON + DAY, coach)
    assert entries(store)[-1] == ("e-4", 2, "0.7985", "priced", "measured")
    assert run(store, NOON + DAY, coach).words == "0 new rates"
    # What usage pays for is taken out of the bill, so that the server is not counted twice.
    roll_up(store, NOON + DAY, ["UTC"])
    since = datetime(2026, 11, 17, tzinfo=UTC)
    taken = taken_by_usage(store, {"coach": coach}, served_items(coach), since, since + 4 * DAY)
    assert {str(day): usd for day, usd in taken["coach", "server"].items()} == {
        f"2026-11-{number}": Decimal("0.8") for number in (17, 18, 19, 20)
    }


def test_usage_that_comes_after_its_day_was_measured_shares_its_server(store: Store, clock: FixedClock, coach: Pack) -> None:
    put(store, clock, {**OURS, "occurred_at": NOON - DAY, "output_tokens": 1000})
    run(store, NOON, coach)
    put(store, clock, {**OURS, "event_id": "late", "occurred_at": NOON - DAY + timedelta(minutes=1), "output_tokens": 3000})
    run(store, NOON + timedelta(hours=1), coach)
    sums = store.select("SELECT event_id, sum(cost_usd) AS usd FROM cost_entries GROUP BY ALL ORDER BY ALL").to_pylist()
    assert [(row["event_id"], row["usd"]) for row in sums] == [("e-0", Decimal("0.2")), ("late", Decimal("0.6"))]


@pytest.mark.parametrize("again", [False, True], ids=["an estimate", "a day measured before"])
def test_a_process_that_ends_between_a_measured_rate_and_its_calls_leaves_them_to_the_next(
    store: Store, clock: FixedClock, coach: Pack, again: bool
) -> None:
    put(store, clock, {**OURS, "occurred_at": NOON - DAY, "output_tokens": 1000})
    run(store, NOON, coach)
    put(store, clock, {**OURS, "event_id": "next", "occurred_at": NOON, "output_tokens": 1000})
    run(store, NOON, coach)
    if again:
        run(store, NOON + DAY, coach)
        put(store, clock, {**OURS, "event_id": "late", "occurred_at": NOON + timedelta(minutes=1), "output_tokens": 3000})
    roll_up(store, NOON, ["UTC"])
    # It ends once the rates are stored.
    due = due_rates(store, coach, NOON + DAY + timedelta(hours=1))
    add_rates(store, *(row._asdict() for row in due.rows))
    assert due.measured
    run(store, NOON + DAY + timedelta(hours=2), coach)
    sums = store.select("SELECT sum(cost_usd) AS usd FROM cost_entries WHERE occurred_at >= '2026-11-20'")["usd"][0].as_py()
    assert sums == Decimal("0.8")
    assert {entry[4] for entry in entries(store) if entry[0] == "next" and entry[1]} >= {"measured"}


def test_a_late_price_behind_the_seal_is_waited_for_no_more(store: Store, clock: FixedClock) -> None:
    retain(store, NOON, Keep(usage=30 * DAY), zones=["UTC"])
    put(store, clock, {**CALL, "occurred_at": NOON - 40 * DAY})
    add_rates(store, make_rate("output_tokens", "0.00001", valid_from=NOON - 50 * DAY))
    late = LatePrices(store, None)
    assert late.run(NOON)[0] == 1
    assert rolled_up(store, NOON) == (Decimal("0.0001"), 0, Decimal(0))
    assert late._waiting() == []


def test_the_estimate_of_a_model_is_made_of_its_own_servers(store: Store, clock: FixedClock, coach: Pack) -> None:
    item = coach.cost_items()[0]
    assert item.serves is not None
    own = {"build-llm": "a", "screenshot-vlm": "b"}
    items = [
        item.model_copy(update={"id": name, "serves": item.serves.model_copy(update={"models": [model]})})
        for model, name in own.items()
    ]
    pack: Any = SimpleNamespace(slug="coach", costs=coach.costs, cost_items=lambda: items)
    put(
        store,
        clock,
        {**OURS, "occurred_at": NOON - DAY, "output_tokens": 1000},
        {**OURS, "model": "screenshot-vlm", "occurred_at": NOON - DAY, "output_tokens": 4000},
    )
    today = [
        row
        for row in due_rates(store, pack, NOON).rows
        if row.unit == "output_tokens" and row.valid_from <= NOON < (row.valid_to or NOON)
    ]
    assert {row.model: row.usd_per_unit for row in today} == {"build-llm": Decimal("0.0008"), "screenshot-vlm": Decimal("0.0002")}
    assert len(today) == 2


def test_before_anything_was_served_a_call_is_unpriced(store: Store, clock: FixedClock, coach: Pack) -> None:
    put(store, clock, {**OURS, "output_tokens": 1000})
    assert run(store, NOON, coach).words == "0 new rates"
    assert entries(store) == [("e-0", 0, "0", "unpriced", "ingest")]
