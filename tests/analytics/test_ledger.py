"""The ledger: parts equal the whole under any filter, AI and infrastructure come to the total, days to the month, and a row to its prices."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.allocation import Rule
from analytics.infrastructure import Served
from analytics.ledger import ADDED, DIMENSIONS, INFRASTRUCTURE, NOT_GIVEN, OTHERS, SHARED, Books, Kind, Question
from analytics.ledger_rows import explained, usage_rows
from analytics.ledger_sql import COLUMNS, USER_COLUMNS
from dashboards.filters import bucket_edges
from roomleft.clock import FixedClock
from roomleft.errors import InputError
from roomleft.mapping_rules import mapping_rule
from roomleft.packs import Pack, load_packs
from roomleft.settings import ROOT
from tests.warehouse.facts import store_usage
from tests.warehouse.rows import make_rate, make_rates, usage_event
from warehouse.rollup import roll_up
from warehouse.store import Store

NOW = datetime(2026, 11, 20, 12, 7, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
SINCE = datetime(2026, 10, 20, tzinfo=UTC)
STATES = ("priced", "free", "unpriced", "reported", "estimated")


def events() -> list[dict[str, Any]]:
    """Calls over a month with every dimension given, missing or odd, in every state, some of them around a day of 25 hours."""
    made = []
    for n in range(180):
        state = STATES[n % 5]
        made.append(
            {
                **usage_event(f"e-{n}", SINCE + timedelta(hours=4 * n, minutes=n % 60, seconds=n)),
                "source": "feed", "platform": ("scribe", "arena")[n % 2], "component": (None, "ai", "it's")[n % 3],
                "provider": ("gemini", "p", None)[n % 3], "model": ("flash", "m", None, "a,b")[n % 4], "request_type": ("chat", None)[n % 2],
                "feature": (None, "search", "=1+1")[n % 3], "tier": ("free", "premium", None)[n % 3], "status": "ok" if n % 7 else "error",
                "team": (None, "blue", "red")[n % 3], "project": (None, "x")[n % 2], "environment": ("prod", None)[n % 2],
                "api_key_hash": (None, "k1")[n % 2], "cost_centre": (None, "cc-1", "cc-2")[n % 3], "user_id": (None, "u1", "u2", "u3")[n % 4],
                "requests": 1 + n % 3, "input_uncached_tokens": 100 + n, "cache_read_tokens": n, "output_tokens": 7 * n, "images": n % 2,
                "cost_usd": Decimal(0) if state in ("free", "unpriced") else Decimal(n * 333_333_333 + 1).scaleb(-9), "cost_state": state,
            }
        )  # fmt: skip
    return made


@pytest.fixture(scope="module")
def packs() -> dict[str, Pack]:
    return load_packs(ROOT / "packs", ["scribe", "arena"])


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with Store.open("duckdb:///:memory:", now=FixedClock(NOW)) as made:
        store_usage(made, events())
        roll_up(made, NOW, ["UTC", BERLIN.key])
        yield made


def rule(number: int, says: dict[str, Any], since: datetime = SINCE, until: datetime | None = None) -> Rule:
    return Rule(number, f"rule {number}", "", since, until, mapping_rule(says, "test"))


RULES = [
    rule(1, {"match": {"model": ["flash"]}, "assign": {"team": "green"}}, SINCE + timedelta(days=9, minutes=7)),
    rule(2, {"match": {"platform": ["arena"]}, "share": {"cost_centre": {"a": "0.333333333", "b": "0.666666667"}}}),
    rule(3, {"match": {"component": ["database"]}, "assign": {"team": "storage"}}, SINCE, SINCE + timedelta(days=20)),
]


@pytest.fixture(scope="module", params=["plain", "rules", "served"])
def books(request: pytest.FixtureRequest, store: Store, packs: dict[str, Pack]) -> Books:
    served = [Served("scribe", next(item.id for item in packs["scribe"].cost_items()), "gemini")]
    return {
        "plain": Books(store, packs, see_users=True),
        "rules": Books(store, packs, RULES, see_users=True),
        "served": Books(store, packs, served=served, see_users=True),
    }[request.param]


def assert_foots(books: Books, question: Question) -> None:
    told = books.costs(question, NOW)
    assert told.total.cost_usd == told.total.ai_usd + told.total.infrastructure_usd
    for name in ADDED:
        parts = [getattr(each, name) for each in told.groups]
        if question.of_users and None in (*parts, getattr(told.total, name)):
            continue
        if "kind" in question.by and name not in (
            "ai_usd",
            "infrastructure_usd",
            "requests",
            "unpriced_requests",
            "unpriced_tokens",
            "tokens",
        ):
            continue
        assert sum(parts) == getattr(told.total, name), name
    if question.edges:
        assert sum(told.series.values()) == told.total.cost_usd
        assert {edge for edge, _ in told.series} <= set(told.edges)


VALUES = {
    "platform": ["scribe", "arena", "nobody"], "component": ["ai", "it's", "database", SHARED], "provider": ["gemini", "p"],
    "model": ["flash", "m", "a,b"], "request_type": ["chat"], "feature": ["search", "=1+1"], "tier": ["free", "premium"],
    "status": ["ok", "error"], "team": ["blue", "red", "green", "storage"], "project": ["x"], "environment": ["prod"], "api_key_hash": ["k1"],
    "cost_centre": ["cc-1", "a", "b"], "kind": ["ai", "infrastructure", "idle"],
}  # fmt: skip


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_parts_equal_the_whole_under_any_filter(books: Books, data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=3, unique=True))
    where = {
        name: tuple(data.draw(st.lists(st.sampled_from([*VALUES[name], *([NOT_GIVEN] if name != "kind" else [])]), min_size=1, unique=True)))
        for name in names
    }  # fmt: skip
    by = tuple(data.draw(st.lists(st.sampled_from([name for name in DIMENSIONS if name != "user"]), max_size=2, unique=True)))
    since = SINCE + timedelta(minutes=data.draw(st.integers(0, 40_000)))
    until = since + timedelta(minutes=data.draw(st.integers(1, 10_000)))
    edges = tuple(bucket_edges(since, until, BERLIN)) if data.draw(st.booleans()) else ()
    most = data.draw(st.sampled_from([1, 2, 1000]))
    assert_foots(books, Question(since, until, by, where, edges, BERLIN, most, most))


@pytest.mark.parametrize("by", [("user",), ("user", "model"), ("tier", "user"), ("user", "kind")])
@pytest.mark.parametrize(
    "where", [{}, {"platform": ("arena",)}, {"model": ("flash", NOT_GIVEN), "tier": ("free",)}, {"user": ("u1", NOT_GIVEN)}]
)
def test_users_add_up_too(store: Store, packs: dict[str, Pack], by: tuple[str, ...], where: dict[str, tuple[str, ...]]) -> None:
    question = Question(SINCE, NOW, by, where, tuple(bucket_edges(SINCE, NOW, BERLIN)), BERLIN, 3, 2)
    assert_foots(Books(store, packs, see_users=True), question)


@pytest.mark.parametrize("by", [("cost_centre", "team"), ("kind",)])
def test_filters_cut_the_whole_into_parts(books: Books, by: tuple[str, ...]) -> None:
    """What is kept with a value, and with any other, comes to what there is without the filter."""
    whole = books.costs(Question(SINCE, NOW, by), NOW)
    for name in ("team", "platform", "component", "model"):
        values = {each.key[0] for each in books.costs(Question(SINCE, NOW, (name,)), NOW).groups} - {INFRASTRUCTURE}
        parts = [books.costs(Question(SINCE, NOW, by, {name: (value or NOT_GIVEN,)}), NOW) for value in values]
        left = sum((part.left_out.usd for part in parts[:1] if part.left_out), Decimal(0))
        assert sum(part.total.ai_usd for part in parts) == whole.total.ai_usd
        assert sum(part.total.infrastructure_usd for part in parts) + left == whole.total.infrastructure_usd


def test_every_dimension_tells_every_value(store: Store, packs: dict[str, Pack]) -> None:
    books = Books(store, packs, see_users=True)
    for name in COLUMNS:
        expected = {event.get(name) for event in events()}
        groups = {each.key[0] for each in books.costs(Question(SINCE, NOW, (name,), {"kind": ("ai",)}), NOW).groups}
        assert groups == expected
        assert set(books.values(SINCE, NOW)[name]) == {NOT_GIVEN if value is None else value for value in expected}
    users = books.costs(Question(SINCE, NOW, ("user",), {"kind": ("ai",)}), NOW)
    assert {each.key[0] for each in users.groups} == {None, "u1", "u2", "u3"}
    plain = books.costs(Question(users.since, users.until, where={"kind": ("ai",)}), NOW)
    assert users.total == plain.total, "states and tokens too, of the same days"


def test_a_figure_says_what_it_is_made_of(store: Store, packs: dict[str, Pack]) -> None:
    told = Books(store, packs, see_users=True).costs(Question(SINCE, NOW, ("kind",)), NOW)
    costs = {each.key[0]: each for each in told.groups}
    by_state = {
        state: sum((each["cost_usd"] for each in events() if each["cost_state"] == state), Decimal(0)) for state in STATES
    }
    assert costs[Kind.AI_REPORTED].cost_usd == by_state["reported"] == told.total.reported_usd
    assert costs[Kind.AI_ESTIMATED].cost_usd == by_state["estimated"] == told.total.estimated_usd
    assert costs[Kind.AI_PRICED].cost_usd == by_state["priced"]
    unpriced = [each for each in events() if each["cost_state"] == "unpriced"]
    tokens = sum(each["input_uncached_tokens"] + each["cache_read_tokens"] + each["output_tokens"] for each in unpriced)
    assert costs[Kind.AI_UNPRICED].requests == sum(each["requests"] for each in unpriced) == told.total.unpriced_requests
    assert costs[Kind.AI_UNPRICED].unpriced_tokens == tokens == told.total.unpriced_tokens
    assert costs[Kind.AI_UNPRICED].cost_usd == 0
    assert not told.restated


def test_infrastructure_that_a_filter_cannot_apply_to_is_named(store: Store, packs: dict[str, Pack]) -> None:
    books = Books(store, packs, see_users=True)
    whole = books.costs(Question(SINCE, NOW, where={"platform": ("scribe",)}), NOW)
    told = books.costs(Question(SINCE, NOW, ("model",), {"model": ("flash",), "platform": ("scribe",)}), NOW)
    assert told.left_out is not None
    assert told.left_out.dimensions == ("model",)
    assert told.left_out.usd == whole.total.infrastructure_usd > 0
    assert told.total.infrastructure_usd == 0
    assert books.costs(Question(SINCE, NOW, ("model",)), NOW).left_out is None
    keys = {each.key[0] for each in books.costs(Question(SINCE, NOW, ("model",)), NOW).groups}
    assert INFRASTRUCTURE in keys
    only_ai = books.costs(Question(SINCE, NOW, ("model",), {"kind": ("ai",), "model": ("flash",)}), NOW)
    assert only_ai.left_out is None, "infrastructure was not asked for"


def test_items_come_to_the_infrastructure(books: Books) -> None:
    for where in ({}, {"platform": ("arena",)}, {"component": ("database",)}, {"team": ("storage",)}):
        question = Question(SINCE, NOW, where=where)
        assert (
            sum((row.cost_usd for row in books.items(question, NOW)), Decimal(0))
            == books.costs(question, NOW).total.infrastructure_usd
        )


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia"])
def test_days_come_to_the_month_in_any_zone(store: Store, packs: dict[str, Pack], zone: str) -> None:
    """31 October days, one of which has 25 hours in Berlin, against the range asked at once."""
    own = ZoneInfo(zone)
    days = [datetime.combine(date(2026, 10, 21) + timedelta(days=n), datetime.min.time(), own).astimezone(UTC) for n in range(12)]
    books = Books(store, packs, see_users=True)
    each = [books.costs(Question(a, b), NOW).total for a, b in itertools.pairwise(days)]
    whole = books.costs(Question(days[0], days[-1], edges=tuple(days[:-1]), zone=own), NOW)
    assert sum(day.cost_usd for day in each) == whole.total.cost_usd == sum(whole.series.values())
    assert sum(day.requests for day in each) == whole.total.requests


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (Question(SINCE, NOW, ("colour",)), "not kept by 'colour'"),
        (Question(SINCE, NOW, ("model", "model")), "two different"),
        (Question(SINCE, NOW, ("model", "tier", "team")), "by one dimension"),
        (Question(NOW, SINCE), "before until"),
        (Question(SINCE, NOW, ("user", "team")), "not kept by team"),
        (Question(SINCE, NOW, ("user",), {"feature": ("x",)}), "not kept by feature"),
        (Question(SINCE, NOW, (), {"kind": ("gold",)}), "no kind of cost"),
    ],
    ids=["unknown", "twice", "three", "backwards", "users by team", "users of a feature", "kind"],
)
def test_what_cannot_be_answered_is_refused(store: Store, question: Question, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Books(store, {}, see_users=True).costs(question, NOW)


def test_the_rest_is_one_line(store: Store) -> None:
    told = Books(store, {}, see_users=True).costs(Question(SINCE, NOW, ("model",), most=2, named=1, edges=(SINCE,)), NOW)
    assert [each.key[0] for each in told.groups][-1] == OTHERS
    assert len(told.groups) == 3
    assert {name for _, name in told.series} == {OTHERS, told.groups[0].key[0]}


def test_nothing_stored_costs_nothing() -> None:
    with Store.open("duckdb:///:memory:", now=FixedClock(NOW)) as empty:
        for by in ((), ("model",), ("user",), ("kind",)):
            told = Books(empty, {}, see_users=True).costs(Question(SINCE, NOW, by, edges=(SINCE,)), NOW)
            assert (told.total.cost_usd, told.total.requests, told.total.last_at) == (0, 0, None)
            assert told.series == {}


@pytest.mark.parametrize(
    "where",
    [{}, {"model": ("flash", NOT_GIVEN)}, {"component": ("it's",)}, {"team": ("green",)}, {"user": ("u1",)}, {"kind": ("ai",), "status": ("error",)}],
    ids=str,
)  # fmt: skip
def test_the_rows_behind_a_figure_come_to_it(store: Store, where: dict[str, tuple[str, ...]]) -> None:
    books = Books(store, {}, RULES[:1], see_users=True)
    told = books.costs(Question(SINCE, NOW, where=where), NOW)
    rows: list[Any] = []
    for page in range(5):
        rows += usage_rows(store, books.rules, where, (told.since, told.until), count=50, skip=50 * page, see_users=True).page
    assert sum(row["cost_usd"] for row in rows) == told.total.ai_usd
    assert sum(row["requests"] for row in rows) == told.total.requests > 0
    assert [row["occurred_at"] for row in rows] == sorted((row["occurred_at"] for row in rows), reverse=True)


def test_a_row_cannot_be_kept_by_what_is_shared_out(store: Store) -> None:
    told = usage_rows(store, RULES, {"cost_centre": ("a",), "model": ("flash",)}, (SINCE, NOW))
    assert told.shared == ["cost_centre"]
    assert {row["model"] for row in told.page} == {"flash"}


PRICED = {"provider": "p", "model": "m", "input_uncached_tokens": 1000, "cache_read_tokens": 400, "output_tokens": 7, "images": 2,
          "other_units": [("input_audio_tokens", 300.0), ("output_audio_tokens", 3.0)]}  # fmt: skip


def test_a_row_is_explained_to_the_nano_dollar() -> None:
    """Parts with a price of their own leave their bucket; what has no price says so; a later revision stands beside the first."""
    at = NOW - timedelta(hours=1)
    first = Decimal("700") * Decimal("0.0000025") + 300 * Decimal("0.00001") + 400 * Decimal("0.00000025")
    with Store.open("duckdb:///:memory:", now=FixedClock(NOW)) as store:
        event = {**usage_event("x", at), **PRICED, "cost_usd": first, "cost_state": "unpriced"}
        store_usage(store, [event])
        rates = make_rates(
            make_rate("input_uncached_tokens", "0.0000025"), make_rate("input_audio_tokens", "0.00001"), make_rate("cache_read_tokens", "0.00000025"),
            make_rate("output_tokens", "0.00002", price_id="late", valid_from=at), make_rate("images", "0.01", price_id="late", valid_from=at),
        )  # fmt: skip
        ids = " + ".join(f"p/m/{unit}" for unit in ("input_uncached_tokens", "input_audio_tokens", "cache_read_tokens"))
        added = 7 * Decimal("0.00002") + 2 * Decimal("0.01")

        def write(tx: Any) -> None:
            tx.insert("rates", rates)
            tx.execute("UPDATE cost_entries SET price_id = $ids", {"ids": ids})
            tx.execute(
                "INSERT INTO cost_entries BY NAME SELECT * REPLACE (2 AS revision, $ids AS price_id, $usd::DECIMAL(18, 9) AS cost_usd,"
                " 'priced' AS cost_state, 'late price' AS reason) FROM cost_entries",
                {"ids": f"{ids} + late", "usd": added},
            )

        store.run(write)
        found = explained(store, event["source"], "x", at)
        assert explained(store, event["source"], "y", at) is None
    assert found is not None
    one, two = found.revisions
    quantities = {line.unit: (line.quantity, line.usd_per_unit) for line in one.lines}
    assert quantities == {
        "input_uncached_tokens": (700, Decimal("0.0000025")), "input_audio_tokens": (300, Decimal("0.00001")),
        "cache_read_tokens": (400, Decimal("0.00000025")), "output_tokens": (7, None), "images": (2, None),
    }  # fmt: skip
    assert (one.cost_usd, one.state, one.unexplained_usd) == (first, "unpriced", 0)
    assert (two.added_usd, two.cost_usd, two.state, two.reason, two.unexplained_usd) == (
        added,
        first + added,
        "priced",
        "late price",
        0,
    )
    for line in two.lines:
        assert line.usd_per_unit is not None
        assert line.usd == line.quantity * line.usd_per_unit


def test_users_are_kept_by_these_dimensions(store: Store) -> None:
    kept = set(store.select("SELECT * FROM usage_user_1d LIMIT 0").column_names)
    assert set(USER_COLUMNS) <= kept
    assert set(COLUMNS) <= set(store.select("SELECT * FROM usage_15m LIMIT 0").column_names)
