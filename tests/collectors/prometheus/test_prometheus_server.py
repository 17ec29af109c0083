"""A real Prometheus as a source: what is stored equals what it answers, newest day first, through restarts and queries it refuses."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from collectors.prometheus.answers import Alive, samples_of
from collectors.prometheus.server import PrometheusServer, retention
from collectors.taken import Position, Taken
from roomleft.errors import CollectError
from roomleft.packs_meters import PromqlMeter
from roomleft.packs_sources import PrometheusServerSource
from tests.fixtures.prometheus import PrometheusPeer, prometheus

MINUTE = timedelta(minutes=1)
DAYS = 7


def wall_now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


def a_week(end: datetime) -> str:
    """Seven days of a gauge on three hosts and of a counter that restarts, a reading every minute, one host silent for an hour."""
    dice = random.Random(20)
    lines = ["# TYPE disk_used_ratio gauge", "# TYPE calls counter"]
    first = int(end.timestamp()) // 60 * 60 - DAYS * 86_400
    minutes = range(first, int(end.timestamp()) - 30, 60)
    for host in ("a", "b", "c"):
        silent = range(first + 3 * 86_400, first + 3 * 86_400 + 3600) if host == "b" else range(0)
        lines += [
            f'disk_used_ratio{{host="{host}"}} {0.4 + 0.1 * math.sin(at / 7000) + dice.random() / 50:.6f} {at}'
            for at in minutes
            if at not in silent
        ]
    total = 0
    for at in minutes:
        total = 0 if at == first + 2 * 86_400 else total + dice.randint(0, 9)
        lines.append(f"calls_total {total} {at}")
    return "\n".join([*lines, "# EOF\n"])


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusPeer]:
    """A server that holds a week of history."""
    with prometheus(tmp_path_factory.mktemp("week"), {}, a_week(wall_now())) as peer:
        yield peer


def meter(query: str, step: timedelta = MINUTE) -> PromqlMeter:
    return PromqlMeter(kind="promql", unit="ratio", source="prom", query=query, step=step)


def server(url: str, **meters: PromqlMeter) -> PrometheusServer:
    entry = PrometheusServerSource(kind="prometheus-server", name="prom", component="hosts", url=url)
    return PrometheusServer("shop", entry, None, meters)


def until_done(source: PrometheusServer, now: datetime) -> list[Taken]:
    """Look until no history is left; each look begins where the last one's position says."""
    looks: list[Taken] = []
    while not looks or (looks[-1].more and len(looks) < 50):
        looks.append(source.take(now, looks[-1].position if looks else None))
        assert looks[-1].error is None, looks[-1].error
    return looks


def stored(samples: pa.Table) -> dict[tuple[tuple[tuple[str, str], ...], float], float]:
    """Points by labels and time; the marks of ended series left out."""
    return {
        (tuple(sorted(row["labels"])), row["observed_at"].timestamp()): row["value"]
        for row in samples.to_pylist()
        if row["value"] is not None
    }


def answers(
    peer: PrometheusPeer, query: str, step: timedelta, begin: datetime, end: datetime
) -> dict[tuple[tuple[tuple[str, str], ...], float], float]:
    """The same from the server itself, asked a hundred points at a time."""
    found = {}
    at = begin
    while at <= end:
        params = {"query": query, "start": str(at.timestamp()), "step": str(step.total_seconds())}
        params["end"] = str(min(end, at + 100 * step - step).timestamp())
        for series in peer.ask("/api/v1/query_range", params)["result"]:
            key = tuple(sorted((name, value) for name, value in series["metric"].items() if name != "__name__"))
            found.update({(key, float(moment)): float(value) for moment, value in series["values"]})
        at += 100 * step
    return found


@pytest.mark.peers
@pytest.mark.parametrize(
    ("query", "step"),
    [
        ("disk_used_ratio", MINUTE),
        ("max(disk_used_ratio) by (host) * 100", 5 * MINUTE),
        ("rate(calls_total[5m])", MINUTE),
        ("sum(increase(calls_total[1h]))", timedelta(minutes=7)),
    ],
)
def test_seven_back_filled_days_equal_the_servers_own_answers(week: PrometheusPeer, query: str, step: timedelta) -> None:
    now = wall_now()
    looks = until_done(server(week.url, one=meter(query, step)), now)
    found = stored(pa.concat_tables([look.samples for look in looks]))
    times = sorted({at for _, at in found})
    begin, end = datetime.fromtimestamp(times[0], UTC), datetime.fromtimestamp(times[-1], UTC)
    assert end - begin > timedelta(days=DAYS) - timedelta(hours=1)
    wanted = answers(week, query, step, begin, end)
    assert found == pytest.approx(wanted, rel=0, abs=0, nan_ok=True)
    assert len(found) > (DAYS - 1) * timedelta(days=1) / step


