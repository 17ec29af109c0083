"""A made-up world for the pages: 21 limits in every state, usage, checks and readings, in a real warehouse in memory."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from dashboards.parts import Parts
from dashboards.readiness import Readiness
from roomleft.clock import FixedClock
from roomleft.limits import Direction, Kind, Limit, NextStep
from roomleft.packs_parts import Component, Reports, Signal, Threshold
from roomleft.timespan import Period, Window
from tests.dashboards.sample_calls import call_rows, usage_rows, user_rows
from warehouse import tables
from warehouse.store import Store

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MONTH, DAY = Window(Period.MONTH), Window(Period.DAY)
ROLLING = Window(Period.ROLLING, span=timedelta(days=30))


def days(number: float) -> timedelta:
    return timedelta(days=number)


@dataclass(frozen=True)
class Sample:
    """One limit and how it stands. `dates` are days from now: p10, p50, p90."""

    limit: Limit
    used: str | None
    state: str
    burn: float | None = None
    dates: tuple[float, float, float] | None = None
    reason: str = ""
    age_s: float = 12
    subject: str = ""
    lower_bound: bool = False
    basis: str = "pace of the last 7 days"
    more: dict[str, Any] = field(default_factory=dict)


def limit(
    platform: str,
    slug: str,
    kind: Kind,
    title: str,
    amount: str,
    unit: str,
    owner: str,
    window: Window | None = None,
    step: NextStep | None = None,
    **more: Any,
) -> Limit:
    return Limit(
        f"{platform}.{slug}",
        platform,
        kind,
        title,
        Decimal(amount),
        unit,
        slug,
        window=window,
        owner=owner,
        next_step=step,
        **more,
    )


def step(what: str, usd: str | None) -> NextStep:
    return NextStep(what, Decimal(usd) if usd is not None else None, timedelta(days=2))


FLOOR = {"direction": Direction.AT_LEAST}
SAMPLES = (
    Sample(limit("creator", "availability", Kind.SLO, "Availability 99.99 %, 30 d", "259.2", "seconds", "platform", ROLLING, step("freeze deploys", "0")),
           "281", "exhausted", 4.2, (-1.4, -1.4, -1.4), "the error budget is spent", 8),
    Sample(limit("arena", "worlds_us", Kind.CAPACITY, "Worlds, us-west-2", "5010", "worlds", "m.okafor", None, step("1 deployment", "99")),
           "4612", "tight", None, (2, 4, 7), "8 % of 5,010 worlds left", 12),
    Sample(limit("tabletop", "api_share", Kind.BUDGET, "API ≤ 30 % of revenue", "54720", "usd", "finance", MONTH, step("cache + batch", "-6100")),
           "43919", "tight", 1.22, (5, 7, 10), "at this pace it runs out before 1 Dec", 41, lower_bound=True),
    Sample(limit("scribe", "api_p95", Kind.SLO, "API p95 < 100 ms", "0.05", "ratio", "platform", ROLLING, step("2 instances", "500")),
           "0.0358", "tight", 1.05, (7, 10, 16), "28 % of the error budget left", 9),
    Sample(limit("scribe", "free_images", Kind.QUOTA, "Free images, busiest user", "1000", "images", "ai-team", DAY, step("paid image", None), per_user=True),
           "874", "tight", 1.9, (0.2, 0.3, 0.45), "126 images left until midnight UTC", 12, "user 4f1c09e2"),
    Sample(limit("tabletop", "realtime", Kind.CAPACITY, "Realtime connections", "10000", "connections", "d.reyes", None, step("next plan", "410"), assumed=True),
           "8120", "tight", None, (19, 46, 100), "19 % left, and one order takes 30 d", 15),
    Sample(limit("scribe", "pool", Kind.CAPACITY, "PostgreSQL pool", "80", "connections", "data", None, step("grant pg_monitor", "0")),
           "31", "unknown", None, None, "exporter silent since 11:46; last reading 31 of 80", 840),
    Sample(limit("coach", "gpu_memory", Kind.CAPACITY, "GPU memory", "48000000000", "bytes", "ml-ops", None, step("connect source", "0")),
           None, "unknown", None, None, "no reading yet", 0, more={"observed_at": None}),
    Sample(limit("coach", "daily_users", Kind.CAPACITY, "Tier 3 daily users", "1000", "users", "m.okafor", None, step("tier 4", "1940")),
           "861", "ok", None, (32, 65, 109), "", 38),
    Sample(limit("scribe", "cost_user", Kind.BUDGET, "AI cost per active user", "2", "usd_per_user", "finance", MONTH, step("lite model", "-210")),
           "1.31", "ok", 0.99, None, "", 41),
    Sample(limit("arena", "pool_eu", Kind.CAPACITY, "Convex pool, eu-central-1", "5010", "worlds", "m.okafor", None, step("1 deployment", "99")),
           "3523", "ok", None, (38, 57, 92), "", 12),
    Sample(limit("scribe", "cache_hits", Kind.RATIO, "Cache hits ≥ 90 %", "90", "percent", "platform", None, step("+1 Redis node", "100"), **FLOOR),
           "93.4", "ok", None, None, "", 12),
    Sample(limit("tabletop", "characters", Kind.QUOTA, "ElevenLabs characters", "2000000", "characters", "ai-team", MONTH, step("Scale plan", "231")),
           "1164000", "ok", 0.89, None, "", 120),
    Sample(limit("arena", "bot_sync", Kind.SLO, "Bot sync ≥ 99.5 %", "0.005", "ratio", "platform", ROLLING), "0.00206", "ok", 0.4, None, "", 8),
    Sample(limit("coach", "build", Kind.SLO, "LLM build < 2 s", "0.01", "ratio", "ml-ops", ROLLING, step("1 GPU server", "400")), "0.00388", "ok", 0.39, None, "", 22),
    Sample(limit("creator", "generation", Kind.SLO, "Generation of a character with every optional trait < 500 ms", "0.01", "ratio", "platform-engineering", ROLLING),
           "0.00367", "ok", 0.36, None, "", 8),
    Sample(limit("arena", "month", Kind.BUDGET, "Monthly cost", "7842", "usd", "finance", MONTH), "5489", "ok", 0.98, None, "", 3600),
    Sample(limit("coach", "month", Kind.BUDGET, "Tier 3 monthly cost", "424", "usd", "finance", MONTH), "297", "ok", 1.08, (9.5, 9.9, 10.4), "", 3600),
    Sample(limit("creator", "spend", Kind.BUDGET, "AI spend", "6000", "usd", "finance", MONTH, None, assumed=True), "3102", "ok", 0.8, None, "", 41),
    Sample(limit("scribe", "free_tier", Kind.RATIO, "Free tier ≥ 85 % of images", "0.85", "ratio", "ai-team", None, None, **FLOOR), "0.914", "ok", None, None, "", 12),
    Sample(limit("coach", "screenshots", Kind.CAPACITY, "Screenshot storage", "96000000000", "bytes", "ml-ops", None, step("+80 GB", "9")),
           "32700000000", "ok", None, (84, 135, 222), "", 38),
)  # fmt: skip
TITLES = {
    "tabletop": ("Tabletop", "AI role-playing from first players to a million"),
    "scribe": ("Scribe", "A persistent world at hyperscale"),
    "arena": ("Arena", "Bots on pooled deployments in two regions"),
    "creator": ("Creator", "An AI character creator"),
    "coach": ("Coach", "A game coach on its own models"),
}


def headroom_row(sample: Sample, as_of: datetime = NOW) -> dict[str, Any]:
    """The stored row of a sample."""
    own = sample.limit
    used = Decimal(sample.used) if sample.used is not None else None
    known = used is not None and sample.state != "unknown"
    floor = own.direction is Direction.AT_LEAST
    remaining = None if not known or used is None else (used - own.amount if floor else own.amount - used)
    whole = max(used, own.amount) if floor and used is not None else own.amount
    dates = [as_of + days(each) for each in sample.dates] if sample.dates else [None] * 3
    bounds = own.window.bounds(as_of) if own.window else (None, None)
    return {
        "limit_id": own.limit_id, "platform": own.platform, "kind": own.kind.value, "unit": own.unit, "amount": own.amount, "used": used,
        "remaining": remaining, "fraction_left": None if remaining is None else float(remaining / whole), "state": sample.state,
        "reason": sample.reason, "burn_rate": sample.burn, "exhausts_p10": dates[0], "exhausts_p50": dates[1], "exhausts_p90": dates[2],
        "p_breach": None, "window_start": bounds[0], "window_end": bounds[1], "subject": sample.subject,
        "basis": sample.basis if sample.state != "unknown" else "", "lower_bound": sample.lower_bound, "freshness": "provisional",
        "observed_at": as_of - timedelta(seconds=sample.age_s), "as_of": as_of, "about_to": None, "order_by": None, "ends_p10": None,
        "ends_p50": None, "ends_p90": None, "no_date": None, "forecast_run": None, **sample.more,
    }  # fmt: skip


COMPONENTS = [
    Component(id="database", title="Database", summary="PostgreSQL with two replicas", critical=True),
    Component(id="cache", title="Cache", summary="Memory, Redis, CDN"),
    Component(id="ai", title="AI services", summary="OpenRouter and Gemini", critical=True),
]
SIGNALS = [
    Signal(component="database", title="Query time", series="query_time_ms", unit="ms", threshold="query_time", live=True),
    Signal(
        component="database",
        title="Replication lag",
        series="replication_lag_ms",
        unit="ms",
        by="replica",
        threshold="replication_lag",
    ),
    Signal(
        component="database",
        title="Pool connections in use",
        series="pool_connections_used",
        unit="connections",
        of="pool_connections_max",
    ),
    Signal(component="database", title="Buffer cache hits", series="buffer_cache_hit_ratio", unit="ratio"),
    Signal(
        component="cache",
        title="Cache reads",
        series="cache_requests_total",
        unit="requests_per_second",
        show="rate_per_second",
        across="sum",
    ),
    Signal(component="ai", title="Never sent", series="never_sent", unit="requests"),
]
THRESHOLDS = {
    "query_time": Threshold(title="Slow query", component="database", side="above", amount="100", unit="ms"),
    "replication_lag": Threshold(title="Lagging", component="database", side="above", amount="1000", unit="ms"),
}


def sample_packs() -> dict[str, Any]:
    """Objects with what the pages read of a pack."""
    return {
        slug: SimpleNamespace(
            slug=slug, source_name=slug, title=title, summary=summary, zone="Europe/Berlin" if slug == "scribe" else "UTC", interval=timedelta(minutes=1),
            components=COMPONENTS if slug == "scribe" else COMPONENTS[:1], signals=SIGNALS if slug == "scribe" else [],
            thresholds=THRESHOLDS, meters={}, limits=[], targets=[], figures=[], states={}, request_paths={}, scores={}, scaling={},
            cost_tiers=[], tiers=[], personas=[], costs=None, cost_items=tuple, reports=Reports(), sources=(), alternatives=[], risks=[], limit_list=lambda slug=slug: [each.limit for each in SAMPLES if each.limit.platform == slug],
        )
        for slug, (title, summary) in TITLES.items()
    }  # fmt: skip


def check_rows(now: datetime) -> list[dict[str, Any]]:
    """Rows of health_checks."""
    said = (
        ("scribe", "database", "query_time", "warn", 131.0, "ms", "queries slower than 100 ms"), ("scribe", "database", "connections", "pass", 31.0, "connections", None),
        ("scribe", "cache", "hit_ratio", "pass", 0.934, "ratio", None), ("scribe", "ai", "gemini", "fail", None, None, "quota exceeded on gemini, 429 for 4 min"),
        ("tabletop", "database", "status", "pass", None, None, None), ("arena", "database", "status", "pass", 12.0, "ms", None),
    )  # fmt: skip
    return [
        {"platform": p, "component": c, "check_name": name, "observed_at": now - timedelta(seconds=20), "status": status, "value": value, "unit": unit, "words": words,
         "ingested_at": now}
        for p, c, name, status, value, unit, words in said
    ]  # fmt: skip


def sample_rows_1m(rng: random.Random, now: datetime) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of series and of samples_1m over a day; one series has a hole."""
    kinds: tuple[tuple[str, str, dict[str, str], float], ...] = (
        ("database", "query_time_ms", {}, 80), ("database", "replication_lag_ms", {"replica": "eu-1"}, 300), ("database", "replication_lag_ms", {"replica": "us-1"}, 450),
        ("database", "pool_connections_used", {}, 31), ("database", "pool_connections_max", {}, 80), ("database", "buffer_cache_hit_ratio", {}, 0.97),
        ("cache", "cache_requests_total", {"layer": "redis"}, 0),
    )  # fmt: skip
    series, samples = [], []
    for component, name, labels, level in kinds:
        key = tables.series_id("scribe", component, name, labels)
        series.append(
            {
                "series_id": key,
                "platform": "scribe",
                "component": component,
                "name": name,
                "labels": list(labels.items()),
                "seen_at": now,
            }
        )
        total = 0.0
        for back in range(1440, 0, -1):
            at = (now - timedelta(minutes=back)).replace(second=0, microsecond=0)
            if name == "query_time_ms" and 600 < back < 700:
                continue
            total += 60 * rng.uniform(80, 140)
            value = (
                total
                if name.endswith("_total")
                else level
                if name.endswith("max")
                else level * (1 + rng.uniform(-0.03, 0.02) + 0.3 * (back < 90) * (level > 1))
            )
            samples.append(
                {
                    "series_id": key,
                    "bucket": at,
                    "min_value": value,
                    "max_value": value,
                    "sum_value": value,
                    "count": 1,
                    "last_value": value,
                    "last_at": at,
                }
            )
    return series, samples


