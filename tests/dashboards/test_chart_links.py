"""The link to a chart, with its times, opened by somebody in another role: the same chart, or which right is missing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from dashboards.door.asking import asked_by
from dashboards.door.deeds import needs
from tests.dashboards.alert_world import alert_world
from tests.dashboards.conftest import Driven, texts
from tests.dashboards.test_links import walk
from tests.dashboards.test_links_kept import blocks_of
from tests.fixtures.asked import somebody
from warehouse.state import Role, Scope

TIMES = "range=2026-11-19T12:00..2026-11-20T11:30&tz=Europe%2FBerlin"
LINKS = {
    "cost by model": ("/cost", f"?{TIMES}&platform=scribe&by=model&compare=previous", "cost-chart", set(Role)),
    "cost by two": ("/cost", f"?{TIMES}&platform=scribe&by=team&then=model", "cost-chart", set(Role)),
    "cost by user": ("/cost", f"?{TIMES}&platform=scribe&by=user", "cost-chart", {Role.FINANCE, Role.ADMIN}),
    "a signal": ("/platforms/scribe", f"?{TIMES}&component=database", "signal-scribe-database-query-time", set(Role)),
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driven]:
    world = alert_world(tmp_path_factory.mktemp("charts"))
    yield Driven(world.parts)
    world.close()


@pytest.mark.parametrize("link", LINKS)
def test_a_link_to_a_chart_shows_the_same_to_every_role_or_says_what_is_missing(pages: Driven, link: str) -> None:
    path, search, name, may = LINKS[link]
    drawn: dict[Role, str] = {}
    for role in Role:
        with asked_by(somebody(role)):
            blocks = blocks_of(pages, path, search)
            missing = needs(Scope.FINANCE)
        frames = {
            each["props"]["data-chart"]: each
            for tree in blocks.values()
            for each in walk(tree)
            if each["props"].get("data-chart")
        }
        if name in frames:
            drawn[role] = json.dumps(figure_of(frames[name])["layout"]["meta"], sort_keys=True)
            # Users' days are kept as days alone: their chart may begin at the day's start.
            assert '"since": "2026-11-19T' in drawn[role]
            assert '"zone": "Europe/Berlin"' in drawn[role]
        else:
            assert missing
            assert missing in " ".join(texts(tree) for tree in blocks.values()), (
                f"{role} sees neither {name} of {sorted(frames)} nor why"
            )
    assert set(drawn) == may
    assert len(set(drawn.values())) == 1


def figure_of(frame: Any) -> Any:
    return next(each["props"]["figure"] for each in walk(frame) if each["props"].get("figure"))
