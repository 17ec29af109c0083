"""Metrics as samples: every kind of point, differences summed over restarts, counters that begin anew, and token metrics as usage."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from collectors.otlp import messages
from collectors.otlp.readings import Readings, readings_of
from collectors.otlp.running import Running
from collectors.otlp.senders import Senders
from roomleft.clock import FixedClock
from roomleft.packs import Pack
from tests.collectors.otlp.sent import NOW, TINY, nanos, pack_with, pairs
from warehouse.store import Store
from warehouse.writer import Batch, Writer

DELTA, CUMULATIVE = 1, 2
START = NOW - timedelta(hours=1)


class Side:
    """A server's side of it: a store, and what it has in memory, which `restart` takes away."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.store = Store.open("duckdb:///:memory:", now=FixedClock(NOW))
        self.writer = Writer(self.store, FixedClock(NOW), group_ms=0)
        self.writer.start()
        self.running = Running(self.store)

    def restart(self) -> None:
        self.running = Running(self.store)

    def judge(self, request: ExportMetricsServiceRequest, asked: str | None = None) -> Readings:
        senders = Senders({self.pack.slug: self.pack}, {self.pack.slug}, asked)
        return readings_of(request, source="otlp", sender_of=senders.of, running=self.running, now=NOW)

    def take(self, request: ExportMetricsServiceRequest, asked: str | None = None) -> Readings:
        found = self.judge(request, asked)
        self.writer.write(Batch("otlp", samples=found.samples, usage=found.usage, rejected=found.rejected))
        self.running.advance(found.sums)
        return found

    def stored(self, name: str) -> list[tuple[float, float]]:
        """(minutes after START, value) of the one series of a name."""
        rows = self.store.select(
            "SELECT observed_at, value FROM samples JOIN series USING (series_id) WHERE name = $name ORDER BY observed_at", {"name": name}
        ).to_pylist()  # fmt: skip
        return [(round((row["observed_at"] - START).total_seconds() / 60, 3), row["value"]) for row in rows]

    def usage(self) -> list[dict[str, Any]]:
        return self.store.select("SELECT * FROM ai_usage ORDER BY occurred_at, event_id").to_pylist()


@pytest.fixture
def side() -> Iterator[Side]:
    made = Side(TINY)
    yield made
    made.writer.close()
    made.store.close()


def metrics(resource: dict[str, Any] | None = None) -> tuple[ExportMetricsServiceRequest, Any]:
    """A request and the list its metrics go into."""
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    group.resource.attributes.extend(
        pairs({"service.name": "tiny", "service.instance.id": "i-1"} if resource is None else resource)
    )
    return request, group.scope_metrics.add().metrics


def counter(
    value: float, minute: float, *, form: int = DELTA, since: float | None = None, name: str = "jobs", monotonic: bool = True, **labels: object
) -> ExportMetricsServiceRequest:  # fmt: skip
    """A request with one point of a counter."""
    request, into = metrics()
    metric = into.add(name=name)
    metric.sum.aggregation_temporality = form  # type: ignore[assignment]
    metric.sum.is_monotonic = monotonic
    start = 0 if since is None else nanos(START + timedelta(minutes=since))
    point = metric.sum.data_points.add(
        as_double=value, time_unix_nano=nanos(START + timedelta(minutes=minute)), start_time_unix_nano=start
    )
    point.attributes.extend(pairs(labels))
    return request


def values(found: Readings) -> dict[str, float]:
    """Readings by name and the labels that tell them apart."""
    rows = found.samples.to_pylist()
    apart = {"le", "quantile", "kind"}
    return {row["name"] + "".join(f" {value}" for name, value in row["labels"] if name in apart): row["value"] for row in rows}


def test_the_published_examples_are_taken(side: Side, shared_data: Path) -> None:
    body = (shared_data / "otlp" / "proto_examples" / "metrics.json").read_bytes()
    found = side.take(messages.read(body, messages.JSON, ExportMetricsServiceRequest), asked="tiny")
    assert (found.refused, found.rejected.num_rows) == (0, 0)
    read = values(found)
    assert (read["my_counter_total"], read["my_gauge_ratio"], read["my_histogram_count"], read["my_histogram_sum"]) == (
        5,
        10,
        2,
        2,
    )
    assert (read["my_histogram_bucket 1"], read["my_histogram_bucket +Inf"]) == (1, 2)
    # One zero, and two in (4, 8]: scale 0, offset 1, the second bucket.
    assert [read[f"my_exponential_histogram_bucket {le}"] for le in ("1", "4", "8", "+Inf")] == [1, 1, 3, 3]


