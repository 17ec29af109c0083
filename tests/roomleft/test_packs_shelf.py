"""Which packs are in force: one's own, those asked for, those with data; never somebody else's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from roomleft.errors import PackError, SettingsError
from roomleft.packs import load_pack
from roomleft.packs_shelf import PacksInUse, files_in_force, known_files, load_each, load_in_force, own_folder
from roomleft.settings import Settings, Source, load_settings

PACK = """slug: {slug}
title: {title}
summary: A test
states: {{today: {{title: Today, summary: Now}}}}
components: [{{id: ai, title: AI, summary: Calls}}]
meters: {{calls: {{kind: count, unit: requests, of: requests}}}}
limits: [{{id: calls, kind: quota, title: Calls, amount: 10, unit: requests, meter: calls, window: day, owner: you}}]
"""


def put(folder: Path, slug: str, title: str = "Shipped", text: str = PACK) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{slug}.yaml").write_text(text.format(slug=slug, title=title))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Two shipped packs, and no own one."""
    for slug in ("one", "two"):
        put(tmp_path / "shipped", slug)
    return replace(load_settings(env={}), data_dir=tmp_path / "data", packs_dir=tmp_path / "shipped")


def test_a_new_folder_watches_nothing(settings: Settings) -> None:
    assert files_in_force(settings) == {}
    assert load_in_force(settings) == {}
    assert list(known_files(settings)) == ["one", "two"]


@pytest.mark.parametrize(
    ("changed", "stored", "in_force"),
    [
        ({"packs": ("two",)}, (), ["two"]),
        ({"sources": (Source("one", "http://h"),)}, (), ["one"]),
        ({}, ("two", "unheard-of"), ["two"]),
        ({"packs": ("two",), "sources": (Source("one", "http://h"),)}, ("two",), ["one", "two"]),
        ({"demo": True}, (), ["one", "two"]),
        ({"demo": True, "packs": ("two",)}, ("one",), ["two"]),
    ],
    ids=["named", "with a source", "with data", "all of that", "a demo", "a demo of some"],
)
def test_a_shipped_pack_waits_until_somebody_wants_it(
    settings: Settings, changed: dict[str, object], stored: tuple[str, ...], in_force: list[str]
) -> None:
    assert list(files_in_force(replace(settings, **changed), stored)) == in_force  # type: ignore[arg-type]


def test_own_packs_come_first_and_take_the_place_of_shipped_ones(settings: Settings) -> None:
    put(own_folder(settings.data_dir), "shop", "Mine")
    put(own_folder(settings.data_dir), "two", "My two")
    put(own_folder(settings.data_dir), "shop.test")
    packs = load_in_force(settings, ("one",))
    assert [(slug, pack.title) for slug, pack in packs.items()] == [("shop", "Mine"), ("two", "My two"), ("one", "Shipped")]
    assert list(load_in_force(replace(settings, demo=True))) == ["one", "two"]
    assert load_in_force(replace(settings, demo=True))["two"].title == "Shipped"


def test_what_is_named_must_be_there(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(PackError, match="did you mean 'two'"):
        files_in_force(replace(settings, packs=("tow",)))
    with pytest.raises(SettingsError, match="connect platform-api"):
        files_in_force(replace(settings, sources=(Source("three", "http://h"),)))
    with pytest.raises(PackError, match="no such folder"):
        known_files(replace(settings, packs_dir=tmp_path / "absent"))


def test_a_fault_stops_a_start_but_not_the_other_packs_at_a_reload(settings: Settings) -> None:
    own = own_folder(settings.data_dir)
    put(own, "good")
    put(own, "bad", text=PACK.replace("amount", "amuont"))
    put(own, "worse", text="slug: [")
    with pytest.raises(PackError, match="2 packs have faults"):
        load_in_force(settings)
    packs, refused = load_each(files_in_force(settings))
    assert (list(packs), sorted(refused)) == (["good"], ["bad", "worse"])
    (own / "worse.yaml").unlink()
    with pytest.raises(PackError, match="amuont"):
        load_in_force(settings)


def test_packs_are_replaced_under_a_reader_without_harm(settings: Settings) -> None:
    one, two = (load_pack(settings.packs_dir / f"{slug}.yaml") for slug in ("one", "two"))
    packs = PacksInUse({"one": one, "two": two})
    seen = []
    for slug, pack in packs.items():
        packs.replace({"two": two})
        seen.append((slug, pack.slug))
    assert seen == [("one", "one"), ("two", "two")]
    assert (list(packs), len(packs), "one" in packs, packs["two"]) == (["two"], 1, False, two)
