"""Where things live, how files are named, and how long they may grow."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGES, ROOT, files, place, tree

FRAME = [*PACKAGES, "tests", "packs", "docs", "bin"]
VAGUE = {"utils", "util", "helpers", "helper", "manager", "misc", "common", "base", "core"}
LINE_LIMIT = 400
SCRIPTS = {"alembic"}  # run by Alembic, file by file; never imported


@pytest.mark.parametrize("folder", FRAME)
def test_the_frame_is_there(folder: str) -> None:
    assert (ROOT / folder).is_dir()


def test_every_package_says_what_it_is() -> None:
    folders = {path.parent for path in files(".py")} | {ROOT / package for package in PACKAGES}
    silent = []
    for folder in sorted(folders):
        if SCRIPTS & set(folder.relative_to(ROOT).parts):
            continue
        door = folder / "__init__.py"
        if not door.exists() or not ast.get_docstring(tree(door)):
            silent.append(str(door.relative_to(ROOT)))
    assert not silent, "packages without an __init__.py that has a docstring"


def test_every_module_says_what_it_is() -> None:
    assert [str(path.relative_to(ROOT)) for path in files(".py") if not ast.get_docstring(tree(path))] == []


def test_no_module_is_named_like_the_standard_library() -> None:
    """`import platform` must never find ours: not by the path, not in a reader's mind."""
    names = [path for path in files(".py") if not path.stem.startswith("__")]
    folders = [path.parent for path in files(".py") if path.name == "__init__.py"]
    assert [str(path.relative_to(ROOT)) for path in [*names, *folders] if path.stem in sys.stdlib_module_names] == []


def test_no_module_has_a_vague_name() -> None:
    assert [
        str(path.relative_to(ROOT)) for path in files(".py", tests=True) if path.stem in VAGUE or path.parent.name in VAGUE
    ] == []


def test_no_file_is_too_long() -> None:
    """Past 400 lines there is a second idea inside."""
    long = {
        str(path.relative_to(ROOT)): length
        for path in files(".py", ".sql", ".js", ".css")
        if (length := _lines(path)) > LINE_LIMIT
    }
    assert long == {}


def test_test_folders_lead_back_to_tests() -> None:
    """A tests/warehouse/__init__.py under a tests/ without one would be imported as `warehouse`, instead of ours."""
    doors = list((ROOT / "tests").rglob("__init__.py"))
    orphans = [door for door in doors if door.parent.name != "tests" and not (door.parent.parent / "__init__.py").exists()]
    assert [place(path, 1) for path in orphans] == []


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())
