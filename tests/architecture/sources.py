"""The product's own source files, and what is inside them, for the tests of this folder."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("roomleft", "warehouse", "analytics", "alerts", "collectors", "dashboards", "jobs")


@cache
def files(*endings: str, tests: bool = False) -> list[Path]:
    """The product's files (and the tests', if asked) with one of these endings, sorted."""
    folders = [*PACKAGES, "tests"] if tests else list(PACKAGES)
    return sorted(path for folder in folders for ending in endings for path in (ROOT / folder).rglob(f"*{ending}"))


@cache
def committed() -> list[Path]:
    """Every file of the checkout that git keeps or would keep."""
    ask = ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(ask, capture_output=True, check=False, text=True)
    if listing.returncode:  # an export without .git: everything but what tools leave behind
        skipped = re.compile(r"(^|/)(\.|__pycache__|var/)")
        names = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*")]
        kept = [name for name in names if not skipped.search(name) or name.startswith(".ci/")]
    else:
        kept = [name for name in listing.stdout.split("\0") if name]
    return sorted(path for name in kept if (path := ROOT / name).is_file())


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def place(path: Path, node: ast.AST | int) -> str:
    """`folder/file.py:12`, as an editor opens it."""
    line = node if isinstance(node, int) else getattr(node, "lineno", 0)
    return f"{path.relative_to(ROOT)}:{line}"


def strings(module: ast.Module) -> Iterator[ast.Constant]:
    """Every string constant that is not a docstring or a bare string statement; parts of f-strings included."""
    prose = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node


def statements(sql: str) -> str:
    """SQL without its comments; lines stay where they are."""
    without_blocks = re.sub(r"/\*.*?\*/", lambda match: "\n" * match.group().count("\n"), sql, flags=re.DOTALL)
    return re.sub(r"--[^\n]*", "", without_blocks)
