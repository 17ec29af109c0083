"""What rules' conditions said at many instants of the past: for replay.

Where rules were evaluated live, each instant sees exactly what the evaluation saw. Before that, history is looked at as of its observed time, and
what cannot be known any more is unknown; `notes` say in words, by rule, where that was so and what was taken instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property, partial

import numpy as np

from analytics.conditions import Looking
from analytics.conditions_answers import Answers
from analytics.conditions_asked import (
    ASK_FOR_S,
    MOST_ROWS,
    asked_at,
    meter_limit,
    slo_of,
    sql_board,
    sql_text,
)
from analytics.conditions_board import ABSENT, HOLDS, NOT, UNTOLD, Board, Labels, Told, untold
from analytics.conditions_headroom import Measured
from analytics.conditions_series import Desk, reach_of
from analytics.conditions_tape import Instants, Ints, instant_of, us
from analytics.conditions_view import Scene, View
from analytics.conditions_words import Line, exact
from analytics.history_burns import history_burn_board, live_burn_boards
from analytics.history_columns import Column, Columns
from analytics.history_headroom import Past
from analytics.history_tapes import HistoryDesk, stands
from roomleft.errors import PackError, RoomleftError
from roomleft.findings import Looked, Unknown
from roomleft.packs_meters import Meter
from roomleft.rules import Rule
from roomleft.rules_when import BurnIs, HeadroomIs, HealthIs, MeterIs, OwnIs, SeriesIs, SqlIs
from roomleft.slos import Slo
from roomleft.timespan import Period, Window

LIVE_WITHIN = timedelta(minutes=10)
"""An instant whose data had to have arrived this soon after it was evaluated live; a later one is looked back at."""
MOST_ASKED = 100
"""A query file is asked so often at most; its answer holds until the next."""
STEP = timedelta(minutes=5)
Notes = dict[str, list[str]]
Instant = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was found of a rule at the instants `first` to `last`, both among them: every finding's truth is the same in all of them."""

    rule_id: str
    first: int
    last: int
    looked: Looked


def stretches(
    view: View, rules: Mapping[str, Rule], instants: Sequence[Instant], notes: Notes | None = None
) -> Iterator[Stretch]:
    """What was found of each rule at instants (at, read_to) in time order, run-length encoded: each rule's stretches in time order.

    An instant with a `read_to` soon after it was evaluated live, and agrees with `look` there. `notes` is filled, by rule_id, with what is to be
    said of how it was found. Findings that never held nor were unknown in a stretch's run are left out. Raises StoreError.
    """
    told: Notes = notes if notes is not None else {}
    for first, last, live in _runs(instants, view.slack):
        yield from _run(view, rules, instants[first:last], first, live=live, notes=told)


def _runs(instants: Sequence[Instant], slack: timedelta) -> Iterator[tuple[int, int, bool]]:
    """Runs [first, last) of instants that were evaluated live, or not, and in which neither time goes back."""
    first = 0
    for i in range(1, len(instants) + 1):
        if i < len(instants):
            (before, read_before), (at, read_to) = instants[i - 1], instants[i]
            if at >= before and read_to >= read_before and _is_live(instants[i], slack) == _is_live(instants[first], slack):
                continue
        yield first, i, _is_live(instants[first], slack)
        first = i


def _is_live(instant: Instant, slack: timedelta) -> bool:
    at, read_to = instant
    return read_to - at < LIVE_WITHIN + slack


def _run(
    view: View, rules: Mapping[str, Rule], instants: Sequence[Instant], shift: int, *, live: bool, notes: Notes
) -> Iterator[Stretch]:
    many = Instants(
        np.array([us(at) for at, _ in instants], dtype=np.int64),
        np.array([us(read_to) for _, read_to in instants], dtype=np.int64),
    )
    scene = Scene(replace(view, read_to=instants[-1][1]), many, view.store.query)
    looking = Replaying(scene, rules, live=live, notes=notes)
    for rule in rules.values():
        looking.rule_id = rule.rule_id
        yield from _encoded(rule, looking.board(rule), looking, shift)


