"""What a scrape stores: names, labels and times, stale markers, and what was kept out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from collectors.prometheus.exposition import Format
from collectors.prometheus.scrape import Scraped, Scraper
from collectors.prometheus.scrape_fetch import Fetched
from collectors.prometheus.scrape_target import ScrapeTarget, stored_labels, target_of
from roomleft.errors import CollectError
from roomleft.packs_sources import PrometheusSource
from warehouse import tables

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
STEP = timedelta(seconds=15)
OWN = {"instance": "127.0.0.1:9100", "source": "node"}


def scraper(**more: object) -> Scraper:
    return Scraper(ScrapeTarget("arena", "node", "host", "http://127.0.0.1:9100/metrics", **more))  # type: ignore[arg-type]


def take(to: Scraper, text: str, at: datetime = NOW, kind: Format = Format.TEXT) -> Scraped:
    return to.taken(Fetched(text.encode(), kind), at, 0.25)


def rows(scraped: Scraped, name: str) -> list[tuple[dict[str, str], float | None, datetime]]:
    """A series' rows without the labels that every series of the target carries."""
    found = scraped.samples.filter(pa.compute.equal(scraped.samples["name"], name)).to_pylist()
    return [
        ({key: said for key, said in row["labels"] if OWN.get(key) != said}, row["value"], row["observed_at"])
        for row in found
        if row["component"] == "host"
    ]


def values(scraped: Scraped) -> dict[str, float | None]:
    return {
        row["name"]: row["value"]
        for row in scraped.samples.to_pylist()
        if row["component"] == "host" and row["name"] != "scrape_duration_seconds"
    }


def test_a_scrape_writes_its_page_and_its_own_series() -> None:
    scraped = take(scraper(labels={"zone": "eu"}), 'a{b="c"} 1\nd 2\n')
    assert scraped.samples.schema == tables.SAMPLES
    every = scraped.samples.to_pylist()
    assert {row["platform"] for row in every} == {"arena"}
    assert {row["observed_at"] for row in every} == {NOW}
    (collector,) = [row for row in every if row["component"] == "collector"]
    assert (collector["name"], collector["value"]) == ("up", 1.0)
    assert dict(collector["labels"]) == {"source": "arena.node", "stream": "prometheus"}
    assert all(dict(row["labels"]).items() >= {**OWN, "zone": "eu"}.items() for row in every if row is not collector)
    assert rows(scraped, "a") == [({"b": "c", "zone": "eu"}, 1.0, NOW)]
    assert rows(scraped, "scrape_duration_seconds")[0][1] == 0.25
    assert values(scraped) == {
        "up": 1, "scrape_samples_scraped": 2, "scrape_samples_post_metric_relabeling": 2, "scrape_series_added": 2, "a": 1, "d": 2
    }  # fmt: skip


def test_a_failed_scrape_is_down_and_ends_what_was_alive() -> None:
    one = scraper()
    take(one, 'a{b="c"} 1\nd 2\n')
    down = one.failed(CollectError("nobody there", "http://x"), NOW + STEP, 0.5)
    assert values(down) == {"up": 0, "scrape_samples_scraped": 0, "scrape_samples_post_metric_relabeling": 0, "scrape_series_added": 0, "a": None, "d": None}  # fmt: skip
    assert rows(down, "a") == [({"b": "c"}, None, NOW + STEP)]
    assert down.stale_count == 2
    again = one.failed(CollectError("nobody there", "http://x"), NOW + 2 * STEP, 0.5)
    assert (rows(again, "a"), again.stale_count, values(again)["up"]) == ([], 0, 0)
    back = take(one, 'a{b="c"} 1\nd 2\n', NOW + 3 * STEP)
    assert values(back)["a"] == 1
    assert values(one.failed(CollectError("gone", "x"), NOW + 4 * STEP, 0.5))["a"] is None


def test_a_page_that_is_refused_is_a_failed_scrape_with_line_and_reason() -> None:
    one = scraper()
    take(one, "a 1\n")
    bad = take(one, "a 1\nb x\n", NOW + STEP)
    assert bad.error is not None
    assert "line 2" in bad.error.what and "'x' is not a number" in bad.error.what  # noqa: PT018
    assert values(bad)["up"] == 0
    assert rows(bad, "a") == [({}, None, NOW + STEP)]


def test_a_series_that_vanished_gets_one_marker_and_may_come_back() -> None:
    one = scraper()
    take(one, "a 1\nb 1\n")
    gone = take(one, "a 2\n", NOW + STEP)
    assert rows(gone, "b") == [({}, None, NOW + STEP)]
    assert rows(take(one, "a 3\n", NOW + 2 * STEP), "b") == []
    back = take(one, "a 4\nb 4\n", NOW + 3 * STEP)
    assert (rows(back, "b")[0][1], back.series_added) == (4.0, 1)


def test_series_with_their_own_times_keep_them_and_get_no_marker() -> None:
    one = scraper()
    then = NOW - timedelta(minutes=2)
    stamped = take(one, f"a 1 {int(then.timestamp() * 1000)}\nb 2\n")
    assert rows(stamped, "a") == [({}, 1.0, then)]
    assert rows(stamped, "b") == [({}, 2.0, NOW)]
    gone = take(one, "c 1\n", NOW + STEP)
    assert (rows(gone, "a"), [row[1] for row in rows(gone, "b")]) == ([], [None])


