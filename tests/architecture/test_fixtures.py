"""The real things that other tests lean on are there, work, and leave nothing behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from roomleft.clock import FixedClock
from tests.fixtures.browser import OpenWindow
from tests.fixtures.need import lacking
from tests.fixtures.postgres import PostgresServer, find_programs, running_postgres


def test_postgres_answers_in_english_and_utc(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        row = connection.execute("SELECT 1, current_setting('lc_messages'), current_setting('timezone')").fetchone()
    assert row == (1, "C", "UTC")


def test_each_database_is_empty_and_its_own(postgres_server: PostgresServer) -> None:
    first, second = postgres_server.create_database(), postgres_server.create_database()
    try:
        with psycopg.connect(first) as connection:
            connection.execute("CREATE TABLE mine (n int)")
        with psycopg.connect(second) as connection:
            assert connection.execute("SELECT to_regclass('mine')").fetchone() == (None,)
    finally:
        postgres_server.drop_database(first)
        postgres_server.drop_database(second)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(first)


def test_a_server_of_ones_own_stops_and_cleans_up() -> None:
    programs = find_programs()
    if programs is None:
        lacking("PostgreSQL is not installed", "Debian: apt install postgresql")
    with running_postgres(programs) as server, psycopg.connect(server.url) as connection:
        (folder,) = connection.execute("SELECT current_setting('data_directory')").fetchone() or ("",)
        assert Path(folder).is_dir()
    assert not Path(folder).parent.exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.url, connect_timeout=5)


@pytest.mark.browser
def test_chromium_draws_runs_script_and_reports_errors(open_window: OpenWindow) -> None:
    window = open_window(width=390, height=844, dark=True)
    window.page.goto(
        "data:text/html,<p id=room>left</p><script>"
        "room.textContent = [innerWidth, matchMedia('(prefers-color-scheme: dark)').matches];"
        "console.error('seen'); setTimeout(() => { throw new Error('thrown') })</script>"
    )
    assert window.page.text_content("#room") == "390,true"
    window.page.wait_for_function("true")
    assert [error.split(" (")[0] for error in window.errors] == ["console: seen", "uncaught: thrown"]


def test_the_clock_stands_still_until_it_is_moved(clock: FixedClock) -> None:
    assert clock.now() == clock.now() == datetime(2026, 11, 20, 12, tzinfo=UTC)
    clock.advance(timedelta(hours=1))
    assert clock.now() == datetime(2026, 11, 20, 13, tzinfo=UTC)


def test_the_recorded_data_is_found(shared_data: Path) -> None:
    assert any(shared_data.iterdir())


def test_lacking_skips_here_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no browser"):
        lacking("no browser", "install one")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="install one"):
        lacking("no browser", "install one")