def _encoded(rule: Rule, board: Board, looking: Replaying, shift: int) -> Iterator[Stretch]:
    """A board as stretches. Where it matters to the rule why nobody knows, a stretch ends where that changes too."""
    n = board.holds.shape[1]
    changed = np.zeros(max(n - 1, 0), dtype=bool)
    if len(board.labels):
        changed |= (board.holds[:, 1:] != board.holds[:, :-1]).any(axis=0) | (board.still[:, 1:] != board.still[:, :-1]).any(
            axis=0
        )
    if looking.live and rule.on_no_data in ("alert", "ok"):
        changed |= ((board.holds == UNTOLD).any(axis=0) | (board.holds == ABSENT).all(axis=0))[1:]
    slim = _slim(board)
    starts = [0, *(np.flatnonzero(changed) + 1).tolist()]
    before: Stretch | None = None
    for first, following in zip(starts, [*starts[1:], n], strict=True):
        looked = looking.looked(rule, slim if _is_told_alike(board, slim, first) else board, first)
        if before is not None and _is_alike(before.looked, looked):
            before = Stretch(before.rule_id, before.first, shift + following - 1, before.looked)
            continue
        if before is not None:
            yield before
        before = Stretch(rule.rule_id, shift + first, shift + following - 1, looked)
    if before is not None:
        yield before


def _slim(board: Board) -> Board:
    """The board without the label sets of which there is never anything to say: they need not be told of at each change."""
    matter = ((board.holds == HOLDS) | (board.holds == UNTOLD) | (board.still == HOLDS)).any(axis=1)
    if not matter.any() or matter.all():
        return board
    kept = np.flatnonzero(matter).tolist()
    labels = [board.labels[g] for g in kept]
    return Board(labels, board.holds[kept], board.still[kept], lambda g, i: board.tell(kept[g], i), board.nothing)


def _is_alike(one: Looked, other: Looked) -> bool:
    return one.unknown == other.unknown and _truths(one) == _truths(other)


def _truths(looked: Looked) -> list[object]:
    found = [(sorted(each.labels.items()), each.holds, each.still, each.facts.get("unknown")) for each in looked.findings]
    return sorted(found, key=str)


def _is_told_alike(board: Board, slim: Board, i: int) -> bool:
    """Whether leaving out what never matters changes nothing at an instant: that nobody knows must not be said of part of the label sets."""
    if slim is board:
        return True
    return bool((slim.holds[:, i] >= NOT).any()) or not bool((board.holds[:, i] != ABSENT).any())