def test_names_units_and_labels(side: Side) -> None:
    request, into = metrics({"service.name": "api", "service.namespace": "shop", "k8s.pod.name": "p-1"})
    for name, unit in (
        ("http.server.duration", "s"),
        ("queue.size", "{item}"),
        ("disk.use", "1"),
        ("traffic", "By/s"),
        ("2xx", ""),
    ):
        point = into.add(name=name, unit=unit).gauge.data_points.add(as_int=3, time_unix_nano=nanos(START))
        point.attributes.extend(
            pairs({"http.route": "/a", "ok": True, "code": 200, "gen_ai.input.messages": "secret words", "long": "x" * 300})
        )
    found = side.judge(request, asked="tiny")
    rows = found.samples.to_pylist()
    assert [row["name"] for row in rows] == [
        "http_server_duration_seconds",
        "queue_size",
        "disk_use_ratio",
        "traffic_bytes_per_second",
        "_2xx",
    ]
    assert dict(rows[0]["labels"]) == {"http_route": "/a", "ok": "true", "code": "200", "job": "shop/api", "instance": "p-1"}
    assert {row["component"] for row in rows} == {"api"}


def test_a_summary_and_the_end_of_a_series(side: Side) -> None:
    request, into = metrics()
    point = into.add(name="took", unit="ms").summary.data_points.add(count=4, sum=10.0, time_unix_nano=nanos(START))
    point.quantile_values.add(quantile=0.5, value=2.0)
    ended = into.add(name="gone").gauge.data_points.add(time_unix_nano=nanos(START), flags=1)
    assert ended.flags == 1
    assert values(side.judge(request)) == {
        "took_milliseconds 0.5": 2.0, "took_milliseconds_count": 4.0, "took_milliseconds_sum": 10.0, "gone": None,
    }  # fmt: skip


def test_an_exponential_histogram_at_a_fine_scale(side: Side) -> None:
    request, into = metrics()
    metric = into.add(name="took", unit="s")
    metric.exponential_histogram.aggregation_temporality = CUMULATIVE  # type: ignore[assignment]
    point = metric.exponential_histogram.data_points.add(count=10, sum=9.0, scale=2, zero_count=1, time_unix_nano=nanos(START))
    # Four buckets a power of two: -4…-1 are (1/2, 1], 0…3 are (1, 2], 4 begins (2, 4].
    point.positive.offset = -4
    point.positive.bucket_counts.extend([1, 0, 0, 1, 1, 1, 1, 1, 2])
    point.negative.bucket_counts.extend([1])
    read = values(side.judge(request))
    assert [read[f"took_seconds_bucket {le}"] for le in ("0.0009765625", "0.5", "1", "2", "4", "+Inf")] == [2, 2, 4, 8, 10, 10]


@pytest.mark.parametrize("temporality", [DELTA, CUMULATIVE])
def test_differences_and_running_sums_come_to_the_same(side: Side, temporality: int) -> None:
    steps = [5.0, 0.0, 7.0, 3.0]
    for number, step in enumerate(steps):
        value = step if temporality == DELTA else sum(steps[: number + 1])
        side.take(counter(value, number + 1, form=temporality, since=number if temporality == DELTA else 0))
    expected = [(1.0, 5.0), (2.0, 5.0), (3.0, 12.0), (4.0, 15.0)]
    # A series of differences begins with the 0 it began at.
    assert side.stored("jobs_total") == ([(0.0, 0.0)] if temporality == DELTA else []) + expected


def test_differences_go_on_after_a_restart_and_a_repeated_one_adds_nothing(side: Side) -> None:
    side.take(counter(5, 1, since=0))
    side.take(counter(5, 1, since=0))
    side.restart()
    again = side.take(counter(5, 1, since=0))
    assert (again.refused, again.samples.num_rows) == (0, 0)
    side.take(counter(2, 2, since=1))
    assert side.stored("jobs_total") == [(0.0, 0.0), (1.0, 5.0), (2.0, 7.0)]


def test_a_difference_that_was_not_stored_is_not_added(side: Side) -> None:
    side.take(counter(5, 1, since=0))
    side.judge(counter(100, 2, since=1))  # the queue was full: nothing was stored, and it comes again
    side.take(counter(100, 2, since=1))
    assert side.stored("jobs_total")[-1] == (2.0, 105.0)


