"""What is declared is documented, and nothing else is."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from roomleft.metrics import REGISTRY
from tests.architecture.sources import ROOT


def rows(page: Path) -> dict[str, str]:
    """The rows of a page's tables by the name that their first cell gives in backquotes."""
    found = re.findall(r"^\|\s*`([^`]+)`[^|]*\|(.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return dict(found)


def declared_metrics() -> dict[str, tuple[str, ...]]:
    """Each metric as a scraper sees it, with its label names."""
    found = {}
    for collector in set(REGISTRY._collector_to_names):
        (family,) = collector.describe()
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found[name] = tuple(getattr(collector, "_labelnames", ()))
    return found


def test_metrics_page_names_every_metric_and_no_other() -> None:
    assert rows(ROOT / "docs" / "metrics.md").keys() == declared_metrics().keys()


@pytest.mark.parametrize(("name", "labels"), sorted(declared_metrics().items()))
def test_metric_is_documented_with_its_labels(name: str, labels: tuple[str, ...]) -> None:
    row = rows(ROOT / "docs" / "metrics.md").get(name, "")
    assert [label for label in labels if f"`{label}`" not in row] == []


@pytest.mark.skipif(importlib.util.find_spec("roomleft.settings") is None, reason="no settings are declared yet")
def test_settings_page_names_every_setting() -> None:
    from roomleft.settings import SETTINGS

    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert [setting.name for setting in SETTINGS if f"`{setting.name}`" not in text] == []
