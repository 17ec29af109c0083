"""Conditions whose figures are worked out one by one: meters of a pack, burn rates, query files, and Roomleft's own metrics. At one instant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import numpy as np
import pyarrow as pa

from analytics.conditions_board import HOLDS, NOT, UNTOLD, Board, Labels, Told, untold
from analytics.conditions_view import View
from analytics.conditions_words import Line, exact, labels_text
from analytics.meters import Meters
from analytics.slo_judge import Burning
from analytics.wording import amount_text, span_text
from roomleft.errors import PackError, StoreError
from roomleft.findings import Unknown
from roomleft.limits import Kind, Limit, Reading
from roomleft.packs_meters import CountMeter, IncreaseMeter, RatioMeter
from roomleft.rules import Rule
from roomleft.rules_when import BurnIs, MeterIs, OwnIs, SqlIs
from roomleft.slos import Slo
from roomleft.timespan import Period, Window
from warehouse.rows import as_rows, query_text
from warehouse.store import Store, Transaction

MOST_ROWS = 1_000
ASK_FOR_S = 5.0
SHARES = ("percent", "ratio")


class Snapshot:
    """A store as of one transaction: whatever is asked of it is answered from the same state, so that the parts of a ratio belong together."""

    def __init__(self, store: Store, tx: Transaction) -> None:
        self._store, self._tx = store, tx
        self._is_broken = False
        self.where, self.now, self.is_lake = store.where, store.now, store.is_lake

    def query(self, name: str, /, **params: object) -> pa.Table:
        """As the store's."""
        return self.select(query_text(name), params)

    def rows(self, name: str, /, **params: object) -> list[dict[str, Any]]:
        """As the store's."""
        return as_rows(self.query(name, **params))

    def select(self, sql: str, params: Mapping[str, object] | None = None) -> pa.Table:
        """As the store's."""
        if not self._is_broken:
            try:
                return self._tx.execute(sql, params)
            except StoreError:
                # The engine gives a transaction up after an error. One rule's error must not be every rule's.
                self._is_broken = True
        return self._store.select(sql, params)

    def ask(self, sql: str, *, row_limit: int = 10_000, time_limit_s: float = 10.0, see_users: bool = False) -> pa.Table:
        """As the store's, which asks in a transaction of its own."""
        return self._store.ask(sql, row_limit=row_limit, time_limit_s=time_limit_s, see_users=see_users)

    def as_store(self) -> Store:
        """For those who only read."""
        return cast(Store, self)


@dataclass(frozen=True, slots=True)
class Row:
    """One label set with its figure, or with why there is none."""

    labels: Labels
    value: float | None
    told: Told


def column(rows: Sequence[Row], line: Line) -> Board:
    """Rows as a board of one instant."""
    values = np.array([[np.nan if row.value is None else row.value] for row in rows]).reshape(-1, 1)
    truth, still = line.truth(values)
    return Board([row.labels for row in rows], truth, still, lambda g, i: rows[g].told)


def meter_limit(leaf: MeterIs, rule: Rule, unit: str) -> Limit:
    """What a meter is asked for: no limit, but the window it adds up over."""
    window = Window(Period.ROLLING, span=leaf.over) if leaf.over is not None else None
    return Limit(
        f"{rule.platform}.{leaf.meter}", rule.platform, Kind.CAPACITY, leaf.meter, Decimal(0), unit, leaf.meter, window=window
    )


def meter_board(leaf: MeterIs, rule: Rule, meters: Meters, slack: timedelta) -> Board:
    """What a condition over a meter says. Raises PackError for a meter that cannot be read."""
    meter = meters.meter(leaf.meter)
    line = Line.of(leaf, meters.pack, meter.unit)
    if line.unit != meter.unit:
        raise PackError(f"the threshold is in {line.unit}, the meter in {meter.unit}", leaf.meter)
    limit = meter_limit(leaf, rule, meter.unit)
    reading = meters.over_last(leaf.meter, leaf.over, limit) if leaf.over is not None else meters.read(leaf.meter, limit)
    impossible = more_than_whole(meters, meter, limit)
    title = meter.title or leaf.meter.replace("_", " ")
    return column([_read(title, line, reading, impossible, meters.now, slack)], line)


