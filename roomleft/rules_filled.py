"""What a rule says nothing of and takes from its platform: the lines of thresholds, units, the component, the owner, words for templates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from roomleft.packs import Pack
from roomleft.rules_names import Around, series_of, unit_of
from roomleft.rules_when import AbsentIs, All, Any_, BurnIs, HeadroomIs, HealthIs, Leaf, MeterIs, SeriesIs, SqlIs


def resolved(when: Leaf | All | Any_, pack: Pack | None) -> Leaf | All | Any_:
    """The condition with each threshold's line and each series' unit filled in from the pack."""
    match when:
        case All():
            return when.model_copy(update={"all": [resolved(part, pack) for part in when.all]})
        case Any_():
            return when.model_copy(update={"any": [resolved(part, pack) for part in when.any]})
        case MeterIs() | SeriesIs() | SqlIs():
            more: dict[str, Any] = {}
            if when.threshold is not None and pack is not None:
                line = pack.thresholds[when.threshold]
                more[line.side] = line.amount
            if isinstance(when, (SeriesIs, SqlIs)) and when.unit is None and pack is not None:
                threshold = pack.thresholds[when.threshold].unit if when.threshold is not None else None
                more["unit"] = threshold or (unit_of(pack, when) if isinstance(when, SeriesIs) else None)
            return when.model_copy(update=more)
        case _:
            return when


def component_of(leaf: Leaf, around: Around) -> str:
    """The component that a condition speaks of, where it is one."""
    pack = around.pack
    if isinstance(leaf, HealthIs):
        return leaf.health
    if isinstance(leaf, BurnIs):
        return around.slos[leaf.burn].component
    if pack is None:
        return ""
    if isinstance(leaf, HeadroomIs) and leaf.headroom != "*":
        spec = pack.limit_spec(leaf.headroom)
        return spec.component or _of_meter(pack, spec.meter)
    if isinstance(leaf, MeterIs):
        return _of_meter(pack, leaf.meter)
    if isinstance(leaf, SeriesIs):
        return leaf.component or series_of(pack).get(leaf.series, "")
    return series_of(pack).get(leaf.absent, "") if isinstance(leaf, AbsentIs) else ""


def _of_meter(pack: Pack, name: str) -> str:
    """A meter's component, or the one that all its parts have."""
    meter = pack.meters[name]
    if component := getattr(meter, "component", None):
        return str(component)
    if series := getattr(meter, "series", None):
        return series_of(pack).get(series, "")
    if len(components := list(getattr(meter, "components", []))) == 1:
        return str(components[0])
    parts: Sequence[Any] = [getattr(meter, key, None) for key in ("part", "whole", "less", "of")]
    names = [one for part in parts for one in (part if isinstance(part, list) else [part]) if one in pack.meters]
    found = {_of_meter(pack, one) for one in names}
    return found.pop() if len(found) == 1 else ""


def owner_of(leaf: Leaf, around: Around) -> str:
    """Who owns what a condition speaks of: the limit's or SLO's owner; empty for others."""
    if isinstance(leaf, BurnIs):
        return around.slos[leaf.burn].owner
    if isinstance(leaf, HeadroomIs) and leaf.headroom != "*" and around.pack is not None:
        return around.pack.limit_spec(leaf.headroom).owner
    return ""


def facts_of(leaf: Leaf, around: Around) -> dict[str, str]:
    """Words that are the rule's own, for templates and pages."""
    pack = around.pack
    facts = {"platform_title": pack.title if pack is not None else "Roomleft", "zone": pack.zone if pack is not None else "UTC"}
    if isinstance(leaf, HeadroomIs) and leaf.headroom != "*" and pack is not None:
        spec = pack.limit_spec(leaf.headroom)
        facts |= {"limit_id": f"{pack.slug}.{spec.id}", "limit_title": spec.title, "limit_unit": spec.unit}
        facts |= {"next_step": spec.next_step.what} if spec.next_step is not None else {}
    if isinstance(leaf, BurnIs):
        slo = around.slos[leaf.burn]
        facts |= {"slo": slo.slo_id, "slo_title": slo.title}
    return facts