def test_a_difference_that_comes_late_is_refused_in_words(side: Side) -> None:
    side.take(counter(5, 2, since=1))
    found = side.take(counter(5, 1, since=0))
    assert (found.refused, found.samples.num_rows) == (1, 0)
    assert "a difference that comes late cannot be added" in found.reasons[0]


def test_a_delta_histogram_is_summed_bucket_by_bucket(side: Side) -> None:
    for minute, counts in ((1, [1, 1, 0]), (2, [0, 2, 1])):
        request, into = metrics()
        metric = into.add(name="took")
        metric.histogram.aggregation_temporality = DELTA  # type: ignore[assignment]
        metric.histogram.data_points.add(
            count=sum(counts), sum=float(minute), bucket_counts=counts, explicit_bounds=[1.0, 2.5], time_unix_nano=nanos(START + timedelta(minutes=minute)),
            start_time_unix_nano=nanos(START + timedelta(minutes=minute - 1)),
        )  # fmt: skip
        found = side.take(request)
    assert values(found) == {"took_bucket 1": 1, "took_bucket 2.5": 4, "took_bucket +Inf": 5, "took_count": 5, "took_sum": 3}


@pytest.mark.parametrize(
    ("second", "since", "expected"),
    [
        (3.0, 5.0, [(1.0, 10.0), (6.0, 3.0)]),  # it fell: readers of counters see that
        (50.0, 5.0, [(1.0, 10.0), (5.0, 0.0), (6.0, 50.0)]),  # it began anew and rose above what it was: only its start tells
        (50.0, 0.0, [(1.0, 10.0), (6.0, 50.0)]),
    ],
    ids=["fell", "began anew unseen", "went on"],
)
def test_a_counter_that_begins_anew(side: Side, second: float, since: float, expected: list[tuple[float, float]]) -> None:
    side.take(counter(10, 1, form=CUMULATIVE, since=0))
    side.take(counter(second, 6, form=CUMULATIVE, since=since))
    assert side.stored("jobs_total") == expected


def test_bad_points_cost_only_themselves(side: Side) -> None:
    request, into = metrics()
    into.add(name="fine").gauge.data_points.add(as_int=1, time_unix_nano=nanos(START))
    into.add(name="nothing").gauge.data_points.add(time_unix_nano=nanos(START))
    into.add(name="").gauge.data_points.add(as_int=1, time_unix_nano=nanos(START))
    into.add(name="old").gauge.data_points.add(as_int=1, time_unix_nano=1)
    into.add(name="said nothing").sum.data_points.add(as_int=1, time_unix_nano=nanos(START))
    uneven = into.add(name="uneven")
    uneven.histogram.aggregation_temporality = CUMULATIVE  # type: ignore[assignment]
    uneven.histogram.data_points.add(count=2, bucket_counts=[1, 1], explicit_bounds=[1, 2], time_unix_nano=nanos(START))
    uneven.histogram.data_points.add(count=3, bucket_counts=[1, 1], explicit_bounds=[1], time_unix_nano=nanos(START))
    vast = into.add(name="vast")
    vast.exponential_histogram.aggregation_temporality = CUMULATIVE  # type: ignore[assignment]
    vast.exponential_histogram.data_points.add(count=1, scale=2_000_000_000, time_unix_nano=nanos(START))
    found = side.take(request)
    assert values(found) == {"fine": 1.0}
    assert found.refused == 7
    assert len(found.reasons) == 7


def test_points_of_nobody_are_refused_once_a_metric(side: Side) -> None:
    request, into = metrics({"service.name": "web"})
    metric = into.add(name="many")
    for number in range(50):
        metric.gauge.data_points.add(as_int=number, time_unix_nano=nanos(START + timedelta(seconds=number)))
    found = side.take(request)
    assert (found.refused, found.rejected.num_rows, found.samples.num_rows) == (50, 1, 0)
    assert "name one with the header x-roomleft-platform" in found.reasons[0]


def test_numbers_that_are_none_are_readings(side: Side) -> None:
    request, into = metrics()
    point = into.add(name="odd").gauge.data_points
    point.add(as_double=math.nan, time_unix_nano=nanos(START))
    point.add(as_double=-math.inf, time_unix_nano=nanos(START + timedelta(minutes=1)))
    read = [row["value"] for row in side.take(request).samples.to_pylist()]
    assert math.isnan(read[0])
    assert read[1] == -math.inf


WHOSE = {"gen_ai.provider.name": "acme", "gen_ai.request.model": "big", "gen_ai.operation.name": "chat"}


