"""SLOs in OpenSLO files: which of them can be evaluated here, and as what.

An indicator names what is measured here by `metricSource.type: roomleft` with `spec: {meter: NAME}` (a meter of a pack) or `spec: {sql: QUERY}`, and
`platform: SLUG` where the service is not a platform's slug. One of `type: prometheus` asks the Prometheus server that `metricSourceRef` names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast
from zoneinfo import ZoneInfo

from roomleft.errors import PackError
from roomleft.openslo import Found, Verdict, read_objects
from roomleft.openslo_measuring import Measuring, NotHere, ident
from roomleft.openslo_models import IndicatorSpec, Objective, SliObject, SloObject, TimeWindow
from roomleft.packs import Pack
from roomleft.packs_meters import PromqlMeter
from roomleft.packs_yaml import PackFaults, Problem
from roomleft.slo_windows import AlignedWindow
from roomleft.slos import (
    Indicator,
    Method,
    Slo,
    burn_pairs,
    category_of,
    slos_of_packs,
    sources_of,
)
from roomleft.timespan import Period, Window

METHODS = {
    "Occurrences": Method.OCCURRENCES,
    "Timeslices": Method.TIMESLICES,
    "RatioTimeslices": Method.RATIO_TIMESLICES,
}
SUFFIX = ".slo.yaml"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An SLO of a file that cannot be evaluated here, and why."""

    name: str
    where: str
    why: str


def read_slos(packs: Mapping[str, Pack], rules_dir: Path | None) -> tuple[dict[str, Slo], list[Elsewhere]]:
    """The SLOs of `<slug>.slo.yaml` beside packs and of `*.slo.yaml` in `rules_dir`, and those of them that cannot be evaluated here.

    Each file beside a pack is read by itself, those in `rules_dir` together. Raises PackFaults with every fault of the first file that has any.
    """
    beside = {slug: pack.folder.parent / f"{slug}{SUFFIX}" for slug, pack in packs.items()}
    groups = [[path] for path in dict.fromkeys(beside.values()) if path.is_file()]
    if rules_dir is not None and rules_dir.is_dir():
        groups.append(sorted(rules_dir.glob(f"*{SUFFIX}")))
    taken = slos_of_packs(packs)
    slos: dict[str, Slo] = {}
    elsewhere: list[Elsewhere] = []
    for group in groups:
        found, unread = read_objects(group)
        _refuse([*unread, *(fault for each in found for fault in each.faults)])
        slis = {each.name: each.model for each in found if isinstance(each.model, SliObject)}
        for each in found:
            if not isinstance(each.model, SloObject):
                continue
            made, why = built(each, slis, packs)
            if why:
                elsewhere.append(Elsewhere(each.name, f"{each.file}, line {each.line}", why))
            for slo in made:
                first = slos.get(slo.slo_id) or taken.get(slo.slo_id)
                if first is not None:
                    words = f"there are two SLOs {slo.slo_id}"
                    raise PackFaults(each.file, [Problem(words, (), f"the first is in {first.where}", each.line)])
                slos[slo.slo_id] = slo
    return slos, elsewhere


def slos_in(packs: Mapping[str, Pack], rules_dir: Path | None) -> dict[str, Slo]:
    """The SLOs of files that can be evaluated here, by id. Raises PackFaults."""
    return read_slos(packs, rules_dir)[0]


def with_questions(packs: Mapping[str, Pack], rules_dir: Path | None) -> Mapping[str, Pack]:
    """The packs with a meter for each PromQL query of an SLO of the files, so that what reads their Prometheus servers asks it too.

    Files with faults ask nothing; who puts SLOs in force tells of those.
    """
    try:
        slos = slos_in(packs, rules_dir)
    except PackError:
        return packs
    laid = dict(packs)
    for slo in slos.values():
        for source in sources_of(slo.indicator):
            pack = laid[source.platform]
            if isinstance(source.meter, PromqlMeter) and source.meter_id not in pack.meters:
                laid[source.platform] = pack.measuring({source.meter_id: source.meter})
    return laid


