"""A metric's data points as plain readings: levels as they are, histograms as `_bucket`, `_sum` and `_count` with `le`, as Prometheus has them.

Names and units are written the way Prometheus writes OpenTelemetry's: `http.server.duration` in `s` is `http_server_duration_seconds`, a counter
ends in `_total`. An exponential histogram becomes one whose bounds are powers of two: its finer buckets are merged, which is exact.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from collectors.records.fields import Refusal

UNIT_WORDS: Final = {
    "d": "days", "h": "hours", "min": "minutes", "s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds",
    "By": "bytes", "KiBy": "kibibytes", "MiBy": "mebibytes", "GiBy": "gibibytes", "TiBy": "tibibytes", "KBy": "kilobytes", "kBy": "kilobytes",
    "MBy": "megabytes", "GBy": "gigabytes", "TBy": "terabytes", "m": "meters", "V": "volts", "A": "amperes", "J": "joules", "W": "watts",
    "g": "grams", "Cel": "celsius", "Hz": "hertz", "%": "percent",
}  # fmt: skip
PER: Final = {"s": "second", "m": "minute", "min": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}
NO_RECORDED_VALUE = 1
DELTA, CUMULATIVE, LEVEL = 1, 2, 0
LEAST_POWER, MOST_POWER = -10, 30
"""The bounds of what was an exponential histogram, as powers of two. They are always the same, so that their series never come and go."""
LARGEST_SCALE = 20
UNSAFE = re.compile(r"[^a-zA-Z0-9_]+")


@dataclass(frozen=True, slots=True)
class Point:
    """A data point: `values` are (ending of the name, label, its value, reading), and None marks the end of a series. Times in nanoseconds."""

    values: tuple[tuple[str, str, str, float | None], ...]
    attributes: Any
    at: int
    since: int
    form: int
    """DELTA, CUMULATIVE or LEVEL."""


def points_of(metric: Any) -> Iterator[Point | Refusal]:
    """Every data point of a metric, or why it is refused."""
    kind = metric.WhichOneof("data")
    if kind is None:
        return
    data = getattr(metric, kind)
    form = LEVEL if kind in ("gauge", "summary") else data.aggregation_temporality
    if form not in (DELTA, CUMULATIVE) and kind not in ("gauge", "summary"):
        yield from (
            Refusal("aggregationTemporality", "is not said: a sum is a difference or a running one") for _ in data.data_points
        )
        return
    if kind == "sum" and form == CUMULATIVE and not data.is_monotonic:
        form = LEVEL
    # A summary's own count and sum run on from its start.
    read = {
        "gauge": _number,
        "sum": _number,
        "histogram": _histogram,
        "exponential_histogram": _exponential,
        "summary": _summary,
    }[kind]
    for point in data.data_points:
        try:
            values = read(point)
        except (Refusal, OverflowError, ValueError) as error:
            yield error if isinstance(error, Refusal) else Refusal("value", "is no number that can be kept")
        else:
            yield Point(values, point.attributes, point.time_unix_nano, point.start_time_unix_nano, form)


def name_of(metric: Any) -> str:
    """A metric's name with its unit."""
    name = safe(metric.name)
    if not name:
        return ""
    kind = metric.WhichOneof("data")
    unit = re.sub(r"\{[^}]*\}", "", metric.unit).strip()
    main, _, per = unit.partition("/")
    words = [UNIT_WORDS.get(main, safe(main)) if main not in ("", "1") else "", f"per_{PER.get(per, safe(per))}" if per else ""]
    if unit == "1" and kind == "gauge":
        words = ["ratio"]
    for word in words:
        if word and not name.endswith(f"_{word}") and name != word:
            name = f"{name.removesuffix('_total')}_{word}"
    counter = kind == "sum" and metric.sum.is_monotonic
    return f"{name.removesuffix('_total')}_total" if counter else name


