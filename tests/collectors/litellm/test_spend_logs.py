"""Reading a proxy's spend logs, from its database and over HTTP: in pages, going on where the last look ended, each call once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from collectors.litellm import database
from collectors.litellm import proxy as over_http
from collectors.litellm.calls import record_of
from collectors.litellm.rows import calls_table
from collectors.litellm.sweep import Place, place_of
from collectors.taken import Position, Taken, Taker
from collectors.takers import taker_for
from jobs.take import SourceReader
from roomleft.clock import FixedClock
from tests.collectors.litellm.logged import MARKER, NOW, line, row, shop
from tests.fixtures.loopback import answering
from tests.fixtures.spend_logs import add_spend_logs, create_spend_logs
from warehouse.store import Store
from warehouse.writer import Batch, Writer

KEY = "sk-only-for-reading"


def logs(count: int, start: datetime = NOW - timedelta(hours=1), every: timedelta = timedelta(seconds=1)) -> list[dict[str, Any]]:
    """So many rows, `every` apart."""
    return [
        row(
            request_id=f"r-{n:05d}", startTime=start + n * every, endTime=start + n * every, completionStartTime=start + n * every
        )
        for n in range(count)
    ]


class Proxy:
    """What a LiteLLM proxy answers of its spend logs. `pages` False: a release that knows no pages."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.pages, self.largest_page, self.ascending = True, 1000, True
        self.asked: list[dict[str, str]] = []
        self.broken = False
        self.url = ""

    def answer(self, path: str, asked: dict[str, str]) -> tuple[int, Any]:
        self.asked.append({"path": path, **asked})
        if self.broken:
            return 500, {"error": {"message": "the database is away"}}
        form = "%Y-%m-%d %H:%M:%S" if path.endswith("v2") else "%Y-%m-%d"
        begin, end = (datetime.strptime(asked[name], form).replace(tzinfo=UTC) for name in ("start_date", "end_date"))
        found = sorted((r for r in self.rows if begin <= r["startTime"] <= end), key=lambda r: r["startTime"])
        if path.endswith("v2") and not self.pages:
            return 404, {"detail": "Not Found"}
        if not path.endswith("v2"):
            return 200, found[::-1][: over_http.WHOLE_ROWS]
        page, size = int(asked["page"]), int(asked["page_size"])
        if size > self.largest_page:
            return 422, {"detail": "page_size"}
        found = found if self.ascending else found[::-1]
        return 200, {"data": found[(page - 1) * size : page * size], "total": len(found), "page": page}


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    played = Proxy()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            status, found = played.answer(parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()})
            if self.headers.get("authorization") != f"Bearer {KEY}":
                status, found = 401, {"error": {"message": "no"}}
            body = json.dumps(found, default=lambda time: time.isoformat()).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with answering(Handler) as played.url:
        yield played


@pytest.fixture
def spend_logs(postgres_url: str) -> str:
    create_spend_logs(postgres_url)
    return postgres_url


def taker(kind: str, url: str, more: str = "") -> Taker:
    secret = "token_env: SHOP_LITELLM" if kind == "litellm" else "password_env: SHOP_DB"
    pack = shop(f'sources: [{{kind: {kind}, name: logs, component: gateway, url: "{url}", {secret}, back_fill: 2d{more}}}]\n')
    return taker_for(pack, pack.sources[0], {"SHOP_LITELLM": KEY}.get)


def swept(source: Taker, now: datetime = NOW, position: Position | None = None) -> tuple[list[Taken], Position | None]:
    """Looks until there is no more."""
    looks: list[Taken] = []
    while not looks or looks[-1].more:
        looks.append(source.take(now, position))
        position = looks[-1].position or position
        assert len(looks) < 50
    return looks, position


def ids(looks: list[Taken]) -> list[str]:
    return [name for look in looks if look.usage is not None for name in look.usage.column("response_id").to_pylist()]


