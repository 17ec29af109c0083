"""What no single section can tell: that every name a pack refers to exists, and that limits and meters fit together.

Works on the data as it was written, so that a pack with a misspelt key still has all its other faults told in the same report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from roomleft.packs_fields import UNITS
from roomleft.packs_meters import ACCUMULATING, BY_USER, COMPOSED, PER_USER, Where
from roomleft.packs_yaml import Document, Place, nearest

Map = dict[str, Any]
PARTS_OF = {"ratio": ("part", "whole"), "total": ("of",), "difference": ("part", "less"), "growth": ("of",)}
"""The keys of a composed meter that name other meters."""


def check_references(document: Document, data: Map, folder: Path) -> None:
    """Add a fault for every reference to nothing and every limit whose meter does not fit."""
    check = _Check(document, data, folder)
    for section in (
        check.names_once,
        check.components,
        check.meters,
        check.limits,
        check.signals,
        check.reports,
        check.sources,
        check.risks,
        check.money,
        check.figures,
    ):
        section()


class _Check:
    def __init__(self, document: Document, data: Map, folder: Path) -> None:
        self.document = document
        self.data = data
        self.folder = folder
        self.component_ids = self._ids("components", "id")
        self.limit_ids = self._ids("limits", "id")
        self.meter_map = self._map("meters")
        self.threshold_map = self._map("thresholds")
        self.states = set(self._map("states"))
        self.cost_tier_ids = self._ids("cost_tiers", "id")
        self.cost_ids = {item["id"] for item in self._cost_items() if isinstance(item.get("id"), str)}

    def _map(self, section: str) -> Map:
        value = self.data.get(section)
        return value if isinstance(value, dict) else {}

    def _cost_items(self) -> list[Map]:
        """The cost items in force: the pack's own, or those of the cost tier it names."""
        costs = self._map("costs")
        chosen = [tier for tier in _maps(self.data.get("cost_tiers")) if tier.get("id") == costs.get("cost_tier")]
        return _maps(costs.get("items")) or [item for tier in chosen for item in _maps(tier.get("items"))]

    def _ids(self, section: str, key: str) -> set[str]:
        return {item[key] for item in _maps(self.data.get(section)) if isinstance(item.get(key), str)}

    def _known(self, name: object, known: set[str], what: str, place: Place) -> bool:
        """Whether a name exists; a name of the wrong type is the model's to refuse."""
        if not isinstance(name, str):
            return False
        if name in known:
            return True
        self.document.add(f"unknown {what} '{name}'", place, nearest(name, known, f"{what}s in this pack"))
        return False

    def names_once(self) -> None:
        keys = (
            ("components", "id"),
            ("limits", "id"),
            ("targets", "id"),
            ("tiers", "name"),
            ("personas", "name"),
            ("advice", "id"),
            ("cost_tiers", "id"),
            ("alternatives", "id"),
            ("risks", "id"),
            ("sources", "name"),
            ("figures", "figure"),
        )
        for section, key in keys:
            seen: dict[tuple[str, str], int] = {}
            for index, item in _numbered(self.data.get(section)):
                if not isinstance(item.get(key), str):
                    continue
                # The same figure may stand once for each state.
                name = (item[key], str(item.get("state")) if section == "figures" else "")
                if name in seen:
                    self.document.add(
                        f"{key} '{item[key]}' is taken by {section}[{seen[name]}]",
                        (section, index, key),
                        "every one needs its own",
                    )
                seen.setdefault(name, index)

    def components(self) -> None:
        for index, item in _numbered(self.data.get("components")):
            for number, name in enumerate(_list(item.get("depends_on"))):
                self._known(name, self.component_ids, "component", ("components", index, "depends_on", number))
        for section in ("signals", "limits", "sources"):
            for index, item in _numbered(self.data.get(section)):
                self._known(item.get("component"), self.component_ids, "component", (section, index, "component"))
        for key, item in _entries(self.threshold_map):
            self._known(item.get("component"), self.component_ids, "component", ("thresholds", key, "component"))
        for index, item in _numbered(self._map("costs").get("items")):
            self._known(item.get("component"), self.component_ids, "component", ("costs", "items", index, "component"))
        for number, tier in _numbered(self.data.get("cost_tiers")):
            for index, item in _numbered(tier.get("items")):
                place = ("cost_tiers", number, "items", index, "component")
                self._known(item.get("component"), self.component_ids, "component", place)
        for key, rule in _entries(self._map("scaling")):
            self._known(rule.get("component"), self.component_ids, "component", ("scaling", key, "component"))
        for key, way in _entries(self._map("request_paths")):
            for index, hop in _numbered(way.get("hops")):
                self._known(
                    hop.get("component"), self.component_ids, "component", ("request_paths", key, "hops", index, "component")
                )
        for key, meter in _entries(self.meter_map):
            self._known(meter.get("component"), self.component_ids, "component", ("meters", key, "component"))
            for index, name in enumerate(_list(meter.get("components"))):
                self._known(name, self.component_ids, "component", ("meters", key, "components", index))

    def meters(self) -> None:
        names = set(self.meter_map)
        for key, meter in _entries(self.meter_map):
            place: Place = ("meters", key)
            named = PARTS_OF.get(str(meter.get("kind")), ())
            parts = [((*place, part), meter.get(part)) for part in named if not isinstance(meter.get(part), list)]
            parts += [((*place, part, i), name) for part in named for i, name in enumerate(_list(meter.get(part)))]
            for where, name in parts:
                if not self._known(name, names, "meter", where):
                    continue
                if self._reaches(str(name), key):
                    self.document.add(f"meter '{key}' is made of itself", where, "a meter's parts must not lead back to it")
                elif meter.get("kind") in ("total", "difference") and _differ(self._unit(str(name)), meter.get("unit")):
                    self.document.add(
                        f"'{name}' is in {self._unit(str(name))}, the {meter['kind']} in {meter.get('unit')}",
                        where,
                        "add up like with like",
                    )
                elif meter.get("kind") == "growth" and meter.get("unit") not in ("percent", None):
                    self.document.add(f"growth is in percent, not {meter.get('unit')}", (*place, "unit"), "write unit: percent")
            if meter.get("kind") == "distinct_users" or "user" in _keys_of(meter):
                self._by_user(dict.fromkeys(_keys_of(meter)), place)
            for index, name in enumerate(_list(meter.get("parts"))):
                self._known(name, self.cost_ids, "cost item", (*place, "parts", index))
            if meter.get("kind") == "infrastructure_cost" and not self.cost_ids:
                self.document.add("there are no costs for this meter to add up", place, "add a costs section")
            if meter.get("kind") == "sql" and isinstance(meter.get("file"), str) and isinstance(self.data.get("slug"), str):
                path = self.folder / self.data["slug"] / meter["file"]
                if ".." in meter["file"] or "/" in meter["file"] or not path.is_file():
                    self.document.add(
                        f"no file {self.data['slug']}/{meter['file']} beside the pack", (*place, "file"), "write the query there"
                    )

    def _by_user(self, where: Map, place: Place) -> None:
        for key in sorted(set(where) & (set(Where.model_fields) - set(BY_USER))):
            self.document.add(f"usage by user does not know the {key}", (*place, "where", key), f"leave {key} out")

    def _unit(self, name: str) -> object:
        meter = self.meter_map.get(name)
        return meter.get("unit") if isinstance(meter, dict) else None

    def _parts(self, name: str) -> list[str]:
        meter = self.meter_map.get(name)
        if not isinstance(meter, dict):
            return []
        parts = [meter.get(part) for part in PARTS_OF.get(str(meter.get("kind")), ())]
        return [name for part in parts for name in (part if isinstance(part, list) else [part]) if isinstance(name, str)]

    def _leaves(self, name: str) -> set[str]:
        """The meters a meter is made of in the end, itself included."""
        return self._reached(name, lambda one: True)

    def _windowless(self, name: str) -> set[str]:
        """The meters among them that are measured over the limit's window: what `growth` is made of has the growth's own."""
        return self._reached(name, lambda one: self._kind(one) != "growth")

    def _reached(self, name: str, opens: Callable[[str], bool]) -> set[str]:
        seen: set[str] = set()
        todo = [name]
        while todo:
            one = todo.pop()
            if one not in seen:
                seen.add(one)
                todo.extend(self._parts(one) if opens(one) else ())
        return seen

    def _kind(self, name: str) -> object:
        meter = self.meter_map.get(name)
        return meter.get("kind") if isinstance(meter, dict) else None

    def _reaches(self, start: str, goal: str) -> bool:
        return goal in self._leaves(start)

    def limits(self) -> None:
        for index, item in _numbered(self.data.get("limits")):
            self._limit(item, ("limits", index))

    def _limit(self, item: Map, place: Place) -> None:
        add: Callable[[str, Place, str], None] = self.document.add
        self._known(item.get("threshold"), set(self.threshold_map), "threshold", (*place, "threshold"))
        self._known(item.get("cost_tier"), self.cost_tier_ids, "cost tier", (*place, "cost_tier"))
        self._known(item.get("state"), self.states, "state", (*place, "state"))
        per_known = self._known(item.get("amount_per"), set(self.meter_map), "meter", (*place, "amount_per"))
        if not self._known(item.get("meter"), set(self.meter_map), "meter", (*place, "meter")):
            return
        name = str(item["meter"])
        meter = self.meter_map[name] if isinstance(self.meter_map[name], dict) else {}
        kind = meter.get("kind")
        if not per_known and item.get("objective_percent") is None and _differ(item.get("unit"), meter.get("unit")):
            add(
                f"the limit is in {item['unit']}, its meter '{name}' in {meter.get('unit')}",
                (*place, "unit"),
                "use the meter's unit",
            )
        threshold = self.threshold_map.get(str(item.get("threshold")))
        if isinstance(threshold, dict) and _differ(item.get("unit"), threshold.get("unit")):
            add(
                f"the limit is in {item.get('unit')}, its threshold in {threshold.get('unit')}",
                (*place, "unit"),
                "use the threshold's unit",
            )
        windowless = sorted(
            leaf
            for asked in {name, item["amount_per"] if per_known else name}
            for leaf in self._windowless(asked)
            if isinstance(self.meter_map.get(leaf), dict)
            and self.meter_map[leaf].get("kind") in ACCUMULATING
            and "over" not in self.meter_map[leaf]
        )
        if item.get("window") is None and windowless:
            add(f"meter '{windowless[0]}' adds up, so it needs a window", place, "give the limit a window, or the meter an over")
        if item.get("window") is not None and kind not in (*ACCUMULATING, *COMPOSED):
            add(f"a {kind} meter reads a level, which no window refills", (*place, "window"), "leave window out")
        if item.get("per_user"):
            if kind not in PER_USER:
                add(f"a per-user limit cannot use a {kind} meter", (*place, "meter"), f"kinds that can: {', '.join(PER_USER)}")
            if (isinstance(item.get("window"), dict) and "rolling" in item["window"]) or item.get("window") is None:
                add("a per-user limit needs a calendar window", (*place, "window"), "for example window: day")
            if "user" not in _keys_of(meter):
                self._by_user(dict.fromkeys(_keys_of(meter)), ("meters", name))
        rolling = isinstance(item.get("window"), dict) and "rolling" in item["window"]
        if (
            item.get("objective_percent") is not None
            and item.get("amount_per") is None
            and (kind != "failing_minutes" or not rolling)
        ):
            add(
                "an objective needs to know of what",
                (*place, "objective_percent"),
                "give amount_per the meter that counts every event",
            )

    def signals(self) -> None:
        for index, item in _numbered(self.data.get("signals")):
            self._known(item.get("limit"), self.limit_ids, "limit", ("signals", index, "limit"))
            self._known(item.get("threshold"), set(self.threshold_map), "threshold", ("signals", index, "threshold"))
        for index, item in _numbered(self.data.get("advice")):
            self._known(item.get("pulls_against"), self.limit_ids, "limit", ("advice", index, "pulls_against"))
            self._known(item.get("limit"), self.limit_ids, "limit", ("advice", index, "limit"))
            self._known(item.get("of"), set(self.meter_map), "meter", ("advice", index, "of"))
            self._advice_unit(index, item)
        tiers = self._ids("tiers", "name")
        for index, item in _numbered(self.data.get("personas")):
            self._known(item.get("tier"), tiers, "tier", ("personas", index, "tier"))

    def _advice_unit(self, index: int, item: Map) -> None:
        """A quantile of a forecast is in the unit of its meter; shares are of a limit in that unit."""
        meter = self.meter_map.get(str(item.get("of")))
        if not isinstance(meter, dict):
            return
        if item.get("statistic") in ("p50", "p95") and _differ(meter.get("unit"), item.get("unit")):
            todo = f"the meter {item['of']} is in {meter.get('unit')}"
            self.document.add(f"a threshold in {item.get('unit')}", ("advice", index, "unit"), todo)
        bound = next((each for each in _maps(self.data.get("limits")) if each.get("id") == item.get("limit")), {})
        if item.get("statistic") == "share_of_limit" and _differ(meter.get("unit"), bound.get("unit")):
            todo = f"the meter {item['of']} is in {meter.get('unit')}, the limit in {bound.get('unit')}"
            self.document.add("a share of a limit in another unit", ("advice", index, "limit"), todo)

    def reports(self) -> None:
        capacity = self._map("reports").get("capacity")
        if not isinstance(capacity, dict):
            return
        horizons, series = capacity.get("horizons"), capacity.get("series")
        for key, names in series.items() if isinstance(series, dict) else ():
            place = ("reports", "capacity", "series", key)
            if isinstance(horizons, dict):
                self._known(key, set(horizons), "horizon", place)
            for number, name in enumerate(_list(names)):
                self._known(name, set(self.meter_map), "meter", (*place, number))
        self._known(capacity.get("tier_users"), set(self.meter_map), "meter", ("reports", "capacity", "tier_users"))

    def sources(self) -> None:
        servers = {str(item.get("name")) for item in _maps(self.data.get("sources")) if item.get("kind") == "prometheus-server"}
        for key, meter in _entries(self.meter_map):
            if meter.get("kind") == "promql":
                self._known(meter.get("source"), servers, "prometheus-server source", ("meters", key, "source"))

    def risks(self) -> None:
        self._known(self._map("costs").get("cost_tier"), self.cost_tier_ids, "cost tier", ("costs", "cost_tier"))
        for index, item in _numbered(self.data.get("alternatives")):
            for number, name in enumerate(_list(item.get("replaces"))):
                self._known(name, self.cost_ids, "cost item", ("alternatives", index, "replaces", number))
        for index, item in _numbered(self.data.get("risks")):
            for number, name in enumerate(_list(item.get("limits"))):
                self._known(name, self.limit_ids, "limit", ("risks", index, "limits", number))
        for index, item in _numbered(self.data.get("targets")):
            self._known(item.get("limit"), self.limit_ids, "limit", ("targets", index, "limit"))

    def money(self) -> None:
        seen: set[str] = set()
        for index, group in _numbered(self.data.get("prices")):
            if isinstance(group.get("provider"), str) and group["provider"] in seen:
                self.document.add(
                    f"provider '{group['provider']}' has two price lists", ("prices", index, "provider"), "put its models in one"
                )
            seen.add(str(group.get("provider")))

    def figures(self) -> None:
        for index, item in _numbered(self.data.get("figures")):
            self._known(item.get("state"), self.states, "state", ("figures", index, "state"))
            self._known(item.get("limit"), self.limit_ids, "limit", ("figures", index, "limit"))


def _differ(one: object, other: object) -> bool:
    """Whether two units differ. An unknown one is a fault of its own, which is told once."""
    return isinstance(one, str) and isinstance(other, str) and {one, other} <= UNITS and one != other


def _keys_of(meter: Map) -> set[str]:
    where = meter.get("where")
    return set(where) if isinstance(where, dict) else set()


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _maps(value: object) -> list[Map]:
    return [item for item in _list(value) if isinstance(item, dict)]


def _numbered(value: object) -> Iterator[tuple[int, Map]]:
    for index, item in enumerate(_list(value)):
        if isinstance(item, dict):
            yield index, item


def _entries(value: object) -> Iterator[tuple[str, Map]]:
    for key, item in value.items() if isinstance(value, dict) else ():
        if isinstance(item, dict):
            yield key, item