def token_request(
    minute: int, counts: dict[str, int], *, form: int = CUMULATIVE, requests: int | None = None, histogram: bool = False
) -> Any:
    """The token metrics of a reader's collection. `counts` by the ending of the counter's name, or by token type for the histogram."""
    request, into = metrics()
    at = nanos(START + timedelta(minutes=minute))
    since = nanos(START + timedelta(minutes=minute - 1 if form == DELTA else 0))
    for name, count in counts.items():
        if histogram:
            metric = into.add(name="gen_ai.client.token.usage", unit="{token}")
            metric.histogram.aggregation_temporality = form  # type: ignore[assignment]
            point = metric.histogram.data_points.add(
                count=requests or 0, sum=float(count), bucket_counts=[requests or 0], time_unix_nano=at, start_time_unix_nano=since
            )  # fmt: skip
            point.attributes.extend(pairs(WHOSE | {"gen_ai.token.type": name}))
        else:
            metric = into.add(name=f"gen_ai.client.inference.usage.{name}", unit="{token}")
            metric.sum.aggregation_temporality = form  # type: ignore[assignment]
            metric.sum.is_monotonic = True
            point = metric.sum.data_points.add(as_int=count, time_unix_nano=at, start_time_unix_nano=since)
            point.attributes.extend(pairs(WHOSE))
    if requests is not None and not histogram:
        metric = into.add(name="gen_ai.client.inference.duration", unit="s")
        metric.histogram.aggregation_temporality = form  # type: ignore[assignment]
        point = metric.histogram.data_points.add(
            count=requests, sum=1.0, bucket_counts=[requests], time_unix_nano=at, start_time_unix_nano=since
        )  # fmt: skip
        point.attributes.extend(pairs(WHOSE))
        other = metric.histogram.data_points.add(
            count=9, sum=1.0, bucket_counts=[9], time_unix_nano=at, start_time_unix_nano=since
        )
        other.attributes.extend(pairs(WHOSE | {"gen_ai.operation.name": "invoke_agent"}))
    return request


def test_token_metrics_are_samples_and_no_usage_unless_the_pack_says_so(side: Side) -> None:
    found = side.take(token_request(1, {"input_tokens": 100}, requests=1))
    assert found.usage.num_rows == 0
    assert values(found)["gen_ai_client_inference_usage_input_tokens_total"] == 100


FIRST = {
    "input_tokens": 100,
    "cache_read.input_tokens": 30,
    "cache_write.input_tokens": 10,
    "output_tokens": 20,
    "reasoning.output_tokens": 5,
}


@pytest.mark.parametrize("temporality", [DELTA, CUMULATIVE])
def test_token_counters_become_usage_and_their_parts_are_not_added(temporality: int) -> None:
    side = Side(pack_with(metrics_only=True))
    try:
        side.take(token_request(1, FIRST, form=temporality, requests=2))
        factor = 1 if temporality == DELTA else 2
        again = token_request(2, {name: count * factor for name, count in FIRST.items()}, form=temporality, requests=2 * factor)
        side.take(again)
        side.take(again)
        side.restart()
        assert side.take(again).usage.num_rows == 0
        rows = side.usage()
    finally:
        side.writer.close()
        side.store.close()
    assert len(rows) == 2
    for number, row in enumerate(rows):
        told = [
            row[name]
            for name in ("input_uncached_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
        ]
        assert told == [60, 30, 10, 20, 5]
        assert (row["requests"], row["provider"], row["model"]) == (2, "acme", "big")
        assert row["occurred_at"] == START + timedelta(minutes=number)
        assert row["period_end"] == START + timedelta(minutes=number + 1)


@pytest.mark.parametrize("both", [False, True], ids=["alone", "beside the counters"])
def test_the_earlier_token_histogram_becomes_usage_once(both: bool) -> None:
    side = Side(pack_with(metrics_only=True))
    try:
        for minute, requests, tokens in ((1, 3, (100, 20)), (2, 4, (150, 30))):
            sent = token_request(minute, {"input": tokens[0], "output": tokens[1]}, requests=requests, histogram=True)
            if both:
                sent.MergeFrom(token_request(minute, {"input_tokens": tokens[0], "output_tokens": tokens[1]}, requests=requests))
            side.take(sent)
        rows = side.usage()
    finally:
        side.writer.close()
        side.store.close()
    assert [(row["requests"], row["input_uncached_tokens"], row["output_tokens"]) for row in rows] == [(3, 100, 20), (1, 50, 10)]