@pytest.mark.peers
def test_the_newest_day_comes_first_and_a_restart_goes_on_where_it_stopped(week: PrometheusPeer) -> None:
    now = wall_now()
    first = server(week.url, one=meter("disk_used_ratio")).take(now, None)
    oldest = min(at for _, at in stored(first.samples))
    assert datetime.fromtimestamp(oldest, UTC) >= now - timedelta(days=1, minutes=2)
    assert first.more
    assert first.position is not None
    assert not first.position.caught_up

    later = now + 3 * MINUTE
    second = server(week.url, one=meter("disk_used_ratio")).take(later, first.position)
    assert second.position is not None
    assert max(at for _, at in stored(second.samples)) <= later.timestamp()
    assert not set(stored(first.samples)) & set(stored(second.samples)), "nothing is read twice"
    rest = until_done(server(week.url, one=meter("disk_used_ratio")), later)
    everything = stored(pa.concat_tables([look.samples for look in rest]))
    assert set(stored(first.samples)) | set(stored(second.samples)) == set(everything)


@pytest.mark.peers
def test_a_series_that_fell_silent_ends_with_a_mark(week: PrometheusPeer) -> None:
    looks = until_done(server(week.url, one=meter("disk_used_ratio")), wall_now())
    rows = pa.concat_tables([look.samples for look in looks]).to_pylist()
    ended = [row for row in rows if row["value"] is None and dict(row["labels"]) == {"host": "b"}]
    first = int(min(row["observed_at"] for row in rows).timestamp())
    assert any(abs(row["observed_at"].timestamp() - (first + 3 * 86_400 + 300)) < 600 for row in ended)


@pytest.mark.peers
def test_a_query_the_server_refuses_fails_alone_with_its_words(week: PrometheusPeer) -> None:
    taken = server(week.url, good=meter("max(disk_used_ratio)"), bad=meter("max(disk_used_ratio")).take(wall_now(), None)
    assert taken.error is None
    assert taken.samples.num_rows > 1000
    assert taken.health is not None
    said = {row["check_name"]: (row["status"], row["words"]) for row in taken.health.to_pylist()}
    assert said["query good"] == ("pass", "")
    assert said["query bad"][0] == "fail"
    assert "bad_data" in said["query bad"][1]
    assert "unclosed left parenthesis" in said["query bad"][1]


@pytest.mark.peers
def test_a_real_node_exporter_through_a_real_server(tmp_path: Path, node_exporter: str) -> None:
    with prometheus(tmp_path, {"node": node_exporter}) as peer:
        deadline = time.monotonic() + 30
        while not peer.ask("/api/v1/query", {"query": "node_memory_MemTotal_bytes"})["result"]:
            assert time.monotonic() < deadline, "the exporter was never scraped"
            time.sleep(0.2)
        query = "node_memory_MemTotal_bytes"
        step = timedelta(seconds=1)
        source = server(peer.url, memory=meter(query, step))
        now = wall_now() + timedelta(seconds=11)  # the source leaves the last ten seconds alone
        looks = until_done(source, now)
        found = stored(pa.concat_tables([look.samples for look in looks]))
        assert len({labels for labels, _ in found}) == 1
        ((labels, _), value) = next(iter(found.items()))
        assert dict(labels) == {"instance": node_exporter, "job": "node"}
        with open("/proc/meminfo") as meminfo:
            assert value == int(meminfo.readline().split()[1]) * 1024


def test_a_server_that_is_gone_is_an_error_with_what_to_do() -> None:
    taken = server("http://127.0.0.1:9", one=meter("up")).take(datetime(2026, 11, 21, tzinfo=UTC), None)
    assert isinstance(taken.error, CollectError)
    assert "the connection failed" in taken.error.what
    assert taken.samples.num_rows == 0
    assert taken.position is None


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("15d", timedelta(days=15)),
        ("15d or 512MB", timedelta(days=15)),
        ("1y", timedelta(days=365)),
        ("512MB", None),
        ("", None),
        ("0s", None),
    ],
)
def test_how_long_a_server_keeps(text: str, kept: timedelta | None) -> None:
    assert retention(text) == kept


