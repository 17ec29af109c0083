"""The product knows no platform by name: what a pack cannot say becomes a general field, never an `if`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.sources import ROOT, files, place, statements, tree

PACKS = {path.stem for path in (ROOT / "packs").glob("*.yaml") if "." not in path.stem}
PLATFORMS = sorted({"scribe", "tabletop", "arena", "creator", "coach"} | PACKS)
# A whole word, where _ . - / and a capital end a word: arena, ArenaFaults, arena_worlds, "arena.worlds"; not coaching.
WORD = re.compile(rf"(?<![A-Za-z])(?i:{'|'.join(PLATFORMS)})(?![a-z])")


def words(module: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Every name and every string of a module with the node it stands at. Docstrings and comments may give examples."""
    prose = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    for node in ast.walk(module):
        match node:
            case ast.Constant(value=str() as text) if id(node) not in prose:
                yield node, text
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.alias(name=name):
                yield node, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node, name
            case ast.keyword(arg=str() as name):
                yield node, name


def test_no_python_names_a_platform() -> None:
    found = [f"{place(path, node)} {text!r}" for path in files(".py") for node, text in words(tree(path)) if WORD.search(text)]
    assert found == []


def test_no_sql_and_no_script_names_a_platform() -> None:
    found = []
    for path in files(".sql", ".js", ".css"):
        for number, line in enumerate(statements(path.read_text(encoding="utf-8")).splitlines(), 1):
            if WORD.search(line):
                found.append(f"{place(path, number)} {line.strip()}")
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        'if platform == "scribe": pass',
        'rows = {"arena.worlds": 1}',
        "sql = f\"where platform = 'coach' and {x}\"",
        "class TabletopFaults: ...",
        "def creator_images(): ...",
        "f(arena=1)",
    ],
)
def test_the_rule_sees(source: str) -> None:
    assert any(WORD.search(text) for _, text in words(ast.parse(source)))


@pytest.mark.parametrize("source", ['"""For example arena."""', "x = 1  # as in arena", 'x = "coaching"', "created_by = 1"])
def test_the_rule_lets_pass(source: str) -> None:
    assert not any(WORD.search(text) for _, text in words(ast.parse(source)))
