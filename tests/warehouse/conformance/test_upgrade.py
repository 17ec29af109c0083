"""A warehouse from before prices were resolved, opened by this program: nothing is lost, counted twice or left marked for ever."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from roomleft.clock import FixedClock
from tests.fixtures.postgres import PostgresServer
from tests.warehouse.rows import NOON, make_usage
from warehouse import migrate
from warehouse.rollup import roll_up
from warehouse.store import Store
from warehouse.writer import Batch, Writer

DAY = timedelta(days=1)
BEFORE = """
INSERT INTO ai_usage BY NAME SELECT *, $now::TIMESTAMPTZ AS ingested_at, md5_number_lower(source || chr(31) || event_id) AS id_hash,
    0::UBIGINT AS content_hash FROM old_events;
INSERT INTO cost_entries BY NAME SELECT event_id, source, id_hash, occurred_at, 0 AS revision, NULL::VARCHAR AS price_id, 0 AS cost_usd,
    'unpriced' AS cost_state, ingested_at AS recorded_at FROM ai_usage;
INSERT INTO usage_15m BY NAME SELECT make_timestamptz(epoch_us(occurred_at) // 900000000 * 900000000) AS bucket, platform, provider, model, status,
    requests, input_uncached_tokens, cache_read_tokens, cache_write_tokens, output_tokens, images, characters, audio_seconds, 0 AS cost_usd,
    requests AS unpriced_requests, output_tokens AS unpriced_tokens, 0 AS latency_ms_sum, 0 AS latency_count, occurred_at AS last_at
FROM ai_usage;
INSERT INTO sealed VALUES ('usage', $now::TIMESTAMPTZ - INTERVAL 30 DAY, $now::TIMESTAMPTZ)
"""


@pytest.fixture(params=["duckdb", pytest.param("ducklake", marks=pytest.mark.peers)])
def old_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "duckdb":
        yield f"duckdb:///{tmp_path}/old.duckdb"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    catalog = server.create_database()
    yield f"ducklake+{catalog}?data_path={tmp_path / 'old'}"
    server.drop_database(catalog)


def test_a_warehouse_of_the_second_migration_is_carried_on(old_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    for path in sorted(migrate.FOLDER.glob("000[12]_*.sql")):
        (folder / path.name).write_text(path.read_text())
    call = {"provider": "p", "model": "m", "feature": "chat", "output_tokens": 10}
    times = {"sealed": NOON - 40 * DAY, "kept": NOON - 3 * DAY, "lately": NOON}
    old = make_usage([{**call, "event_id": name, "response_id": f"r-{name}", "occurred_at": at} for name, at in times.items()])
    clock = FixedClock(NOON)
    with Store.open(old_url, now=clock, migrations=folder) as store, store.transaction() as tx:
        tx.register("old_events", old)
        for statement in BEFORE.split(";"):
            tx.execute(statement, {"now": NOON} if "$now" in statement else {})
    with Store.open(old_url, now=clock) as store:
        roll_up(store, NOON, ["UTC"])
        marks = "SELECT count(*) AS n FROM dirty_buckets"
        assert store.select(marks)["n"].to_pylist() == [0]
        writer = Writer(store, clock, group_ms=1)
        writer.start()
        again = [{**call, "event_id": f"gateway-{name}", "source": "gateway", "response_id": f"r-{name}"} for name in times]
        receipt = writer.write(Batch("gateway", usage=make_usage(again)))
        writer.close()
        assert (receipt.added, receipt.duplicate) == (0, 3)
        sums = store.select(
            "SELECT feature, sum(requests)::INT AS requests, sum(unpriced_tokens)::INT AS tokens, sum(reported_usd)::INT AS reported"
            " FROM usage_15m GROUP BY ALL ORDER BY ALL"
        )
        # Of what is sealed nothing more can be known.
        assert sums.to_pylist() == [
            {"feature": "chat", "requests": 2, "tokens": 20, "reported": 0},
            {"feature": None, "requests": 1, "tokens": 10, "reported": 0},
        ]
        assert store.select("SELECT DISTINCT reason FROM cost_entries")["reason"].to_pylist() == ["ingest"]