T0 = datetime(2026, 11, 21, 12, tzinfo=UTC)


def matrix(**series: list[float | None]) -> dict[str, object]:
    """One point a minute from T0 a series; None is a minute without one."""
    points = {
        name: [[(T0 + i * MINUTE).timestamp(), str(value)] for i, value in enumerate(values) if value is not None]
        for name, values in series.items()
    }
    return {"resultType": "matrix", "result": [{"metric": {"host": name}, "values": each} for name, each in points.items()]}


def minutes_of(samples: pa.Table, host: str) -> dict[int, float | None]:
    rows = [row for row in samples.to_pylist() if dict(row["labels"]) == {"host": host}]
    return {int((row["observed_at"] - T0) / MINUTE): row["value"] for row in rows}


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([1, 2, 3], {0: 1, 1: 2, 2: 3}),
        ([1, None, 3], {0: 1, 1: None, 2: 3}),
        ([1, None, None], {0: 1, 1: None}),
        ([None, None, 3], {2: 3}),
        ([1, 2, None], {0: 1, 1: 2, 2: None}),
    ],
)
def test_a_gap_is_marked_once(values: list[float | None], wanted: dict[int, float | None]) -> None:
    samples = samples_of(matrix(a=values), "shop", "hosts", "promql:x", T0, T0 + 2 * MINUTE, MINUTE, None, "here")
    assert minutes_of(samples, "a") == wanted


def test_a_series_that_ends_between_two_reads_is_marked() -> None:
    alive = Alive()
    samples_of(matrix(a=[1.0], b=[1.0]), "shop", "hosts", "promql:x", T0, T0, MINUTE, alive, "here")
    later = {"resultType": "matrix", "result": [{"metric": {"host": "a"}, "values": [[(T0 + MINUTE).timestamp(), "2"]]}]}
    samples = samples_of(later, "shop", "hosts", "promql:x", T0 + MINUTE, T0 + MINUTE, MINUTE, alive, "here")
    assert minutes_of(samples, "b") == {1: None}
    assert minutes_of(samples, "a") == {1: 2.0}


@pytest.mark.parametrize(
    ("text", "value"), [("NaN", math.nan), ("+Inf", math.inf), ("-Inf", -math.inf), ("1e-3", 0.001), ("?", math.nan)]
)
def test_numbers_that_are_no_plain_numbers(text: str, value: float) -> None:
    answer = {"resultType": "matrix", "result": [{"metric": {}, "values": [[T0.timestamp(), text]]}]}
    samples = samples_of(answer, "shop", "hosts", "promql:x", T0, T0, MINUTE, None, "here")
    assert samples["value"].to_pylist() == pytest.approx([value], nan_ok=True)


@pytest.mark.parametrize(
    "answer", [None, [], {"resultType": "string", "result": [0, "x"]}, {"resultType": "matrix", "result": [{}]}]
)
def test_an_answer_of_another_form_is_refused(answer: object) -> None:
    with pytest.raises(CollectError):
        samples_of(answer, "shop", "hosts", "promql:x", T0, T0, MINUTE, None, "here")


def test_a_position_that_cannot_be_read_begins_again() -> None:
    taken = server("http://127.0.0.1:9", one=meter("up")).take(T0, Position("no json"))
    assert taken.error is not None


def test_a_meter_that_is_gone_holds_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    monkeypatch.setattr(
        "collectors.prometheus.server.ask",
        lambda fetcher, path, params, where: ({"resultType": "matrix", "result": []} if "query" in params else {}, ()),
    )
    two = server("http://127.0.0.1:1", busy=meter("busy"), gone=meter("gone"))
    before = two.take(now, None).position
    assert before is not None
    one = server("http://127.0.0.1:1", busy=meter("busy"))
    later = now + timedelta(hours=1)
    looks = [one.take(later, before)]
    while looks[-1].more and len(looks) < 50:
        looks.append(one.take(later, looks[-1].position))
    last = looks[-1].position
    assert last is not None
    assert (last.caught_up, last.read_to) == (True, later - MINUTE)
