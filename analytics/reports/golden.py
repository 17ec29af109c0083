"""The golden signals of a platform: latency, traffic and errors of its API, and of its AI calls. Pure.

Which of a pack's signals they are follows from what they measure, not from how they are called: traffic is a rate in requests per
second, errors a share of failed ones, latency a length of time told by percentile (a `quantile` label, or p50, p95 or p99 in the
series' name). The component that has most of the three speaks for the API; of several, a critical one, then the first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from analytics.signals import QUANTILE, LimitLine, Points, draw, limit_line, percentile_name
from roomleft.packs import Pack
from roomleft.packs_parts import Signal

Row = Mapping[str, Any]
PERCENTILES = ("p50", "p95", "p99")
TIMES = ("ms", "seconds")
NAMED_PERCENTILE = re.compile(r"(?<![a-z0-9])p(\d{2})(?![0-9])")
FAILED = re.compile(r"error|fail")
RATES = ("requests_per_second", "operations_per_second")
CALLS_OVER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class GoldenSignals:
    """The signals of a pack that speak for its API; what the pack does not tell is empty."""

    component: str
    latency: tuple[Signal, ...] = ()
    rate: Signal | None = None
    errors: Signal | None = None

    def each(self) -> list[Signal]:
        """All of them."""
        return [*self.latency, *(signal for signal in (self.rate, self.errors) if signal is not None)]


@dataclass(frozen=True, slots=True)
class Tile:
    """One golden signal: its newest values by name (`main` first among them), the lines behind them, and what they are.

    `note` says over what time the values are; `missing` why there are none.
    """

    tile_id: str
    title: str
    unit: str
    main: str
    values: Mapping[str, float | None]
    lines: Mapping[str, Points]
    note: str
    observed_at: datetime | None
    limit: LimitLine | None = None
    missing: str = ""

    @property
    def value(self) -> float | None:
        """The newest value of the main line."""
        return self.values.get(self.main)

    def as_dict(self) -> dict[str, Any]:
        """The tile for programs, without its lines."""
        return {
            "id": self.tile_id,
            "title": self.title,
            "unit": self.unit,
            "values": dict(self.values),
            "note": self.note,
            "missing": self.missing,
            "observed_at": self.observed_at,
        }


@dataclass(frozen=True, slots=True)
class AiCalls:
    """AI usage as the golden row needs it: the last hour in one row (requests, failed_requests, p50_ms, p95_ms, p99_ms, timed, last_at),
    counts by quarter hour (bucket_start, requests, failed_requests), and latency percentiles over time."""

    hour: Row
    counts: Sequence[Row]
    latency: Mapping[str, Points]
    step_s: int


def golden_signals(pack: Pack) -> GoldenSignals | None:
    """Which signals of a pack speak for its API; None when none does."""
    best: GoldenSignals | None = None
    for part in sorted(pack.components, key=lambda part: not part.critical):
        own = sorted((each for each in pack.signals if each.component == part.id), key=lambda each: not each.live)
        found = GoldenSignals(part.id, _latency(own), _first(own, _is_rate), _first(own, _is_errors))
        if found.each() and (best is None or _kinds(found) > _kinds(best)):
            best = found
    return best


def _kinds(found: GoldenSignals) -> int:
    return bool(found.latency) + (found.rate is not None) + (found.errors is not None)


def _first(signals: Sequence[Signal], fits: Any) -> Signal | None:
    return next((signal for signal in signals if fits(signal)), None)


def _is_rate(signal: Signal) -> bool:
    return signal.unit in RATES


def _is_errors(signal: Signal) -> bool:
    return signal.unit in ("ratio", "percent") and FAILED.search(f"{signal.series} {signal.title.lower()}") is not None


def _latency(signals: Sequence[Signal]) -> tuple[Signal, ...]:
    """One signal with every percentile; else those of one series that name theirs, else the first that names one."""
    timed = [signal for signal in signals if signal.unit in TIMES]
    whole = _first(timed, lambda signal: signal.by == QUANTILE)
    if whole is not None:
        return (whole,)
    named: dict[str, list[Signal]] = {}
    for signal in timed:
        if _percentile_of(signal):
            stem = NAMED_PERCENTILE.sub("", f" {signal.series}".replace("_", " "))
            named.setdefault(stem, []).append(signal)
    return tuple(next(iter(named.values()), ()))


def _percentile_of(signal: Signal) -> str:
    if QUANTILE in signal.labels:
        return percentile_name(signal.labels[QUANTILE])
    found = NAMED_PERCENTILE.search(signal.series.replace("_", " ")) or NAMED_PERCENTILE.search(signal.title.lower())
    return f"p{found[1]}" if found else ""


def api_tiles(pack: Pack, rows: Sequence[Row], step_s: int) -> list[Tile]:
    """Latency, traffic and errors of the API from rows of `page_samples_*`."""
    chosen = golden_signals(pack)
    if chosen is None:
        return []
    title = next(part.title for part in pack.components if part.id == chosen.component)
    note = f"mean of {_minutes(step_s)}"
    tiles = [_latency_tile(pack, chosen.latency, rows, step_s, title, note)]
    for kind, signal, words in (("rate", chosen.rate, "traffic"), ("errors", chosen.errors, "error share")):
        if signal is None:
            tiles.append(
                Tile(f"api-{kind}", f"{title}: {words}", "", "", {}, {}, note, None, None, f"The pack names no {words} signal.")
            )
            continue
        drawn = draw(signal, rows, step_s)
        lines = {"": _together(signal, rows, step_s)}
        missing = "" if drawn.newest is not None else f"No {signal.series} in this time."
        tiles.append(
            Tile(
                f"api-{kind}", signal.title, signal.unit, "", {"": drawn.newest}, lines, note, drawn.newest_at, limit_line(signal, pack), missing
            )
        )  # fmt: skip
    return tiles


def _together(signal: Signal, rows: Sequence[Row], step_s: int) -> Points:
    """The signal's one line over all its series."""
    whole = draw(signal.model_copy(update={"by": None}), rows, step_s)
    return next(iter(whole.lines.values()), [])


