"""What `connect` proposes for a real Prometheus server that scrapes a real node exporter: limits that load and that have readings."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from collectors.prometheus.discover_server import RECIPES, discover
from collectors.prometheus.server import PrometheusServer
from roomleft.errors import CollectError
from roomleft.packs import load_pack
from roomleft.packs_meters import PromqlMeter
from roomleft.packs_sources import PrometheusServerSource
from tests.fixtures.prometheus import prometheus


def entry(url: str) -> PrometheusServerSource:
    return PrometheusServerSource(kind="prometheus-server", name="prom", component="hosts", url=url)


@pytest.mark.peers
def test_a_server_with_a_node_exporter_gives_a_pack_whose_meters_read(tmp_path: Path, node_exporter: str) -> None:
    with prometheus(tmp_path, {"node": node_exporter}) as peer:
        deadline = time.monotonic() + 30
        while not peer.ask("/api/v1/query", {"query": 'rate(node_cpu_seconds_total{mode="idle"}[1m])'})["result"]:
            assert time.monotonic() < deadline, "the exporter was never scraped twice"
            time.sleep(0.2)
        now = datetime.fromtimestamp(time.time(), UTC)
        found = discover(entry(peer.url), None, now)
        words = "\n".join(found.lines)
        assert "1 targets, 1 of them up" in words
        assert "keeps 30d" in words
        assert {"memory_use", "cpu_use", "open_files", "targets_up"} <= set(found.meters)
        assert not found.warnings

        path = tmp_path / "shop.yaml"
        data = {
            "slug": "shop",
            "title": "Shop",
            "summary": "Of its own",
            "sources": [{"kind": "prometheus-server", "name": "prom", "component": "hosts", "url": peer.url}],
            "states": {"today": {"title": "Today", "summary": "As it is"}},
            "components": [{"id": "hosts", "title": "Hosts", "summary": "Machines"}],
            "signals": list(found.signals),
            "meters": found.meters,
            "limits": list(found.limits),
        }
        path.write_text(yaml.safe_dump(data, sort_keys=False))
        pack = load_pack(path)
        meters = {name: meter for name, meter in pack.meters.items() if isinstance(meter, PromqlMeter)}
        taken = PrometheusServer("shop", entry(peer.url), None, meters).take(now, None)
        assert taken.error is None
        assert taken.health is not None
        assert set(taken.health.column("status").to_pylist()) == {"pass"}


def test_every_recipe_is_a_fitting_part_of_a_pack(tmp_path: Path) -> None:
    from collectors.prometheus import discover_server as module

    own = entry("http://127.0.0.1:9")
    data = {
        "slug": "shop",
        "title": "Shop",
        "summary": "Of its own",
        "sources": [{"kind": "prometheus-server", "name": "prom", "component": "hosts", "url": "http://127.0.0.1:9"}],
        "states": {"today": {"title": "Today", "summary": "As it is"}},
        "components": [{"id": "hosts", "title": "Hosts", "summary": "Machines"}],
        "signals": [module._signal(recipe, own) for recipe in RECIPES],
        "meters": {recipe.meter_id: module._meter(recipe, own) for recipe in RECIPES},
        "limits": [module._limit(recipe, own) for recipe in RECIPES if recipe.amount],
    }
    path = tmp_path / "shop.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    assert len(load_pack(path).meters) == len(RECIPES)


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(CollectError, match="connection failed"):
        discover(entry("http://127.0.0.1:9"), None, datetime(2026, 11, 21, tzinfo=UTC))
