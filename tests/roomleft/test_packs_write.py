"""Packs as text: what is written is read back the same, and adding to a pack leaves a person's words alone."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roomleft.packs import pack_of
from roomleft.packs_write import SECTIONS, extended, flow, merged, pack_text, scalar, span_text
from roomleft.packs_yaml import read_yaml_text
from roomleft.timespan import parse_span

PACK: dict[str, Any] = {
    "slug": "shop",
    "title": "Shop",
    "summary": "Sells: everything, since 2020-01-01 # it says",
    "sources": [{"kind": "postgres", "name": "postgres", "component": "database", "url": "postgresql://app@db:5432/shop"}],
    "states": {"today": {"title": "Today", "summary": "What it holds now."}},
    "components": [{"id": "database", "title": "Database", "summary": "PostgreSQL", "critical": True}],
    "signals": [{"component": "database", "title": "Sessions", "series": "sessions", "unit": "connections"}],
    "meters": {
        "used": {"kind": "gauge", "unit": "connections", "series": "sessions", "component": "database", "scale": Decimal("0.50")},
        "mean": {"kind": "gauge", "unit": "ms", "series": "mean_ms", "labels": {"source": "postgres", "n": "1"}, "over": timedelta(hours=1)},
    },
    "limits": [
        {"id": "used", "kind": "capacity", "title": "Sessions ≤ 80", "amount": 80, "unit": "connections", "meter": "used", "owner": "you"},
        {
            "id": "mean", "kind": "slo", "title": "Fast: < 50 ms", "amount": Decimal("50.5"), "unit": "ms", "meter": "mean", "owner": "you",
            "assumed": True, "next_step": {"what": "Index, then vacuum", "lead_time": timedelta(days=2)},
        },
    ],
}  # fmt: skip
ADDED: dict[str, Any] = {
    "sources": [{"kind": "redis", "name": "redis", "component": "cache", "url": "redis://cache:6379"}],
    "components": [{"id": "cache", "title": "Cache", "summary": "Redis"}],
    "meters": {"hits": {"kind": "gauge", "unit": "percent", "series": "hits", "component": "cache"}},
    "limits": [
        {
            "id": "hits",
            "kind": "ratio",
            "title": "Hits",
            "amount": 90,
            "unit": "percent",
            "meter": "hits",
            "direction": "at_least",
            "owner": "you",
        }
    ],
}


def data_of(text: str) -> Any:
    document = read_yaml_text(text, "shop.yaml")
    assert document.problems == []
    return document.data


def test_a_pack_is_read_back_as_it_was_written_and_is_a_pack() -> None:
    text = pack_text(PACK)
    assert data_of(text) == merged({}, PACK)
    pack = pack_of(read_yaml_text(text, "packs/shop.yaml"), Path("packs/shop.yaml"))
    assert pack.limit("shop.mean").amount == Decimal("50.5")
    assert pack.meters["mean"].over == timedelta(hours=1)  # type: ignore[union-attr]


def test_sections_stand_in_order_and_say_what_they_are() -> None:
    lines = pack_text(dict(reversed(PACK.items()))).splitlines()
    keys = [line.partition(":")[0] for line in lines if line and line[0].isalpha()]
    assert keys == [name for name in SECTIONS if name in PACK]
    for name in ("sources", "components", "signals", "meters", "limits"):
        assert lines[lines.index(f"{name}:") - 1].startswith("# "), name
    assert lines[0].startswith("# shop: ")


@pytest.mark.parametrize(
    "value",
    [
        "plain", "two words", "true", "null", "~", "yes", "1", "1.5", "1e5", "12:30", "2026-01-15", "a: b", "a #b", "- a", "[a]", "{a: b}", "'", '"',
        "a\\b", "*x", "&x", "!x", "%x", "@x", "`x", "|", ">", "", " a", "a ", "a\nb", "\t", "\x7f", "\u2028", "ünï", "😀", "95 %", "≤ 5", "a,b", "=",
        "<<", "?", "a:", "http://h:1/p?q=1#f", "0x10", ".5", "-", "---",
    ],
)  # fmt: skip
def test_a_text_stays_that_text(value: str) -> None:
    assert data_of(f"a: {scalar(value)}\nb: {flow({value or 'k': [value]})}\n") == {"a": value, "b": {value or "k": [value]}}


@given(
    st.recursive(
        st.text() | st.booleans() | st.integers(-(10**12), 10**12),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(min_size=1), inner),
        max_leaves=8,
    )
)
@settings(max_examples=150, deadline=None)
def test_any_value_is_read_back_as_it_was(value: Any) -> None:
    assert data_of(f"a: {flow(value)}\n") == {"a": value}


@pytest.mark.parametrize(
    ("span", "text"),
    [(timedelta(seconds=90), "90s"), (timedelta(minutes=5), "5m"), (timedelta(hours=36), "36h"), (timedelta(days=30), "30d")],
)
def test_spans_are_spelt_in_the_largest_whole_unit(span: timedelta, text: str) -> None:
    assert span_text(span) == text
    assert parse_span(text) == span


def test_what_a_pack_cannot_hold_is_refused() -> None:
    with pytest.raises(TypeError):
        scalar(1.5)
    assert scalar(date(2026, 1, 15)) == "2026-01-15"


HAND = {
    "as written": lambda text: text,
    "with comments": lambda text: text.replace("limits:", "# mine\nlimits:  # these\n  # first").replace(
        "amount: 80", "amount: 120  # counted"
    ),
    "indented otherwise": lambda text: text.replace("\n  - {", "\n      - {"),
    "without indentation": lambda text: text.replace("\n  - {", "\n- {"),
    "with sections of one's own at the end": lambda text: text + "\n# what it costs\ntiers:\n  - {name: free, title: Free}\n",
    "with Windows line ends": lambda text: text.replace("\n", "\r\n"),
    "without an end of line": lambda text: text.rstrip("\n"),
    "with an empty section": lambda text: text.replace("limits:", "thresholds: {}\nlimits:"),
    "in another order": lambda text: "meters:" + text.split("\nmeters:")[1] + text.split("\nmeters:")[0] + "\n",
}


@pytest.mark.parametrize("name", HAND)
def test_adding_keeps_every_line_that_a_person_wrote(name: str) -> None:
    before = HAND[name](pack_text(PACK))
    after = extended(before, ADDED)
    assert after.kept, after.text
    assert data_of(after.text) == merged(data_of(before), ADDED)
    left = iter(after.text.splitlines())
    assert all(line in left for line in before.splitlines()), "a line was lost or moved"


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace("sources:\n  - {", "sources: [{").replace('shop"}\n', 'shop"}]\n'),
        lambda text: text.replace("meters:\n", "? meters\n:\n"),
    ],
    ids=["a list on one line", "a key in YAML's long form"],
)
def test_a_form_that_lines_cannot_be_added_to_is_written_anew_without_loss(edit: Any) -> None:
    before = edit(pack_text(PACK))
    after = extended(before, ADDED)
    assert not after.kept
    assert data_of(after.text) == merged(data_of(before), ADDED)


def test_a_source_of_the_same_name_is_replaced_and_the_rest_stays() -> None:
    before = pack_text(PACK).replace("limits:", "limits:  # mine")
    moved = {**PACK["sources"][0], "url": "postgresql://app@elsewhere/shop"}
    after = extended(before, {"sources": [moved, ADDED["sources"][0]]})
    assert after.kept
    assert [source["url"] for source in data_of(after.text)["sources"]] == [moved["url"], "redis://cache:6379"]
    assert "limits:  # mine" in after.text


def test_adding_the_same_twice_changes_maps_and_sources_only_once() -> None:
    only = {name: ADDED[name] for name in ("sources", "meters")}
    once = extended(pack_text(PACK), only).text
    assert extended(once, only).text == once


def test_edited_meters_are_not_put_back() -> None:
    edited = pack_text(PACK).replace('scale: "0.50"', 'scale: "2"')
    assert data_of(extended(edited, {"meters": PACK["meters"]}).text)["meters"]["used"]["scale"] == "2"
