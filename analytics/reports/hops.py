"""The way of a request through a platform, hop by hop: how long each takes, its share of the whole, and the slowest. Pure.

A hop's own percentiles come from its series: as sent, where the series carries a `quantile` label (the mean of each over the time);
else the percentiles of its readings. Shares are of the medians. Percentiles do not add up: few requests are slow at every hop.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean
from typing import Any

from analytics.signals import QUANTILE, Points, percentile_name, with_gaps
from roomleft.packs import Pack
from roomleft.packs_parts import RequestPath

Row = Mapping[str, Any]
PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class HopRow:
    """One hop: its percentiles in ms by name, the share of the whole way's median it takes, whether it is the slowest by p95."""

    component: str
    title: str
    percentiles: Mapping[str, float]
    share: float | None
    slowest: bool
    observed_at: datetime | None

    def as_dict(self) -> dict[str, Any]:
        """The hop for programs."""
        told = {f"{name}_ms": value for name, value in self.percentiles.items()}
        return {
            "component": self.component,
            "title": self.title,
            **told,
            "share": self.share,
            "slowest": self.slowest,
            "observed_at": self.observed_at,
        }


@dataclass(frozen=True, slots=True)
class PathRow:
    """A way: its hops in order, the percentiles of the whole (empty when no series tells), and what does not add up, in words."""

    path_id: str
    title: str
    hops: Sequence[HopRow]
    total: Mapping[str, float]
    sums: Mapping[str, float]
    basis: str

    def as_dict(self) -> dict[str, Any]:
        """The way for programs."""
        return {
            "path": self.path_id,
            "title": self.title,
            "hops": [hop.as_dict() for hop in self.hops],
            "total": {f"{name}_ms": value for name, value in self.total.items()},
            "sum_of_hops": {f"{name}_ms": value for name, value in self.sums.items()},
            "basis": self.basis,
        }


def names_of(pack: Pack) -> list[str]:
    """The series that the pack's request paths speak of."""
    hops = {hop.series for path in pack.request_paths.values() for hop in path.hops}
    return sorted(hops | {path.total for path in pack.request_paths.values() if path.total})


def path_rows(pack: Pack, rows: Sequence[Row]) -> list[PathRow]:
    """Every request path of `pack` from rows of `page_samples_*` over the time asked about."""
    return [_path(path_id, path, rows) for path_id, path in pack.request_paths.items()]


def _path(path_id: str, path: RequestPath, rows: Sequence[Row]) -> PathRow:
    found = [_percentiles(rows, hop.series, hop.component, hop.labels) for hop in path.hops]
    total, _, sent = _percentiles(rows, path.total, None, {}) if path.total else ({}, None, False)
    sums = {
        name: sum(each[0][name] for each in found) for name in PERCENTILES if found and all(name in each[0] for each in found)
    }
    whole = total.get("p50") or sums.get("p50")
    worst = max((each[0].get("p95", each[0].get("p50", -1.0)) for each in found), default=-1.0)
    hops = []
    for hop, (own, at, _) in zip(path.hops, found, strict=True):
        share = own["p50"] / whole if whole and "p50" in own else None
        slowest = bool(own) and own.get("p95", own.get("p50", 0.0)) == worst
        hops.append(HopRow(hop.component, hop.title, own, share, slowest, at))
    kinds = {each[2] for each in found if each[0]} | ({sent} if total else set())
    basis = "percentiles as the platform sends them" if kinds == {True} else "percentiles of the readings"
    return PathRow(path_id, path.title, hops, total, sums, basis)


def _percentiles(
    rows: Sequence[Row], series: str, component: str | None, labels: Mapping[str, str]
) -> tuple[dict[str, float], datetime | None, bool]:
    """Percentiles of a series in ms, its newest reading's time, and whether the platform sent them as percentiles."""
    by_quantile: dict[str, list[float]] = defaultdict(list)
    at: datetime | None = None
    for row in _of(rows, series, component, labels):
        given = json.loads(row["labels"] or "{}")
        by_quantile[percentile_name(given[QUANTILE]) if QUANTILE in given else ""].append(row["mean_value"])
        at = max(at, row["last_at"]) if at else row["last_at"]
    sent = {name: fmean(values) for name, values in by_quantile.items() if name in PERCENTILES and values}
    if sent:
        return {name: sent[name] for name in PERCENTILES if name in sent}, at, True
    readings = sorted(by_quantile.get("", []))
    if not readings:
        return {}, at, False
    ranks = {name: max(1, math.ceil(q * len(readings))) - 1 for name, q in PERCENTILES.items()}
    return {name: readings[rank] for name, rank in ranks.items()}, at, False


def _of(rows: Sequence[Row], series: str, component: str | None, labels: Mapping[str, str]) -> list[Row]:
    kept = []
    for row in rows:
        if row["name"] != series or (component is not None and row["component"] != component) or row["mean_value"] is None:
            continue
        given = json.loads(row["labels"] or "{}") if labels else {}
        if all(given.get(key) == value for key, value in labels.items()):
            kept.append(row)
    return kept


def median_lines(path: RequestPath, rows: Sequence[Row], step_s: int) -> tuple[dict[str, Points], Points]:
    """The medians of each hop over time, by its title, and of the whole way, for a stacked chart; with a None where readings of steps were missing."""

    def line(series: str, component: str | None, labels: Mapping[str, str]) -> Points:
        steps: dict[datetime, list[float]] = defaultdict(list)
        for row in _of(rows, series, component, labels):
            quantile = json.loads(row["labels"] or "{}").get(QUANTILE)
            if quantile is None or percentile_name(quantile) == "p50":
                steps[row["bucket_start"]].append(row["mean_value"])
        return with_gaps([(at, fmean(values)) for at, values in sorted(steps.items())], step_s)

    hops = {hop.title: line(hop.series, hop.component, hop.labels) for hop in path.hops}
    return hops, line(path.total, None, {}) if path.total else []
