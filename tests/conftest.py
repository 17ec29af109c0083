"""Fixtures that every test may ask for, and short names for test cases."""

from __future__ import annotations

import os
import sys

import pytest

# Compiled once, not by every worker and every server that a test starts: where an environment says otherwise, that is half a minute of a run,
# and a third of each start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

pytest_plugins = [
    "tests.fixtures.asked",
    "tests.fixtures.browser",
    "tests.fixtures.clock",
    "tests.fixtures.hook",
    "tests.fixtures.pagerduty",
    "tests.fixtures.pages",
    "tests.fixtures.postgres",
    "tests.fixtures.prometheus",
    "tests.fixtures.alertmanager",
    "tests.fixtures.providers",
    "tests.fixtures.redis",
    "tests.fixtures.shared",
    "tests.fixtures.smtp",
]

LONGEST_NAME = 60
LONGEST_FILES = {"test_rules_fire.py"}
"""Those that take minutes alone."""


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes and long texts after their argument: gzip writes the time into its output, and the workers of one run
    must agree on every test's name."""
    if isinstance(val, bytes) or (isinstance(val, str) and len(val) > LONGEST_NAME):
        return argname
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: a file runs whole on one worker, and the other would wait for it in the end."""
    items.sort(
        key=lambda item: (
            item.path.name not in LONGEST_FILES,
            not any(item.iter_markers("chaos")) and not any(item.iter_markers("browser")),
        )
    )
