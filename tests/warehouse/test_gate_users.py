"""Queries whose rows would name a user are told apart from those that only count and add up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from roomleft.app.ruling import columns_of
from roomleft.clock import FixedClock
from roomleft.errors import InputError
from warehouse.gate_users import NAMING, TELLING
from warehouse.rows import as_rows
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
    "renamed beside its table": "SELECT a AS label, 1 AS value FROM (SELECT user_id, platform FROM ai_usage) AS t(a, b)",
    "renamed beside a star": "SELECT a AS label, 1 AS value FROM (SELECT * FROM usage_user_1d) AS t(a, b, c, d)",
    "renamed beside the table itself": "SELECT c AS label, 1 AS value FROM usage_user_1d AS t(a, b, c)",
    "renamed beside a WITH": "WITH x(a, b) AS (SELECT user_id, cost_usd FROM usage_user_1d) SELECT a AS label, sum(b) AS value FROM x GROUP BY 1",
    "renamed beside a WITH of a star": "WITH x(a, b, c) AS (SELECT * FROM usage_user_1d) SELECT c AS label, 1 AS value FROM x",
    "renamed beside a WITH of a set": "WITH x(a) AS (SELECT user_id FROM ai_usage UNION SELECT user_id FROM usage_user_1d) SELECT a AS label, 1 AS value FROM x",
    "renamed beside a WITH of a WITH": "WITH y AS (SELECT * FROM usage_user_1d), x(a, b, c) AS (SELECT * FROM y) SELECT c AS label, 1 AS value FROM x",
    "renamed beside a WITH that reads itself": "WITH RECURSIVE r(w) AS (SELECT user_id FROM ai_usage UNION ALL SELECT w FROM r) SELECT w AS label, 1 AS value FROM r",
    "renamed beside a WITH where it is read": "WITH x AS (SELECT user_id FROM ai_usage) SELECT a AS label, 1 AS value FROM x AS t(a)",
    "renamed beside a join of both": "SELECT l AS label, 1 AS value FROM (FROM (SELECT user_id FROM ai_usage) AS a JOIN (SELECT user_id FROM usage_user_1d) AS b USING (user_id)) AS t(l)",
    "renamed in a star": "SELECT * RENAME (user_id AS label), 1 AS value FROM (SELECT user_id FROM ai_usage)",
    "put in the place of another": "SELECT * REPLACE (user_id AS platform), 1 AS value FROM (SELECT user_id, platform FROM ai_usage)",
    "by its place": "SELECT #1 AS label, 1 AS value FROM (SELECT user_id FROM ai_usage)",
    "a whole row": "SELECT t AS label, 1 AS value FROM ai_usage AS t",
    "a whole row as text": "SELECT CAST(usage_user_1d AS VARCHAR) AS label, 1 AS value FROM usage_user_1d",
    "a whole row, its name kept": "SELECT t, 1 AS value FROM (SELECT user_id FROM ai_usage) AS t",
    "a whole row by its schema": "SELECT main.ai_usage AS label, 1 AS value FROM ai_usage",
    "a part of a whole row": "SELECT t['user_id'] AS label, 1 AS value FROM ai_usage AS t",
    "a part of a whole row, taken out": "SELECT struct_extract(t, 'user_id') AS label, 1 AS value FROM ai_usage AS t",
    "a whole row unfolded and renamed": "SELECT x AS label, 1 AS value FROM (SELECT unnest(t) FROM (SELECT user_id, platform FROM ai_usage) AS t) AS s(x, y)",
    "a whole row of a WITH": "WITH u AS (SELECT user_id FROM ai_usage) SELECT max(u) AS label, 1 AS value FROM u",
    "packed": "SELECT {'who': user_id} AS label, 1 AS value FROM ai_usage",
    "packed in a row": "SELECT row(platform, user_id) AS label, 1 AS value FROM ai_usage",
    "one value asked within": "SELECT (SELECT user_id FROM ai_usage LIMIT 1) AS label, 1 AS value",
    "all asked within": "SELECT ARRAY(SELECT user_id FROM ai_usage) AS label, 1 AS value",
    "a row of values beside": "SELECT v.who AS label, 1 AS value FROM ai_usage, (VALUES (user_id)) AS v(who)",
    "a list unfolded beside": "SELECT u.who AS label, 1 AS value FROM ai_usage, unnest([user_id]) AS u(who)",
    "a list unfolded": "SELECT unnest([user_id]) AS label, 1 AS value FROM ai_usage",
    "in a lambda": "SELECT list_transform([1], lambda x: user_id) AS label, 1 AS value FROM ai_usage",
    "the most frequent": "SELECT mode() WITHIN GROUP (ORDER BY user_id) AS label, 1 AS value FROM ai_usage",
    "its letters": "SELECT platform, sum(ord(user_id)) AS value FROM ai_usage GROUP BY ALL",
    "a star below a set": "SELECT 'x' AS label, 1 AS value UNION ALL SELECT * FROM (SELECT user_id, 1 AS value FROM ai_usage)",
    "causes in a list of names": "SELECT b AS label, 1 AS value FROM (SELECT platform, causes FROM anomalies) AS t(a, b)",
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
    "new names that are not theirs": "WITH x(user_id, spent) AS (SELECT user_id, sum(cost_usd) FROM usage_user_1d GROUP BY 1) SELECT max(spent) AS value FROM x",
    "new names of what has none": "WITH x(who, spent) AS (SELECT platform, sum(cost_usd) FROM usage_user_1d GROUP BY 1) SELECT who, spent AS value FROM x",
    "new names beside a table without them": "SELECT t.a AS label, 1 AS value FROM (SELECT platform FROM usage_user_1d) AS t(a)",
    "a star without them": "SELECT s.p AS label, 1 AS value FROM (SELECT * EXCLUDE (user_id) FROM (SELECT user_id, platform FROM ai_usage)) AS s(p)",
    "a whole row without them": "WITH u AS (SELECT platform, sum(cost_usd) AS value FROM usage_user_1d GROUP BY 1) SELECT u AS label, value FROM u",
    "rows counted": "SELECT count(t) AS value FROM ai_usage AS t",
    "one figure asked within": f"SELECT (SELECT max(cost) FROM ({SPENT})) AS value",
    "values of one's own": "SELECT w AS label, 1 AS value FROM (VALUES ('a'), ('b')) AS v(w)",
    "hours unfolded": "SELECT h AS label, 1 AS value FROM generate_series(1, 3) AS g(h)",
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


def test_the_tables_that_name_users_are_known(store: Store) -> None:
    held: dict[str, set[str]] = {}
    for row in as_rows(store.ask("SHOW TABLES", row_limit=1000, see_users=True)):
        columns = {each["column_name"] for each in as_rows(store.ask(f"DESCRIBE {row['name']}", row_limit=1000, see_users=True))}
        if columns & NAMING:
            held[row["name"]] = columns & NAMING
    # A claim's subject is a limit or a target.
    assert held.pop("forecast_claims") == {"subject"}
    assert held == {name: {*columns} for name, columns in TELLING.items()}


@pytest.mark.parametrize("sql", FIGURES.values(), ids=FIGURES)
def test_figures_over_users_are_not(store: Store, sql: str) -> None:
    assert "value" in columns_of(store)(sql)
