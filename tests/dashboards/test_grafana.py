"""The dashboard for Grafana: well-formed, and every metric and label it asks for is one of ours."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from roomleft.metrics import REGISTRY

FILE = Path(__file__).parents[2] / "deploy" / "grafana" / "roomleft.json"
BOARD: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
ROWS = ("Alert rules", "Delivery", "Jobs", "Ingest", "Sources", "Headroom")


def names() -> dict[str, set[str]]:
    """Every series name that /metrics can give, and its labels."""
    found: dict[str, set[str]] = {}
    for collector in REGISTRY._collector_to_names:
        labels = set(getattr(collector, "_labelnames", ()))
        kind = getattr(collector, "_type", "")
        name = getattr(collector, "_name", "")
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(kind, ("",))
        for ending in endings:
            found[name + ending] = labels | ({"le"} if ending == "_bucket" else set())
    return found


def asked() -> list[tuple[str, str]]:
    """Every question, with its panel."""
    queries = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]
    return queries + [(each["name"], each["definition"]) for each in BOARD["templating"]["list"] if each["type"] == "query"]


def test_it_is_a_dashboard_of_a_schema_that_grafana_reads() -> None:
    assert BOARD["schemaVersion"] >= 39
    assert BOARD["title"] == "Roomleft"
    assert {"uid", "time", "refresh", "templating", "annotations", "panels", "version"} <= set(BOARD)
    assert "__inputs" not in BOARD
    [source] = [each for each in BOARD["templating"]["list"] if each["type"] == "datasource"]
    assert (source["name"], source["query"]) == ("datasource", "prometheus")


def test_its_rows_are_those_it_should_have() -> None:
    assert tuple(panel["title"] for panel in BOARD["panels"] if panel["type"] == "row") == ROWS


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_every_panel_says_what_it_is_and_asks_the_chosen_source() -> None:
    for panel in PANELS:
        assert panel["description"], panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"
        assert [target["refId"] for target in panel["targets"]] == [chr(65 + n) for n in range(len(panel["targets"]))]


@pytest.mark.parametrize(("title", "query"), asked())
def test_every_metric_and_label_is_ours(title: str, query: str) -> None:
    known = names()
    series = set(re.findall(r"\broomleft_[a-z0-9_]+", query))
    assert series, title
    assert series <= set(known), f"{title}: {series - set(known)}"
    labels = set().union(*(known[each] for each in series))
    grouped = {name.strip() for group in re.findall(r"\bby \(([^)]*)\)", query) for name in group.split(",")}
    selected = set(re.findall(r"[{,]\s*([a-z_]+)\s*(?:=|!=|=~|!~)\"", query))
    assert grouped | selected <= labels, title
    assert query.count("(") == query.count(")")


def test_the_rule_sees_a_metric_that_is_not_ours() -> None:
    assert "roomleft_made_up" not in names()
    assert "roomleft_deliveries_total" in names()
    assert names()["roomleft_evaluation_seconds_bucket"] == {"le"}
