"""A first look at a page: what is proposed forms a valid pack, and its meters read what the page says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from analytics.meters import read
from collectors.found import Found
from collectors.prometheus.discover import discover, found_on
from collectors.prometheus.exposition import Format, read_page
from collectors.prometheus.scrape import Scraper
from collectors.prometheus.scrape_fetch import Fetched
from collectors.prometheus.scrape_once import scrape_once
from collectors.prometheus.scrape_target import target_of
from roomleft.clock import FixedClock
from roomleft.errors import CollectError
from roomleft.limits import Limit
from roomleft.packs import Pack, load_pack
from roomleft.packs_sources import PrometheusSource
from tests.collectors.prometheus.metrics_page import Target, serving
from warehouse.store import Store
from warehouse.writer import Batch, Writer

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
POOL = """# TYPE pool_connections_used gauge
pool_connections_used{db="main",instance="db-1"} 45
pool_connections_used{db="reports",instance="db-1"} 3
# TYPE pool_connections_max gauge
pool_connections_max{db="main",instance="db-1"} 50
pool_connections_max{db="reports",instance="db-1"} 10
# TYPE memory_used_bytes gauge
memory_used_bytes 600
# TYPE memory_max_bytes gauge
memory_max_bytes 1000
# TYPE cache_used gauge
cache_used 5
# TYPE cache_limit gauge
cache_limit 18446744073709551615
# TYPE queue_used gauge
queue_used 5
# TYPE queue_max gauge
queue_max 0
# TYPE process_open_fds gauge
process_open_fds 64
# TYPE process_max_fds gauge
process_max_fds 256
# TYPE jobs_total counter
jobs_total %d
# TYPE jobs_failed_total counter
jobs_failed_total %d
# TYPE http_requests_total counter
http_requests_total{code="200"} %d
http_requests_total{code="500"} %d
http_requests_total{code="503"} 0
# TYPE answer_seconds histogram
answer_seconds_bucket{le="+Inf"} 7
answer_seconds_sum 7
answer_seconds_count 7
"""


def entry(url: str = "http://127.0.0.1:9100/metrics") -> PrometheusSource:
    return PrometheusSource(kind="prometheus", name="db-pool", component="host", url=url)


def pack_of(found: Found, source: PrometheusSource, folder: Path) -> Pack:
    text = {
        "slug": "found", "title": "Found", "summary": "What a look found.",
        "states": {"today": {"title": "Today", "summary": "As it is."}},
        "components": [{"id": "host", "title": "Host", "summary": "A host"}],
        "sources": [{"kind": "prometheus", "name": source.name, "component": source.component, "url": source.url}],
        "signals": list(found.signals), "meters": found.meters, "limits": list(found.limits),
    }  # fmt: skip
    path = folder / "found.yaml"
    path.write_text(yaml.safe_dump(text, sort_keys=False, allow_unicode=True))
    return load_pack(path)


@pytest.fixture
def measured(tmp_path: Path) -> Iterator[Callable[..., dict[str, tuple[Decimal | None, Limit]]]]:
    """Stores pages a minute apart; what each limit's meter then reads."""
    clock = FixedClock(NOW)
    store = Store.open("duckdb:///:memory:", now=clock)
    writer = Writer(store, clock, group_ms=1)
    writer.start()

    def run(found: Found, source: PrometheusSource, *pages: Fetched) -> dict[str, tuple[Decimal | None, Limit]]:
        pack = pack_of(found, source, tmp_path)
        scraper = Scraper(target_of(pack.slug, source))
        for page in pages:
            clock.advance(timedelta(minutes=1))
            writer.write(Batch("found.x", samples=scraper.taken(page, clock.now(), 0.1).samples))
        at = clock.now() + timedelta(seconds=1)
        return {
            limit.limit_id.partition(".")[2]: (read(store, pack, limit.meter_id, limit, at).amount, limit)
            for limit in pack.limit_list()
        }

    yield run
    writer.close()
    store.close()


def text(body: str) -> Fetched:
    return Fetched(body.encode(), Format.TEXT)