def more_than_whole(meters: Meters, meter: object, limit: Limit) -> str:
    """Of a share of counted events: why it cannot be, when the part is more than the whole."""
    if not isinstance(meter, RatioMeter) or meter.unit not in SHARES:
        return ""
    both = [meters.meter(name) for name in (meter.part, meter.whole)]
    if not all(isinstance(each, IncreaseMeter | CountMeter) for each in both) or both[0].unit != both[1].unit:
        return ""
    part, whole = meters.read(meter.part, limit).amount, meters.read(meter.whole, limit).amount
    if part is None or whole is None or part <= whole:
        return ""
    names = [name.replace("_", " ") for name in (meter.part, meter.whole)]
    return f"{float(part):.10g} {names[0]} of {float(whole):.10g} {names[1]}: more than there were, so the two do not belong together"


def _read(title: str, line: Line, reading: Reading, impossible: str, now: datetime, slack: timedelta) -> Row:
    given: dict[str, Any] = {"line": line.amount, "unit": line.unit, "observed_at": reading.observed_at}
    facts = {"title": title, "subject": reading.subject or title}
    if reading.lower_bound:
        facts["lower_bound"] = "part of it has no price, so it may be more"
    if reading.covers is not None:
        facts["covers"] = span_text(reading.covers)
    if impossible:
        return Row({}, None, Told(f"{title}: {impossible}", facts=facts, unknown=Unknown.ERROR, **given))
    if reading.amount is None:
        return Row({}, None, Told(f"{title}: {reading.reason}", facts=facts, unknown=Unknown.NO_DATA, **given))
    if reading.observed_at is None or now - reading.observed_at > reading.stale_after + slack:
        age = f"no readings for {span_text(now - reading.observed_at)}" if reading.observed_at else "nobody knows how old it is"
        words = f"{title}: {age}; the last was {amount_text(reading.amount, line.unit)}"
        return Row({}, None, Told(words, facts=facts, unknown=Unknown.STALE, **given))
    value = float(reading.amount)
    words = f"{title} is {line.words(reading.amount, holds=bool(line.truth(np.array([value]))[0][0] == HOLDS))}"
    return Row({}, value, Told(words, reading.amount, facts={**facts, "used": amount_text(reading.amount, line.unit)}, **given))


def burn_board(slo: Slo, found: Burning) -> Board:
    """What a burn-rate condition says, as it was judged."""
    holds = np.array([[UNTOLD if found.holds is None else HOLDS if found.holds else NOT]], dtype=np.int8)
    facts = {"slo": slo.slo_id, "title": slo.title, "subject": slo.title, **found.facts}
    value = None if found.holds is None else found.rate
    unknown = (found.unknown or Unknown.NO_DATA) if found.holds is None else None
    words = found.words or f"{slo.title} burns {found.rate:.3g} times faster than evenly"
    told = Told(words, value, found.line, "ratio", found.observed_at, facts, unknown)
    return Board(({},), holds, holds.copy(), lambda g, i: told)


def slo_of(leaf: BurnIs, rule: Rule, view: View) -> Slo | None:
    """The SLO that a condition names."""
    slos: Mapping[str, Slo] = view.slos or {}
    return slos.get(f"{rule.platform}.{leaf.burn}") or slos.get(leaf.burn)


def sql_text(leaf: SqlIs, rule: Rule, view: View) -> str:
    """The text of a condition's query file. Raises PackError."""
    if leaf.sql in rule.sql:
        return rule.sql[leaf.sql]
    pack = view.packs.get(rule.platform)
    if pack is None:
        raise PackError(f"no file {leaf.sql}", rule.platform)
    try:
        return (pack.folder / leaf.sql).read_text(encoding="utf-8")
    except OSError as error:
        raise PackError(f"cannot be read: {error.strerror}", str(pack.folder / leaf.sql)) from error


def asked_at(text: str, at: datetime) -> str:
    """A query with `$at`, the instant that is looked at."""
    return text.strip().rstrip(";").replace("$at", f"TIMESTAMPTZ '{at:%Y-%m-%d %H:%M:%S.%f}+00'")


