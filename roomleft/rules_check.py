"""What no single field of a rule can tell: that its labels do not clash, that its templates can be filled in, that its queries only read, and
(`rules_names`) that every name in its conditions exists."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from roomleft.errors import RoomleftError
from roomleft.packs_yaml import Document, Place
from roomleft.rule_words import is_template, template_faults, words_for
from roomleft.rules import GroupSpec, RuleSpec
from roomleft.rules_names import RESERVED, Around, Names
from roomleft.rules_when import Leaf, SqlIs, brings
from roomleft.settings import ROOT

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
CLOCKS = re.compile(
    r"\b(now|today|get_current_timestamp|get_current_time)\s*\(|(?<!\.)\b(current_date|current_time|current_timestamp)\b",
    re.IGNORECASE,
)
NOT_SQL = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)
NUMERIC = re.compile(r"^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL.*|DOUBLE|FLOAT|REAL)$")


def check_rule(
    document: Document,
    place: Place,
    rule: RuleSpec,
    whens: Sequence[tuple[Leaf, Place]],
    group: Mapping[str, Any],
    around: Around,
    whole: bool,
) -> None:
    """Add every fault of one rule, whose conditions are `whens`. `whole`: those are all; none was refused before."""
    check = _Check(document, place, rule, whens, around)
    known = whole
    for leaf, at in whens:
        check.names.leaf(leaf, at)
        if isinstance(leaf, SqlIs):
            columns = check.query(leaf, at)
            known = known and columns is not None
            check.found.update(columns or ())
    check.labels(group)
    check.times()
    check.runbook()
    check.words(group, known, whole)
    check.faults_named()


def check_group(document: Document, place: Place, group: GroupSpec) -> None:
    """Add the faults of a group's own fields."""
    for name, value in group.labels.items():
        _label(document, name, value, (*place, "labels", name))
    _times(document, place, group.interval, "interval", SECOND, DAY)
    _times(document, place, group.query_offset, "query_offset", timedelta(0), DAY)