def _latency_tile(pack: Pack, signals: Sequence[Signal], rows: Sequence[Row], step_s: int, title: str, note: str) -> Tile:
    if not signals:
        missing = "The pack names no latency signal by percentile."
        return Tile("api-latency", f"{title}: latency", "ms", "", {}, {}, note, None, None, missing)
    values: dict[str, float | None] = {}
    lines: dict[str, Points] = {}
    newest_at: list[datetime] = []
    for signal in signals:
        drawn = draw(signal, rows, step_s)
        scale = 1000.0 if signal.unit == "seconds" else 1.0
        for name, points in drawn.lines.items():
            own = name if signal.by == QUANTILE else _percentile_of(signal)
            lines[own] = [(at, None if value is None else value * scale) for at, value in points]
            last = drawn.last(name)
            values[own] = None if last is None else last * scale
        newest_at += [drawn.newest_at] if drawn.newest_at else []
    ordered = {name: values.get(name) for name in (*PERCENTILES, *values) if name in values}
    main = "p95" if "p95" in ordered else next(reversed(ordered), "")
    told = set(ordered)
    absent = [name for name in PERCENTILES if name not in told]
    if absent and told:
        note += f" · {', '.join(absent)} not sent"
    missing = "" if ordered else f"No {signals[0].series} in this time."
    first = signals[0]
    limit = limit_line(first, pack) if first.unit == "ms" else None
    name = NAMED_PERCENTILE.sub("", first.title.lower()).strip(" ,") if len(signals) > 1 else first.title.lower()
    name = re.sub(r"\s*\bp\d\d\b|\s*\bby (quantile|percentile)\b", "", name)
    return Tile(
        "api-latency", _capital(first.title, name), "ms", main, ordered, lines, note, max(newest_at, default=None), limit, missing
    )


def _capital(original: str, cut: str) -> str:
    """The title as the pack writes it, as long as what is left of it."""
    return original[: len(cut)].strip() if original.lower().startswith(cut) else cut[:1].upper() + cut[1:]


def ai_tiles(calls: AiCalls) -> list[Tile]:
    """Latency, traffic and failures of AI calls over the last hour, from usage."""
    hour, at = calls.hour, calls.hour["last_at"]
    note = "last hour"
    none = "No AI call in the last hour." if not hour["requests"] else ""
    values = {name: hour[f"{name}_ms"] for name in PERCENTILES}
    untimed = none or ("" if values["p95"] is not None else "No AI call of the last hour told its latency.")
    seconds = CALLS_OVER.total_seconds()
    rates: Points = [(row["bucket_start"], row["requests"] / calls.step_s) for row in calls.counts]
    shares: Points = [
        (row["bucket_start"], row["failed_requests"] / row["requests"] if row["requests"] else None) for row in calls.counts
    ]
    failed = hour["failed_requests"] / hour["requests"] if hour["requests"] else None
    return [
        Tile("ai-latency", "AI calls: latency", "ms", "p95", values, calls.latency, note, at, None, untimed),
        Tile(
            "ai-rate", "AI calls", "requests_per_second", "", {"": hour["requests"] / seconds}, {"": rates}, note, at, None, none
        ),
        Tile("ai-errors", "AI calls: failed", "ratio", "", {"": failed}, {"": shares}, note, at, None, none),
    ]


def _minutes(step_s: int) -> str:
    return f"{step_s // 60} min" if step_s % 60 == 0 else f"{step_s} s"
