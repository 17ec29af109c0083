"""A line that has gone silent is not shown as it last was; a download says of a limit what the page says."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from dashboards.api.reports import read_health
from dashboards.pages.platform_inside import layers_block
from dashboards.parts import Parts
from roomleft.clock import FixedClock
from tests.analytics.reports.test_parts import NOW, PACKS, reading
from tests.dashboards.conftest import Driven, found, texts
from tests.dashboards.sample_rows import sample_parts

ARENA = PACKS["arena"]


@pytest.mark.parametrize(("minute", "value", "state"), [(0, "93 %", "ok"), (600, "–", "unknown")])
def test_a_layer_is_as_old_as_its_own_newest_reading(minute: int, value: str, state: str) -> None:
    (signal,) = (each for each in ARENA.signals if each.by == "layer")
    rows = [
        reading(signal.component, signal.series, each, f'{{"layer": "{layer}"}}', minute=at)
        for layer, each, at in (("edge", 0.95, 0), ("redis", 0.93, minute))
    ]
    block = layers_block(ARENA, signal, rows, 300, NOW, timedelta(minutes=3))
    assert block is not None
    tree = json.loads(json.dumps(block.to_plotly_json(), default=lambda each: each.to_plotly_json()))
    (row,) = (each for each in all_of(tree, "Tr") if "redis" in texts(each))
    assert texts(row["props"]["children"][1]).replace("\u2009", " ").replace("\u202f", " ") == value
    assert found(row, className=state)


def all_of(tree: object, kind: str) -> list[dict[str, Any]]:
    """Every component of a kind in the tree."""
    if isinstance(tree, list):
        return [each for part in tree for each in all_of(part, kind)]
    if not isinstance(tree, dict) or "props" not in tree:
        return []
    own = [tree] if tree.get("type") == kind else []
    return own + all_of(tree["props"].get("children"), kind)


class Fast(FixedClock):
    """A clock that runs a hundred times as fast as the wall's."""

    speed = 100.0


def test_a_download_on_a_fast_clock_is_as_patient_as_the_page(make_pages: Callable[[Parts], Driven]) -> None:
    clock = Fast(NOW)
    pages = make_pages(sample_parts(NOW, clock=clock))
    clock.advance(timedelta(minutes=4))
    rows = list(csv.DictReader(io.StringIO(pages.client.get("/export/limits.csv").text)))
    assert "ok" in {row["state"] for row in rows}


def test_a_report_speaks_of_the_pack_it_began_with_whatever_is_reloaded_meanwhile() -> None:
    parts = dataclasses.replace(sample_parts(), packs=dict(PACKS))
    told = read_health(parts, PACKS["coach"], NOW)["limits"]
    gone = read_health(dataclasses.replace(parts, packs={}), PACKS["coach"], NOW)["limits"]
    parts.store.close()
    assert told
    assert gone == told
