"""Reads files of alert rules: `packs/<slug>.rules.yaml`, rule files of one's own, and the rules about Roomleft itself.

Every fault of a file is told at once, as PackFaults, with its path, line and nearest valid name.
"""

from __future__ import annotations

import copy
import difflib
import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from roomleft.packs import Pack
from roomleft.packs_faults import note_validation_errors, places_of
from roomleft.packs_yaml import Document, Place, nearest, read_yaml
from roomleft.rules import GroupSpec, Rule, RuleFile, RuleSpec
from roomleft.rules_check import check_group, check_rule, read_query
from roomleft.rules_filled import component_of, facts_of, owner_of, resolved
from roomleft.rules_names import OWN, Around, Columns
from roomleft.rules_when import (
    LEADING,
    LEAVES,
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
)  # fmt: skip
from roomleft.slos import Slo, slos_of_packs

MODELS: Mapping[str, type[Leaf]] = {
    "headroom": HeadroomIs, "meter": MeterIs, "series": SeriesIs, "health": HealthIs, "source": SourceIs, "burn": BurnIs, "absent": AbsentIs,
    "anomaly": AnomalyIs, "sql": SqlIs, "own": OwnIs,
}  # fmt: skip
ASKING: Mapping[str, Mapping[str, Any]] = {
    "headroom": {"state": "tight"}, "meter": {"below": "0.5"}, "series": {"below": "0.5"}, "burn": {"pairs": "ticket"}, "sql": {"below": "0.5"},
    "own": {"below": "0.5"},
}  # fmt: skip
"""What takes the place of a question that was refused."""
M = TypeVar("M", bound=BaseModel)
STAND_INS: Mapping[str, Any] = {
    "alert": "Unnamed",
    "title": "-",
    "when": {"source": "*"},
    "severity": "info",
    "runbook": "https://example.invalid",
}
"""What takes the place of a refused field, so that the others can be checked in the same report."""


def load_rules(
    path: Path,
    pack: Pack | None = None,
    packs: Mapping[str, Pack] | None = None,
    *,
    slos: Mapping[str, Slo] | None = None,
    columns: Columns | None = None,
    taken: Mapping[str, str] | None = None,
) -> list[Rule]:
    """The rules of a file, in its order. `pack` is the one whose file this is; without it the file names its platform, one of `packs` or
    `roomleft`.

    `slos` are those in force by id (those of the packs' limits when left out); `columns` asks what a query returns; `taken` tells
    where rules that were read before stand, by rule_id. Raises PackFaults, or PackError if the file cannot be read.
    """
    document = read_yaml(path)
    if not isinstance(document.data, dict):
        document.add("a rule file is a map with groups", (), "begin with groups:")
        document.refuse()
    data: dict[str, Any] = document.data  # type: ignore[assignment]
    _note_model(document, data)
    around = _around(document, data, path, pack, packs or {}, slos, columns, taken or {})
    file = _check(document, data, around) if around is not None else None
    document.refuse()
    assert file is not None, "a file that did not validate has faults"
    assert around is not None, "a file without a platform has faults"
    return list(_rules(document, file, around))


def _note_model(document: Document, data: dict[str, Any]) -> None:
    """What the model says, told in a person's words where that is better done here."""
    told = [*_foreign(document, data), *_kinds(document, data)]
    scratch = Document(document.file, data, document.lines)
    try:
        RuleFile.model_validate(data)
    except ValidationError as error:
        note_validation_errors(scratch, RuleFile, error)
    document.problems += [one for one in scratch.problems if not any(one.place[: len(place)] == place for place in told)]


def _foreign(document: Document, data: dict[str, Any]) -> Iterator[Place]:
    """Places of rules in another system's language."""
    if str(data.get("apiVersion", "")).startswith("openslo"):
        document.add("this is an OpenSLO document", ("apiVersion",), "name the file something.slo.yaml")
        yield ()
    elif data.get("kind") == "PrometheusRule":
        document.add(
            "this is a PrometheusRule of Kubernetes",
            ("kind",),
            "its groups are PromQL: docs/alert-rules.md says how to write them",
        )
        yield ()
    for place, raw in _raw_rules(data):
        if "record" in raw:
            document.add(
                "a recording rule is PromQL", (*place, "record"), "a meter of the pack gives a figure its name; rules ask for it"
            )
            yield place
        elif "expr" in raw and "when" not in raw:
            todo = "write when: over a meter, series or headroom; a meter of kind promql asks a connected Prometheus server"
            document.add("expr is PromQL, which is not asked here", (*place, "expr"), todo)
            yield place


