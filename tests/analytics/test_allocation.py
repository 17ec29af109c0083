"""Mapping rules over usage: what SQL makes of rows is what the rules say, dates decide, and parts are the whole under any filter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.allocation import Rule, expression, in_order, relation, rules_of, whose
from roomleft.clock import FixedClock
from roomleft.errors import InputError
from roomleft.mapping_rules import ASSIGNABLE, DIMENSIONS, KIND, mapping_rule
from tests.fixtures.state import state_url
from tests.warehouse.facts import store_usage
from tests.warehouse.rows import usage_event
from warehouse.rollup import roll_up
from warehouse.state import StateDb
from warehouse.state.terms import Terms
from warehouse.store import Store, as_rows

START = datetime(2026, 11, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
NANO = Decimal("0.000000001")
HOSTILE = ["a", "ab", "b", "it's", '"; DROP TABLE usage_15m; --', "$alloc_rule_0_from", "ä*", "*", "\\", "%_"]


def rule(
    says: dict[str, Any],
    *,
    name: str = "r",
    number: int = 1,
    since: datetime = START,
    until: datetime | None = None,
    platform: str = "",
) -> Rule:
    return Rule(number, name, platform, since, until, mapping_rule(says))


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """Sixty calls over fifteen hours, with every mix of given and missing dimensions."""
    with Store.open("duckdb:///:memory:", now=FixedClock(START + timedelta(days=2))) as opened:
        events = []
        for n in range(60):
            dims = {
                "platform": ("shop", "farm")[n % 2],
                "provider": (None, "openai", "gemini")[n % 3],
                "model": (None, "gpt-4o", "gpt-4o-mini", "flash")[n % 4],
                "team": (None, "", "a", "it's")[n % 4],
                "project": (None, "p*", "ab")[n % 3],
                "feature": (None, *HOSTILE)[n % (len(HOSTILE) + 1)],
                "api_key_hash": (None, "k1", "k2")[n % 3],
            }
            cost = Decimal(n * 7919 % 1013) * NANO + Decimal(n) / 7
            events.append(
                usage_event(
                    f"e-{n}", START + n * QUARTER, requests=1 + n % 5, output_tokens=n * 3, cost_usd=cost.quantize(NANO), **dims
                )
            )
        store_usage(opened, events)
        roll_up(opened, START + timedelta(days=2))
        yield opened


def rows_of(store: Store) -> list[dict[str, Any]]:
    return as_rows(store.select("SELECT * FROM usage_15m ORDER BY bucket"))


def read(store: Store, rules: list[Rule], dimension: str) -> dict[str, tuple[Decimal, int]]:
    sql, params = relation(rules)
    grouped = (
        f"SELECT coalesce({dimension}, '') AS name, sum(cost_usd) AS usd, sum(requests)::BIGINT AS n FROM ({sql}) GROUP BY ALL"
    )
    return {row["name"]: (row["usd"], row["n"]) for row in as_rows(store.select(grouped, params))}


TEXTS = st.sampled_from(["", "a", "ab", "gpt-4o", "gpt-*", "openai", "k1", "it's", *HOSTILE])
MATCH = st.dictionaries(
    st.sampled_from([name for name in DIMENSIONS if name != "platform"]), st.lists(TEXTS, min_size=1, max_size=3), max_size=2
)
VALUES = st.sampled_from(["red", "blue", *HOSTILE])
SHARES = st.sampled_from([{"red": "0.6", "blue": "0.4"}, {"x": "0.333333333", "y": "0.333333333", "it's": "0.333333334"}])


@st.composite
def rule_sets(draw: st.DrawFn, *, most_shared: int = 6) -> list[Rule]:
    found, shared = [], 0
    for number in range(1, draw(st.integers(1, 5)) + 1):
        name = draw(st.sampled_from(ASSIGNABLE))
        says: dict[str, Any] = {"match": draw(MATCH), "override": draw(st.booleans()), "priority": draw(st.integers(-1, 1))}
        if shared < most_shared and draw(st.booleans()):
            says["share"], shared = {name: draw(SHARES)}, shared + 1
        else:
            says["assign"] = {name: draw(VALUES)}
        since = START + timedelta(minutes=draw(st.integers(-60, 600)))
        until = draw(st.sampled_from([None, since + timedelta(hours=5)]))
        found.append(rule(says, number=number, since=since, until=until, platform=draw(st.sampled_from(["", "shop"]))))
    return in_order(found)


@given(rules=rule_sets())
@settings(max_examples=30, deadline=None)
def test_parts_are_the_whole_under_any_rules_and_filters(store: Store, rules: list[Rule]) -> None:
    whole = as_rows(
        store.select("SELECT sum(cost_usd) AS usd, sum(requests)::BIGINT AS n, sum(output_tokens)::BIGINT AS t FROM usage_15m")
    )
    sql, params = relation(rules)
    assert (
        as_rows(
            store.select(
                f"SELECT sum(cost_usd) AS usd, sum(requests)::BIGINT AS n, sum(output_tokens)::BIGINT AS t FROM ({sql})", params
            )
        )
        == whole
    )
    for dimension in [name for name in ASSIGNABLE if any(each.speaks_of(name) for each in rules)]:
        parts = read(store, rules, dimension)
        assert (sum(usd for usd, _ in parts.values()), sum(n for _, n in parts.values())) == (whole[0]["usd"], whole[0]["n"])
        # What a filter keeps is what grouping shows, and with what it leaves out it is the whole.
        value = max(parts)
        kept = f"SELECT sum(cost_usd) FILTER (coalesce({dimension}, '') = $value) AS kept, sum(cost_usd) AS usd FROM ({sql})"
        assert as_rows(store.select(kept, {**params, "value": value})) == [{"kept": parts[value][0], "usd": whole[0]["usd"]}]


@given(rules=rule_sets(most_shared=1))
@settings(max_examples=30, deadline=None)
def test_sql_says_what_the_rules_say_row_by_row(store: Store, rules: list[Rule]) -> None:
    for dimension in ASSIGNABLE:
        expected: dict[str, Decimal] = defaultdict(Decimal)
        for row in rows_of(store):
            for part in whose(row, rules):
                high, low = ((row["cost_usd"] * edge).quantize(NANO, ROUND_HALF_UP) for edge in (part.high, part.low))
                expected[part.values[dimension]] += high - low
        assert {name: usd for name, (usd, _) in read(store, rules, dimension).items()} == dict(expected)
        if not any(dimension in each.says.share for each in rules):
            sql, params = expression(dimension, rules)
            grouped = as_rows(
                store.select(f"SELECT coalesce({sql}, '') AS name, sum(cost_usd) AS usd FROM usage_15m GROUP BY ALL", params)
            )
            assert {row["name"]: row["usd"] for row in grouped} == dict(expected)


ORDER_CASES = {
    "fills what is missing only": ([{"assign": {"team": "x"}, "match": {"model": "gpt-4o"}}], "gpt-4o", None, "x"),
    "leaves what usage says": ([{"assign": {"team": "x"}, "match": {"model": "gpt-4o"}}], "gpt-4o", "own", "own"),
    "an empty text is missing": ([{"assign": {"team": "x"}, "match": {"model": "gpt-4o"}}], "gpt-4o", "", "x"),
    "override replaces": ([{"assign": {"team": "x"}, "match": {"model": "gpt-4o"}, "override": True}], "gpt-4o", "own", "x"),
    "a start matches": ([{"assign": {"team": "x"}, "match": {"model": "gpt-*"}}], "gpt-4o", None, "x"),
    "a start is not in the middle": ([{"assign": {"team": "x"}, "match": {"model": "4o*"}}], "gpt-4o", None, ""),
    "what is not said matches nothing": ([{"assign": {"team": "x"}, "match": {"feature": "*"}}], "gpt-4o", None, ""),
    "but can be asked for": ([{"assign": {"team": "x"}, "match": {"feature": ""}}], "gpt-4o", None, "x"),
    "the older of two": ([{"assign": {"team": "x"}}, {"assign": {"team": "y"}}], "m", None, "x"),
    "the higher priority": ([{"assign": {"team": "x"}}, {"assign": {"team": "y"}, "priority": 1}], "m", None, "y"),
    "every dimension of the match": ([{"assign": {"team": "x"}, "match": {"model": "m", "provider": "p"}}], "m", None, ""),
    "not what another rule assigned": (
        [{"assign": {"project": "p"}, "match": {"model": "m"}}, {"assign": {"team": "x"}, "match": {"project": "p"}}], "m", None, "",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("says", "model", "team", "expected"), ORDER_CASES.values(), ids=ORDER_CASES.keys())
def test_which_rule_counts(says: list[dict[str, Any]], model: str, team: str | None, expected: str) -> None:
    rules = in_order([rule(each, number=number) for number, each in enumerate(says, start=1)])
    with Store.open("duckdb:///:memory:", now=FixedClock(START)) as own:
        store_usage(own, [usage_event("e", START, model=model, team=team, cost_usd="1")])
        roll_up(own, START)
        assert read(own, rules, "team") == {expected: (Decimal(1), 1)}
        assert [part.values["team"] for part in whose(rows_of(own)[0], rules)] == [expected]


def test_a_rules_dates_decide_and_facts_do_not_change(store: Store) -> None:
    before = rows_of(store)
    held = [rule({"assign": {"cost_centre": "4100"}}, since=START + timedelta(minutes=20), until=START + timedelta(minutes=45))]
    assert read(store, held, "cost_centre")["4100"][1] == sum(
        row["requests"] for row in before if START + 2 * QUARTER <= row["bucket"] < START + 3 * QUARTER
    )
    assert rows_of(store) == before


def test_the_largest_share_of_a_nano_dollar_goes_nowhere_twice(store: Store) -> None:
    rules = [rule({"share": {"team": {"a": "0.333333333", "b": "0.333333333", "c": "0.333333334"}}, "override": True})]
    parts = read(store, rules, "team")
    whole = sum(row["cost_usd"] for row in rows_of(store))
    assert sum(usd for usd, _ in parts.values()) == whole
    assert all(abs(usd - whole / 3) < Decimal("0.0000005") for usd, _ in parts.values())


@pytest.fixture
def terms(tmp_path: Path) -> Iterator[Terms]:
    state = StateDb.open(state_url(tmp_path), FixedClock(START))
    yield Terms(state)
    state.close()


def test_a_later_decision_takes_a_rules_place_from_its_day_and_gives_it_back(terms: Terms) -> None:
    day = timedelta(days=1)
    terms.add(KIND, "keys", {"assign": {"team": "x"}}, who="ada", valid_from=START)
    later = terms.add(KIND, "keys", {"assign": {"team": "y"}}, who="ada", valid_from=START + day, valid_to=START + 2 * day)
    terms.add(KIND, "keys", {"assign": {"team": "z"}}, who="ada", valid_from=START, platform="shop")
    told = [(each.says.assign["team"], each.platform, each.valid_from, each.valid_to) for each in rules_of(terms)]
    assert told == [
        ("x", "", START, START + day),
        ("x", "", START + 2 * day, None),
        ("y", "", START + day, START + 2 * day),
        ("z", "shop", START, None),
    ]
    terms.withdraw(later, who="ada")
    assert [(each.says.assign["team"], each.valid_to) for each in rules_of(terms)] == [("x", None), ("z", None)]


BAD = {
    "unknown dimension to match": (
        {"match": {"teem": "a"}, "assign": {"team": "x"}},
        "unknown dimension 'teem'",
        "did you mean 'team'",
    ),
    "user cannot be assigned": ({"assign": {"model": "x"}}, "unknown dimension 'model'", ""),
    "nothing assigned": ({"match": {"team": "a"}}, "assigns nothing", "cost_centre"),
    "parts short of 1": ({"share": {"team": {"a": "0.6", "b": "0.3"}}}, "add up to 0.9", "add up to 1"),
    "one part": ({"share": {"team": {"a": "1"}}}, "is not divided", "two parts"),
    "a negative part": ({"share": {"team": {"a": "1.5", "b": "-0.5"}}}, "is not divided", "above 0"),
    "a float part": ({"share": {"team": {"a": 0.6, "b": "0.4"}}}, "would become a float", 'quote it: "0.6"'),
    "both": ({"share": {"team": {"a": "0.6", "b": "0.4"}}, "assign": {"team": "x"}}, "both assigned and shared", ""),
    "an unknown key": ({"assign": {"team": "x"}, "overide": True}, "unknown key", "did you mean 'override'"),
    "an empty value": ({"assign": {"team": ""}}, "at least 1 character", ""),
    "no list": ({"match": {"team": []}, "assign": {"team": "x"}}, "at least 1 item", ""),
}


@pytest.mark.parametrize(("says", "what", "hint"), BAD.values(), ids=BAD.keys())
def test_a_bad_rule_is_refused_with_what_to_do(says: dict[str, Any], what: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        mapping_rule(says)
    assert what in caught.value.what
    assert hint in caught.value.hint


def test_a_rule_is_read_back_as_it_was_kept(terms: Terms) -> None:
    says = mapping_rule(
        {"match": {"model": ["a*", ""]}, "share": {"team": {"a": "0.6", "b": "0.4"}}, "override": True, "priority": 3}
    )
    terms.add(KIND, "r", says.content(), who="ada", valid_from=START)
    assert [each.says for each in rules_of(terms)] == [says]


@pytest.mark.parametrize("dimension", ["teem", "team; DROP TABLE usage_15m"])
def test_an_unknown_dimension_never_reaches_sql(dimension: str) -> None:
    with pytest.raises(InputError, match="unknown dimension"):
        expression(dimension, [])
