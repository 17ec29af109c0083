"""Queries whose rows would name a user are told apart from those that only count and add up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from roomleft.app.ruling import columns_of
from roomleft.clock import FixedClock
from roomleft.errors import InputError
from warehouse.store import Store

SPENT = "SELECT user_id, sum(cost_usd) AS cost FROM usage_user_1d GROUP BY user_id"
NAMES = {
    "as it is": "SELECT user_id, count(*) AS value FROM ai_usage GROUP BY ALL",
    "in capitals": "SELECT USER_ID, count(*) AS value FROM ai_usage GROUP BY ALL",
    "by another name": "SELECT user_id AS who, count(*) AS value FROM ai_usage GROUP BY ALL",
    "of its table": "SELECT a.user_id AS team, count(*) AS value FROM ai_usage AS a GROUP BY ALL",
    "in a WITH": "WITH u AS (SELECT user_id AS who, cost_usd FROM usage_user_1d) SELECT who, sum(cost_usd) AS value FROM u GROUP BY who",
    "by a star": f"SELECT * EXCLUDE (cost), cost AS value FROM ({SPENT})",
    "as a part": "SELECT 'user ' || user_id AS label, count(*) AS value FROM ai_usage GROUP BY ALL",
    "the first of all": "SELECT min(user_id) AS label, count(*) AS value FROM ai_usage",
    "who spent most": f"SELECT arg_max(user_id, cost) AS label, max(cost) AS value FROM ({SPENT})",
    "a digest": "SELECT md5(user_id) AS label, count(*) AS value FROM ai_usage GROUP BY ALL",
    "all in a list": "SELECT string_agg(user_id, ',') AS label, count(*) AS value FROM ai_usage",
    "cast": "SELECT CAST(user_id AS VARCHAR) AS label, count(*) AS value FROM ai_usage GROUP BY ALL",
    "in a choice": "SELECT CASE WHEN cost_usd > 1 THEN user_id ELSE '' END AS label, count(*) AS value FROM usage_user_1d GROUP BY ALL",
    "or nobody": "SELECT coalesce(user_id, 'nobody') AS label, count(*) AS value FROM ai_usage GROUP BY ALL",
    "of a window": "SELECT first_value(user_id) OVER () AS label, 1 AS value FROM ai_usage",
    "below a set": "SELECT 'all' AS label, 1 AS value UNION ALL SELECT user_id AS label, 2 AS value FROM ai_usage",
    "below a set, unnamed": "SELECT 'all' AS label, 1 AS value UNION ALL SELECT user_id, 2 FROM ai_usage",
    "below two sets": "SELECT 'all' AS label, 1 AS value UNION SELECT 'b', 2 UNION ALL SELECT user_id, 2 FROM ai_usage",
    "asked within": "SELECT (SELECT min(user_id) AS x FROM ai_usage) AS label, 1 AS value",
    "whom a limit is about": "SELECT subject AS label, fraction_left AS value FROM headroom",
}
FIGURES = {
    "how many": "SELECT platform, count(DISTINCT user_id) AS value FROM ai_usage GROUP BY ALL",
    "the dearest user's cost": f"SELECT max(cost) AS value FROM ({SPENT})",
    "their share": f"WITH u AS ({SPENT}) SELECT max(cost) / sum(cost) AS value FROM u",
    "calls without one": "SELECT platform, count(*) AS value FROM ai_usage WHERE user_id IS NULL GROUP BY ALL",
    "known or not": "SELECT user_id IS NULL AS unknown_user, count(*) AS value FROM ai_usage GROUP BY ALL",
    "known or not, in words": "SELECT CASE WHEN user_id IS NULL THEN 'no' ELSE 'yes' END AS known, count(*) AS value FROM ai_usage GROUP BY ALL",
    "a rank": f"SELECT place, sum(cost) AS value FROM (SELECT row_number() OVER (ORDER BY cost DESC, user_id) AS place, cost FROM ({SPENT})) GROUP BY ALL",
    "joined by it": f"SELECT sum(a.cost) AS value FROM ({SPENT}) AS a JOIN ({SPENT}) AS b ON a.user_id = b.user_id",
    "of two tables": "SELECT count(DISTINCT user_id) AS value FROM (SELECT user_id FROM ai_usage UNION SELECT user_id FROM usage_user_1d)",
    "no users at all": "SELECT provider, sum(cost_usd) AS value FROM usage_15m GROUP BY ALL",
}


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with Store.open("duckdb:///:memory:", now=FixedClock(datetime(2026, 11, 20, tzinfo=UTC)), threads=1) as store:
        yield store


@pytest.mark.parametrize("sql", NAMES.values(), ids=NAMES)
def test_a_label_that_names_a_user_is_refused(store: Store, sql: str) -> None:
    with pytest.raises(InputError, match="would name users") as refused:
        columns_of(store)(sql)
    assert "told to everybody" in str(refused.value.hint)


@pytest.mark.parametrize("sql", FIGURES.values(), ids=FIGURES)
def test_figures_over_users_are_not(store: Store, sql: str) -> None:
    assert "value" in columns_of(store)(sql)
