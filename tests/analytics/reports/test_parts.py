"""What homes and reports share: golden signals, hops, scaling, cost tiers, alternatives."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from analytics.reports.golden import AiCalls, ai_tiles, api_tiles, golden_signals
from analytics.reports.hops import median_lines, path_rows
from analytics.reports.scaling import scaling_rows
from analytics.reports.tiers import alternative_rows, planned_words, risk_rows, tier_rows
from roomleft.limits import State
from roomleft.packs import Pack, load_packs
from roomleft.packs_money import Plan

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PACKS = load_packs(Path(__file__).parents[3] / "packs")


def reading(
    component: str, name: str, value: float, labels: str = "{}", minute: int = 0, last: float | None = None
) -> dict[str, Any]:
    at = NOW - timedelta(minutes=minute)
    newest = value if last is None else last
    return {
        "component": component, "name": name, "labels": labels, "bucket_start": at, "mean_value": value, "last_value": newest, "last_at": at
    }  # fmt: skip


@pytest.mark.parametrize("slug", sorted(PACKS))
def test_every_pack_has_latency_traffic_and_errors_of_its_api(slug: str) -> None:
    chosen = golden_signals(PACKS[slug])
    assert chosen is not None
    assert chosen.latency
    assert chosen.rate is not None
    assert chosen.errors is not None


def test_percentiles_are_told_one_by_one() -> None:
    pack = PACKS["arena"]
    rows = [
        reading("graphql_api", "api_latency_ms", value, f'{{"quantile": "{q}"}}')
        for q, value in (("0.5", 62), ("0.95", 266), ("0.99", 463))
    ]
    tile = api_tiles(pack, rows, 300)[0]
    assert tile.values == {"p50": 62, "p95": 266, "p99": 463}
    assert (tile.main, tile.value, tile.unit, tile.title) == ("p95", 266, "ms", "API latency")


def test_a_percentile_that_is_not_sent_is_said_to_be_missing() -> None:
    tile = api_tiles(PACKS["scribe"], [reading("application", "api_latency_ms", 91.0, '{"quantile": "p95"}')], 300)[0]
    assert tile.values == {"p95": 91.0}
    assert tile.note == "mean of 5 min · p50, p99 not sent"


def test_silence_is_no_figure() -> None:
    assert [tile.value for tile in api_tiles(PACKS["arena"], [], 300)] == [None] * 3
    assert all(tile.missing for tile in api_tiles(PACKS["arena"], [], 300))
    hour = {"requests": 0, "failed_requests": 0, "p50_ms": None, "p95_ms": None, "p99_ms": None, "timed": 0, "last_at": None}
    assert [tile.missing for tile in ai_tiles(AiCalls(hour, [], {}, 900))] == ["No AI call in the last hour."] * 3


def test_ai_calls_are_told_by_the_hour() -> None:
    hour = {
        "requests": 360,
        "failed_requests": 9,
        "p50_ms": 800.0,
        "p95_ms": 2100.0,
        "p99_ms": 4000.0,
        "timed": 360,
        "last_at": NOW,
    }
    latency, rate, failed = ai_tiles(AiCalls(hour, [], {}, 900))
    assert (latency.value, rate.value, failed.value) == (2100.0, 0.1, 0.025)


def creator_rows(scale: float = 1.0) -> list[dict[str, Any]]:
    pack = PACKS["creator"]
    (path,) = pack.request_paths.values()
    own = []
    for n, hop in enumerate(path.hops):
        own += [
            reading(hop.component, hop.series, (10 + n) * factor * scale, f'{{"quantile": "{q}"}}')
            for q, factor in (("0.5", 1), ("0.95", 2), ("0.99", 3))
        ]
    assert path.total is not None
    own += [
        reading("frontend", path.total, value, f'{{"quantile": "{q}"}}')
        for q, value in (("0.5", 60.0), ("0.95", 100.0), ("0.99", 150.0))
    ]
    return own


def test_hops_have_their_own_percentiles_and_shares_of_the_whole() -> None:
    (row,) = path_rows(PACKS["creator"], creator_rows())
    assert [hop.percentiles["p50"] for hop in row.hops] == [10, 11, 12, 13, 14]
    assert row.total == {"p50": 60.0, "p95": 100.0, "p99": 150.0}
    assert row.sums == {"p50": 60, "p95": 120, "p99": 180}
    assert sum(hop.share or 0 for hop in row.hops) == pytest.approx(1.0)
    assert [hop.slowest for hop in row.hops] == [False, False, False, False, True]
    assert row.basis == "percentiles as the platform sends them"


def test_plain_readings_give_percentiles_by_rank() -> None:
    pack: Pack = PACKS["arena"]
    (path,) = pack.request_paths.values()
    first = path.hops[0]
    rows = [reading(first.component, first.series, float(n), minute=n) for n in range(1, 21)]
    (row,) = path_rows(pack, rows)
    assert row.hops[0].percentiles == {"p50": 10.0, "p95": 19.0, "p99": 20.0}
    assert row.hops[1].percentiles == {}
    assert row.hops[1].share is None
    lines, total = median_lines(path, rows, 60)
    assert len(lines[first.title]) == 20
    assert total == []


@pytest.mark.parametrize(
    ("use", "busy", "up", "down"),
    [((0.5, 0.6), 0.3, (30.0, 40.0), (55.0, 25.0)), ((0.9, 0.9), 0.75, (75.0, -5.0), (90.0, 60.0)), ((0.2, 0.2), 0.0, (0.0, 70.0), (20.0, -10.0))],
)  # fmt: skip
def test_scaling_says_how_far_it_is_from_its_triggers(
    use: tuple[float, float], busy: float, up: tuple[float, float], down: tuple[float, float]
) -> None:
    own = "channel_orchestrator"
    rows = [reading(own, "channel_utilization", value, f'{{"region": "r{n}"}}') for n, value in enumerate(use)]
    rows += [reading(own, "channels_busy_ratio", busy, '{"region": "r0"}')]
    row = next(each for each in scaling_rows(PACKS["arena"], rows, 300, now=NOW) if each.scaling_id == "channels")
    assert row.up is not None
    assert row.down is not None
    assert (row.up.reading, row.up.distance) == (pytest.approx(up[0]), pytest.approx(up[1]))
    assert (row.down.reading, row.down.distance) == (pytest.approx(down[0]), pytest.approx(down[1]))
    assert (row.fewest, row.most) == (3, 20)


def test_scaling_without_readings_says_so() -> None:
    rows = {row.scaling_id: row for row in scaling_rows(PACKS["arena"], [], 300, now=NOW)}
    assert rows["channels"].up is not None
    assert rows["channels"].up.distance is None
    assert rows["channels"].missing == "no channel_utilization in this time"
    assert rows["world_manager"].missing == "the pack names no trigger"


def test_cost_tiers_add_up_to_the_cent() -> None:
    rows = tier_rows(PACKS["coach"])
    assert [row.total_usd for row in rows] == [29, 75, 424, 2364, 8700, 39500]
    assert [row.usd_per_daily_user for row in rows] == [
        Decimal(each) for each in ("2.9", "0.75", "0.424", "0.2364", "0.087", "0.0395")
    ]
    assert [row.planned for row in rows] == [
        "months 1–3",
        "months 4–9",
        "months 10–18",
        "months 19–30",
        "years 3–5",
        "after year 5",
    ]
    assert [row.current for row in rows].count(True) <= 1


@pytest.mark.parametrize(
    ("first", "last", "words"), [(1, 3, "months 1–3"), (13, 24, "years 2–2"), (25, 60, "years 3–5"), (61, None, "after year 5"), (7, None, "from month 7")]
)  # fmt: skip
def test_plans_are_told_in_months_or_years(first: int, last: int | None, words: str) -> None:
    assert planned_words(Plan(first_month=first, last_month=last)) == words


def test_alternatives_break_even_where_the_design_says() -> None:
    by_id = {row.alternative_id: row for row in alternative_rows(PACKS["arena"])}
    told = {key: [(str(each.value), each.unit) for each in row.break_even] for key, row in by_id.items()}
    assert told == {
        "own_servers_for_convex": [("152", "deployments"), ("50768", "worlds")],
        "own_servers_for_all": [("103", "deployments"), ("34402", "worlds")],
    }
    assert [(row.replaced_usd, row.saves_usd) for row in by_id.values()] == [(2970, -12030), (7842, -7158)]


def test_a_risk_is_as_bad_as_its_worst_limit_and_unknown_without_data() -> None:
    rows = {row.risk_id: row for row in risk_rows(PACKS["arena"], {})}
    assert rows["saturation"].state is State.UNKNOWN
    assert [key for key, _, _ in rows["saturation"].limits] == [
        "arena.channel_utilization",
        "arena.channels_busy",
        "arena.scaling_time",
    ]
