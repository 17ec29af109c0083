"""What every rule's condition says at an instant: a handful of queries for all rules together.

Read is only what had arrived by the view's `read_to` and had been observed by the instant less the rule's `query_offset`. What cannot be told is
told apart: no data ever, stale, an evaluation error, a collector that is offline. An error of one rule makes that rule unknown and no other.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property, partial

import numpy as np
import pyarrow as pa

from analytics.conditions_absent import USAGE, absent_board, usage_board
from analytics.conditions_anomalies import Anomalies, anomaly_board
from analytics.conditions_answers import Answers
from analytics.conditions_asked import (
    ASK_FOR_S,
    MOST_ROWS,
    Snapshot,
    asked_at,
    burn_board,
    meter_board,
    own_board,
    slo_of,
    sql_board,
    sql_text,
)
from analytics.conditions_board import ABSENT, NOT, Board, joined, untold
from analytics.conditions_headroom import Measured, headroom_board
from analytics.conditions_health import health_board, source_board
from analytics.conditions_reading import reaches_back, unless_half_read
from analytics.conditions_series import REACHES, Batch, Desk, batch_of, is_sound, plan_of, reach_of, series_board
from analytics.conditions_sources import Reasons, Sources
from analytics.conditions_tape import Instants, Ints, Rows, instant_of, span_us
from analytics.conditions_view import Remembered, Scene, View
from analytics.meters import Meters
from analytics.slo_judge import Burning, burning
from roomleft.errors import PackError, RoomleftError
from roomleft.findings import Finding, Looked, Unknown, fingerprint
from roomleft.rules import Rule
from roomleft.rules_when import (
    AbsentIs,
    All,
    AnomalyIs,
    Any_,
    BurnIs,
    HeadroomIs,
    HealthIs,
    Leaf,
    MeterIs,
    OwnIs,
    SeriesIs,
    SourceIs,
    SqlIs,
    leaves,
)
from roomleft.slos import Slo
from warehouse.store import Store

__all__ = ["Found", "Remembered", "View", "look"]
log = logging.getLogger(__name__)
Active = Collection[tuple[str, str]]
GRAVEST = (Unknown.ERROR, Unknown.OFFLINE, Unknown.READING, Unknown.STALE, Unknown.NO_DATA)


class Found(dict[str, Looked]):
    """What was found by rule_id. `label_sets`: how many were looked at, whether or not there is something to say of them."""

    label_sets: int = 0


def look(view: View, rules: Mapping[str, Rule], at: datetime, active: Active | None = None) -> Found:
    """What every rule's condition says at an instant.

    `active`: the (rule_id, fingerprint of the finding's labels that are not the rule's own) of alerts that are more than inactive. Given it, label
    sets that do not hold and are not among them are counted but not handed back. Raises StoreError if the warehouse cannot be read at all.
    """
    with view.store.transaction() as tx:
        # Whatever is read is read from one and the same state, so that the parts of a ratio belong together.
        store = Snapshot(view.store, tx)
        scene = Scene(view, Instants.of(at, view.read_to), store.query, active)
        looking = Looking(scene, rules.values(), store.as_store())
        found = Found()
        for rule in rules.values():
            board = looking.board(rule)
            found.label_sets += int(np.count_nonzero(board.holds != ABSENT))
            found[rule.rule_id] = looking.looked(rule, board, 0, active)
        return found


class Looking:
    """The conditions of some rules at the instants of a scene. What they read is read when the first of them asks."""

    def __init__(self, scene: Scene, rules: Iterable[Rule], store: Store | None = None) -> None:
        self.scene, self.rules, self.store = scene, list(rules), store
        self.reasons = Reasons(scene)
        self._answers: dict[int, Answers] = {}
        self._sources: dict[int, Sources] = {}
        self._measured: dict[int, Measured] = {}
        self._rules_on: frozenset[str] | None = None
        self._asked: dict[str, pa.Table] = {}
        self._of_meters: dict[tuple[str, datetime], Meters] = {}
        self._burned: dict[int, dict[tuple[str, int], Burning]] = {}

    def board(self, rule: Rule) -> Board:
        """What a rule's condition says at every instant; an error makes it unknown, in words."""
        try:
            return self._board(rule.when, rule)
        except RoomleftError as error:
            return untold(Unknown.ERROR, str(error), len(self.scene.instants))
        except Exception as error:
            log.exception("looking at %s failed", rule.rule_id)
            return untold(Unknown.ERROR, f"{type(error).__name__}: {error}", len(self.scene.instants))

    def looked(self, rule: Rule, board: Board, i: int, active: Active | None = None) -> Looked:
        """What a board says at one of its instants."""
        holds = board.holds[:, i]
        here = np.flatnonzero(holds != ABSENT)
        if not len(here):
            if board.nothing is None:
                return Looked()
            told = board.nothing(i)
            return Looked((), told.unknown or Unknown.NO_DATA, told.reason)
        if holds[here].max() < NOT:
            untold_parts = [board.tell(int(g), i) for g in here]
            words = list(dict.fromkeys(each.reason for each in untold_parts))
            kinds = {each.unknown or Unknown.NO_DATA for each in untold_parts}
            more = f"; and {len(words) - 3} more" if len(words) > 3 else ""
            # Nothing at all can be told: that is one thing to say, of the rule.
            return Looked((), next(kind for kind in GRAVEST if kind in kinds), "; ".join(words[:3]) + more)
        shown = here if active is None else self._shown(rule, board, here, i, active)
        return _limited(rule, tuple(board.finding(int(g), i) for g in shown))

    def _shown(self, rule: Rule, board: Board, here: Rows, i: int, active: Active) -> Sequence[int]:
        """The label sets of which there is something to say: all but those that do not hold and whose alert is not on."""
        told = (board.holds[here, i] != NOT) | (board.still[here, i] != NOT)
        if rule.rule_id not in self._on(active):
            return [int(g) for g in here[told]]
        own = ({name: value for name, value in board.labels[int(g)].items() if name not in rule.labels} for g in here)
        return [
            int(g)
            for g, says, labels in zip(here, told, own, strict=True)
            if says or (rule.rule_id, fingerprint(labels)) in active
        ]

    def _on(self, active: Active) -> frozenset[str]:
        if self._rules_on is None:
            self._rules_on = frozenset(rule_id for rule_id, _ in active)
        return self._rules_on

    def _board(self, when: Leaf | All | Any_, rule: Rule) -> Board:
        match when:
            case All():
                return joined([self._part(part, rule) for part in when.all], every=True)
            case Any_():
                return joined([self._part(part, rule) for part in when.any], every=False)
            case SeriesIs():
                return self.series(when, rule)
            case HeadroomIs():
                return self.headroom(when, rule)
            case HealthIs():
                offset = self.offset(rule)
                return health_board(when, rule, self.answers(offset), self.scene, offset)
            case SourceIs():
                return source_board(when, rule, self.sources(self.offset(rule)), self.reasons)
            case AbsentIs() if when.absent == USAGE:
                offset = self.offset(rule)
                return usage_board(when, rule, self.scene, offset, self.sources(offset), self.reasons)
            case AbsentIs():
                return absent_board(when, rule, self._desks[self.offset(rule), reach_of(when)], self.reasons)
            case AnomalyIs():
                return anomaly_board(when, rule, self.anomalies, self.scene, self.offset(rule))
            case MeterIs() | SqlIs() if self._reaches_back(when, rule):
                return self.reached_back(when, rule)
            case MeterIs() | BurnIs() | SqlIs() | OwnIs():
                return self.asked(when, rule)

    def series(self, leaf: SeriesIs, rule: Rule) -> Board:
        """A condition over series."""
        desk = self._desks[self.offset(rule), reach_of(leaf)]
        return series_board(leaf, rule, desk, self._batches.get(id(leaf)), self.reasons)

    def headroom(self, leaf: HeadroomIs, rule: Rule) -> Board:
        """A condition over stored headroom."""
        offset = self.offset(rule)
        return headroom_board(leaf, rule, self.measured(offset), self.scene, offset)

    def reached_back(self, leaf: MeterIs | SqlIs, rule: Rule) -> Board:
        """A figure that depends on history: nothing can be told of it where that was still being read."""
        return unless_half_read(self.asked(leaf, rule), self.measured(self.offset(rule)).half_read_of(rule.platform))

    def _reaches_back(self, leaf: MeterIs | SqlIs, rule: Rule) -> bool:
        pack = self.scene.view.packs.get(rule.platform)
        # A query file may read anything.
        return pack is not None and (isinstance(leaf, SqlIs) or reaches_back(pack, leaf.meter, leaf.over))

    def asked(self, leaf: MeterIs | BurnIs | SqlIs | OwnIs, rule: Rule) -> Board:
        """Conditions whose figures are worked out one by one, at the scene's one instant."""
        view, at = self.scene.view, self.scene.at(0) - rule.query_offset
        match leaf:
            case MeterIs():
                return meter_board(leaf, rule, self._meters(rule.platform, at), view.slack)
            case BurnIs():
                slo, found = self._burning(leaf, rule)
                return burn_board(slo, found)
            case SqlIs():
                text = asked_at(sql_text(leaf, rule, view), at)
                if text not in self._asked:
                    self._asked[text] = view.store.ask(text, row_limit=MOST_ROWS + 1, time_limit_s=ASK_FOR_S, see_users=True)
                return sql_board(leaf, rule, view, self._asked[text])
            case OwnIs():
                return own_board(leaf, rule, view, at)

    def _meters(self, platform: str, at: datetime) -> Meters:
        key = (platform, at)
        if key not in self._of_meters:
            pack = self.scene.view.packs.get(platform)
            if pack is None:
                raise PackError(f"there is no platform '{platform}'")
            assert self.store is not None, "only a look at one instant reads meters one by one"
            meters = self._of_meters[key] = Meters(self.store, pack, at)
            asked = ((leaf, rule) for leaf, rule in self.leaves(MeterIs) if rule.platform == platform)
            meters.announce(leaf.meter for leaf, _ in asked if isinstance(leaf, MeterIs) and leaf.over is None)
        return self._of_meters[key]

    def _burning(self, leaf: BurnIs, rule: Rule) -> tuple[Slo, Burning]:
        """How a budget burns; asked for all rules of one query offset at once."""
        slo = slo_of(leaf, rule, self.scene.view)
        if slo is None:
            raise PackError(f"there is no SLO '{leaf.burn}'", rule.platform)
        offset = self.offset(rule)
        if offset not in self._burned:
            asked: list[tuple[Slo, BurnIs]] = []
            for other, owner in self.leaves(BurnIs):
                assert isinstance(other, BurnIs), "asked for these"
                named = slo_of(other, owner, self.scene.view)
                if named is not None and self.offset(owner) == offset:
                    asked.append((named, other))
            view = replace(self.scene.view, store=self.store) if self.store is not None else self.scene.view
            found = burning(view, asked, self.scene.at(0) - rule.query_offset)
            self._burned[offset] = {(each.slo_id, id(when)): one for (each, when), one in zip(asked, found, strict=True)}
        return slo, self._burned[offset][slo.slo_id, id(leaf)]

    def _part(self, part: Leaf | All | Any_, rule: Rule) -> Board:
        """One part of a combination: its error is its own, and does not matter where another part settles it."""
        try:
            return self._board(part, rule)
        except RoomleftError as error:
            return untold(Unknown.ERROR, str(error), len(self.scene.instants))

    @staticmethod
    def offset(rule: Rule) -> int:
        """How long before the instant a rule reads, in microseconds."""
        return span_us(rule.query_offset)

    def leaves(self, *kinds: type) -> Iterator[tuple[Leaf, Rule]]:
        """The conditions of these kinds, with their rules."""
        for rule in self.rules:
            for leaf in leaves(rule.when):
                if isinstance(leaf, kinds):
                    yield leaf, rule

    # What is read once for all

    @cached_property
    def _desks(self) -> Mapping[tuple[int, int], Desk]:
        known = self.scene.catalogue(
            {leaf.series if isinstance(leaf, SeriesIs) else leaf.absent for leaf, _ in self.series_leaves()}
        )
        places: dict[tuple[int, int], list[np.ndarray]] = {}
        for leaf, rule in self.series_leaves():
            plan = plan_of(known, leaf, rule.platform)
            places.setdefault((self.offset(rule), reach_of(leaf)), []).append(plan.places)
        return {key: self.desk(*key, np.unique(np.concatenate(parts))) for key, parts in places.items()}

    def desk(self, offset_us: int, reach_us: int, places: Ints) -> Desk:
        """The readings of some series."""
        return Desk(self.scene, offset_us, reach_us, places, partial(self.sources, offset_us))

    @cached_property
    def _batches(self) -> Mapping[int, Batch]:
        """The batch of each condition over series, by the condition's identity; faulty conditions are in none."""
        alike: dict[tuple[object, ...], list[tuple[SeriesIs, Rule]]] = {}
        for leaf, rule in self.series_leaves():
            if isinstance(leaf, SeriesIs) and is_sound(leaf, rule, self.scene):
                key = (self.offset(rule), reach_of(leaf), leaf.over, leaf.over_time, leaf.across)
                alike.setdefault(key, []).append((leaf, rule))
        batches: dict[int, Batch] = {}
        for (offset, reach, *_), asked in alike.items():
            assert isinstance(offset, int), "made so"
            assert isinstance(reach, int), "made so"
            batch = batch_of(self._desks[offset, reach], asked)
            batches.update({id(leaf): batch for leaf, _ in asked})
        return batches

    def series_leaves(self) -> Iterator[tuple[SeriesIs | AbsentIs, Rule]]:
        """The conditions over series, with their rules."""
        for leaf, rule in self.leaves(SeriesIs, AbsentIs):
            assert isinstance(leaf, SeriesIs | AbsentIs), "asked for these"
            if isinstance(leaf, SeriesIs) or leaf.absent != USAGE:
                yield leaf, rule

    def measured(self, offset_us: int) -> Measured:
        """The stored headroom of the rules' platforms."""
        if offset_us not in self._measured:
            platforms = sorted({rule.platform for _, rule in self.leaves(HeadroomIs, MeterIs, SqlIs)})
            self._measured[offset_us] = Measured.read(self.scene, offset_us, platforms)
        return self._measured[offset_us]

    @cached_property
    def anomalies(self) -> Anomalies:
        """The stored anomalies of the rules' platforms."""
        return Anomalies.read(self.scene, sorted({rule.platform for _, rule in self.leaves(AnomalyIs)}))

    def answers(self, offset_us: int) -> Answers:
        """The answers of the health checks that rules name, and of those that say whether sources could be read."""
        if offset_us not in self._answers:
            components = {leaf.health for leaf, _ in self.leaves(HealthIs) if isinstance(leaf, HealthIs)}
            platforms = {rule.platform for rule in self.rules}
            self._answers[offset_us] = Answers.read(self.scene, offset_us, sorted(platforms), sorted(components))
        return self._answers[offset_us]

    def sources(self, offset_us: int) -> Sources:
        """The looks at the sources."""
        if offset_us not in self._sources:
            reach = max((reach_of(leaf) for leaf, _ in self.series_leaves()), default=REACHES[0])
            span = instant_of(reach) - instant_of(0)
            self._sources[offset_us] = Sources(self.scene, offset_us, span, self.answers(offset_us))
        return self._sources[offset_us]


def _limited(rule: Rule, findings: tuple[Finding, ...]) -> Looked:
    holding = sum(finding.holds is True for finding in findings)
    if rule.limit is not None and holding > rule.limit:
        return Looked(
            (),
            Unknown.ERROR,
            f"{holding} label sets hold at once, more than the limit of {rule.limit} that its group sets each rule",
        )
    return Looked(findings)
