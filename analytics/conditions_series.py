"""Conditions over series: what gauges read and how far counters rose, for each value of some labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt

from analytics.conditions_board import ABSENT, HOLDS, Board, Labels, Told, Truth, untold
from analytics.conditions_counters import Counters
from analytics.conditions_sources import Reasons, Sources
from analytics.conditions_tape import NEVER, Floats, Ints, Rows, Tape, added, instant_of, per_series, span_us
from analytics.conditions_view import REMEMBERED, Remembered, Scene, SeriesRow
from analytics.conditions_words import Line, exact, labels_text, said, truths
from analytics.wording import span_text
from roomleft.errors import RoomleftError
from roomleft.findings import Unknown
from roomleft.packs import Pack
from roomleft.rules import Rule
from roomleft.rules_when import AbsentIs, SeriesIs

COUNTERS = ("rate", "increase")
REACHES = tuple(span_us(timedelta(minutes=m)) for m in (5, 20, 120, 1440, 100 * 1440))
"""Conditions that look back about as far are read together."""
SETTLING = 2
"""For so many intervals of its platform a sum waits for all its series to be read for the first time."""
MANY = 500
"""From so many series on they are read by name."""
DROPPED_AFTER = span_us(timedelta(hours=1))
"""A series that its source does not give for so long, though it is read, is no part of a sum any more."""
SILENT_KEPT = timedelta(minutes=5)
HERE, SILENT, ENDED, GONE, NEVER_SEEN = range(5)
"""How a series stands: it reads; silent; ended while its source was not read; ended for good; not within memory."""
Codes = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Plan:
    """What a condition reads: the places of its series in the catalogue, the group of each, and the groups' labels."""

    places: Ints
    group: Ints
    labels: Sequence[Labels]


def plan_of(known: Remembered, leaf: SeriesIs | AbsentIs, platform: str) -> Plan:
    """The series of a condition; remembered as long as no series is added."""
    kept = known.plans.get(id(leaf))
    if kept is not None and kept[0] is leaf:
        plan: Plan = kept[1]
        return plan
    name = leaf.series if isinstance(leaf, SeriesIs) else leaf.absent
    component = leaf.component if isinstance(leaf, SeriesIs) else None
    wanted = leaf.labels.items()
    places, keys = [], []
    for place in known.by_name.get(name, ()):
        row = known.series[place]
        if row.platform != platform or (component is not None and row.component != component):
            continue
        if all(row.labels.get(key) == value for key, value in wanted):
            places.append(place)
            keys.append(tuple(row.labels.get(key, "") for key in leaf.by))
    groups = {key: number for number, key in enumerate(sorted(set(keys)))}
    group = [groups[key] for key in keys]
    labels = [dict(zip(leaf.by, values, strict=True)) for values in groups]
    plan = Plan(np.array(places, dtype=np.int64), np.array(group, dtype=np.int64), labels)
    known.plans[id(leaf)] = (leaf, plan)
    return plan


