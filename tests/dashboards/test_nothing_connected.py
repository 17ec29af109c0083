"""A server that watches nothing yet shows no stranger's platform, but how to begin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dashboards.parts import Parts
from tests.dashboards.conftest import Driven, texts
from tests.dashboards.sample_rows import sample_parts


def test_the_overview_says_what_to_run(make_pages: Callable[[Parts], Driven]) -> None:
    pages = make_pages(replace(sample_parts(filled=False, demo=False), packs={}))
    said = texts(pages.call("overview-limits.children"))
    assert "Nothing is connected yet" in said
    assert "bin/roomleft connect postgres" in said
    assert texts(pages.call("overview-top.children"))
    assert "Nothing is connected yet" in texts(pages.call("sources-list.children", "/sources"))