def test_times_may_be_ignored() -> None:
    one = scraper(honor_timestamps=False)
    assert rows(take(one, "a 1 1000\n"), "a") == [({}, 1.0, NOW)]
    assert [row[1] for row in rows(take(one, "b 1\n", NOW + STEP), "a")] == [None]


@pytest.mark.parametrize(
    ("offset", "reason"),
    [
        (timedelta(minutes=9, seconds=59), None), (timedelta(minutes=10), None), (timedelta(minutes=10, milliseconds=1), "ahead"),
        (timedelta(days=400_000), "ahead"), (timedelta(days=-1), None), (timedelta(days=-1, milliseconds=-1), "old"), (timedelta(days=-500_000), "old"),
    ],
)  # fmt: skip
def test_a_source_that_lies_about_its_clock_is_flagged_not_trusted(offset: timedelta, reason: str | None) -> None:
    one = scraper()
    at_ms = int(NOW.timestamp() * 1000) + offset // timedelta(milliseconds=1)
    scraped = take(one, f"a 1 {at_ms}\nb 2\n")
    assert len(rows(scraped, "a")) == (1 if reason is None else 0)
    assert rows(scraped, "b") == [({}, 2.0, NOW)]
    assert scraped.kept_out == ({reason: 1} if reason else {})
    assert (scraped.rejected is not None) is (reason is not None)
    if reason:
        assert scraped.rejected is not None
        assert scraped.rejected.to_pylist()[0]["field"] == "timestamp"
        assert take(one, f"a 1 {at_ms}\nb 2\n", NOW + STEP).rejected is None, "told once, counted each time"


def test_an_openmetrics_time_beyond_every_calendar_is_kept_out() -> None:
    scraped = take(scraper(), "a 1 12345678901234567890.123\nb 1e300\nc 1 1e300\n# EOF\n", kind=Format.OPENMETRICS)
    assert scraped.kept_out == {"ahead": 2}
    assert rows(scraped, "b")[0][1] == 1e300


@pytest.mark.parametrize(
    ("honor", "exposed", "stored"),
    [
        (False, {"job": "x"}, {"job": "x", "instance": "own", "source": "s"}),
        (False, {"instance": "theirs"}, {"exported_instance": "theirs", "instance": "own", "source": "s"}),
        (False, {"instance": "theirs", "exported_instance": "e"}, {"exported_exported_instance": "theirs", "exported_instance": "e", "instance": "own", "source": "s"}),
        (False, {"source": "a", "instance": "b"}, {"exported_source": "a", "exported_instance": "b", "instance": "own", "source": "s"}),
        (True, {"instance": "theirs"}, {"instance": "theirs", "source": "s"}),
    ],
)  # fmt: skip
def test_labels_that_clash(honor: bool, exposed: dict[str, str], stored: dict[str, str]) -> None:
    assert dict(stored_labels(tuple(sorted(exposed.items())), {"instance": "own", "source": "s"}, honor=honor)) == stored


def test_an_explosion_of_labels_refuses_the_scrape_and_names_the_label() -> None:
    one = scraper(max_series=100)
    take(one, 'calls{user="u1"} 1\n')
    exploded = take(one, "".join(f'calls{{user="u{n}",method="GET"}} 1\n' for n in range(101)), NOW + STEP)
    assert exploded.error is not None
    assert "101 samples" in exploded.error.what and "label 'user' of calls" in exploded.error.what  # noqa: PT018
    assert (values(exploded)["up"], values(exploded)["scrape_samples_scraped"]) == (0, 101)
    assert rows(exploded, "calls") == [({"user": "u1"}, None, NOW + STEP)]


def test_a_page_cannot_fake_its_own_health() -> None:
    scraped = take(scraper(), "up 0\na 1\n")
    assert [row[1] for row in rows(scraped, "up")] == [1.0, 0.0]
    assert scraped.samples["value"][0].as_py() == 1.0, "ours comes first, and the first is kept"


def test_what_could_not_be_stored_is_marked_again() -> None:
    one = scraper()
    take(one, "a 1\nb 1\n")
    lost = take(one, "a 2\n", NOW + STEP)
    one.lost(lost)
    assert [row[1] for row in rows(take(one, "a 3\n", NOW + 2 * STEP), "b")] == [None]


def test_a_target_is_what_the_pack_says_and_tells_no_secret() -> None:
    entry = PrometheusSource(
        kind="prometheus", name="node", component="host", url="http://me:pw@h/metrics?k=v", max_series=7, honor_labels=True
    )
    made = target_of("arena", entry, "s3cret")
    assert (made.source, made.instance, made.where, made.max_series, made.honor_labels) == (
        "arena.node",
        "h:80",
        "http://h:80/metrics",
        7,
        True,
    )
    assert "s3cret" not in repr(made)
    assert ScrapeTarget("a", "b", "c", "https://[::1]/m").instance == "[::1]:443"