@dataclass
class Desk:
    """What several conditions with one query offset and about the same reach read, loaded at once."""

    scene: Scene
    offset_us: int
    reach_us: int
    places: Ints
    read_sources: Callable[[], Sources]

    def __post_init__(self) -> None:
        scene, known = self.scene, self.scene.view.remembered
        self.instants = scene.instants.before(self.offset_us)
        self.rows: Sequence[SeriesRow] = [known.series[p] for p in self.places]
        backs: dict[tuple[str, str], int] = {}
        for row in self.rows:
            key = (row.platform, row.labels.get("source", ""))
            if key not in backs:
                backs[key] = scene.look_back(*key)
        self.look_back = np.array([backs[row.platform, row.labels.get("source", "")] for row in self.rows], dtype=np.int64)
        self.tape = self._loaded(known.ids[self.places], max(backs.values(), default=0))
        self._reduced: dict[tuple[int, str], Floats] = {}
        self._newest: Rows | None = None
        self._codes: Codes | None = None

    def _loaded(self, ids: npt.NDArray[np.uint64], look_back: int) -> Tape:
        """The readings within reach and, for one instant, the last one before that of series which gave none."""
        scene, instants = self.scene, self.instants
        one = len(instants) == 1
        first = instant_of(int(instants.at[0]) - self.reach_us - look_back)
        until, read_to = instant_of(int(instants.at[-1])), instant_of(int(instants.read_to[-1]))
        if not len(ids):
            return Tape.of(ids)
        since = first if one else first - REMEMBERED
        span = {"since": since, "until": until, "read_to": read_to}
        if len(ids) > MANY:
            rows = scene.query("alert_samples_named", names=sorted({row.name for row in self.rows}), **span)
        else:
            rows = scene.query("alert_samples", ids=ids.tolist(), **span)
        if not one:
            return Tape.of(ids, rows)
        begun = np.zeros(len(ids), dtype=bool)
        tape = Tape.of(ids, rows)
        begun[tape.series[tape.observed <= int(instants.at[0]) - self.reach_us]] = True
        silent = scene.view.remembered.silent
        asked = [i for i in ids[~begun].tolist() if i not in silent or not timedelta(0) <= first - silent[i] < SILENT_KEPT]
        if not asked:
            return tape
        older = scene.query("alert_samples_before", ids=asked, since=first - REMEMBERED, until=first, read_to=read_to)
        found = set(older["series_id"].to_pylist())
        silent.update({i: first for i in asked if i not in found})
        return tape if not found else Tape.of(ids, rows, older)

    @cached_property
    def sources(self) -> Sources:
        """The looks at the sources, read when first asked for."""
        return self.read_sources()

    def newest(self) -> Rows:
        """The newest reading of each series at each instant."""
        if self._newest is None:
            self._newest = self.tape.newest(self.instants)
        return self._newest

    def stands(self) -> Ints:
        """How much longer than usual the newest reading of each series stands at each instant: live, none does."""
        return np.zeros((self.tape.count, len(self.instants)), dtype=np.int64)

    def values(self, over_us: int, over_time: str) -> Floats:
        """What each series gives at each instant, NaN where it gives no number."""
        key = (over_us, over_time)
        if key not in self._reduced:
            self._reduced[key] = self._values(over_us, over_time)
        return self._reduced[key]

    def _values(self, over_us: int, over_time: str) -> Floats:
        if over_time in COUNTERS:
            rises = Counters(self).increase(over_us)
            return rises / (over_us / 1e6) if over_time == "rate" else rises
        if over_time == "last":
            newest = self.newest()
            found = np.append(self.tape.value, np.nan)[newest]
            old = np.append(self.tape.observed, NEVER)[newest] <= self.instants.at - over_us
            found[old | ~np.isfinite(found)] = np.nan
            return found
        return per_series(self.tape, self.instants, over_us, over_time)

    def codes(self) -> Codes:
        """How each series stands at each instant."""
        if self._codes is None:
            newest = self.newest()
            observed = np.append(self.tape.observed, NEVER)[newest]
            ended = np.append(self.tape.null, False)[newest]
            codes = np.where(observed > self.instants.at - self.look_back[:, None], np.int8(HERE), np.int8(SILENT)).astype(
                np.int8
            )
            codes[observed <= self.instants.at - span_us(REMEMBERED) - self.scene.slack_us] = NEVER_SEEN
            marked = ended & (codes != NEVER_SEEN)
            codes[marked] = ENDED
            for place in np.flatnonzero(marked.any(axis=1)).tolist():
                good = self.sources.good_at(self.sources.source_of(self.rows[place]))
                known = self.sources.is_known(self.sources.source_of(self.rows[place]))
                codes[place, marked[place] & ((good >= observed[place]) | (not known))] = GONE
            self._codes = codes
        return self._codes

    def is_young(self, places: Ints, platform: str) -> npt.NDArray[np.bool_]:
        """Whether at an instant all of these series have only just begun: then some of them may not have been read yet."""
        pack = self.scene.view.packs.get(platform)
        settling = SETTLING * span_us(pack.interval if pack is not None else timedelta(minutes=1)) + self.scene.slack_us
        rows = self.tape.newest(self.instants, settling)[places]
        observed = np.append(self.tape.observed, NEVER)[rows]
        told = observed > self.instants.at - span_us(REMEMBERED) - self.scene.slack_us
        young: npt.NDArray[np.bool_] = np.logical_not(np.any(told, axis=0))
        return young

    def is_dropped(self, places: Ints) -> npt.NDArray[np.bool_]:
        """Which silent series their source has not given for an hour, though it was read."""
        observed = np.append(self.tape.observed, NEVER)[self.newest()[places]]
        found = np.zeros(observed.shape, dtype=bool)
        for n, place in enumerate(places):
            source = self.sources.source_of(self.rows[place])
            if self.sources.is_known(source):
                found[n] = self.sources.good_at(source) > observed[n] + DROPPED_AFTER
        return found


