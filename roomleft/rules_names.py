"""That every name in a condition exists in its platform's pack, and that its line is one a reading can cross."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from roomleft import metrics
from roomleft.errors import PackError
from roomleft.packs import Pack
from roomleft.packs_meters import ACCUMULATING, COMPOSED
from roomleft.packs_yaml import Document, Place, nearest
from roomleft.rules_lines import CHANCE, FRACTION_LEFT, Range, impossible, reading_range
from roomleft.rules_when import (
    AbsentIs,
    AnomalyIs,
    Bound,
    BurnIs,
    HeadroomIs,
    HealthIs,
    Leaf,
    MeterIs,
    OwnIs,
    SeriesIs,
    SourceIs,
    SqlIs,
)
from roomleft.slos import Slo, pairs_asked

OWN = "roomleft"
"""The platform of rules about Roomleft itself."""
OWN_KINDS = (OwnIs, SourceIs, SqlIs, AbsentIs)
RESERVED = ("alertname", "platform", "severity", "component", "owner")
"""Labels that every rule has by its own fields."""
OPEN_SOURCES = ("prometheus", "postgres", "redis")
"""Kinds of source whose series the pack does not list."""


Columns = Callable[[str], Mapping[str, str]]
"""The columns of a question by name, and the type of each. Raises QueryRefused for what may not be asked."""


@dataclass(frozen=True, slots=True)
class Around:
    """What a rule file may speak of. `pack` is None for rules about Roomleft itself; `slos` are the platform's by name; `folder` holds its query
    files; `columns` asks what a query returns, and is left out where there is no warehouse to ask."""

    platform: str
    pack: Pack | None
    folder: Path
    slos: Mapping[str, Slo]
    columns: Columns | None = None
    taken: Mapping[str, str] = field(default_factory=dict)
    """Where the rules that were read before stand, by rule_id."""


def own_metrics() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Roomleft's own metrics as they are exposed: what kind each is and which labels it has."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for metric in vars(metrics).values():
        kind = getattr(metric, "_type", None)
        if isinstance(metric, type) or not isinstance(kind, str):
            continue
        name, labels = metric._name, tuple(metric._labelnames)
        endings = {"counter": ("_total",), "histogram": ("_sum", "_count", "_bucket")}.get(kind, ("",))
        for ending in endings:
            extra = ("le",) if ending == "_bucket" else ()
            found[name + ending] = ("gauge" if ending == "" else "counter", (*labels, *extra))
    return found


def series_of(pack: Pack) -> dict[str, str]:
    """Every series that a pack names, and the component it belongs to where that is said."""
    found: dict[str, str] = {}

    def note(name: str | None, component: str | None = None) -> None:
        if name and not found.get(name):
            found[name] = component or ""

    for signal in pack.signals:
        note(signal.series, signal.component)
        note(signal.of, signal.component)
    for key, meter in pack.meters.items():
        note(getattr(meter, "series", None), getattr(meter, "component", None))
        if meter.kind == "promql":
            note(f"promql:{key}", meter.component)
    for way in pack.request_paths.values():
        note(way.total)
        for hop in way.hops:
            note(hop.series, hop.component)
    for score in pack.scores.values():
        for term in score.terms:
            note(term.series)
            note(term.of)
    for shape in pack.standin.series if pack.standin else ():
        note(shape.name, shape.component)
    return found


class Names:
    """Checks conditions of one rule, which gives its alerts the component itself or not."""

    def __init__(self, document: Document, around: Around, gives_component: bool) -> None:
        self.document, self.around, self.gives_component = document, around, gives_component
        self.pack = around.pack

    def known(self, name: str, known: Collection[str], what: str, place: Place, of: str = "") -> bool:
        """Whether a name exists; notes a fault if it does not."""
        if name in known:
            return True
        self.document.add(f"unknown {what} '{name}'", place, nearest(name, known, of or f"{what}s of {self.around.platform}"))
        return False

    def leaf(self, leaf: Leaf, place: Place) -> None:
        if self.pack is None and not isinstance(leaf, OWN_KINDS):
            self.document.add(
                "rules about Roomleft itself have no limits, meters, series, checks or SLOs",
                place,
                "ask for own metrics, a source, a query, or what is absent",
            )
            return
        if self.pack is not None and isinstance(leaf, OwnIs):
            self.document.add(
                "Roomleft's own metrics belong to no platform", place, f"write the rule in a file of platform {OWN}"
            )
            return
        match leaf:
            case HeadroomIs():
                self._headroom(leaf, place, _pack(self.pack))
            case MeterIs():
                self._meter(leaf, place, _pack(self.pack))
            case SeriesIs():
                self._series(leaf, place, _pack(self.pack))
            case HealthIs():
                self._health(leaf, place, _pack(self.pack))
            case SourceIs():
                self._source(leaf, place)
            case BurnIs():
                self._burn(leaf, place)
            case AbsentIs():
                self._absent(leaf, place)
            case AnomalyIs():
                self._anomaly(leaf, place)
            case OwnIs():
                self._own(leaf, place)
            case SqlIs():
                self._threshold(leaf, place, leaf.unit)
        if isinstance(leaf, (SeriesIs, AbsentIs, OwnIs)):
            self._by(leaf.by, (*place, "by"))

    def _headroom(self, leaf: HeadroomIs, place: Place, pack: Pack) -> None:
        specs = {spec.id: spec for spec in pack.limits}
        if leaf.headroom != "*" and not self.known(leaf.headroom, specs, "limit", (*place, "headroom")):
            return
        chosen = list(specs.values()) if leaf.headroom == "*" else [specs[leaf.headroom]]
        fitting = [spec for spec in chosen if leaf.kind is None or str(spec.kind) == leaf.kind]
        if not fitting:
            kinds = sorted({str(spec.kind) for spec in chosen})
            self.document.add(f"no limit here is of kind '{leaf.kind}'", (*place, "kind"), f"kinds: {', '.join(kinds)}")
            return
        for name, possible in (("fraction_left", FRACTION_LEFT), ("p_breach", CHANCE)):
            self._line(getattr(leaf, name), (*place, name), possible)
        if leaf.used is not None and len(fitting) == 1:
            spec = fitting[0]
            over = spec.window.rolling if spec.window is not None else None
            possible = reading_range(pack, spec.meter, over) if spec.amount_per is None else Range()
            self._line(leaf.used, (*place, "used"), possible, spec.unit)
        if leaf.order_within is not None and all(spec.next_step is None or spec.next_step.lead_time is None for spec in fitting):
            self.document.add(
                "a limit whose next step has no lead time has no date to order by",
                (*place, "order_within"),
                "give the limit's next_step a lead_time, or ask exhausts_within",
            )
        if leaf.burn_rate is not None:
            if all(spec.window is None for spec in fitting):
                self.document.add(
                    "a limit without a window has no burn rate", (*place, "burn_rate"), "ask fraction_left or exhausts_within"
                )
            elif all(str(spec.direction) == "at_least" for spec in fitting):
                self.document.add("a floor has no burn rate", (*place, "burn_rate"), "ask fraction_left or used")

    def _meter(self, leaf: MeterIs, place: Place, pack: Pack) -> None:
        if not self.known(leaf.meter, pack.meters, "meter", (*place, "meter")):
            self._threshold(leaf, place, None)
            return
        meter = pack.meters[leaf.meter]
        if adding := _adding_up(pack, leaf.meter):
            if leaf.over is None:
                self.document.add(f"meter '{adding}' adds up, so it needs a time", place, "give over: 1h, or the meter an over")
        elif leaf.over is not None and meter.kind not in COMPOSED:
            words = "has an over of its own" if getattr(meter, "over", None) else "reads a level"
            self.document.add(f"meter '{leaf.meter}' {words}, which over does not change", (*place, "over"), "leave over out")
        if self._threshold(leaf, place, meter.unit):
            self._line(leaf if leaf.side else None, place, reading_range(pack, leaf.meter, leaf.over), meter.unit)

    def _series(self, leaf: SeriesIs, place: Place, pack: Pack) -> None:
        known = series_of(pack)
        if leaf.series not in known and not any(source.kind in OPEN_SOURCES for source in pack.sources):
            self.known(leaf.series, known, "series", (*place, "series"), "series of the pack")
        if leaf.component is not None:
            self.known(leaf.component, [each.id for each in pack.components], "component", (*place, "component"))
        self._threshold(leaf, place, leaf.unit or unit_of(pack, leaf))

    def _health(self, leaf: HealthIs, place: Place, pack: Pack) -> None:
        if not self.known(leaf.health, [each.id for each in pack.components], "component", (*place, "health")):
            return
        if leaf.check is not None and pack.standin is not None and not pack.sources:
            own = {f"reads {pack.source_name}", f"clock of {pack.source_name}", *(f"read {s}" for s in ("usage", "samples"))}
            checks = {each.check for each in pack.standin.checks if each.component == leaf.health}
            if leaf.check not in own:
                self.known(leaf.check, checks, "check", (*place, "check"), f"checks of {leaf.health}")

    def _source(self, leaf: SourceIs, place: Place) -> None:
        if leaf.source == "*" or self.pack is None:
            return
        slug = self.pack.slug
        names = {self.pack.source_name, slug, *(each.name for each in self.pack.sources)}
        self.known(leaf.source.removeprefix(f"{slug}."), names, "source", (*place, "source"))

    def _burn(self, leaf: BurnIs, place: Place) -> None:
        if self.known(leaf.burn, self.around.slos, "SLO", (*place, "burn")):
            try:
                pairs_asked(self.around.slos[leaf.burn], leaf)
            except PackError as error:
                self.document.add(error.what, (*place, "pairs" if leaf.pairs is not None else "long"), error.hint)

    def _absent(self, leaf: AbsentIs, place: Place) -> None:
        if leaf.absent == "usage" and (leaf.labels or leaf.by):
            self.document.add("usage has no series labels", (*place, "labels" if leaf.labels else "by"), "leave them out")
        if self.pack is None or leaf.absent == "usage":
            return
        if not any(source.kind in OPEN_SOURCES for source in self.pack.sources):
            self.known(leaf.absent, {*series_of(self.pack), "usage"}, "series", (*place, "absent"), "series of the pack")

    def _anomaly(self, leaf: AnomalyIs, place: Place) -> None:
        platform = self.around.platform
        if leaf.target not in (None, "*") and not str(leaf.target).startswith(f"{platform}/"):
            self.document.add(
                f"'{leaf.target}' is no series of {platform}", (*place, "target"), f'write {platform}/ai_cost, or "*" for all'
            )

    def _own(self, leaf: OwnIs, place: Place) -> None:
        known = own_metrics()
        if not self.known(leaf.own, known, "own metric", (*place, "own"), "own metrics"):
            return
        kind, labels = known[leaf.own]
        for name in leaf.labels:
            self.known(name, labels, "label", (*place, "labels", name), f"labels of {leaf.own}")
        for number, name in enumerate(leaf.by):
            self.known(name, labels, "label", (*place, "by", number), f"labels of {leaf.own}")
        if leaf.over is not None and kind != "counter":
            self.document.add(f"{leaf.own} is a gauge, which does not rise over a time", (*place, "over"), "leave over out")

    def _by(self, by: list[str], place: Place) -> None:
        for number, name in enumerate(by):
            if name in by[:number]:
                self.document.add(f"label '{name}' stands twice", (*place, number), "once is enough")
            elif name in RESERVED and not (name == "component" and not self.gives_component):
                self.document.add(
                    f"label '{name}' is taken: every alert of the rule has its own", (*place, number), "leave it out of by"
                )

    def _threshold(self, leaf: MeterIs | SeriesIs | SqlIs, place: Place, unit: str | None) -> bool:
        """Whether the line is right, as far as its threshold goes."""
        if leaf.threshold is None:
            return True
        thresholds = self.pack.thresholds if self.pack is not None else {}
        where = (*place, "threshold")
        if not self.known(leaf.threshold, thresholds, "threshold", where):
            return False
        line = thresholds[leaf.threshold]
        if unit is not None and line.unit != unit:
            self.document.add(f"the threshold is in {line.unit}, the reading in {unit}", where, "use a threshold of that unit")
            return False
        if leaf.clear is not None and (leaf.clear > line.amount if line.side == "above" else leaf.clear < line.amount):
            self.document.add(
                "clear lies on the wrong side of the threshold", (*place, "clear"), f"it is {line.side} {line.amount}"
            )
        return True

    def _line(self, bound: Bound | None, place: Place, possible: Range, unit: str = "") -> None:
        if bound is not None and (why := impossible(bound, possible, unit)):
            self.document.add(why, place, "set a line that a reading can cross")


def _pack(pack: Pack | None) -> Pack:
    assert pack is not None, "conditions of a platform are refused before without one"
    return pack


def _adding_up(pack: Pack, name: str) -> str:
    """The meter, among those this one is made of, that has no time of its own to add up over; empty if there is none."""
    todo, seen = [name], set()
    while todo:
        key = todo.pop()
        meter = pack.meters.get(key)
        if meter is None or key in seen:
            continue
        seen.add(key)
        if meter.kind in ACCUMULATING and getattr(meter, "over", None) is None:
            return key
        if meter.kind != "growth":
            parts = [getattr(meter, part, None) for part in ("part", "whole", "less", "of") if meter.kind in COMPOSED]
            todo += [one for part in parts for one in (part if isinstance(part, list) else [part]) if isinstance(one, str)]
    return ""


def unit_of(pack: Pack, leaf: SeriesIs) -> str | None:
    """The unit that the pack gives a series' readings; None where it says none or the condition changes it."""
    if leaf.scale is not None or leaf.over_time in ("rate", "increase"):
        return None
    return next((signal.unit for signal in pack.signals if signal.series == leaf.series and signal.show == "value"), None)
