"""A stale price list says so on the Cost page, where its provider is in use."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from analytics.catalogue import PriceList
from dashboards.parts import Parts
from dashboards.reports.weekly_read import _stale
from tests.dashboards.conftest import Driven, texts
from tests.dashboards.test_cost_pages import priced_parts


class Listed:
    """A catalogue of these lists."""

    def __init__(self, *lists: PriceList) -> None:
        self._lists = list(lists)

    def lists(self, _now: Any) -> list[PriceList]:
        return self._lists


def listed(provider: str, *, stale: bool, catalogue: str = "list@1") -> PriceList:
    return PriceList(catalogue, provider, date(2026, 9, 12), 3, stale)


CASES = {
    "a stale list in use": ([listed("gemini", stale=True)], "", True),
    "a fresh one": ([listed("gemini", stale=False)], "", False),
    "of a provider nobody uses": ([listed("nobody", stale=True)], "", False),
    "of another platform's own prices": ([listed("gemini", stale=True, catalogue="scribe@2026-09-12")], "&platform=coach", False),
    "of the platform's own prices": ([listed("gemini", stale=True, catalogue="scribe@2026-09-12")], "&platform=scribe", True),
}


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (["scribe", "arena"], "3 price lists were"),
        (["scribe"], "2 price lists were"),
        (["arena"], "2 price lists were"),
        (["coach"], ""),
    ],
)
def test_the_reports_name_the_stale_lists_of_the_providers_they_tell_of(own: list[str], said: str) -> None:
    class Used:
        """Who called whom this week."""

        def rows(self, _name: str, *, platform: str, **_asked: Any) -> list[dict[str, Any]]:
            return [{"label": "gemini", "is_total": False}, {"label": None, "is_total": True}] if platform != "coach" else []

    packs: Any = dict.fromkeys(("scribe", "arena", "coach"))
    lists = [
        listed("gemini", stale=True),
        listed("gemini", stale=True, catalogue="scribe@2026-09-12"),
        listed("gemini", stale=True, catalogue="arena@2026-09-12"),
        listed("gemini", stale=False, catalogue="list@2"),
        listed("nobody", stale=True, catalogue="list@3"),
    ]
    store: Any = Used()
    words = _stale(store, packs, {slug: packs[slug] for slug in own}, lists, datetime(2026, 11, 21, tzinfo=UTC))
    assert words.startswith(said)
    assert bool(words) is bool(said)


@pytest.mark.parametrize("name", CASES)
def test_a_stale_list_says_so_where_it_counts(name: str, make_pages: Callable[[Parts], Driven]) -> None:
    lists, more, said = CASES[name]
    catalogue: Any = Listed(*lists)
    pages = make_pages(dataclasses.replace(priced_parts(), catalogue=catalogue))
    block = pages.call("cost-total.children", "/cost", f"?range=7d{more}")
    assert ("on 12 Sep 2026): prices of gemini may have changed" in texts(block)) is said
