"""The alert rules, SLOs and alerting.yaml in force: read together at the start, and again when somebody says so or packs change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from analytics.conditions_asked import asked_at
from roomleft.alerting import Alerting
from roomleft.alerting_file import DEMO, load_alerting
from roomleft.errors import InputError, PackError
from roomleft.packs import Pack
from roomleft.rules_names import Columns
from roomleft.rules_shelf import RulesChanged, RulesInUse, rule_sources
from roomleft.settings import Settings
from roomleft.slos import Slo, slos_of
from warehouse.gate_users import naming
from warehouse.rows import as_rows
from warehouse.store import Store

SAMPLE_AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def columns_of(store: Store) -> Columns:
    """What questions return, asked of a warehouse; it need not hold anything."""

    def columns(sql: str) -> Mapping[str, str]:
        rows = as_rows(store.ask(f"DESCRIBE {asked_at(sql, SAMPLE_AT)}", row_limit=1000, see_users=True))
        names = Counter(str(row["column_name"]).lower() for row in rows)
        for name in (name for name, times in names.items() if times > 1):
            raise InputError(f"it returns column '{name}' twice", "the query", "give each its own name with AS")
        found = {str(row["column_name"]): str(row["column_type"]) for row in rows}
        if told := naming(store.parsed(asked_at(sql, SAMPLE_AT)), found):
            hint = (
                "count users, or add up what they cost: an alert is told to everybody, also to those who may not see single users"
            )
            raise InputError(f"its rows would name users, by column '{told}'", "the query", hint)
        return found

    return columns


def rules_folder(settings: Settings) -> Path | None:
    """Where rules and SLOs of one's own lie. A demo has only those put into its own folder: its packs are not one's own."""
    if settings.demo and not settings.rules_dir.is_relative_to(settings.data_dir):
        return None
    return settings.rules_dir


@dataclass(frozen=True, slots=True)
class Ruled:
    """What was read: the rules that changed, and what is wrong with each file that was refused, those of SLOs and alerting.yaml too."""

    rules: RulesChanged = field(default_factory=RulesChanged)
    alerting_changed: bool = False


class Ruling:
    """What is in force. What is refused leaves what it gave before as it was."""

    def __init__(self, settings: Settings, packs: Mapping[str, Pack], store: Store) -> None:
        self.rules = RulesInUse()
        self.slos: Mapping[str, Slo] = {}
        self.alerting = DEMO if settings.demo else Alerting()
        self._settings, self._packs, self._store = settings, packs, store

    def begin(self) -> None:
        """Read everything. Raises PackError if anything has a fault: a server does not start on half of what it is to watch."""
        refused = list(self.reload().rules.refused.values())
        if len(refused) == 1:
            raise refused[0]
        if refused:
            raise PackError("\n".join(str(error) for error in refused), "rules", f"{len(refused)} files have faults")

    def reload(self) -> Ruled:
        """Read everything again. A file with a fault is refused, and what it gave before goes on."""
        folder = rules_folder(self._settings)
        refused: dict[str, PackError] = {}
        try:
            self.slos = slos_of(self._packs, folder)
        except PackError as error:
            refused["SLOs"] = error
        rules = self.rules.reload(rule_sources(self._packs, folder), self._packs, self.slos, columns_of(self._store))
        before = self.alerting
        try:
            self.alerting = DEMO if self._settings.demo else load_alerting(self._settings.alerting_file)
        except PackError as error:
            refused["alerting.yaml"] = error
        return Ruled(replace(rules, refused={**refused, **rules.refused}), self.alerting != before)
