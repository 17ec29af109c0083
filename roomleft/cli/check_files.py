"""What a folder or file holds for `check`: packs, their tests, alert rules, SLOs, alerting, price lists, each known by its name or by what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from roomleft.errors import PackError, RoomleftError
from roomleft.packs_yaml import Document, read_yaml_documents

SUFFIXES = (".yaml", ".yml", ".json")


class What(StrEnum):
    """What a file is."""

    PACK = "pack"
    TEST = "tests"
    RULES = "rules"
    SLO = "SLOs"
    ALERTING = "alerting"
    PRICES = "prices"


NAMED = ((".test.yaml", What.TEST), (".rules.yaml", What.RULES), (".slo.yaml", What.SLO))
OF_A_PACK = {"slug", "states", "limits", "meters"}
OF_ALERTING = {"receivers", "routes", "inhibit", "maintenance", "smtp", "heartbeat", "pagerduty_webhook"}
OF_OBJECTS = {"apiVersion", "kind", "metadata", "spec"}
OF_PRICES = {"provider", "models"}


@dataclass(slots=True)
class Sorted:
    """The files of one kind each, in the order they were found."""

    files: dict[What, list[Path]] = field(default_factory=dict)

    def of(self, what: What) -> list[Path]:
        """Those of a kind."""
        return self.files.get(what, [])

    def add(self, path: Path, what: What) -> None:
        """Add one, once."""
        if path not in self.files.setdefault(what, []):
            self.files[what].append(path)


def sort_files(path: Path) -> Sorted:
    """What is at a path: a file, or every YAML and JSON file of a folder and below. Raises RoomleftError if nothing is there."""
    found = Sorted()
    if path.is_dir():
        inside = sorted(
            each
            for each in path.rglob("*")
            if each.suffix.lower() in SUFFIXES and not each.is_dir() and not _is_hidden(each, path)
        )
        kinds = {each: what_is(each) for each in inside}
        # What tells nothing of itself is what the others of its folder are.
        others = What.PACK if What.PACK in kinds.values() or What.SLO not in kinds.values() else What.SLO
        for each, what in kinds.items():
            if what is not None:
                found.add(each, what)
            elif others is What.SLO or (each.parent == path and each.suffix.lower() != ".json"):
                found.add(each, others)
    elif path.is_file():
        found.add(path, what_is(path) or (What.PACK if path.suffix == ".yaml" else What.SLO))
    elif not path.exists():
        raise RoomleftError("there is no such file or folder", str(path), "name a file, or a folder of them")
    if not found.files:
        raise RoomleftError("there is no pack here, nor rules or SLOs", str(path), "name a file, or a folder of them")
    return found


def _is_hidden(path: Path, below: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(below).parts)


def what_is(path: Path) -> What | None:
    """What a file is by its name or by its keys; None where neither says."""
    for ending, what in NAMED:
        if path.name.endswith(ending):
            return what
    try:
        documents = read_yaml_documents(path.read_bytes(), path.name)
    except (OSError, PackError):
        return None
    if len(documents) > 1 or any(isinstance(one.data, list) for one in documents):
        return What.SLO
    return next((_by_keys(one) for one in documents if isinstance(one.data, dict)), None)


def _by_keys(document: Document) -> What | None:
    data: Any = document.data
    keys = set(data)
    if "groups" in keys and "apiVersion" not in keys:
        # Groups of PromQL are another system's, which is told by name.
        return What.SLO if _is_promql(data["groups"]) and "platform" not in keys else What.RULES
    for what, own, enough in (
        (What.SLO, OF_OBJECTS, 1),
        (What.PACK, OF_A_PACK, 1),
        (What.ALERTING, OF_ALERTING, 1),
        (What.PRICES, OF_PRICES, 2),
    ):
        if len(keys & own) >= enough:
            return what
    return What.SLO if str(data.get("version", "")).startswith("prometheus/") else None


def _is_promql(groups: object) -> bool:
    rules = [rule for group in _maps(groups) for rule in _maps(group.get("rules"))]
    return bool(rules) and all("expr" in rule and "when" not in rule for rule in rules)


def _maps(value: object) -> Iterator[dict[str, Any]]:
    yield from (item for item in (value if isinstance(value, list) else ()) if isinstance(item, dict))
