"""From what a first look found to the entries of a pack: ids that do not clash, components that exist, at least one limit."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any

from collectors.found import Found
from roomleft.packs_write import Data, span_text

STATES = {"today": {"title": "Today", "summary": "What the platform holds now."}}
COMPONENTS = {
    "postgres": ("database", "Database", "PostgreSQL"),
    "redis": ("cache", "Cache", "Redis"),
    "prometheus": ("application", "Application", "What its metrics page says"),
    "prometheus-server": ("infrastructure", "Infrastructure", "What a Prometheus server watches"),
    "probe": ("website", "Website", "Seen from outside"),
}
"""The component that each kind's readings belong to unless told otherwise: id, title, summary."""
NAMES = {"postgres": "postgres", "redis": "redis", "prometheus": "metrics", "prometheus-server": "prometheus", "probe": "probe"}
"""What a source of each kind is called unless told otherwise."""
REFERENCES = ("part", "whole", "less", "of")
NAMING_METERS = frozenset(("ratio", "total", "difference", "growth"))


def component_for(kind: str, name: str, data: Data) -> str:
    """The kind's own component; the source's own where another source of the kind reports there already."""
    usual = COMPONENTS[kind][0]
    taken = {each.get("component") for each in data.get("sources") or () if each.get("kind") == kind and each.get("name") != name}
    return usual if usual not in taken else name.replace("-", "_")


def known_source(kind: str, url: str, data: Data) -> Data | None:
    """The source that reads this address already."""
    return next((each for each in data.get("sources") or () if (each.get("kind"), each.get("url")) == (kind, url)), None)


def additions(slug: str, title: str, zone: str | None, data: Data, source: Data, found: Found) -> Data:
    """The entries that watch one more source in the pack `data`, which is empty for a new one."""
    renamed = _renamed(found, str(source["name"]).replace("-", "_"), data)
    component = str(source["component"])
    usual = COMPONENTS[str(source["kind"])]
    of_kind = component == usual[0]
    shown = usual[1] if of_kind else component.replace("_", " ").replace("-", " ").capitalize()
    entry = {"id": component, "title": shown, "summary": usual[2]}
    return _whole(slug, title, zone, data, {"sources": [source]}, [entry], renamed, _answers(slug, source))


def usage_additions(slug: str, title: str, zone: str | None, data: Data, component: Data, found: Found) -> Data:
    """The entries that watch usage which is pushed or imported."""
    return _whole(slug, title, zone, data, {}, [component], _renamed(found, "usage", data), Found(()))


def api_additions(
    slug: str, title: str, zone: str | None, data: Data, source: Data, components: Iterable[Data], found: Found
) -> Data:
    """The entries that watch a platform's own API."""
    return _whole(slug, title, zone, data, {"source": source}, list(components), _renamed(found, "api", data), Found(()))


def _whole(
    slug: str, title: str, zone: str | None, data: Data, source: Data, components: list[Data], found: Found, last_resort: Found
) -> Data:
    held = {each.get("id") for each in data.get("components") or ()}
    limits = found.limits or (() if data.get("limits") else last_resort.limits)
    meters = found.meters if found.limits or data.get("limits") else {**found.meters, **last_resort.meters}
    head: Data = {}
    if not data:
        kinds = ", ".join(str(each["kind"]) for each in source.get("sources", ())) or (
            "its own API" if "source" in source else "what it sends"
        )
        head = {"slug": slug, "title": title, "summary": f"Watched through {kinds}; say here what it is."}
        head |= {"zone": zone} if zone else {}
    sections: Data = {
        **head,
        **source,
        "states": {} if data.get("states") else STATES,
        "components": [each for each in components if each["id"] not in held],
        "signals": list(found.signals),
        "meters": meters,
        "limits": [_in_order(limit) for limit in limits],
    }
    if data.get("states") and "today" not in data["states"]:
        # Somebody named the states otherwise: limits then speak of none.
        sections["limits"] = [{name: value for name, value in limit.items() if name != "state"} for limit in sections["limits"]]
    return {name: value for name, value in sections.items() if value}


