"""Opening a warehouse, asking it, and what it says when it cannot be opened."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from roomleft.clock import FixedClock
from roomleft.errors import SchemaTooNew, SettingsError, StoreConflict, StoreCorrupt, StoreError, StoreLocked
from tests.warehouse.rows import NOON, make_rate, make_rates
from warehouse.address import FileAddress, LakeAddress, parse_address
from warehouse.migrate import migrations
from warehouse.store import Store, Transaction

ROOT = Path(__file__).parents[2]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"duckdb:///{tmp_path}/warehouse.duckdb"


@pytest.fixture
def store(url: str, clock: FixedClock) -> Iterator[Store]:
    with Store.open(url, now=clock) as opened:
        yield opened


def test_a_new_warehouse_has_every_migration_and_keeps_it(url: str, clock: FixedClock) -> None:
    for _ in range(2):
        with Store.open(url, now=clock) as store:
            applied = store.select("SELECT number, name, applied_at FROM schema_migrations ORDER BY number").to_pylist()
            assert [(row["number"], row["name"]) for row in applied] == [(m.number, m.name) for m in migrations()]
            assert {row["applied_at"] for row in applied} == {NOON}


def test_a_second_process_is_told_who_has_the_file(store: Store, url: str) -> None:
    code = (
        "from warehouse.store import Store; from roomleft.clock import Clock; from roomleft.errors import StoreLocked\n"
        f"try: Store.open({url!r}, now=Clock())\nexcept StoreLocked as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert f"process {os.getpid()}" in said
    assert "one process owns the file" in said


def test_the_same_process_cannot_open_it_twice_either(store: Store, url: str, clock: FixedClock) -> None:
    with pytest.raises(StoreLocked):
        Store.open(url, now=clock)


@pytest.mark.parametrize("content", [b"hello " * 5000, b"\x00" * 20000], ids=["text", "zeros"])
def test_something_else_than_a_warehouse_is_refused_and_left_alone(
    tmp_path: Path, url: str, clock: FixedClock, content: bytes
) -> None:
    path = tmp_path / "warehouse.duckdb"
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt, match=r"warehouse\.duckdb"):
        Store.open(url, now=clock)
    assert path.read_bytes() == content


def test_a_torn_file_is_refused(tmp_path: Path, url: str, clock: FixedClock) -> None:
    Store.open(url, now=clock).close()
    path = tmp_path / "warehouse.duckdb"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(StoreError):
        Store.open(url, now=clock)


def test_a_warehouse_of_a_newer_program_is_refused(url: str, clock: FixedClock) -> None:
    with Store.open(url, now=clock) as store, store.transaction() as tx:
        tx.execute("INSERT INTO schema_migrations VALUES (9999, 'future', $now)", {"now": NOON})
    with pytest.raises(SchemaTooNew, match="9999"):
        Store.open(url, now=clock)


ADDRESSES = {
    "duckdb:////var/lib/roomleft/warehouse.duckdb": FileAddress("/var/lib/roomleft/warehouse.duckdb"),
    "duckdb:///:memory:": FileAddress(":memory:"),
    "ducklake+postgresql://ada:s%40crt@db:5433/lake?data_path=/data/lake": LakeAddress(
        "dbname='lake' host='db' port='5433' user='ada' password='s@crt' options='-c lc_messages=C'",
        Path("/data/lake"),
        "db:5433/lake with /data/lake",
    ),
}


@pytest.mark.parametrize(("url", "address"), ADDRESSES.items(), ids=lambda value: str(value)[:24])
def test_addresses_are_read(url: str, address: object) -> None:
    assert parse_address(url) == address


@pytest.mark.parametrize("url", ["", "sqlite:///x.db", "duckdb://x.duckdb", "duckdb:///relative.duckdb", "ducklake+postgresql://db/lake",
                                 "ducklake+postgresql://db/?data_path=/x", "ducklake+postgresql://db:port/lake?data_path=/x"])  # fmt: skip
def test_wrong_addresses_are_refused_with_an_example(url: str, clock: FixedClock) -> None:
    with pytest.raises(SettingsError, match=r"duckdb:////absolute"):
        Store.open(url, now=clock)


def test_a_password_never_reaches_an_error(clock: FixedClock, tmp_path: Path) -> None:
    url = f"ducklake+postgresql://ada:hush-hush@127.0.0.1:1/lake?data_path={tmp_path}"
    with pytest.raises(StoreError) as refused:
        Store.open(url, now=clock)
    assert "hush-hush" not in str(refused.value)


def test_rows_are_decimals_and_aware_utc_datetimes(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.transaction() as tx:
        tx.insert("rates", make_rates(make_rate("images", "0.039")))
    (tmp_path / "dear.sql").write_text("SELECT usd_per_unit, valid_from FROM rates WHERE unit = $unit")
    monkeypatch.setattr("warehouse.rows.QUERIES", tmp_path)
    (row,) = store.rows("dear", unit="images")
    assert row == {"usd_per_unit": Decimal("0.039"), "valid_from": datetime(2025, 11, 20, 12, tzinfo=UTC)}
    assert row["valid_from"].tzinfo is UTC
    assert store.frame("dear", unit="images")["usd_per_unit"].tolist() == [Decimal("0.039")]
    with pytest.raises(StoreError, match="no query 'nothing'"):
        store.query("nothing")


def test_a_transaction_that_raises_stores_nothing(store: Store) -> None:
    def work(tx: Transaction) -> None:
        tx.insert("rates", make_rates(make_rate("images", "1")))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.run(work)
    assert store.select("SELECT * FROM rates").num_rows == 0


def test_run_tries_again_when_another_was_first(store: Store) -> None:
    attempts = []

    def work(tx: object) -> str:
        attempts.append(tx)
        if len(attempts) < 3:
            raise StoreConflict("another was first")
        return "done"

    assert store.run(work) == "done"
    assert len(attempts) == 3


def test_fenced_work_of_one_name_takes_turns(store: Store) -> None:
    inside, most = [0], [0]

    def work(tx: object) -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        store.select("SELECT count(*) FROM range(200000)")
        inside[0] -= 1

    threads = [threading.Thread(target=store.run, args=(work,), kwargs={"fence": "rollup"}) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert most == [1]


def test_every_thread_reads_with_its_own_cursor(store: Store) -> None:
    wrong: list[object] = []

    def read(number: int) -> None:
        for _ in range(30):
            if store.select("SELECT $n AS n, sum(range) AS s FROM range(1000)", {"n": number}).to_pylist() != [
                {"n": number, "s": 499500}
            ]:
                wrong.append(number)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wrong == []


LOCKED_DOWN = (
    "SELECT * FROM read_csv('/etc/passwd')", "COPY rates TO '{folder}/out.csv'", "ATTACH '{folder}/other.duckdb'", "SET threads = 1",
    "INSTALL httpfs", "EXPORT DATABASE '{folder}/all'", "CREATE SECRET s (TYPE s3)", "SELECT * FROM '{folder}/x.parquet'",
)  # fmt: skip


@pytest.mark.parametrize("sql", LOCKED_DOWN)
def test_even_our_own_sql_reaches_nothing_outside(store: Store, tmp_path: Path, sql: str) -> None:
    with pytest.raises(StoreError):
        store.select(sql.format(folder=tmp_path))


def test_a_closed_warehouse_says_so(url: str, clock: FixedClock) -> None:
    store = Store.open(url, now=clock)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.select("SELECT 1")
