"""The page of sources: worst first, each fault with its fix, and refused rows to take away and bring back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from dashboards.pages.sources import sentence
from dashboards.parts import Parts, SourceStatus
from tests.dashboards.conftest import Driven
from tests.dashboards.sample_rows import NOW, sample_parts
from warehouse.tables import INSTANT


def source(name: str, state: str = "ok", **more: Any) -> SourceStatus:
    told: dict[str, Any] = {
        "platform": "scribe",
        "source": f"scribe.{name}",
        "kind": "postgres",
        "component": "database",
        "address": "db.example:5432",
        "interval": timedelta(seconds=30),
        "state": state,
        "last_success_at": NOW - timedelta(seconds=20),
        "read_to": NOW - timedelta(seconds=20),
        "caught_up": True,
    }
    return SourceStatus(**(told | more))


def with_sources(sources: Sequence[SourceStatus]) -> Parts:
    return dataclasses.replace(sample_parts(), sources=lambda: sources)


def texts(tree: Any) -> str:
    return json.dumps(tree, ensure_ascii=False)


def test_the_worst_comes_first_with_what_fixes_it(make_pages: Callable[[Parts], Driven]) -> None:
    denied = source("db", "failing", words="permission denied for pg_stat_statements", hint="GRANT pg_monitor TO roomleft")
    pages = make_pages(with_sources([source("cache", rows_24h=1234, series=40), denied, source("far", "unknown")]))
    said = texts(pages.call("sources-list.children", "/sources"))
    assert said.index("scribe.db") < said.index("scribe.far") < said.index("scribe.cache")
    assert "Fix: GRANT pg_monitor TO roomleft." in said
    assert "1,234 (40 series)" in said
    assert "1 of 3 sources is not read; 1 cannot be judged from here." in said


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        ([], "Nothing is connected yet."),
        ([source("a")], "The source is read."),
        ([source("a"), source("b")], "All 2 sources are read."),
        ([source("a", "failing"), source("b", "silent")], "2 of 2 sources are not read."),
        ([source("a", "unknown"), source("b")], "1 cannot be judged from here."),
    ],
)
def test_the_page_in_one_sentence(sources: list[SourceStatus], words: str) -> None:
    assert sentence(sources) == words


def test_nothing_connected_says_what_to_run(make_pages: Callable[[Parts], Driven]) -> None:
    assert "bin/roomleft connect" in texts(make_pages(with_sources([])).call("sources-list.children", "/sources"))


def test_refused_rows_are_counted_and_offered(make_pages: Callable[[Parts], Driven]) -> None:
    parts = with_sources([source("a")])
    columns = {
        "source": ["push:ci"] * 3,
        "stream": ["usage"] * 3,
        "reason": ["input_tokens: negative"] * 3,
        "rejected_at": pa.array([NOW] * 3, INSTANT),
    }
    with parts.store.transaction() as tx:
        tx.register("refused", pa.table(columns))
        tx.execute("INSERT INTO rejected BY NAME SELECT * FROM refused")
    said = texts(make_pages(parts).call("sources-quarantine.children", "/sources"))
    assert "3 rows did not fit" in said
    assert "/export/rejected.ndjson?source=push%3Aci&stream=usage" in said
    assert "input_tokens: negative" in said


def test_without_refused_rows_the_page_says_so(make_pages: Callable[[Parts], Driven]) -> None:
    assert "No row was refused" in texts(make_pages(with_sources([])).call("sources-quarantine.children", "/sources"))
