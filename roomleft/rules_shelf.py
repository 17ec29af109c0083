"""The rules in force: those beside the packs in force, one's own in `rules_dir`, and those about Roomleft itself. Changed while the server runs."""

from __future__ import annotations

import threading
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, Sequence, ValuesView
from dataclasses import dataclass, field
from pathlib import Path

from roomleft.errors import PackError
from roomleft.packs import Pack
from roomleft.packs_yaml import short_name
from roomleft.rule_files import load_rules
from roomleft.rules import Rule
from roomleft.rules_names import Columns
from roomleft.settings import ROOT
from roomleft.slos import Slo

OWN_RULES = ROOT / "alerts" / "own.rules.yaml"
"""The rules about Roomleft itself."""


@dataclass(frozen=True, slots=True)
class RuleSource:
    """A file of rules, and the pack it stands beside; None for one's own files."""

    path: Path
    pack: Pack | None = None


def rule_sources(packs: Mapping[str, Pack], rules_dir: Path | None, own: Path | None = OWN_RULES) -> list[RuleSource]:
    """Every file of rules there is, in the order they are read: the packs', one's own by name, Roomleft's. A demo has no `rules_dir`."""
    found = [RuleSource(path, pack) for pack in packs.values() if (path := rules_beside(pack)).is_file()]
    found += [RuleSource(path) for path in rule_files_in(rules_dir)] if rules_dir is not None else []
    return found + ([RuleSource(own)] if own is not None and own.is_file() else [])


def rules_beside(pack: Pack) -> Path:
    """Where a pack's own rules stand; the file need not exist."""
    return pack.folder.with_name(f"{pack.slug}.rules.yaml")


def rule_files_in(folder: Path) -> list[Path]:
    """The rule files of a folder, by name: every `*.yaml` that is not a file of SLOs; none if there is no such folder."""
    return [path for path in sorted(folder.glob("*.yaml")) if not path.name.endswith(".slo.yaml")] if folder.is_dir() else []


@dataclass(frozen=True, slots=True)
class RulesChanged:
    """What reading the rules again changed, by rule_id, and the files that were refused, with what is wrong; their former rules go on."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    refused: Mapping[str, PackError] = field(default_factory=dict)


class RulesInUse(Mapping[str, Rule]):
    """The rules in force by rule_id. `reload` changes them all at once: whoever walks over them meanwhile sees the old ones to the end."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._rules: dict[str, Rule] = {rule.rule_id: rule for rule in rules}
        self._by_file: dict[Path, tuple[str | None, list[Rule]]] = {}
        self._lock = threading.Lock()
        self.refused: Mapping[str, PackError] = {}
        """What is wrong with each file that was refused at the last look; its former rules, if it had any, go on."""

    def reload(
        self,
        sources: Sequence[RuleSource],
        packs: Mapping[str, Pack],
        slos: Mapping[str, Slo] | None = None,
        columns: Columns | None = None,
    ) -> RulesChanged:
        """Read these files. One with a fault is refused and what it gave before stays; the others change at once."""
        with self._lock:
            after: dict[str, Rule] = {}
            refused: dict[str, PackError] = {}
            by_file: dict[Path, tuple[str | None, list[Rule]]] = {}
            for source in sources:
                slug = source.pack.slug if source.pack is not None else None
                taken = {rule_id: rule.where for rule_id, rule in after.items()}
                try:
                    rules = load_rules(source.path, source.pack, packs, slos=slos, columns=columns, taken=taken)
                except PackError as error:
                    refused[short_name(source.path)] = error
                    rules = [rule for rule in self._former(source.path, slug) if rule.rule_id not in after]
                by_file[source.path] = (slug, rules)
                after.update({rule.rule_id: rule for rule in rules})
            before, self._rules = self._rules, after
            self._by_file, self.refused = by_file, refused
            return RulesChanged(
                added=tuple(name for name in after if name not in before),
                changed=tuple(name for name in after if name in before and after[name] != before[name]),
                removed=tuple(name for name in before if name not in after),
                refused=refused,
            )

    def _former(self, path: Path, slug: str | None) -> list[Rule]:
        """What a file gave before, unless it stood beside another pack then."""
        beside, rules = self._by_file.get(path, (slug, []))
        return rules if beside == slug else []

    def __getitem__(self, rule_id: str) -> Rule:
        return self._rules[rule_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)

    def items(self) -> ItemsView[str, Rule]:
        return self._rules.items()

    def values(self) -> ValuesView[Rule]:
        return self._rules.values()

    def keys(self) -> KeysView[str]:
        return self._rules.keys()