def _kinds(document: Document, data: dict[str, Any]) -> Iterator[Place]:
    """Places of conditions that are of no kind, or of two."""
    for place, raw in _raw_rules(data):
        todo: list[tuple[Place, object]] = [((*place, "when"), raw["when"])] if "when" in raw else []
        while todo:
            at, part = todo.pop()
            if not isinstance(part, dict):
                continue
            found = [name for name in part if name in LEADING]
            if len(found) > 1:
                document.add(f"two conditions in one: {' and '.join(found)}", (*at, found[1]), "join them with all: or any:")
                yield at
            elif not found:
                near = [
                    (name, close[0]) for name in part if (close := difflib.get_close_matches(str(name), LEADING, n=1, cutoff=0.6))
                ]
                what = f"unknown condition '{near[0][0]}'" if near else "this is no condition"
                hint = f"did you mean '{near[0][1]}'?" if near else f"it begins with one of {', '.join(LEADING)}"
                document.add(what, (*at, near[0][0]) if near else at, hint)
                yield at
            for key in ("all", "any"):
                parts = part.get(key)
                todo += [((*at, key, number), one) for number, one in enumerate(parts)] if isinstance(parts, list) else []


def _raw_groups(data: dict[str, Any]) -> Iterator[tuple[Place, dict[str, Any]]]:
    groups = data.get("groups")
    for number, group in enumerate(groups if isinstance(groups, list) else ()):
        if isinstance(group, dict):
            yield ("groups", number), group


def _raw_rules(data: dict[str, Any]) -> Iterator[tuple[Place, dict[str, Any]]]:
    for place, group in _raw_groups(data):
        rules = group.get("rules")
        for number, rule in enumerate(rules if isinstance(rules, list) else ()):
            if isinstance(rule, dict):
                yield (*place, "rules", number), rule


def _around(
    document: Document,
    data: dict[str, Any],
    path: Path,
    pack: Pack | None,
    packs: Mapping[str, Pack],
    slos: Mapping[str, Slo] | None,
    columns: Columns | None,
    taken: Mapping[str, str],
) -> Around | None:
    named = data.get("platform")
    folder = path.parent
    if pack is not None:
        if named not in (None, pack.slug):
            document.add(f"the file is of {pack.slug}, not of '{named}'", ("platform",), "leave platform out beside a pack")
        folder = pack.folder
    elif named is None:
        document.add(
            "the file does not say whose rules it holds", (), f"begin with platform: {' or '.join(sorted(packs)) or OWN}"
        )
        return None
    elif named != OWN:
        if not isinstance(named, str) or named not in packs:
            document.add(f"no pack in force is called '{named}'", ("platform",), nearest(named, [*packs, OWN], "platforms"))
            return None
        pack = packs[named]
    platform = pack.slug if pack is not None else OWN
    if slos is None:
        slos = slos_of_packs({pack.slug: pack}) if pack is not None else {}
    here = {slo.name: slo for slo in slos.values() if slo.platform == platform}
    return Around(platform, pack, folder, here, columns, taken)


def _check(document: Document, data: dict[str, Any], around: Around) -> RuleFile | None:
    names: dict[str, Place] = {}
    alerts: dict[str, Place] = {}
    for place, group in _raw_groups(data):
        name = group.get("name")
        if isinstance(name, str) and name in names:
            document.add(f"group '{name}' is taken", (*place, "name"), f"the first is on line {document.line_of(names[name])}")
        elif isinstance(name, str):
            names[name] = place
        spec = _what_stands(GroupSpec, {**group, "name": "-", "rules": [dict(STAND_INS)]})
        if spec is not None:
            check_group(document, place, spec)
    for place, raw in _raw_rules(data):
        if isinstance(alert := raw.get("alert"), str):
            _once(document, (*place, "alert"), alert, alerts, around)
        if "expr" in raw or "record" in raw:
            continue
        rule = _what_stands(RuleSpec, raw, STAND_INS)
        if rule is not None:
            found = list(_leaves_of(raw.get("when"), (*place, "when")))
            whens = [(leaf, at) for leaf, at in found if leaf is not None]
            group = data["groups"][place[1]]
            check_rule(document, place, rule, whens, group, around, whole=bool(found) and len(whens) == len(found))
    return RuleFile.model_validate(data) if not document.problems else None


def _leaves_of(raw: object, place: Place) -> Iterator[tuple[Leaf | None, Place]]:
    """Every condition that a raw one is made of, without what its model refused; None where nothing can stand."""
    named = [name for name in raw if name in LEADING] if isinstance(raw, dict) else []
    if len(named) != 1:
        yield None, place
        return
    assert isinstance(raw, dict), "only a map has names"
    key = named[0]
    if key in LEAVES:
        yield _what_stands(MODELS[key], raw) or _by_its_names(key, raw), place
    for number, part in enumerate(raw[key] if key not in LEAVES and isinstance(raw[key], list) else ()):
        yield from _leaves_of(part, (*place, key, number))