def built(one: Found, slis: Mapping[str, SliObject], packs: Mapping[str, Pack]) -> tuple[list[Slo], str]:
    """An SLO object as SLOs, one for each of its objectives; or none, and why it cannot be evaluated here.

    Raises PackFaults for what is wrong in a file that measures something here.
    """
    spec = cast(SloObject, one.model).spec
    made = []
    for number, objective in enumerate(spec.objectives):
        place = ("spec", "objectives", number)
        try:
            indicator = _indicator_spec(spec.indicatorRef, spec.indicator.spec if spec.indicator else None, objective, slis)
            platform, found = Measuring(one, packs, _home(one, packs), number).indicator(indicator, objective)
            slo = _slo(one, objective, number, platform, found)
            _check(slo)
        except NotHere as reason:
            return [], str(reason)
        except PackError as error:
            line = one.document.line_of(place)
            raise PackFaults(one.file, [Problem(error.what, place, error.hint, line)]) from error
        made.append(slo)
    return made, ""


def _home(one: Found, packs: Mapping[str, Pack]) -> str:
    """The platform meant where a source names none: that whose pack the file stands beside, else the service."""
    beside = one.path.name.removesuffix(SUFFIX)
    if beside in packs and one.path.parent == packs[beside].folder.parent:
        return beside
    service = cast(SloObject, one.model).spec.service
    return service if service in packs else ""


def _indicator_spec(
    ref: str | None, inline: IndicatorSpec | None, objective: Objective, slis: Mapping[str, SliObject]
) -> IndicatorSpec:
    own = objective.indicatorRef or (None if objective.indicator else ref)
    if own is not None:
        return slis[own].spec
    found = objective.indicator.spec if objective.indicator else inline
    assert found is not None, "the model asks for an indicator"
    return found


def _slo(one: Found, objective: Objective, number: int, platform: str, indicator: Indicator) -> Slo:
    model = cast(SloObject, one.model)
    spec, labels = model.spec, model.metadata.labels or {}
    several = len(spec.objectives) > 1
    name = ident(f"{model.metadata.name}_{objective.displayName or number + 1}" if several else model.metadata.name)
    title = model.metadata.displayName or model.metadata.name
    if several and objective.displayName:
        title = f"{title}: {objective.displayName}"
    texts = {key: value if isinstance(value, str) else ", ".join(value) for key, value in labels.items()}
    category = texts.get("category", "")
    return Slo(
        f"{platform}.{name}", platform, name, title, objective.share, _window(spec.timeWindow[0]), indicator,
        METHODS[spec.budgetingMethod], objective.timeSliceTarget,
        objective.timeSliceWindow.nominal if objective.timeSliceWindow else None,
        component=texts.get("component", ""), owner=texts.get("owner", texts.get("team", "")),
        category=cast(Literal["availability", "latency", "quality"], category)
        if category in ("availability", "latency", "quality")
        else category_of(indicator, f"{model.metadata.name} {title}"),
        where=f"{one.file}, line {one.line}", labels=texts,
    )  # fmt: skip


def _window(spec: TimeWindow) -> Window | AlignedWindow:
    if spec.calendar is None:
        return Window(Period.ROLLING, span=spec.duration.nominal)
    return AlignedWindow(spec.duration, spec.calendar.startTime, ZoneInfo(spec.calendar.timeZone))


def _check(slo: Slo) -> None:
    """Refuse an objective whose burn rates can never be reached, and slices that cannot be counted. Raises PackError."""
    burn_pairs(slo.objective, slo.period)
    if slo.slice_window is not None and slo.slice_window >= slo.period:
        raise PackError("a slice is as long as the whole window", slo.slo_id, "a slice is a minute or some minutes")


def _refuse(faults: Sequence[Verdict]) -> None:
    if not faults:
        return
    first = faults[0].file
    problems = [
        Problem(f"{each.subject}: {each.words}" if each.subject else each.words, (), each.hint, each.line) for each in faults
    ]
    raise PackFaults(first, [problem for each, problem in zip(faults, problems, strict=True) if each.file == first])
