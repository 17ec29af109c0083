"""`doctor` finds what newer parts need: own packs, the secrets their sources name, and a credentials file that only its owner reads."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roomleft.cli import main, verify
from roomleft.credentials import Credentials

PACK = """
slug: shop
title: Shop
summary: A shop with a database.
states: {today: {title: Today, summary: Now.}}
components: [{id: database, title: Database, summary: All orders}]
sources:
  - {kind: postgres, name: main, component: database, url: "postgres://roomleft@127.0.0.1:1/app", password_env: SHOP_DB_PASSWORD}
meters: {busy: {kind: gauge, unit: connections, series: pg_connections_used}}
limits: [{id: busy, kind: capacity, title: Connections, amount: 10, unit: connections, meter: busy, owner: data}]
"""
Look = Callable[[], dict[str, Any]]


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Look:
    """What the doctor finds in the data folder `tmp_path`, by subject."""
    for name in [name for name in os.environ if name.startswith(("ROOMLEFT_", "SHOP_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ROOMLEFT_DATA_DIR", str(tmp_path))

    def found() -> dict[str, Any]:
        monkeypatch.setattr(sys, "argv", ["roomleft", "doctor", "--json"])
        with pytest.raises(SystemExit):
            main()
        return {row["subject"]: row for row in json.loads(capsys.readouterr().out)}

    return found


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The data folder with a pack of its own."""
    (tmp_path / "packs").mkdir()
    (tmp_path / "packs" / "shop.yaml").write_text(PACK)
    return tmp_path


def test_an_empty_folder_lacks_nothing(look: Look, tmp_path: Path) -> None:
    found = look()
    assert all(found[name]["ok"] for name in ("own packs", "secrets", "drivers", "sources"))
    assert found["own packs"]["words"] == f"none in {tmp_path / 'packs'}"
    assert "shop" not in found["packs"]["words"]


def test_own_packs_are_told_apart_from_shipped_ones(look: Look, shop: Path) -> None:
    assert look()["own packs"]["words"] == f"shop (1 limit) in {shop / 'packs'}"


def test_an_own_pack_with_a_fault_is_named_and_what_shows_the_fault(look: Look, shop: Path) -> None:
    (shop / "packs" / "shop.yaml").write_text(PACK + "colour: red\n")
    found = look()["own packs"]
    assert (found["ok"], found["words"]) == (False, "with faults: shop")
    assert str(shop / "packs") in found["to_do"]


def test_a_secret_that_a_source_names_and_nobody_gave(look: Look, shop: Path) -> None:
    found = look()["secrets"]
    assert (found["ok"], found["words"]) == (False, "not given: SHOP_DB_PASSWORD")
    Credentials(shop).keep("SHOP_DB_PASSWORD", "s3cret")
    found = look()["secrets"]
    assert (found["ok"], found["words"]) == (True, f"{shop / 'credentials.json'}, mode 600")


def test_a_credentials_file_that_others_may_read_is_told_before_it_is_closed(look: Look, shop: Path) -> None:
    Credentials(shop).keep("SHOP_DB_PASSWORD", "s3cret")
    (shop / "credentials.json").chmod(0o644)
    found = look()["secrets"]
    assert not found["ok"]
    assert "mode 644" in found["words"]
    assert "s3cret" not in str(found)


def test_a_driver_that_cannot_be_loaded_is_named(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "DRIVERS", ("json", "no_such_driver"))
    found = look()["drivers"]
    assert (found["ok"], found["words"]) == (False, "no_such_driver: No module named 'no_such_driver'")