def _by_its_names(key: str, raw: dict[str, Any]) -> Leaf | None:
    """A condition of the names in a raw one that asks nothing, or wrongly: the names are right or wrong all the same."""
    names = {name: raw[name] for name in (key, "over", "by", "component") if name in raw}
    return _what_stands(MODELS[key], {**names, **ASKING.get(key, {})})


def _once(document: Document, place: Place, alert: str, seen: dict[str, Place], around: Around) -> None:
    other = around.taken.get(f"{around.platform}.{alert}")
    if alert in seen:
        document.add(f"alert '{alert}' is taken", place, f"the first is on line {document.line_of(seen[alert])}")
    elif other is not None:
        document.add(f"alert '{alert}' of {around.platform} is taken", place, f"by {other}")
    seen.setdefault(alert, place)


def _what_stands(model: type[M], raw: dict[str, Any], stand_ins: Mapping[str, Any] = {}) -> M | None:
    """What is left of a rule, group or condition without what its model refuses; None if nothing can stand."""
    rest = copy.deepcopy(raw)
    for _ in range(10):
        try:
            return model.model_validate(rest)
        except ValidationError as error:
            for place in sorted(places_of(rest, model, error), key=len, reverse=True):
                _drop(rest, place, stand_ins)
    return None


def _drop(rest: Any, place: Place, stand_ins: Mapping[str, Any]) -> None:
    """Takes out what stands at a place. A list's items keep their numbers, so it goes whole; a field that must be there gets its stand-in."""
    inner, key = rest, place[-1] if place else ""
    for step in place[:-1]:
        try:
            inner = inner[step]
        except (KeyError, IndexError, TypeError):
            return
    if len(place) == 1 and key in stand_ins and rest.get(key) != stand_ins[str(key)]:
        rest[key] = copy.deepcopy(stand_ins[str(key)])
    elif isinstance(inner, dict) and key in inner:
        del inner[key]
    elif len(place) > 1:
        _drop(rest, place[:-1], stand_ins)


def _rules(document: Document, file: RuleFile, around: Around) -> Iterator[Rule]:
    for number, group in enumerate(file.groups):
        for index, spec in enumerate(group.rules):
            line = document.line_of(("groups", number, "rules", index))
            yield _rule(spec, group, around, f"{document.file}, line {line}")


def _rule(spec: RuleSpec, group: GroupSpec, around: Around, where: str) -> Rule:
    leading = next(leaves(spec.when))
    when = resolved(spec.when, around.pack)
    bring = {name for leaf in leaves(spec.when) for name in getattr(leaf, "by", ())}
    component = spec.component or ("" if "component" in bring or isinstance(leading, SqlIs) else component_of(leading, around))
    owner = spec.owner or owner_of(leading, around)
    labels = {**group.labels, **spec.labels, "alertname": spec.alert, "platform": around.platform, "severity": str(spec.severity)}
    labels |= {name: value for name, value in (("component", component), ("owner", owner)) if value}
    sql = {leaf.sql: read_query(around.folder / leaf.sql) or "" for leaf in leaves(spec.when) if isinstance(leaf, SqlIs)}
    return Rule(
        rule_id=f"{around.platform}.{spec.alert}",
        platform=around.platform,
        alert=spec.alert,
        title=spec.title,
        group=group.name,
        when=when,
        hold=spec.hold or timedelta(0),
        keep_firing_for=spec.keep_firing_for or timedelta(0),
        on_no_data=spec.on_no_data,
        severity=spec.severity,
        component=component,
        owner=owner,
        labels=labels,
        annotations=spec.annotations,
        runbook=spec.runbook,
        interval=group.interval,
        query_offset=group.query_offset or timedelta(0),
        limit=group.limit,
        fired_by=tuple(spec.fired_by),
        where=where,
        version=_version(spec, group, when, labels, sql),
        facts=facts_of(leading, around),
        sql=sql,
    )


def _version(spec: RuleSpec, group: GroupSpec, when: Leaf | All | Any_, labels: Mapping[str, str], sql: Mapping[str, str]) -> str:
    said = {
        "when": when.model_dump(mode="json", exclude_none=True),
        "for": str(spec.hold),
        "keep_firing_for": str(spec.keep_firing_for),
        "on_no_data": spec.on_no_data,
        "query_offset": str(group.query_offset),
        "limit": group.limit,
        "labels": dict(labels),
        "sql": dict(sql),
    }
    return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]
