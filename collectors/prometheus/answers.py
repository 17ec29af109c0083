"""What a Prometheus server answers: its JSON envelope, and a matrix turned into samples with a mark where a series ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from collectors.fetch import Fetcher
from roomleft.errors import CollectError
from warehouse import tables

ANSWERS = (400, 401, 403, 404, 422, 503)
"""Statuses at which a Prometheus server explains itself in the same envelope."""
Key = tuple[tuple[str, str], ...]


class QueryFault(CollectError):
    """The server is there, and refuses this one query."""


def ask(fetcher: Fetcher, path: str, params: Mapping[str, str], where: str) -> tuple[Any, tuple[str, ...]]:
    """The `data` of an answer and the server's warnings. Raises QueryFault for a query it refuses, CollectError for everything else."""
    body = fetcher.get(path, params, also_good=(400, 422))
    if body.get("status") == "success" and "data" in body:
        said = body.get("warnings")
        return body["data"], tuple(str(each)[:300] for each in said) if isinstance(said, list) else ()
    if body.get("status") == "error":
        kind, words = str(body.get("errorType", "error")), str(body.get("error", "no reason given"))[:500]
        hint = "correct the query; the server's own page /graph shows where" if kind == "bad_data" else "see the server's own log"
        raise QueryFault(f"{kind}: {words}", where, hint, retryable=kind not in ("bad_data",))
    raise CollectError(
        "the answer is JSON, but not a Prometheus server's",
        where,
        "give the server's own address, the one its web page has, without /api or /metrics",
        retryable=False,
    )


@dataclass
class Alive:
    """Which series of a query had a point at the last instant that was read, so that one that ends between two reads is marked too."""

    at_us: int | None = None
    series: set[Key] = field(default_factory=set)


def samples_of(
    matrix: Any,
    slug: str,
    component: str,
    name: str,
    since: datetime,
    until: datetime,
    step: timedelta,
    alive: Alive | None,
    where: str,
) -> pa.Table:
    """The points of a `query_range` answer over [since, until] as rows of tables.SAMPLES.

    A series that has a point at one step and none at the next ended there: it gets a NULL at that next step, if that is not past
    `until`. With `alive` the steps before `since` count too, and it is brought up to `until`. Raises CollectError for an answer of
    another form.
    """
    step_us, last_us = step // timedelta(microseconds=1), micros(until)
    times: list[np.ndarray] = []
    values: list[np.ndarray] = []
    missing: list[np.ndarray] = []
    labels: list[Key] = []
    ends: dict[Key, int] = {}
    for key, pairs in _series(matrix, where):
        at = np.rint(np.array([pair[0] for pair in pairs], dtype=np.float64) * 1000).astype(np.int64) * 1000
        value = np.array([_number(pair[1]) for pair in pairs], dtype=np.float64)
        ends[key] = int(at[-1])
        gone = at[np.append(np.diff(at) > step_us, at[-1] < last_us)] + step_us
        times += [at, gone]
        values += [value, np.zeros(len(gone))]
        missing += [np.zeros(len(at), bool), np.ones(len(gone), bool)]
        labels += [key] * (len(at) + len(gone))
    if alive is not None:
        begun_us = micros(since)
        if alive.at_us is not None and begun_us == alive.at_us + step_us:
            lost = [key for key in sorted(alive.series) if key not in ends]
            times.append(np.full(len(lost), begun_us))
            values.append(np.zeros(len(lost)))
            missing.append(np.ones(len(lost), bool))
            labels += lost
        alive.at_us, alive.series = last_us, {key for key, end in ends.items() if end == last_us}
    return _table(slug, component, name, times, values, missing, labels)


def micros(instant: datetime) -> int:
    """Microseconds since 1970."""
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _series(matrix: Any, where: str) -> Sequence[tuple[Key, list[Any]]]:
    if not isinstance(matrix, dict) or matrix.get("resultType") != "matrix" or not isinstance(matrix.get("result"), list):
        raise CollectError(
            "the answer holds no series over time", where, "a meter's query must give numbers, not text", retryable=False
        )
    found = []
    for item in matrix["result"]:
        try:
            metric = {str(key): str(value) for key, value in item["metric"].items() if key != "__name__"}
            # A native histogram answers `histograms` instead of `values`: it is no number.
            found.append((tuple(sorted(metric.items())), list(item.get("values") or ())))
        except (KeyError, TypeError, AttributeError) as error:
            raise CollectError("a series of the answer is malformed", where, "see the server's own log") from error
    return [(key, pairs) for key, pairs in found if pairs]


def _number(text: object) -> float:
    try:
        return float(str(text))
    except ValueError:
        return float("nan")


def _table(
    slug: str,
    component: str,
    name: str,
    times: list[np.ndarray],
    values: list[np.ndarray],
    missing: list[np.ndarray],
    labels: list[Key],
) -> pa.Table:
    rows = len(labels)
    if not rows:
        return tables.SAMPLES.empty_table()
    at = pa.array(np.concatenate(times), pa.int64()).cast(pa.timestamp("us")).cast(tables.INSTANT)
    return pa.table(
        {
            "platform": pa.array([slug] * rows),
            "component": pa.array([component] * rows),
            "name": pa.array([name] * rows),
            "observed_at": at,
            "labels": pa.array([list(key) for key in labels], tables.TEXTS),
            "value": pa.array(np.concatenate(values), pa.float64(), mask=np.concatenate(missing)),
        },
        schema=tables.SAMPLES,
    )
