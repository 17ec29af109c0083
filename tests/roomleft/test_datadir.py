"""The data folder: one kind of server each, and the note by which commands find a running one."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from roomleft import datadir
from roomleft.errors import RoomleftError, SettingsError


def test_a_demo_folder_and_a_real_one_refuse_each_other(tmp_path: Path) -> None:
    datadir.claim(tmp_path / "a", "demo")
    datadir.claim(tmp_path / "a", "demo")
    with pytest.raises(SettingsError, match="belongs to `demo`"):
        datadir.claim(tmp_path / "a", "serve")
    datadir.claim(tmp_path / "b", "serve")
    with pytest.raises(SettingsError, match="belongs to `serve`"):
        datadir.claim(tmp_path / "b", "demo")


def test_demo_never_takes_a_folder_that_already_holds_a_warehouse(tmp_path: Path) -> None:
    (tmp_path / "warehouse.duckdb").touch()
    with pytest.raises(SettingsError, match="already holds a warehouse"):
        datadir.claim(tmp_path, "demo")


def test_the_note_is_private_and_is_found_only_while_its_process_lives(tmp_path: Path) -> None:
    mine = datadir.RunningServer("http://127.0.0.1:1", "secret", os.getpid())
    datadir.announce(tmp_path, mine)
    assert stat.S_IMODE((tmp_path / "server.json").stat().st_mode) == 0o600
    assert datadir.running(tmp_path) == mine
    datadir.withdraw(tmp_path, os.getpid() + 1)
    assert datadir.running(tmp_path) == mine
    datadir.withdraw(tmp_path, os.getpid())
    assert datadir.running(tmp_path) is None
    datadir.announce(tmp_path, datadir.RunningServer("http://127.0.0.1:1", "secret", 2**22 + 1))
    assert datadir.running(tmp_path) is None


def test_a_damaged_note_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "server.json").write_text("{", encoding="utf-8")
    with pytest.raises(RoomleftError, match="remove it"):
        datadir.running(tmp_path)


def test_commands_look_in_var_then_in_var_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert datadir.find(None) == (tmp_path / "var", None)
    datadir.claim(tmp_path / "var" / "demo", "demo")
    assert datadir.find(None) == (tmp_path / "var" / "demo", None)
    datadir.claim(tmp_path / "var", "serve")
    assert datadir.find(None) == (tmp_path / "var", None)
    demo = datadir.RunningServer("http://127.0.0.1:2", "t", os.getpid())
    datadir.announce(tmp_path / "var" / "demo", demo)
    assert datadir.find(None) == (tmp_path / "var" / "demo", demo)