def raw_sample_rows(series: Sequence[dict[str, Any]], now: datetime) -> list[dict[str, Any]]:
    """Rows of samples over the last two hours, a minute apart, the newest eight seconds old: query times of 80 ms that end at 120 ms."""
    (key,) = (row["series_id"] for row in series if row["name"] == "query_time_ms")
    times = [now - timedelta(minutes=back, seconds=8) for back in range(120)]
    return [
        {"series_id": key, "observed_at": at, "value": 120.0 if n == 0 else 80.0, "ingested_at": at} for n, at in enumerate(times)
    ]


def deploy_rows(now: datetime) -> list[dict[str, Any]]:
    """Rows of deploys."""
    return [
        {"platform": "scribe", "deploy_id": f"d{n}", "deployed_at": now - timedelta(hours=back), "component": "application", "version": f"v2.{n}", "title": title, "kind": kind,
         "ingested_at": now}
        for n, (back, title, kind) in enumerate(((130, "World editor", "launch"), (15, "Faster joins", "deploy"), (6, "Faster joins undone", "rollback")))
    ]  # fmt: skip


def fill(store: Store, now: datetime = NOW, *, seed: int = 4) -> None:
    """Everything above into the warehouse."""
    rng = random.Random(seed)
    series, samples = sample_rows_1m(rng, now)
    history = [
        {
            **headroom_row(SAMPLES[1], now - timedelta(hours=back)),
            "fraction_left": 0.08 + back * 0.001,
            "observed_at": now - timedelta(hours=back),
        }
        for back in range(1, 160)
    ]

    def work(tx: Any) -> None:
        def insert(table: str, rows: Sequence[dict[str, Any]]) -> None:
            kinds = {name: kind for name, kind in _columns(tx, table).items() if name in rows[0]}
            columns = {name: pa.array([row.get(name) for row in rows], kind) for name, kind in kinds.items()}
            tx.insert(table, pa.table(columns))

        insert("headroom", [*history, *(headroom_row(each, now) for each in SAMPLES)])
        insert("usage_15m", usage_rows(rng, now))
        insert("usage_user_1d", user_rows(rng, now))
        insert("ai_usage", call_rows(rng, now))
        insert("health_checks", check_rows(now))
        insert("series", series)
        insert("samples_1m", samples)
        insert("samples", raw_sample_rows(series, now))
        insert("deploys", deploy_rows(now))

    store.run(work)


def _columns(tx: Any, table: str) -> dict[str, pa.DataType]:
    return {each.name: each.type for each in tx.execute(f"SELECT * FROM {table} LIMIT 0").schema}


@dataclass
class SampleJob:
    """A job's state."""

    name: str
    outcome: str = "ok"
    words: str = ""
    late: bool = False


def sample_parts(
    now: datetime = NOW, *, jobs: Sequence[SampleJob] = (), demo: bool = True, clock: Any = None, filled: bool = True
) -> Parts:
    """Parts over a warehouse in memory that holds the sample world."""
    clock = clock or FixedClock(now)
    store = Store.open("duckdb:///:memory:", now=clock)
    if filled:
        fill(store, now)
    settings: Any = SimpleNamespace(demo=demo, data_dir=Path("no-demo-here"))
    nothing: Any = None
    return Parts(
        settings=settings, clock=clock, packs=sample_packs(), store=store, writer=nothing, state=nothing,
        jobs=lambda: list(jobs), readiness=Readiness({}),
    )  # fmt: skip


BERLIN = ZoneInfo("Europe/Berlin")