def test_a_database_is_read_in_pages_and_each_call_once(spend_logs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PAGE_ROWS", 40)
    # Many at one instant: the id goes on where the time alone cannot.
    add_spend_logs(
        spend_logs, [*logs(30), *({**r, "request_id": f"s-{n:03d}"} for n, r in enumerate(logs(90, every=timedelta(0))))]
    )
    looks, position = swept(taker("litellm-postgres", spend_logs))
    assert sorted(ids(looks)) == sorted([f"r-{n:05d}" for n in range(30)] + [f"s-{n:03d}" for n in range(90)])
    assert [look.more for look in looks] == [True, True, True, False]
    assert position is not None
    assert (position.caught_up, position.newest_at) == (True, NOW - timedelta(hours=1) + timedelta(seconds=29))


def test_a_row_that_is_written_late_is_found(spend_logs: str) -> None:
    source = taker("litellm-postgres", spend_logs)
    add_spend_logs(spend_logs, logs(3, NOW - timedelta(minutes=1)))
    _, position = swept(source)
    add_spend_logs(spend_logs, [{**logs(1, NOW - timedelta(minutes=2))[0], "request_id": "late"}])
    looks, position = swept(source, NOW + timedelta(seconds=30), position)
    assert "late" in ids(looks)
    # Half an hour late: not at each look, but within ten minutes.
    add_spend_logs(spend_logs, [{**logs(1, NOW - timedelta(minutes=30))[0], "request_id": "later"}])
    looks, position = swept(source, NOW + timedelta(minutes=1), position)
    assert "later" not in ids(looks)
    looks, position = swept(source, NOW + timedelta(minutes=11), position)
    assert "later" in ids(looks)


def test_the_columns_that_hold_texts_are_not_read(spend_logs: str) -> None:
    add_spend_logs(spend_logs, [{**logs(1)[0], "messages": [{"content": MARKER}], "response": {"content": MARKER}}])
    looks, _ = swept(taker("litellm-postgres", spend_logs))
    assert MARKER not in str(looks[0].usage.to_pylist() if looks[0].usage is not None else "none")
    assert "messages" not in database.WANTED


def test_an_older_table_without_some_columns_is_read(spend_logs: str) -> None:
    with psycopg.connect(spend_logs, autocommit=True) as connection:
        connection.execute(
            'ALTER TABLE "LiteLLM_SpendLogs" DROP COLUMN litellm_call_id, DROP COLUMN agent_id, DROP COLUMN status'
        )
    add_spend_logs(spend_logs, [{k: v for k, v in r.items() if k not in ("litellm_call_id", "status")} for r in logs(2)])
    looks, _ = swept(taker("litellm-postgres", spend_logs))
    assert ids(looks) == ["r-00000", "r-00001"]


def test_a_database_without_the_table_says_so(postgres_url: str) -> None:
    taken = taker("litellm-postgres", postgres_url).take(NOW, None)
    assert "it has no table LiteLLM_SpendLogs" in str(taken.error)
    assert "DATABASE_URL" in str(taken.error)


def test_a_reader_without_the_right_is_told_the_grant(spend_logs: str) -> None:
    with psycopg.connect(spend_logs, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS litellm_watcher")
        connection.execute("CREATE ROLE litellm_watcher LOGIN")
    taken = taker("litellm-postgres", spend_logs.replace("roomleft@", "litellm_watcher@")).take(NOW, None)
    assert 'GRANT SELECT ON public."LiteLLM_SpendLogs" TO litellm_watcher' in str(taken.error)


@pytest.mark.parametrize("release", ["1.106", "pages of a hundred", "the newest first", "no pages"])
def test_a_proxy_is_read_over_http_and_each_call_once(proxy: Proxy, release: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(over_http, "PAGE_ROWS", 120)
    proxy.rows = [*logs(260, NOW - timedelta(minutes=50)), *logs(3, NOW - timedelta(days=1, hours=3))]
    for number, each in enumerate(proxy.rows):
        each["request_id"] = f"r-{number:05d}"
    proxy.pages, proxy.ascending = release != "no pages", release != "the newest first"
    proxy.largest_page = 100 if release == "pages of a hundred" else 1000
    source = taker("litellm", proxy.url)
    looks, position = swept(source)
    assert [look.error for look in looks if look.error] == []
    assert sorted(set(ids(looks))) == [f"r-{n:05d}" for n in range(263)]
    assert position is not None
    assert position.caught_up
    before = len(proxy.asked)
    proxy.rows.append(row(request_id="new", startTime=NOW + timedelta(seconds=20)))
    looks, _ = swept(source, NOW + timedelta(minutes=1), position)
    assert "new" in ids(looks)
    assert len(proxy.asked) - before <= 3


def test_many_calls_within_one_second_are_all_read(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(over_http, "PAGE_ROWS", 10)
    proxy.rows = logs(55, every=timedelta(milliseconds=5))
    looks, _ = swept(taker("litellm", proxy.url))
    assert sorted(set(ids(looks))) == [f"r-{n:05d}" for n in range(55)]


def test_a_day_of_more_calls_than_a_proxy_gives_is_told_of(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(over_http, "WHOLE_ROWS", 20)
    proxy.pages, proxy.rows = False, logs(25)
    looks, _ = swept(taker("litellm", proxy.url))
    reasons = [r["reason"] for look in looks if look.rejected is not None for r in look.rejected.to_pylist()]
    assert len(reasons) == 1
    assert "2026-11-20 has more than 20 calls" in reasons[0]


@pytest.mark.parametrize(("key", "words"), [("sk-wrong", "answered 401"), (KEY, "")])
def test_a_key_is_needed_and_never_told(proxy: Proxy, key: str, words: str) -> None:
    pack = shop(f'sources: [{{kind: litellm, name: logs, component: gateway, url: "{proxy.url}", token_env: SHOP_LITELLM}}]\n')
    taken = taker_for(pack, pack.sources[0], {"SHOP_LITELLM": key}.get).take(NOW, None)
    assert (words in str(taken.error)) if words else taken.error is None
    assert key not in str(taken.error)


def test_a_table_that_was_empty_is_read_from_its_beginning(spend_logs: str) -> None:
    source = taker("litellm-postgres", spend_logs)
    _, position = swept(source)
    add_spend_logs(spend_logs, logs(5, NOW - timedelta(hours=20)))
    looks, position = swept(source, NOW + timedelta(minutes=1), position)
    assert len(ids(looks)) == 5


def test_reading_the_newest_again_does_not_put_a_source_behind(spend_logs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PAGE_ROWS", 10)
    source = taker("litellm-postgres", spend_logs)
    add_spend_logs(spend_logs, logs(30, NOW - timedelta(seconds=60)))
    looks, position = swept(source)
    assert [look.position.caught_up for look in looks if look.position] == [False, False, False, True]
    looks, position = swept(source, NOW + timedelta(minutes=1), position)
    assert [look.position.caught_up for look in looks if look.position] == [True] * len(looks)
    assert len(looks) > 2
    assert {look.position.read_to for look in looks if look.position} == {NOW - timedelta(seconds=31)}


@pytest.mark.parametrize("position", [Position("live"), Position("{}"), Position('{"at": 5}'), None])
def test_a_cursor_that_cannot_be_read_begins_at_the_beginning(position: Position | None) -> None:
    place = place_of(position, NOW, back_fill=timedelta(days=2), overlap=timedelta(hours=1))
    assert place == Place(NOW - timedelta(days=2), NOW + timedelta(minutes=10), NOW)


def test_a_failure_goes_on_from_the_cursor_and_what_the_webhook_brought_is_not_counted_again(
    proxy: Proxy, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(over_http, "PAGE_ROWS", 10)
    proxy.rows = logs(35)
    told = [
        line(
            id=each["request_id"],
            litellm_call_id=None,
            startTime=each["startTime"].timestamp(),
            endTime=each["endTime"].timestamp(),
        )
        for each in proxy.rows[::2]
    ]
    store = Store.open("duckdb:///:memory:", now=clock, threads=1)
    writer = Writer(store, clock, group_ms=1)
    writer.start()
    pack = shop(f'sources: [{{kind: litellm, name: logs, component: gateway, url: "{proxy.url}", token_env: SHOP_LITELLM}}]\n')
    judged = calls_table(
        told, source="litellm", platform="shop", known_platforms=("shop",), now=clock.now(), packs={"shop": pack}, read=record_of
    )
    assert writer.write(Batch("litellm", usage=judged.rows)).added == 18

    def reader() -> SourceReader:
        clock.advance(timedelta(seconds=10))
        source = taker_for(pack, pack.sources[0], {"SHOP_LITELLM": KEY}.get)
        return SourceReader(source, store, writer, clock, budget_s=0.0)

    done = [reader().run()]
    proxy.broken = True
    failed = reader().run()
    assert failed.error is not None
    assert "answered 500" in str(failed.error)
    proxy.broken = False
    asked_before = len(proxy.asked)
    while not store.rows("latest_cursor", source="shop.logs", stream="usage")[0]["caught_up"]:
        done.append(reader().run())  # a new reader each time: only the cursor knows
    assert proxy.asked[asked_before]["start_date"] > proxy.asked[0]["start_date"]
    assert sum(each.added for each in done) >= 17
    found = store.select("SELECT count(*) AS n, count(DISTINCT response_id) AS ids FROM ai_usage").to_pylist()
    assert found == [{"n": 35, "ids": 35}]
    assert store.select("SELECT * FROM rejected").to_pylist() == []
    (up,) = store.select("SELECT DISTINCT labels['stream'] AS stream FROM series WHERE name = 'up'").to_pylist()
    assert up == {"stream": "usage"}
    writer.close()
    store.close()
