"""Secrets of sources: the environment wins, the file is its owner's alone, and nothing of them is ever in a text."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from roomleft.credentials import Credentials
from roomleft.errors import SettingsError, StoreError

SECRET = "hunter2 with ünïcode"


def test_what_is_kept_is_found_again_and_the_environment_wins(tmp_path: Path) -> None:
    kept = Credentials(tmp_path / "data", {})
    assert kept.get("SHOP_DB_PASSWORD") is None
    kept.keep("SHOP_DB_PASSWORD", SECRET)
    kept.keep("OTHER", "two")
    assert Credentials(tmp_path / "data", {}).get("SHOP_DB_PASSWORD") == SECRET
    assert Credentials(tmp_path / "data", {"SHOP_DB_PASSWORD": "from outside"}).get("SHOP_DB_PASSWORD") == "from outside"
    assert Credentials(tmp_path / "data", {"SHOP_DB_PASSWORD": ""}).get("SHOP_DB_PASSWORD") == SECRET
    assert kept.forget("OTHER")
    assert not kept.forget("OTHER")
    assert kept.get("OTHER") is None


def test_the_file_is_its_owners_alone_also_after_somebody_opened_it(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path, {})
    credentials.keep("A", "1")
    assert stat.S_IMODE(credentials.path.stat().st_mode) == 0o600
    credentials.path.chmod(0o644)
    assert credentials.get("A") == "1"
    assert stat.S_IMODE(credentials.path.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["credentials.json"]


@pytest.mark.parametrize(
    "text", ["{", "[1]", '{"A": 1}', '"text"', "\x00\xff"], ids=["cut short", "a list", "a number", "a text", "no text"]
)
def test_a_damaged_file_is_told_without_what_is_in_it(tmp_path: Path, text: str) -> None:
    credentials = Credentials(tmp_path, {})
    credentials.path.write_text(f"{text}{SECRET}" if text == "{" else text)
    with pytest.raises(SettingsError) as told:
        credentials.get("A")
    assert SECRET not in str(told.value)
    assert "credentials.json" in told.value.where
    with pytest.raises(SettingsError):
        credentials.keep("B", "2")
    assert credentials.path.read_text().endswith(SECRET if text == "{" else text)


@pytest.mark.parametrize("name", ["", "lower", "A B", "1A", "A=B", "A\n"])
def test_a_name_that_no_variable_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError):
        Credentials(tmp_path, {}).keep(name, SECRET)
    assert not (tmp_path / "credentials.json").exists()


def test_no_representation_holds_a_secret(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path, {"A": SECRET})
    credentials.keep("B", SECRET)
    assert SECRET not in repr(credentials)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StoreError) as told:
            Credentials(tmp_path, {}).keep("A", SECRET)
        assert SECRET not in str(told.value)
    finally:
        tmp_path.chmod(0o700)


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")
    with pytest.raises((StoreError, SettingsError)):
        Credentials(tmp_path / "data", {}).keep("A", SECRET)


def test_what_is_written_is_a_plain_map(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path, {})
    credentials.keep("B", "2")
    credentials.keep("A", "1")
    assert list(json.loads(credentials.path.read_text()).items()) == [("A", "1"), ("B", "2")]