def sql_board(leaf: SqlIs, rule: Rule, view: View, answer: pa.Table) -> Board:
    """What the rows of a query say. No row: nothing holds. Rows with equal labels are refused, each apart from the others."""
    line = Line.of(leaf, view.packs.get(rule.platform), leaf.unit or "")
    names = {name.lower(): name for name in answer.column_names}
    if "value" not in names:
        raise PackError(f"{leaf.sql} returns no column value", leaf.sql, f"it returns {', '.join(answer.column_names)}")
    if answer.num_rows > MOST_ROWS:
        raise PackError(f"{leaf.sql} returns more than {MOST_ROWS:,} rows", leaf.sql, "ask for those that matter")
    found: dict[tuple[tuple[str, str], ...], list[Mapping[str, Any]]] = {}
    for row in as_rows(answer):
        labels = {name: _text(value) for name, value in row.items() if name not in (names["value"], names.get("observed_at"))}
        found.setdefault(tuple(sorted(labels.items())), []).append(row)
    rows = []
    for key, same in found.items():
        labels, value = dict(key), same[0][names["value"]]
        seen = same[0][names["observed_at"]] if "observed_at" in names else None
        rows.append(_sql_row(leaf, line, labels, value, len(same), seen if isinstance(seen, datetime) else None))
    return column(rows, line)


def _sql_row(leaf: SqlIs, line: Line, labels: Labels, value: Any, same: int, seen: datetime | None) -> Row:
    name = leaf.sql.removesuffix(".sql").replace("_", " ")
    subject = " of ".join(part for part in (name, labels_text(labels)) if part)
    given: dict[str, Any] = {"line": line.amount, "unit": line.unit, "observed_at": seen}
    facts = {"subject": labels_text(labels) or name}
    if same > 1:
        words = f"{subject}: {same} rows have the same labels, so none of them is taken"
        return Row(labels, None, Told(words, facts=facts, unknown=Unknown.ERROR, **given))
    if value is None:
        return Row(labels, None, Told(f"{subject}: the query gave no value", facts=facts, unknown=Unknown.NO_DATA, **given))
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not np.isfinite(float(value)):
        words = f"{subject}: the value {value!r} is no number"
        return Row(labels, None, Told(words, facts=facts, unknown=Unknown.ERROR, **given))
    amount = value if isinstance(value, Decimal) else Decimal(value) if isinstance(value, int) else exact(value)
    holds = bool(line.truth(np.array([float(value)]))[0][0] == HOLDS)
    return Row(labels, float(value), Told(f"{subject} is {line.words(amount, holds=holds)}", amount, facts=facts, **given))


def _text(value: Any) -> str:
    return "" if value is None else value.isoformat() if isinstance(value, datetime) else str(value)


def own_board(leaf: OwnIs, rule: Rule, view: View, at: datetime) -> Board:
    """What a condition over Roomleft's own metrics says."""
    if view.own is None:
        return untold(Unknown.NO_DATA, "Roomleft's own metrics are not kept over time", 1)
    line = Line.of(leaf, view.packs.get(rule.platform))
    found = view.own.rows(leaf.own, at, leaf.over)
    groups: dict[tuple[str, ...], float] = {}
    for labels, value in found:
        if all(labels.get(name) == text for name, text in leaf.labels.items()):
            key = tuple(labels.get(name, "") for name in leaf.by)
            groups[key] = groups.get(key, 0.0) + value
    if not groups and not found:
        # A metric with labels is not there before the first of them was counted.
        return Board((), np.zeros((0, 1), np.int8), np.zeros((0, 1), np.int8), lambda g, i: Told())
    rows = []
    for key, value in sorted(groups.items()):
        labels = dict(zip(leaf.by, key, strict=True))
        subject = " of ".join(part for part in (leaf.own, labels_text(labels)) if part)
        holds = bool(line.truth(np.array([value]))[0][0] == HOLDS)
        rose = f" more in the last {span_text(leaf.over)}" if leaf.over is not None else ""
        words = f"{subject} is {line.words(exact(value), holds=holds)}{rose}"
        facts = {"subject": labels_text(labels) or leaf.own}
        rows.append(Row(labels, value, Told(words, value, line.amount, "", at, facts)))
    return column(rows, line)