class _Check:
    def __init__(
        self, document: Document, place: Place, rule: RuleSpec, whens: Sequence[tuple[Leaf, Place]], around: Around
    ) -> None:
        self.document, self.place, self.rule, self.around = document, place, rule, around
        self.pack = around.pack
        self.names = Names(document, around, rule.component is not None)
        self.kinds = [leaf for leaf, _ in whens]
        self.found: set[str] = {name for leaf in self.kinds for name in brings(leaf)}
        """Labels that the conditions' findings carry."""

    # Queries

    def query(self, leaf: SqlIs, place: Place) -> list[str] | None:
        """The labels that a query returns; None where that cannot be told."""
        where = (*place, "sql")
        path = self.around.folder / leaf.sql
        text = read_query(path)
        if text is None:
            self.document.add(f"no file {path.parent.name}/{path.name}", where, "write the query there")
            return None
        if clock := CLOCKS.search(NOT_SQL.sub(" ", text)):
            self.document.add(
                f"{leaf.sql} asks {(clock[1] or clock[2]).lower()}", where, "write $at, the instant that is looked at"
            )
            return None
        if self.around.columns is None:
            return None
        try:
            columns = self.around.columns(text)
        except RoomleftError as error:
            self.document.add(f"{leaf.sql} may not be asked: {error.what}", where, error.hint)
            return None
        names = [name.lower() for name in columns]
        if "value" not in names:
            self.document.add(f"{leaf.sql} returns no column value", where, f"it returns {', '.join(columns)}")
            return None
        kind = next(kind for name, kind in columns.items() if name.lower() == "value")
        if not NUMERIC.match(kind):
            self.document.add(f"the value of {leaf.sql} is {kind}, no number", where, "count, sum or cast it")
        for name in sorted({name for name in names if names.count(name) > 1}):
            self.document.add(f"{leaf.sql} returns column '{name}' twice", where, "give each its own name with AS")
        taken = {*RESERVED} - ({"component"} if self.rule.component is None else set())
        for name in columns:
            if name in taken:
                self.document.add(
                    f"{leaf.sql} returns the label '{name}', which every alert has already", where, "leave it out, or rename it"
                )
        return [name for name in columns if name.lower() not in ("value", "observed_at")]

    # Labels, times, words

    def labels(self, group: Mapping[str, Any]) -> None:
        shared = group.get("labels")
        for name, value in self.rule.labels.items():
            place = (*self.place, "labels", name)
            _label(self.document, name, value, place)
            if name in self.found:
                self.document.add(f"label '{name}' clashes with what the condition finds", place, "rename it")
            if isinstance(shared, dict) and shared.get(name, value) != value:
                self.document.add(
                    f"label '{name}' is '{shared[name]}' in the group and '{value}' in the rule", place, "give it one value"
                )
        if isinstance(shared, dict):
            for name in shared:
                if name in self.found and name not in RESERVED:
                    self.document.add(
                        f"the group's label '{name}' clashes with what the condition finds",
                        (*self.place[:-2], "labels", name),
                        f"rename it, or leave it out of rule {self.rule.alert}",
                    )

    def times(self) -> None:
        _times(self.document, self.place, self.rule.hold, "for", SECOND, 30 * DAY)
        _times(self.document, self.place, self.rule.keep_firing_for, "keep_firing_for", SECOND, 30 * DAY)

    def runbook(self) -> None:
        runbook, place = self.rule.runbook, (*self.place, "runbook")
        if runbook.startswith("https://"):
            return
        if "://" in runbook:
            self.document.add(
                f"'{runbook}' is not an address a page may link to", place, "write https://…, or a path under docs/"
            )
            return
        path = runbook.partition("#")[0]
        if path.startswith("/") or ".." in Path(path).parts or not path:
            self.document.add(f"'{runbook}' is not a path within the checkout", place, "write for example docs/runbooks/NAME.md")
        elif not any((folder / path).is_file() for folder in (ROOT, self.around.folder)):
            self.document.add(f"no runbook {path}", place, "write it, or give an https:// address")

    def words(self, group: Mapping[str, Any], known: bool, whole: bool) -> None:
        for name in ("title", "runbook", "owner"):
            if is_template(getattr(self.rule, name) or ""):
                self.document.add(f"{name} is a template, and is not filled in", (*self.place, name), "only annotations are")
        shared = group.get("labels")
        labels = {*RESERVED, *self.rule.labels, *(shared if isinstance(shared, dict) else ()), *self.found}
        for name, text in self.rule.annotations.items():
            if is_template(text):
                words = words_for(self.kinds) if whole else None
                for what, hint in template_faults(text, words, labels if known else None):
                    self.document.add(what, (*self.place, "annotations", name), hint)

    def faults_named(self) -> None:
        known = self.pack.standin.faults if self.pack is not None and self.pack.standin is not None else {}
        for number, fired in enumerate(self.rule.fired_by):
            self.names.known(fired.fault, known, "fault", (*self.place, "fired_by", number, "fault"), "faults of the stand-in")


def _label(document: Document, name: str, value: object, place: Place) -> None:
    if name in RESERVED:
        document.add(f"label '{name}' is taken", place, _instead(name))
    elif isinstance(value, str) and is_template(value):
        document.add(f"label '{name}' is a template: a label that changes makes another alert", place, "put it in annotations")


def _instead(name: str) -> str:
    return {"alertname": "it is the name after alert:", "platform": "it is the file's platform"}.get(
        name, f"write {name}: beside labels"
    )


def _times(document: Document, place: Place, span: timedelta | None, key: str, least: timedelta, most: timedelta) -> None:
    if span is not None and not least <= span <= most:
        short = span < least
        document.add(
            f"{key} is {'shorter than a second' if short else f'longer than {most.days} d'}",
            (*place, key),
            "leave it out" if short else "an alert nobody sees for so long helps nobody",
        )


def read_query(path: Path) -> str | None:
    """A query file's text; None if there is no such file."""
    try:
        return path.read_text(encoding="utf-8").strip().rstrip(";")
    except (OSError, UnicodeDecodeError):
        return None