def safe(text: str) -> str:
    """A name of letters, digits and underscores."""
    text = UNSAFE.sub("_", text).strip("_")
    return f"_{text}" if text[:1].isdigit() else text


def _number(point: Any) -> tuple[tuple[str, str, str, float | None], ...]:
    if point.flags & NO_RECORDED_VALUE:
        return (("", "", "", None),)
    kind = point.WhichOneof("value")
    if kind is None:
        raise Refusal("value", "is missing")
    return (("", "", "", float(getattr(point, kind))),)


def _histogram(point: Any) -> tuple[tuple[str, str, str, float | None], ...]:
    bounds, counts = list(point.explicit_bounds), list(point.bucket_counts)
    if counts and len(counts) != len(bounds) + 1:
        raise Refusal(
            "bucketCounts", f"{len(counts)} buckets do not fit {len(bounds)} bounds: there is one more bucket than bounds"
        )
    if any(low >= high for low, high in pairwise(bounds)):
        raise Refusal("explicitBounds", "must rise")
    if counts and sum(counts) != point.count and not point.flags & NO_RECORDED_VALUE:
        raise Refusal("bucketCounts", f"add up to {sum(counts):,}, and count is {point.count:,}")
    return _classic(point, list(zip(bounds, counts[:-1], strict=True)) if counts else [])


def _exponential(point: Any) -> tuple[tuple[str, str, str, float | None], ...]:
    counts = dict.fromkeys(range(LEAST_POWER, MOST_POWER + 1), 0)
    beyond = 0
    scale = point.scale
    if abs(scale) > LARGEST_SCALE:
        raise Refusal("scale", f"{scale} is beyond -{LARGEST_SCALE} to {LARGEST_SCALE}")
    for index, count in enumerate(point.positive.bucket_counts, start=point.positive.offset):
        # Bucket i ends at base^(i+1) with base = 2^(2^-scale): the power of two at or above that end.
        power = -(-(index + 1) // 2**scale) if scale >= 0 else (index + 1) * 2**-scale
        if power > MOST_POWER:
            beyond += count
        else:
            counts[max(power, LEAST_POWER)] += count
    counts[LEAST_POWER] += sum(point.negative.bucket_counts)
    if point.zero_count:
        edge = math.ceil(math.log2(point.zero_threshold)) if point.zero_threshold > 0 else LEAST_POWER
        counts[min(max(edge, LEAST_POWER), MOST_POWER)] += point.zero_count
    total = sum(counts.values()) + beyond
    if total != point.count and not point.flags & NO_RECORDED_VALUE:
        raise Refusal("count", f"the buckets add up to {total:,}, and count is {point.count:,}")
    return _classic(point, [(2.0**power, count) for power, count in counts.items()])


def _classic(point: Any, buckets: list[tuple[float, int]]) -> tuple[tuple[str, str, str, float | None], ...]:
    ended = bool(point.flags & NO_RECORDED_VALUE)
    values: list[tuple[str, str, str, float | None]] = []
    running = 0
    for bound, count in buckets:
        running += count
        values.append(("_bucket", "le", _written(bound), None if ended else float(running)))
    values.append(("_bucket", "le", "+Inf", None if ended else float(point.count)))
    values.append(("_count", "", "", None if ended else float(point.count)))
    if ended or point.HasField("sum"):
        values.append(("_sum", "", "", None if ended else float(point.sum)))
    return tuple(values)


def _summary(point: Any) -> tuple[tuple[str, str, str, float | None], ...]:
    ended = bool(point.flags & NO_RECORDED_VALUE)
    values: list[tuple[str, str, str, float | None]] = [
        ("", "quantile", _written(each.quantile), None if ended else each.value) for each in point.quantile_values
    ]
    return (
        *values,
        ("_count", "", "", None if ended else float(point.count)),
        ("_sum", "", "", None if ended else float(point.sum)),
    )


def _written(number: float) -> str:
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)