def test_pairs_errors_and_codes_become_limits_that_measure(measured: Callable[..., Any]) -> None:
    first, second = POOL % (1000, 10, 500, 5), POOL % (1100, 15, 560, 8)
    found = found_on(read_page(first.encode(), Format.TEXT), entry())
    readings = {name: amount for name, (amount, _) in measured(found, entry(), text(first), text(second)).items()}
    assert readings == {
        "db_pool_pool_connections_used_main_db_1": 90,
        "db_pool_pool_connections_used_reports_db_1": 30,
        "db_pool_memory_used": 60,
        "db_pool_process_open_fds": 25,
        "db_pool_jobs_failed_budget": 5,
        "db_pool_http_requests_budget": 3,
    }  # fmt: skip
    assert {limit["kind"] for limit in found.limits} == {"capacity", "slo"}
    assert all(limit["assumed"] for limit in found.limits), "a person should look at every amount"
    assert ("answer_seconds_count", "rate_per_second") in {(signal["series"], signal.get("show")) for signal in found.signals}


def test_a_renamed_label_is_found_again_by_its_stored_name() -> None:
    found = found_on(read_page((POOL % (1, 1, 1, 1)).encode(), Format.TEXT), entry())
    meter = found.meters["db_pool_pool_connections_used_main_db_1_now"]
    assert meter["labels"] == {"db": "main", "exported_instance": "db-1", "source": "db-pool"}


def test_the_lines_say_what_is_there() -> None:
    found = found_on(read_page((POOL % (1, 1, 1, 1)).encode(), Format.TEXT), entry())
    assert found.lines[0] == "20 samples in 14 families (10 gauge, 3 counter, 1 histogram)"
    assert found.lines[1].startswith("the biggest: answer_seconds (3), http_requests_total (3), pool_connections_max (2)")
    assert "pool connections used (db main, instance db-1): 45 of 50" in found.lines
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("page", "warning"),
    [
        ("temperature 21\n", "nothing on the page has a limit"),
        ("".join(f'calls_total{{user="u{n}"}} 1\n' for n in range(501)), "label 'user' of calls_total takes 501 values"),
        ("a 1 1600000000000\n", "bring their own timestamps"),
        ("", "nothing on the page has a limit"),
    ],
)
def test_what_a_person_should_know_is_said(page: str, warning: str) -> None:
    found = found_on(read_page(page.encode(), Format.TEXT), entry())
    assert any(warning in told for told in found.warnings)


@pytest.mark.parametrize("name", ["1x_used", "_x_used", "x:y_used", "ü_used", "a" * 150 + "_used"])
def test_names_of_every_kind_make_a_valid_pack(name: str, tmp_path: Path) -> None:
    whole = name.removesuffix("used") + "max"
    page = f'{{"{name}","l.l"="v w"}} 1\n{{"{whole}","l.l"="v w"}} 2\nx_used 1\nx_max 2\n'
    pack = pack_of(found_on(read_page(page.encode(), Format.TEXT), entry()), entry(), tmp_path)
    assert pack.limits


def test_discover_asks_the_page_with_its_token_and_tells_what_is_wrong() -> None:
    with serving(Target((POOL % (1, 1, 1, 1)).encode())) as server:
        assert discover(entry(server.url), "s3cret", NOW).limits
        assert server.seen[0]["Authorization"] == "Bearer s3cret"
        server.content_type = "text/html"
        with pytest.raises(CollectError, match="no metrics format"):
            discover(entry(server.url), None, NOW)


@pytest.mark.peers
def test_a_real_node_exporter_gives_figures_of_room_left(node_exporter: str, measured: Callable[..., Any]) -> None:
    source = PrometheusSource(kind="prometheus", name="node", component="host", url=f"http://{node_exporter}/metrics")
    found = discover(source, None, NOW)
    pages = [_fetched(source) for _ in range(3)]
    readings = measured(found, source, *pages)
    for name in ("node_disk_root", "node_memory", "node_cpu", "node_load", "node_process_open_fds", "node_inodes_root"):
        amount, limit = readings[name]
        assert amount is not None, name
        assert amount >= 0, name
        assert amount <= (100 if limit.unit == "percent" else 1000), name
    assert readings["node_load"][1].amount >= 1


def _fetched(source: PrometheusSource) -> Fetched:
    import urllib.request

    assert scrape_once(target_of("found", source)).values.size > 200
    with urllib.request.urlopen(source.url, timeout=10) as answer:
        return Fetched(answer.read(), Format.TEXT)
