"""The import contracts of pyproject.toml bite: each refuses what it is there to refuse, in a small copy of the layout."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGES, ROOT

MODULES = [
    *(f"{package}/__init__.py" for package in PACKAGES),
    *(f"roomleft/{name}.py" for name in ("__main__", "cli", "app", "limits", "packs")),
    "warehouse/store.py",
    "warehouse/writer.py",
]
FINE = {
    "roomleft/__main__.py": "import roomleft.cli",
    "roomleft/cli.py": "import roomleft.app, jobs",
    "roomleft/app.py": "import dash, dashboards, jobs, warehouse.store, collectors",
    "roomleft/packs.py": "import roomleft.limits",
    "jobs/measure.py": "import analytics, warehouse.store, roomleft.packs",
    "dashboards/app.py": "import dash, analytics, alerts, warehouse.store",
    "warehouse/store.py": "import duckdb, duckdb_extensions, roomleft.limits",
    "warehouse/writer.py": "import warehouse.store",
}


def lint(folder: Path, sources: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the contracts over a tree that holds `MODULES` and these sources."""
    for name in MODULES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    for name, source in sources.items():
        (folder / name).write_text(source + "\n")
    shutil.copy(ROOT / "pyproject.toml", folder)
    program = "from importlinter.cli import lint_imports_command as lint; lint(['--no-cache'])"
    # -P keeps the checkout's own packages out: the working directory is the copy, and the linter adds it itself.
    return subprocess.run(
        [sys.executable, "-P", "-c", program], cwd=folder, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"}
    )


def test_the_intended_imports_are_fine(tmp_path: Path) -> None:
    answer = lint(tmp_path, FINE)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize(
    ("name", "source", "contract"),
    [
        ("collectors/usage.py", "import analytics", "siblings never import one another"),
        ("jobs/collect.py", "import dashboards", "siblings never import one another"),
        ("warehouse/rollup.py", "import collectors", "Imports go downward only"),
        ("analytics/report.py", "import roomleft.app", "Imports go downward only"),
        ("roomleft/limits.py", "import warehouse.store", "The vocabulary imports nothing else of ours"),
        ("roomleft/limits.py", "import roomleft.app", "The vocabulary imports nothing else of ours"),
        ("warehouse/writer.py", "import duckdb", "Only warehouse.store imports duckdb"),
        ("dashboards/answers.py", "def answer():\n    import duckdb", "Only warehouse.store imports duckdb"),
        ("analytics/report.py", "import plotly.graph_objects", "No Dash and no plotly below dashboards"),
        ("roomleft/limits.py", "from dash import html", "No Dash and no plotly below dashboards"),
        ("jobs/measure.py", "import pytest", "The product imports no test library"),
    ],
)
def test_a_contract_refuses(tmp_path: Path, name: str, source: str, contract: str) -> None:
    answer = lint(tmp_path, FINE | {name: source})
    broken = [line for line in answer.stdout.splitlines() if " BROKEN" in line]
    assert answer.returncode == 1, answer.stdout + answer.stderr
    assert any(contract in line for line in broken), answer.stdout