def _answers(slug: str, source: Data) -> Found:
    """A limit for a source that offers none: that it answers."""
    labels = {"source": f"{slug}.{source['name']}", "stream": source["kind"]}
    meter = {"kind": "gauge", "title": "Looks that worked", "unit": "percent", "series": "up", "labels": labels, "scale": 100}
    limit = {
        "id": "answers",
        "kind": "ratio",
        "title": f"{source['name']} answers",
        "component": source["component"],
        "amount": 99,
        "unit": "percent",
        "direction": "at_least",
        "tight_below": "0.005",
        "meter": "answers",
        "owner": "you",
        "assumed": True,
        "state": "today",
    }
    return Found((), {"answers": meter}, (limit,))


def _in_order(limit: Mapping[str, Any]) -> Data:
    """A limit's keys as people read them, with what every limit here has."""
    first = (
        "id",
        "kind",
        "title",
        "component",
        "amount",
        "objective_percent",
        "threshold",
        "unit",
        "meter",
        "amount_per",
        "direction",
        "window",
    )
    whole = {"owner": "you", "state": "today", **limit}
    return {name: whole[name] for name in (*first, *(key for key in whole if key not in first)) if whole.get(name) is not None}


def _renamed(found: Found, prefix: str, data: Data) -> Found:
    """What of `found` the pack lacks, under ids that are free. The same meter under the same id, or one that was edited, is not added again."""
    again = any(str(each.get("name")).replace("-", "_") == prefix for each in data.get("sources") or ()) or prefix in (
        "usage",
        "api",
    )
    meters = data.get("meters") or {}
    limits = {str(each.get("id")): each for each in data.get("limits") or ()}
    new_ids = {name: _id(name, meter, meters, prefix, again) for name, meter in found.meters.items()}
    kept = {new_ids[name]: _pointing(meter, new_ids) for name, meter in found.meters.items() if new_ids[name] not in meters}
    limit_ids = {str(limit["id"]): _id(str(limit["id"]), limit, limits, prefix, again) for limit in found.limits}
    fresh: list[Data] = []
    for limit in found.limits:
        name = limit_ids[str(limit["id"])]
        if name not in limits:
            moved: Data = {key: new_ids.get(str(limit[key]), limit[key]) for key in ("meter", "amount_per") if key in limit}
            fresh.append({**limit, **moved, "id": name})
    charts = {(each.get("component"), each.get("series")) for each in data.get("signals") or ()}
    signals: list[Data] = []
    for signal in found.signals:
        if (signal.get("component"), signal.get("series")) not in charts:
            limit_id = limit_ids.get(str(signal.get("limit")), signal.get("limit"))
            signals.append({**signal, **({} if limit_id is None else {"limit": limit_id})})
    return Found(found.lines, kept, tuple(fresh), tuple(signals), found.warnings)


def _id(name: str, wanted: Mapping[str, Any], held: Mapping[str, Any], prefix: str, again: bool) -> str:
    """The id to use: as it is where it is free or its own already, else with the source's name before it."""
    own = f"{prefix}_{name}"[:60]
    if own in held:
        return own
    if name not in held or again or _spelt(held[name]) == _spelt(wanted):
        return name
    return own


def _pointing(meter: Mapping[str, Any], ids: Mapping[str, str]) -> Data:
    """A meter made of others, naming them by their new ids."""
    if meter.get("kind") not in NAMING_METERS:
        return dict(meter)
    moved: Data = {}
    for key in REFERENCES:
        value = meter.get(key)
        if isinstance(value, str):
            moved[key] = ids.get(value, value)
        elif isinstance(value, (list, tuple)):
            moved[key] = [ids.get(str(each), each) for each in value]
    return {**meter, **moved}


def _spelt(value: Any) -> Any:
    """A value as a pack spells it, to compare what was written with what is wanted."""
    if isinstance(value, Mapping):
        return {str(key): _spelt(each) for key, each in value.items() if each is not None}
    if isinstance(value, (list, tuple)):
        return [_spelt(each) for each in value]
    return span_text(value) if isinstance(value, timedelta) else str(value)


def taken_names(data: Data) -> Collection[str]:
    """The names that the pack's sources have."""
    return {str(each.get("name")) for each in data.get("sources") or ()}