class Replaying(Looking):
    """The conditions of some rules at many instants."""

    def __init__(self, scene: Scene, rules: Mapping[str, Rule], *, live: bool, notes: Notes) -> None:
        super().__init__(scene, rules.values(), scene.view.store)
        self.live, self.notes = live, notes
        self.rule_id = ""
        self.reasons.quiet = not live
        # All that may be asked for at once: the places of series must not change while conditions are worked out.
        scene.catalogue({*self._read_by_rules(), *_read_by_meters(scene.view, self.rules)})
        self._columns: dict[tuple[str, int], Columns] = {}
        self._kept_desks: dict[tuple[int, int, bytes], HistoryDesk] = {}
        self._pasts: dict[int, Past] = {}

    def _read_by_rules(self) -> Iterator[str]:
        for leaf, _ in self.series_leaves():
            yield leaf.series if isinstance(leaf, SeriesIs) else leaf.absent

    def note(self, words: str) -> None:
        """Something to be said of how the present rule was looked at."""
        said = self.notes.setdefault(self.rule_id, [])
        if words not in said:
            said.append(words)

    def desk(self, offset_us: int, reach_us: int, places: Ints) -> Desk:
        """Live instants see what was seen; others, readings as they were observed."""
        return super().desk(offset_us, reach_us, places) if self.live else self.history_desk(offset_us, places, reach_us)

    def series(self, leaf: SeriesIs, rule: Rule) -> Board:
        """Conditions over series."""
        board = super().series(leaf, rule)
        desk = self._desks[self.offset(rule), reach_of(leaf)]
        for words in desk.noted if isinstance(desk, HistoryDesk) else ():
            self.note(words)
        return board

    def history_desk(self, offset_us: int, places: Ints, reach_us: int) -> HistoryDesk:
        """The readings of some series in history; loaded once."""
        key = (offset_us, reach_us, np.asarray(places).tobytes())
        if key not in self._kept_desks:
            self._kept_desks[key] = HistoryDesk(self.scene, offset_us, reach_us, places, partial(self.sources, offset_us))
        return self._kept_desks[key]

    def columns(self, platform: str, offset_us: int) -> Columns:
        """The meters of a platform. Raises PackError for one without a pack."""
        key = (platform, offset_us)
        if key not in self._columns:
            pack = self.scene.view.packs.get(platform)
            if pack is None:
                raise PackError(f"there is no platform '{platform}'")
            rule = next(rule for rule in self.rules if rule.platform == platform)
            instants = self.scene.instants.before(offset_us)
            self._columns[key] = Columns(
                self.scene, pack, instants, rule, lambda places, reach: self.desk(offset_us, reach, places),
                partial(self.history_desk, offset_us), live=self.live,
            )  # fmt: skip
        return self._columns[key]

    def measured(self, offset_us: int) -> Measured:
        """Stored headroom; of long histories the last row of each five minutes."""
        if self.live:
            return super().measured(offset_us)
        if offset_us not in self._measured:
            instants = self.scene.instants.before(offset_us)
            table = self.scene.query(
                "alert_headroom_thinned",
                platforms=sorted({rule.platform for _, rule in self.leaves(HeadroomIs)}),
                since=instant_of(int(instants.at[0])) - 3 * STEP,
                until=instant_of(int(instants.at[-1])),
            )
            self._measured[offset_us] = Measured.of(table, self.scene, offset_us, 2 * STEP)
        return self._measured[offset_us]

    def headroom(self, leaf: HeadroomIs, rule: Rule) -> Board:
        """Stored headroom and, of history, what can be worked out where none was stored."""
        if self.live:
            return super().headroom(leaf, rule)
        offset = self.offset(rule)
        if offset not in self._pasts:
            self._pasts[offset] = Past(self.scene, lambda platform: self.columns(platform, offset))
        instants = self.scene.instants.before(offset)
        return self._pasts[offset].board(leaf, rule, self.measured(offset), instants, offset, self.note)

    def answers(self, offset_us: int) -> Answers:
        """Of history, answers stand for as long as they are apart."""
        if self.live:
            return super().answers(offset_us)
        if offset_us not in self._answers:
            components = {leaf.health for leaf, _ in self.leaves(HealthIs) if isinstance(leaf, HealthIs)}
            platforms = {rule.platform for rule in self.rules}
            self._answers[offset_us] = Answers.read(self.scene, offset_us, sorted(platforms), sorted(components), stands)
        return self._answers[offset_us]

    def reached_back(self, leaf: MeterIs | SqlIs, rule: Rule) -> Board:
        """Looked back at, history is whole."""
        return super().reached_back(leaf, rule) if self.live else self.asked(leaf, rule)

    def asked(self, leaf: MeterIs | BurnIs | SqlIs | OwnIs, rule: Rule) -> Board:
        """Conditions whose figures are worked out: a column at a time."""
        match leaf:
            case MeterIs():
                return self._meter(leaf, rule)
            case BurnIs():
                slo = slo_of(leaf, rule, self.scene.view)
                if slo is None:
                    raise PackError(f"there is no SLO '{leaf.burn}'", rule.platform)
                if self.live:
                    return self._live_burns[self.offset(rule)][slo.slo_id, id(leaf)]
                offset = self.offset(rule)
                instants = self.scene.instants.before(offset)
                return history_burn_board(
                    leaf, slo, self.scene, instants, lambda platform: self.columns(platform, offset), self.note
                )
            case SqlIs():
                return self._sql(leaf, rule)
            case OwnIs():
                self.note("Roomleft's own metrics keep no history")
                return untold(Unknown.NO_DATA, "Roomleft's own metrics keep no history", len(self.scene.instants))

    @cached_property
    def _live_burns(self) -> Mapping[int, Mapping[tuple[str, int], Board]]:
        by_offset: dict[int, list[tuple[Slo, BurnIs]]] = {}
        for leaf, rule in self.leaves(BurnIs):
            assert isinstance(leaf, BurnIs), "asked for these"
            slo = slo_of(leaf, rule, self.scene.view)
            if slo is not None:
                by_offset.setdefault(self.offset(rule), []).append((slo, leaf))
        return {
            offset: live_burn_boards(asked, self.scene, self.scene.instants.before(offset)) for offset, asked in by_offset.items()
        }

    def _meter(self, leaf: MeterIs, rule: Rule) -> Board:
        offset = self.offset(rule)
        columns = self.columns(rule.platform, offset)
        meter = columns.meters.meter(leaf.meter)
        line = Line.of(leaf, columns.pack, meter.unit)
        if line.unit != meter.unit:
            raise PackError(f"the threshold is in {line.unit}, the meter in {meter.unit}", leaf.meter)
        with columns.noting(self.note):
            column = self._meter_column(leaf, rule, columns, meter)
        holds, still = line.truth(column.amount[None, :])
        title = meter.title or leaf.meter.replace("_", " ")
        instants = self.scene.instants.before(offset)

        def tell(g: int, i: int) -> Told:
            at, amount = instant_of(int(instants.at[i])), float(column.amount[i])
            facts = {"title": title, "subject": title}
            if np.isnan(amount):
                return Told(f"{title}: {column.why}", None, line.amount, line.unit, None, facts, Unknown.NO_DATA)
            value = exact(round(amount, 9))
            words = f"{title} is {line.words(value, holds=bool(holds[g, i] == HOLDS))}"
            return Told(words, value, line.amount, line.unit, at, facts)

        labels: list[Labels] = [{}]
        return Board(labels, holds, still, tell)

    def _meter_column(self, leaf: MeterIs, rule: Rule, columns: Columns, meter: Meter) -> Column:
        limit = meter_limit(leaf, rule, meter.unit)
        if leaf.over is not None and meter.kind in ("gauge", "promql", "percentile"):
            return columns.read_over(leaf.meter, leaf.over, limit)
        if leaf.over is not None:
            limit = replace(limit, window=Window(Period.ROLLING, span=leaf.over))
        return columns.read(leaf.meter, limit)

    def _sql(self, leaf: SqlIs, rule: Rule) -> Board:
        """A query, asked at some of the instants; each answer holds until the next. One that does not ask `$at` cannot speak of the past."""
        text, n = sql_text(leaf, rule, self.scene.view), len(self.scene.instants)
        if "$at" not in text:
            self.note("its query speaks of the present only: write $at in it")
            return untold(Unknown.NO_DATA, "its query speaks of the present only", n)
        instants = self.scene.instants.before(self.offset(rule))
        places = np.unique(np.linspace(0, n - 1, min(n, MOST_ASKED)).astype(np.int64))
        self.note(
            "its query is asked of the data as it is now" + (f", at {len(places)} of {n} instants" if len(places) < n else "")
        )
        boards = []
        for i in places.tolist():
            question = asked_at(text, instant_of(int(instants.at[i])))
            try:
                answer = self.scene.view.store.ask(question, row_limit=MOST_ROWS + 1, time_limit_s=ASK_FOR_S, see_users=True)
                boards.append(sql_board(leaf, rule, self.scene.view, answer))
            except RoomleftError as error:
                boards.append(untold(Unknown.ERROR, str(error), 1))
        return held(boards, np.searchsorted(places, np.arange(n), "right") - 1)


