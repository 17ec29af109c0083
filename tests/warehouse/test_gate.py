"""The SQL gate: what a person may ask, and a hundred ways in that are shut."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from roomleft.clock import FixedClock
from roomleft.errors import QueryRefused, QueryTimeout, UsersHidden
from tests.warehouse.rows import NOON, make_rate, make_rates
from warehouse.catalogue import TABLES, UNSEEN_COLUMNS, WITHOUT_USERS
from warehouse.store import Store


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with Store.open("duckdb:///:memory:", now=FixedClock(NOON)) as opened:
        with opened.transaction() as tx:
            tx.insert("rates", make_rates(make_rate("images", "0.5"), make_rate("output_tokens", "0.25")))
        yield opened


ALLOWED = {
    "SELECT unit FROM rates ORDER BY unit DESC": [("output_tokens",), ("images",)],
    "FROM rates SELECT unit WHERE unit LIKE 'im%'": [("images",)],
    "SELECT sum(usd_per_unit) AS total FROM rates;": [(Decimal("0.75"),)],
    "WITH a AS (SELECT * FROM rates) SELECT count(*) FROM a -- two": [(2,)],
    "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 4) SELECT max(n) FROM t": [(4,)],
    "SELECT unit, row_number() OVER (ORDER BY unit) FROM rates ORDER BY 2": [("images", 1), ("output_tokens", 2)],
    "SELECT time_bucket(INTERVAL 15 minutes, valid_from) = valid_from, count(*) FROM rates GROUP BY ALL": [(True, 2)],
    "SELECT list_transform([1, 2], lambda x: x * 2)": [([2, 4],)],
    "SELECT count(*) FROM range(5), unnest([1, 2]) WHERE 1 IN (SELECT 1) AND EXISTS (SELECT 1)": [(10,)],
    "SELECT quantile_cont(usd_per_unit, 0.5) FILTER (unit <> 'x') FROM rates HAVING count(*) > 1": [(Decimal("0.375"),)],
    "VALUES (1), (2)": [(1,), (2,)],
    "SELECT 1 UNION ALL (SELECT 2)": [(1,), (2,)],
    "SELECT * EXCLUDE (n) FROM (SELECT 1 AS n, 2 AS m)": [(2,)],
    "SELECT max(CASE WHEN unit = 'images' THEN usd_per_unit END)::DOUBLE FROM rates": [(0.5,)],
    "SELECT unit FROM (SELECT unit FROM rates ORDER BY unit LIMIT 1)": [("images",)],
}


@pytest.mark.parametrize(("sql", "rows"), ALLOWED.items())
def test_ordinary_questions_are_answered(store: Store, sql: str, rows: list[tuple[object, ...]]) -> None:
    found = store.ask(sql)
    assert list(zip(*(column.to_pylist() for column in found.columns), strict=True)) == rows


COLUMNS = [
    ("price_id", "VARCHAR", "NO"), ("provider", "VARCHAR", "NO"), ("model", "VARCHAR", "NO"), ("platform", "VARCHAR", "NO"),
    ("unit", "VARCHAR", "NO"), ("usd_per_unit", "DECIMAL(18,12)", "NO"), ("valid_from", "TIMESTAMP WITH TIME ZONE", "NO"),
    ("valid_to", "TIMESTAMP WITH TIME ZONE", "YES"), ("catalogue", "VARCHAR", "NO"), ("source", "VARCHAR", "NO"),
    ("resolved_at", "TIMESTAMP WITH TIME ZONE", "NO"), ("context", "VARCHAR", "YES"), ("input_over", "BIGINT", "YES"),
    ("minute_from", "SMALLINT", "YES"), ("minute_to", "SMALLINT", "YES"), ("list_usd_per_unit", "DECIMAL(18,12)", "YES"),
    ("checked_on", "DATE", "YES"),
]  # fmt: skip


@pytest.mark.parametrize(
    "sql",
    ["DESCRIBE rates", "desc Rates ;", 'DESCRIBE "rates"', "SHOW rates", "PRAGMA table_info('rates')", "\n describe\n rates\n"],
)
def test_a_table_s_columns_are_told(store: Store, sql: str) -> None:
    found = store.ask(sql)
    assert found.column_names == ["column_name", "column_type", "null"]
    assert list(zip(*(column.to_pylist() for column in found.columns), strict=True)) == COLUMNS


def test_the_columns_of_a_select_are_told(store: Store) -> None:
    found = store.ask(
        "DESCRIBE WITH a AS (SELECT unit, sum(usd_per_unit) AS total FROM rates GROUP BY unit) FROM a; -- that is all"
    )
    assert [(row["column_name"], row["column_type"]) for row in found.to_pylist()] == [
        ("unit", "VARCHAR"),
        ("total", "DECIMAL(38,12)"),
    ]


@pytest.mark.parametrize("sql", ["SHOW TABLES", "show all tables;", " SHOW\tTABLES\n"])
def test_exactly_the_tables_that_may_be_asked_are_shown_with_their_meaning(store: Store, sql: str) -> None:
    found = store.ask(sql, see_users=True).to_pylist()
    assert [row["name"] for row in found] == sorted(TABLES)
    assert all(row["meaning"] == TABLES[row["name"]] for row in found)
    for row in found:
        assert store.ask(f"SELECT * FROM {row['name']} LIMIT 0", see_users=True).num_rows == 0


USERS_ASKED = {
    "plain": "SELECT * FROM ai_usage",
    "in capitals": "SELECT User_Id FROM AI_USAGE",
    "quoted": 'SELECT * FROM "usage_user_1d"',
    "within": "SELECT * FROM (SELECT user_id FROM usage_user_1d) AS x",
    "in a WITH": "WITH x AS (SELECT user_id FROM ai_usage) SELECT * FROM x",
    "in a condition": "SELECT 1 WHERE EXISTS (SELECT 1 FROM ai_usage WHERE user_id = 'u1')",
    "beside": "SELECT * FROM rates UNION ALL SELECT user_id FROM ai_usage",
    "joined": "SELECT * FROM rates, usage_user_1d",
    "described": "DESCRIBE ai_usage",
    "summarised": "SUMMARIZE usage_user_1d",
    "of a summary": "SUMMARIZE SELECT * FROM ai_usage",
}


@pytest.mark.parametrize("sql", USERS_ASKED.values(), ids=USERS_ASKED)
def test_tables_of_users_need_the_finance_role(store: Store, sql: str) -> None:
    with pytest.raises(UsersHidden) as refused:
        store.ask(sql)
    assert refused.value.status == 403
    assert "finance role" in refused.value.what


@pytest.mark.parametrize(
    "sql",
    ["SELECT subject FROM headroom", "SELECT headroom.subject FROM headroom", "SELECT h.subject FROM headroom AS h",
     "SELECT h.causes FROM (SELECT * FROM anomalies) AS h", "WITH headroom AS (SELECT * FROM headroom) SELECT subject FROM headroom",
     "WITH x AS (SELECT * FROM headroom) SELECT subject FROM x", "SELECT * FROM headroom WHERE subject = 'u1'",
     "SELECT * FROM headroom ORDER BY subject", "SELECT x.headroom.subject FROM (SELECT headroom FROM headroom) AS x",
     "SELECT table_name FROM information_schema.columns", "SELECT * FROM duckdb_columns()", "SELECT * FROM duckdb_tables",
     "SELECT * FROM warehouse.main.headroom", "SELECT * FROM query('SELECT * FROM ai_usage')", "SELECT * FROM query_table('ai_usage')"],
)  # fmt: skip
def test_columns_that_may_name_a_user_are_not_there_without_the_finance_role(store: Store, sql: str) -> None:
    with pytest.raises(QueryRefused):
        store.ask(sql)


@pytest.mark.parametrize(
    ("table", "column"), [(table, column) for table, columns in UNSEEN_COLUMNS.items() for column in columns]
)
def test_the_rest_of_such_a_table_can_be_asked(store: Store, table: str, column: str) -> None:
    whole = store.ask(f"SELECT * FROM {table}", see_users=True).column_names
    assert column in whole
    kept = [name for name in whole if name != column]
    for sql in (f"SELECT * FROM {table}", f"SELECT x.* FROM {table} AS x", f"FROM {table.upper()}",
                f"WITH other AS (SELECT * FROM {table}) SELECT * FROM other"):  # fmt: skip
        assert store.ask(sql).column_names == kept
    for sql in (f"DESCRIBE {table}", f"SUMMARIZE {table}"):
        assert store.ask(sql)["column_name"].to_pylist() == kept


def test_every_table_is_known_to_have_users_or_not(store: Store) -> None:
    """A column that may hold a user is in a table kept back, or is itself: one that is added later must be looked at."""
    stored = {name: store.ask(f"SELECT * FROM {name} LIMIT 0", see_users=True).column_names for name in TABLES}
    with_users = {name for name, columns in stored.items() if "user_id" in columns or "user" in columns}
    assert with_users == set(TABLES) - WITHOUT_USERS
    shown = {row["name"] for row in store.ask("SHOW TABLES").to_pylist()}
    assert shown == WITHOUT_USERS


@pytest.mark.parametrize("sql", ["SUMMARIZE rates", "SUMMARIZE SELECT unit, usd_per_unit FROM rates"])
def test_columns_are_summarised(store: Store, sql: str) -> None:
    found = {row["column_name"]: row for row in store.ask(sql).to_pylist()}
    assert (found["unit"]["min"], found["unit"]["max"], found["unit"]["count"]) == ("images", "output_tokens", 2)
    assert Decimal(found["usd_per_unit"]["max"]) == Decimal("0.5")


def test_a_summary_has_the_same_limits_as_a_select(store: Store) -> None:
    assert store.ask("SUMMARIZE rates", row_limit=3).num_rows == 3
    with pytest.raises(QueryTimeout):
        store.ask("SUMMARIZE SELECT * FROM range(100000000000)", time_limit_s=0.2)


REFUSED = (
    # other statements
    "", ";", "nonsense", "INSERT INTO rates SELECT * FROM rates", "DELETE FROM rates", "UPDATE rates SET unit = 'x'", "DROP TABLE rates",
    "CREATE TABLE x (a INT)", "ALTER TABLE rates ADD COLUMN x INT", "COPY rates TO '/tmp/x.csv'", "COPY (SELECT 1) TO '/tmp/x.csv'",
    "ATTACH '/tmp/x.duckdb'", "DETACH warehouse", "PRAGMA database_list", "SET threads = 1", "RESET threads", "INSTALL httpfs", "LOAD httpfs",
    "CALL pragma_version()", "CHECKPOINT", "BEGIN", "COMMIT", "EXPLAIN SELECT 1", "EXPLAIN ANALYZE DELETE FROM rates", "VACUUM", "USE memory",
    "EXPORT DATABASE '/tmp/x'", "CREATE MACRO f(a) AS a", "PREPARE q AS SELECT 1", "EXECUTE q", "MERGE INTO rates USING rates AS r ON true WHEN"
    " MATCHED THEN DELETE", "PIVOT rates ON unit USING count(*)",
    # about tables, but not the warehouse's own
    "DESCRIBE", "DESCRIBE nothing", "DESCRIBE duckdb_settings", "DESCRIBE information_schema.tables", "DESCRIBE main.rates", "DESCRIBE '/etc/passwd'",
    "DESCRIBE 'file.csv'", "SUMMARIZE 'file.csv'", "SUMMARIZE duckdb_settings()", "SUMMARIZE nothing", "DESCRIBE FROM read_csv('/etc/passwd')",
    "SUMMARIZE SELECT getenv('HOME')", "DESCRIBE rates; SELECT 1", "DESCRIBE rates; DROP TABLE rates", "SUMMARIZE rates; DELETE FROM rates",
    "DESCRIBE DELETE FROM rates", "DESCRIBE DESCRIBE rates", "SUMMARIZE SHOW TABLES", "SHOW DATABASES", "SHOW ALL", "SHOW TABLES FROM memory",
    "SHOW TABLES; DROP TABLE rates", "PRAGMA table_info('nothing')", "PRAGMA table_info('/etc/passwd')", "PRAGMA table_info('rates'); SELECT 1",
    'DESCRIBE rates" UNION SELECT 1 --', "SUMMARIZE rates) UNION ALL (SELECT 1",
    # several
    "SELECT 1; SELECT 2", "SELECT 1; DROP TABLE rates", "SELECT 1;; DELETE FROM rates",
    # disguised statements
    "FROM (DESCRIBE rates)", "SELECT * FROM (SHOW TABLES)", "FROM (SUMMARIZE rates)", "FROM (PIVOT rates ON unit IN ('a') USING count(*))",
    "UNPIVOT rates ON unit INTO NAME n VALUE v", "WITH x AS (DELETE FROM rates RETURNING *) SELECT * FROM x",
    "WITH x AS (INSERT INTO rates SELECT * FROM rates RETURNING *) FROM x",
    # files by table function
    "SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM read_csv_auto('/etc/passwd')", "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')", "SELECT * FROM read_json('/x')", "SELECT * FROM read_parquet('/x')", "SELECT * FROM glob('/*')",
    "SELECT * FROM parquet_scan('/x')", "SELECT * FROM parquet_metadata('/x')", "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM read_ndjson_objects('/x')", "SELECT * FROM READ_CSV('/etc/passwd')", 'SELECT * FROM "read_csv"(\'/etc/passwd\')',
    "SELECT * FROM main.read_csv('/etc/passwd')", "SELECT * FROM system.main.read_csv('/etc/passwd')",
    "SELECT * FROM rates, read_text('/etc/passwd')", "SELECT * FROM rates, LATERAL (SELECT * FROM read_text('/etc/passwd'))",
    # files by replacement scan
    "SELECT * FROM '/etc/passwd'", "FROM '/etc/passwd'", "SELECT * FROM 'file.csv'", 'SELECT * FROM "file.csv"', "TABLE 'x.parquet'",
    "SELECT * FROM 's3://bucket/x.parquet'", "SELECT * FROM 'http://127.0.0.1/x.csv'", "FROM 'x.csv' SELECT *",
    "WITH a AS (FROM '/etc/passwd') FROM a", "SELECT * FROM rates JOIN 'x.csv' USING (unit)",
    # SQL inside SQL, and the engine's own tables
    "SELECT * FROM query('SELECT 1')", "SELECT * FROM query_table('rates')", "SELECT * FROM duckdb_settings()", "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM duckdb_tables", "SELECT * FROM sqlite_master", "SELECT * FROM pg_catalog.pg_tables", "SELECT * FROM information_schema.tables",
    "SELECT * FROM pragma_table_info('rates')", "SELECT * FROM pragma_database_list", "SELECT * FROM seq_scan('rates')",
    "SELECT * FROM json_execute_serialized_sql('{}')", "SELECT * FROM postgres_query('x', 'y')", "SELECT * FROM postgres_scan('', '', '')",
    "SELECT * FROM ducklake_snapshots('warehouse')", "SELECT * FROM arrow_scan(1, 2, 3)", "SELECT * FROM repeat_row(1, num_rows = 3)",
    "SELECT * FROM test_all_types()", "SELECT * FROM which_secret('x', 's3')", "SELECT * FROM warehouse.main.rates", "SELECT * FROM main.rates",
    "SELECT * FROM memory.main.rates", "SELECT * FROM temp.rates", "SELECT * FROM nothing", "SELECT * FROM rates AT (VERSION => 1)",
    # a common table that lends its name
    "WITH duckdb_settings AS (FROM duckdb_settings) FROM duckdb_settings",
    "WITH RECURSIVE duckdb_settings AS (FROM duckdb_settings UNION ALL FROM duckdb_settings) FROM duckdb_settings",
    "SELECT * FROM (WITH duckdb_settings AS (SELECT 1) SELECT 1), duckdb_settings",
    "SELECT (WITH duckdb_settings AS (SELECT 1 AS a) SELECT a FROM duckdb_settings), * FROM duckdb_settings",
    "WITH a AS (FROM b), b AS (SELECT 1) FROM a",
    # functions
    "SELECT getenv('HOME')", "SELECT current_setting('threads')", "SELECT getvariable('x')", "SELECT system.main.getenv('HOME')",
    'SELECT "getenv"(\'HOME\')', "SELECT GETENV('HOME')", "SELECT 'HOME'.getenv()", "SELECT pg_sleep(1)", "SELECT nextval('s')", "SELECT txid_current()",
    "SELECT error('x')", "SELECT current_database()", "SELECT version()", "SELECT read_text('/etc/passwd')", "SELECT write_log('x')",
    "SELECT json_serialize_sql('SELECT 1')", "SELECT json_deserialize_sql('{}')", "SELECT finalize(x) FROM rates AS x", "SELECT set_bit('1'::BIT, 0, 0)",
    "SELECT list_transform(['HOME'], lambda x: getenv(x))", "SELECT [getenv(x) FOR x IN ['HOME']]", "SELECT {'a': getenv('HOME')}",
    "SELECT list_aggregate([1], 'x', getenv('HOME'))",
    # in every clause
    "SELECT unit FROM rates WHERE getenv('HOME') = 'x'", "SELECT unit FROM rates GROUP BY unit, getenv('HOME')",
    "SELECT unit FROM rates GROUP BY unit HAVING getenv('A') = ''", "SELECT unit FROM rates ORDER BY getenv('HOME')",
    "SELECT unit FROM rates LIMIT (SELECT count(*) FROM read_text('/etc/passwd'))", "SELECT unit FROM rates LIMIT 1 OFFSET length(getenv('A'))",
    "SELECT unit FROM rates QUALIFY row_number() OVER (ORDER BY getenv('A')) = 1", "SELECT sum(1) OVER (PARTITION BY getenv('A')) FROM rates",
    "SELECT sum(1) FILTER (getenv('A') = '') FROM rates", "SELECT string_agg(unit, ',' ORDER BY getenv('A')) FROM rates",
    "SELECT CASE WHEN getenv('A') = '' THEN 1 END", "SELECT CASE 1 WHEN 1 THEN getenv('A') END", "SELECT getenv('A')::INT", "SELECT TRY(getenv('A'))",
    "SELECT * FROM rates AS a JOIN rates AS b ON getenv('A') = ''", "SELECT 1 BETWEEN 0 AND length(getenv('A'))", "SELECT getenv('A') COLLATE nocase",
    "SELECT 1 IN (SELECT 1 FROM read_text('/x'))", "SELECT EXISTS (FROM read_text('/x'))", "SELECT DISTINCT ON (getenv('A')) unit FROM rates",
    "SELECT * REPLACE (getenv('A') AS unit) FROM rates", "VALUES (getenv('A'))", "SELECT 1 UNION SELECT length(getenv('A'))",
    "SELECT 1 UNION SELECT 1 FROM read_text('/x')", "SELECT unnest([getenv('A')])", "SELECT * FROM range(length(getenv('A')))",
    "SELECT m[getenv('A')] FROM (SELECT MAP {'a': 1} AS m)", "SELECT getenv('A')[1:2]", "WITH a AS MATERIALIZED (SELECT getenv('A')) FROM a",
    "SELECT * FROM rates TABLESAMPLE reservoir(1) WHERE getenv('A') = ''", "SELECT x FROM (SELECT getenv('A') AS x)",
    # tricks
    "SELECT COLUMNS(lambda c: c LIKE 'u%') FROM rates", "SELECT COLUMNS('u.*') FROM rates", "SELECT COLUMNS(*) FROM rates", "SELECT ?", "SELECT $a",
    "SELECT 1 /* unfinished", "SELECT 1) UNION (SELECT 2", "SELECT " + "1 + " * 6000 + "1",
)  # fmt: skip


@pytest.mark.parametrize("sql", REFUSED, ids=lambda sql: sql[:60])
def test_everything_else_is_refused(store: Store, sql: str) -> None:
    with pytest.raises(QueryRefused) as refused:
        store.ask(sql)
    assert refused.value.what
    assert refused.value.hint


def test_an_answer_has_at_most_the_asked_rows(store: Store) -> None:
    assert store.ask("SELECT * FROM range(100000)", row_limit=7).num_rows == 7


@pytest.mark.parametrize(
    "sql", ["SELECT count(*) FROM range(100000000000)", "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n FROM t) FROM t"]
)
def test_a_question_without_end_is_stopped(store: Store, sql: str) -> None:
    with pytest.raises(QueryTimeout, match=r"0\.2 s"):
        # So many rows that it is the time that runs out first.
        store.ask(sql, time_limit_s=0.2, row_limit=10**12)
    assert store.ask("SELECT 1").num_rows == 1