def reach_of(leaf: SeriesIs | AbsentIs) -> int:
    """Up to how far back a condition reads, in microseconds: the least of REACHES."""
    span = span_us(leaf.over if isinstance(leaf, SeriesIs) else leaf.for_longer_than)
    return next((reach for reach in REACHES if span <= reach), REACHES[-1])


@dataclass
class Batch:
    """Conditions of one desk that take the same of their series, worked out in one go. `holds`, `still` and `total` have a row a label set, those
    of each condition together; `at` is each condition's first row."""

    rows: Mapping[int, slice]
    local: Ints
    group: Ints
    total: Floats
    count: Ints
    missing: Ints
    holds: Truth
    still: Truth


def batch_of(desk: Desk, asked: Sequence[tuple[SeriesIs, Rule]]) -> Batch:
    """What conditions with the same `over`, `over_time` and `across` say at each instant."""
    known, packs, n = desk.scene.view.remembered, desk.scene.view.packs, len(desk.instants)
    plans = [plan_of(known, leaf, rule.platform) for leaf, rule in asked]
    firsts = np.cumsum([0, *(len(plan.labels) for plan in plans)])
    group = np.concatenate([plan.group + first for plan, first in zip(plans, firsts.tolist(), strict=False)])
    local = np.searchsorted(desk.places, np.concatenate([plan.places for plan in plans]))
    count_of = [len(plan.labels) for plan in plans]
    leaf = asked[0][0]
    values, codes = desk.values(span_us(leaf.over), leaf.over_time)[local], desk.codes()[local]
    size = int(firsts[-1]) * n
    keys = group[:, None] * n + np.arange(n)
    reads = (codes == HERE) & np.isfinite(values)
    here = np.bincount(keys[codes <= ENDED], minlength=size) > 0
    count = np.bincount(keys[reads], minlength=size)
    total = _across(leaf.across, keys[reads], values[reads], size, count)
    missing = np.zeros(size, dtype=np.int64)
    if leaf.across == "sum":
        lacking = (codes == SILENT) | (codes == ENDED) | ((codes == HERE) & ~reads)
        if lacking.any():
            some = np.flatnonzero(lacking.any(axis=1))
            lacking[some] &= ~((codes[some] == SILENT) & desk.is_dropped(local[some]))
            missing = np.bincount(keys[lacking], minlength=size)
        total[missing > 0] = np.nan
    total[count == 0] = np.nan
    total = total.reshape(-1, n)
    if leaf.across == "sum":
        for (_, rule), plan, first in zip(asked, plans, firsts.tolist(), strict=False):
            mine = slice(first, first + len(plan.labels))
            total[mine, desk.is_young(np.searchsorted(desk.places, plan.places), rule.platform)] = np.nan
    scales = [float(leaf.scale) if leaf.scale is not None else 1.0 for leaf, _ in asked]
    if any(scale != 1.0 for scale in scales):
        total *= np.repeat(scales, count_of)[:, None]
    lines = [_line(leaf, rule, packs.get(rule.platform)) for leaf, rule in asked]
    holds, still = truths(lines, count_of, total)
    gone = ~here.reshape(-1, n)
    holds[gone], still[gone] = ABSENT, ABSENT
    rows = {
        id(leaf): slice(first, first + length) for (leaf, _), first, length in zip(asked, firsts.tolist(), count_of, strict=False)
    }
    return Batch(rows, local, group, total, count.reshape(-1, n), missing.reshape(-1, n), holds, still)


def _line(leaf: SeriesIs, rule: Rule, pack: Pack | None) -> Line:
    return Line.of(leaf, pack, leaf.unit or _unit(pack, leaf.series))