def _read_by_meters(view: View, rules: Sequence[Rule]) -> Iterator[str]:
    """The names of all series that the platforms' meters read."""
    for platform in {rule.platform for rule in rules}:
        pack = view.packs.get(platform)
        for meter_id, meter in pack.meters.items() if pack is not None else ():
            yield f"promql:{meter_id}" if meter.kind == "promql" else str(getattr(meter, "series", ""))


def held(boards: Sequence[Board], which: Ints) -> Board:
    """Boards of one instant each as one of many: `which` of them says what of each instant."""
    places: dict[tuple[tuple[str, str], ...], int] = {}
    for board in boards:
        for labels in board.labels:
            places.setdefault(tuple(sorted(labels.items())), len(places))
    shape = (len(places), len(boards))
    holds, still = np.full(shape, ABSENT, dtype=np.int8), np.full(shape, ABSENT, dtype=np.int8)
    rows: dict[tuple[int, int], int] = {}
    for n, board in enumerate(boards):
        for g, labels in enumerate(board.labels):
            place = places[tuple(sorted(labels.items()))]
            holds[place, n], still[place, n] = board.holds[g, 0], board.still[g, 0]
            rows[place, n] = g

    def tell(g: int, i: int) -> Told:
        n = int(which[i])
        return boards[n].tell(rows[g, n], 0)

    faults = {n: board.nothing for n, board in enumerate(boards) if board.nothing is not None}
    if not faults:
        return Board([dict(key) for key in places], holds[:, which], still[:, which], tell)
    # What could not be asked is a label set of its own, without labels, that cannot be told.
    broken = np.array([-1 if n in faults else ABSENT for n in range(len(boards))], dtype=np.int8)[None, :]
    last = len(places)

    def tell_all(g: int, i: int) -> Told:
        n = int(which[i])
        return faults[n](i) if g == last else tell(g, i)

    both = np.concatenate([holds, broken])[:, which], np.concatenate([still, broken])[:, which]
    return Board([*(dict(key) for key in places), {}], *both, tell_all)