def is_sound(leaf: SeriesIs, rule: Rule, scene: Scene) -> bool:
    """Whether a condition has series and a line. What is wrong with one must not keep others from being worked out."""
    try:
        _line(leaf, rule, scene.view.packs.get(rule.platform))
    except RoomleftError:
        return False
    return len(plan_of(scene.view.remembered, leaf, rule.platform).places) > 0


def series_board(leaf: SeriesIs, rule: Rule, desk: Desk, batch: Batch | None, reasons: Reasons) -> Board:
    """What a condition over series says at each instant. Without a batch it has no series, or a fault. Raises PackError."""
    scene, plan, n = desk.scene, plan_of(desk.scene.view.remembered, leaf, rule.platform), len(desk.instants)
    name = leaf.series + (f" of {labels_text(leaf.labels)}" if leaf.labels else "")
    if batch is None:
        _line(leaf, rule, scene.view.packs.get(rule.platform))
        return untold(Unknown.NO_DATA, f"no series {name} has been seen", n)
    mine = batch.rows[id(leaf)]
    holds, still, total = batch.holds[mine], batch.still[mine], batch.total[mine]

    def tell(g: int, i: int) -> Told:
        line, codes = _line(leaf, rule, scene.view.packs.get(rule.platform)), desk.codes()
        local = batch.local[batch.group == mine.start + g]
        observed = np.append(desk.tape.observed, NEVER)[desk.newest()[local, i]]
        newest = int(observed.max())
        subject = " of ".join(part for part in (name, labels_text(plan.labels[g])) if part)
        facts = {"subject": labels_text(plan.labels[g]), "series": leaf.series, "window": span_text(leaf.over)}
        if not np.isnan(total[g, i]):
            text = said(subject, line, exact(total[g, i]), leaf.over_time, leaf.over, holds=bool(holds[g, i] == HOLDS))
            return Told(text, float(total[g, i]), line.amount, line.unit, instant_of(newest), facts)
        at, count, missing = int(desk.instants.at[i]), int(batch.count[mine][g, i]), int(batch.missing[mine][g, i])
        seen = instant_of(newest) if newest > at - span_us(REMEMBERED) - scene.slack_us else None
        if count and missing:
            text = f"{subject}: {count} of {count + missing} series so far"
        elif count:
            text = f"{subject}: {count} series so far, the first readings of it"
        elif (codes[local, i] == HERE).any():
            text = f"{subject} gave no number in the last {span_text(leaf.over)}"
        else:
            text = f"no readings of {subject} for {span_text(timedelta(microseconds=at - newest))}"
        for place in local[codes[local, i] != HERE].tolist():
            row = desk.rows[place]
            why = reasons.of(row.platform, desk.sources.source_of(row), at, int(desk.instants.read_to[i]))
            if why is not None:
                return Told(f"{text}; {why[1]}", None, line.amount, line.unit, seen, facts, why[0])
        return Told(text, None, line.amount, line.unit, seen, facts, Unknown.STALE)

    def nothing(i: int) -> Told:
        at, to = int(desk.instants.at[i]), int(desk.instants.read_to[i])
        source = desk.sources.source_of(desk.rows[int(batch.local[batch.group == mine.start][0])])
        why = reasons.of(rule.platform, source, at, to)
        words = f"no readings of {name} in the last day"
        return Told(f"{words}; {why[1]}", unknown=why[0]) if why else Told(words, unknown=Unknown.NO_DATA)

    return Board(plan.labels, holds, still, tell, nothing)


def _across(across: str, keys: Ints, values: Floats, size: int, count: npt.NDArray[np.int64]) -> Floats:
    if across in ("sum", "mean"):
        total = added(keys, values, size)
        if across == "mean":
            with np.errstate(invalid="ignore", divide="ignore"):
                total = total / count
        return total
    best = np.full(size, -np.inf if across == "max" else np.inf)
    (np.maximum if across == "max" else np.minimum).at(best, keys, values)
    return best


def _unit(pack: Pack | None, series: str) -> str:
    """The unit that the pack's charts give a series."""
    return (
        next((signal.unit for signal in pack.signals if signal.series == series and signal.show == "value"), "") if pack else ""
    )
