"""Every figure of the capacity report and of the weekly report is the page's and the API's: one test walks them all, over shipped packs."""

from __future__ import annotations

import dataclasses
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest

from analytics.forecasting.forecasts import Forecasts
from analytics.forecasting.limit import outlook
from analytics.forecasting.targets import Plan, Statistic, plan_of
from analytics.forecasting.track_record import track_record
from analytics.headroom import headroom
from analytics.reports import capacity, weekly
from analytics.reports import weekly_words as say
from dashboards import capacity_words, wording
from dashboards.api.answers import dumps
from dashboards.api.forecasts import read_forecasts
from dashboards.headroom_rows import headroom_rows
from dashboards.limit_rows import LimitRow
from dashboards.parts import Parts
from dashboards.reads import limits as limits_read
from dashboards.reports.capacity_read import read_capacity
from dashboards.reports.weekly_read import read_weekly
from roomleft.limits import Limit, Pace, Reading
from roomleft.outlook import Shape
from roomleft.packs import Pack, load_pack
from roomleft.settings import ROOT
from tests.dashboards.conftest import Driven, found, texts
from tests.dashboards.forecast_world import claim_rows
from tests.dashboards.sample_rows import NOW, _columns, sample_parts
from warehouse.store import Store

SLUGS = ("arena", "scribe")
RUN, FITTED = "run-walk", NOW - timedelta(hours=9)
DRAWS, AHEAD, BACK = 60, 95, 89
SAME = {
    "amount": "amount", "used": "used", "spent": "used", "remaining": "remaining", "fraction_left": "fraction_left", "p_breach": "p_breach",
    "ends_p10": "ends.p10", "ends_p50": "ends.p50", "ends_p90": "ends.p90", "cost_usd_per_month": "next_step.cost_usd_per_month",
    "lead_time_s": "next_step.lead_time_s", "order_by": "order_by", "about_to": "about_to", "no_date": "no_date", "observed_at": "observed_at", "state": "state",
    "lower_bound": "lower_bound", "unit": "unit", "owner": "owner", "kind": "kind", "reason": "reason", "title": "title",
}  # fmt: skip
"""What a report calls a figure of a limit, and what the API does."""
WORDED = {
    "left": "remaining", "left_words": "remaining", "of": "amount", "of_words": "amount", "budget": "amount", "amount_words": "amount", "spent": "used",
    "spent_words": "used",
}  # fmt: skip
"""Amounts in words, and what the API calls them."""
TOKENS = (
    "input_uncached_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "images",
    "characters",
    "audio_seconds",
    "unpriced_tokens",
    "latency_count",
    "latency_ms_sum",
)
NUMBER = re.compile(r"[\d.,]*\d")
OF_THE_LIMIT = frozenset({"per_user", "assumed", "at_least", "if_so"})
NOBODY = {"nobody named"}


@dataclass(frozen=True)
class Walked:
    """The world, and what each surface says of it."""

    parts: Parts
    packs: Mapping[str, Pack]
    api: Mapping[str, Mapping[str, Any]]
    rows: Mapping[str, LimitRow]
    book: Forecasts
    pages: Driven


def futures_rows(plan: Plan) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Runs, points and paths of every target of a pack."""
    runs, points, paths = [], [], []
    for number, (name, target) in enumerate(sorted(plan.targets.items())):
        if target.statistic is Statistic.FIXED:
            continue
        rng = np.random.default_rng(number)
        level = 10 ** rng.uniform(0, 3)
        past = level * (1 + 0.05 * rng.standard_normal(BACK))
        values = (level * rng.lognormal(0, 0.1, (DRAWS, 1)) * (1 + 0.03 * rng.standard_normal((DRAWS, AHEAD)))).astype(np.float32)
        midnight = NOW.replace(hour=0)
        runs.append(
            {"run_id": RUN, "target": name, "platform": plan.platform, "made": "live", "model": "m", "unit": target.unit, "zone": target.zone.key,
             "shape": str(target.shape), "fitted_at": FITTED, "history_from": midnight - timedelta(days=BACK), "history_to": midnight, "days": BACK, "no_date": "",
             "provisional": False, "words": "89 days", "details": json.dumps({"error_ratio": 0.9})}
        )  # fmt: skip
        paths.append(
            {"run_id": RUN, "target": name, "fitted_at": FITTED, "first_day": NOW.astimezone(target.zone).date(), "draws": DRAWS, "days": AHEAD, "futures": zlib.compress(values.astype("<f4").tobytes()),
             "past": zlib.compress(past.astype("<f8").tobytes())}
        )  # fmt: skip
    return runs, points, paths


def measured(pack: Pack, limit: Limit, book: Forecasts, number: int) -> dict[str, Any]:
    """The stored row of a limit, measured by the product's own arithmetic."""
    rng = np.random.default_rng(100 + number)
    amount = limit.amount if limit.amount_per is None else limit.amount * 2500
    used = Decimal(repr(round(float(amount) * float(rng.uniform(0.4, 1.08)), 6)))
    reading = Reading(used, NOW - timedelta(seconds=20), timedelta(minutes=5))
    whole = dataclasses.replace(limit, amount=amount)
    futures = book.of(pack, limit)
    said = futures if not hasattr(futures, "values") else outlook(whole, reading, futures, NOW)
    return dataclasses.asdict(headroom(whole, reading, Pace.none("no pace"), NOW, said))


def usage(slugs: list[str]) -> list[dict[str, Any]]:
    """Three weeks of calls of two models, of which one costs more in the last week."""
    rows = []
    for number, slug in enumerate(slugs):
        for hour in range(21 * 24):
            for model, price in (("one", "0.10"), ("two", "0.30")):
                cost = Decimal(price) * (number + 1) * (2 if model == "two" and hour < 7 * 24 else 1)
                rows.append(
                    {"bucket": NOW - timedelta(hours=hour + 1), "platform": slug, "component": "ai", "provider": "p", "model": model, "request_type": "text",
                     "tier": "free", "status": "ok", "requests": 10, **dict.fromkeys(TOKENS, 0), "cost_usd": cost, "unpriced_requests": 0, "last_at": NOW - timedelta(hours=hour, minutes=1)}
                )  # fmt: skip
    return rows


@pytest.fixture(scope="module")
def walked() -> Iterator[Walked]:
    packs = {slug: load_pack(ROOT / "packs" / f"{slug}.yaml") for slug in SLUGS}
    base = sample_parts(filled=False)
    store: Store = base.store

    def insert(table: str, rows: list[dict[str, Any]]) -> None:
        def work(tx: Any) -> None:
            kinds = {name: kind for name, kind in _columns(tx, table).items() if name in rows[0]}
            tx.insert(table, pa.table({name: pa.array([row.get(name) for row in rows], kind) for name, kind in kinds.items()}))

        if rows:
            store.run(work)

    for pack in packs.values():
        for table, rows in zip(("forecast_runs", "forecast_points", "forecast_paths"), futures_rows(plan_of(pack)), strict=True):
            insert(table, rows)
    insert("usage_15m", usage(list(packs)))
    claims, scores = claim_rows("live", 60, until=NOW - timedelta(days=1), seed=3)
    insert("forecast_claims", claims)
    insert("forecast_scores", scores)
    book = Forecasts(store)
    book.refresh(at_once=True)
    stored = [measured(pack, limit, book, n) for pack in packs.values() for n, limit in enumerate(pack.limit_list())]
    insert(
        "headroom",
        [{**row, "kind": str(row["kind"]), "state": str(row["state"]), "freshness": str(row["freshness"])} for row in stored],
    )
    parts = dataclasses.replace(base, packs=packs, forecasts=book)
    api = {row["limit_id"]: row for row in orjson.loads(dumps(headroom_rows(store, packs, NOW)))}
    rows = {row.key: row for row in limits_read(store, packs, NOW)}
    yield Walked(parts, packs, api, rows, book, Driven(parts))
    store.close()


def plain(words: str) -> str:
    return words.replace(wording.THIN, " ").replace("\u00a0", " ")


def at(told: Mapping[str, Any], path: str) -> Any:
    """A value by its path; None where the way ends."""
    value: Any = told
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def same(one: Any, other: Any) -> bool:
    """Whether two figures of JSON are the same amount, instant or word."""
    if one in (None, "") or other in (None, ""):
        return one in (None, "") and other in (None, "")
    if isinstance(one, bool) or isinstance(other, bool):
        return bool(one) == bool(other)
    for kind in (lambda value: Decimal(str(value)), lambda value: datetime.fromisoformat(str(value))):
        try:
            return bool(kind(one) == kind(other))
        except (ArithmeticError, ValueError):
            continue
    return plain(str(one)) == plain(str(other))


def of_limits(told: Any, where: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every part of a document that speaks of one limit."""
    if isinstance(told, Mapping):
        if "limit_id" in told:
            yield where, told
        for name, value in told.items():
            yield from of_limits(value, f"{where}.{name}")
    elif isinstance(told, list):
        for number, value in enumerate(told):
            yield from of_limits(value, f"{where}[{number}]")


def check_steps(told: Mapping[str, Any], api: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Decisions that are not to be ordered by the earliest day of their limits, or of whose limits the step is not the same."""
    wrong = []
    for number, each in enumerate(told["decisions"]):
        every = [api[own["limit_id"]] for own in (each, *each["also"])]
        if not same(each["order_by"], min((row["order_by"] for row in every if row["order_by"]), default=None)):
            wrong.append(f".decisions[{number}].order_by: {each['order_by']!r}")
        if len({(row["next_step"] or {}).get("what", row["limit_id"]) for row in every}) > 1:
            wrong.append(f".decisions[{number}] is of several steps")
    return wrong


def is_figure(value: Any) -> bool:
    if isinstance(value, bool) or value is None:
        return False
    if isinstance(value, (int, float)):
        return True
    try:
        Decimal(str(value))
    except ArithmeticError:
        return False
    return isinstance(value, str)


def check_limit(where: str, told: Mapping[str, Any], api: Mapping[str, Any], row: LimitRow) -> list[str]:
    """What of a part of a report differs from the API or the page, or is compared with nothing."""
    wrong = []
    for name, value in told.items():
        if name in ("order_by", "owner") and told.get("also"):
            # One step for several limits: of all their owners, to be ordered by the earliest of their last days (`check_steps`).
            continue
        if name == "exhausts_at":
            theirs = api["exhausts_at"] or {}
            wrong += [
                f"{where}.{name}.{share}"
                for share in ("p10", "p50", "p90")
                if not same((value or {}).get(share), theirs.get(share))
            ]
        elif name in WORDED and isinstance(value, str) and not (name in SAME and is_figure(value)):
            amount = at(api, WORDED[name])
            core = NUMBER.search(say.amount(abs(Decimal(amount)), row.limit.unit)) if amount is not None else None
            if core is not None and core.group() not in value:
                wrong.append(f"{where}.{name}: {value!r} is {amount!r} in the API")
        elif name in SAME:
            if (
                value not in NOBODY
                and not same(value, at(api, SAME[name]))
                and not (name == "title" and plain(value) == plain(row.limit.title))
            ):
                wrong.append(f"{where}.{name}: {value!r} is {at(api, SAME[name])!r} in the API")
        elif name not in OF_THE_LIMIT and is_figure(value):
            wrong.append(f"{where}.{name}: {value!r} is compared with nothing")
    chance = "" if api["p_breach"] is None or api["state"] in ("exhausted", "unknown") else plain(wording.chance(api["p_breach"]))
    if told.get("chance") not in (None, "", "unknown") and chance not in plain(told["chance"]):
        wrong.append(f"{where}.chance: {told['chance']!r}, on the page {chance!r}")
    if told.get("likely") and api["ends"]:
        mine = capacity_words.likely_end(row).removeprefix("likely ")
        if row.limit.unit == "usd" and plain(mine) != plain(told["likely"]):
            wrong.append(f"{where}.likely: {told['likely']!r}, on the page {mine!r}")
    return wrong


@pytest.mark.parametrize("slug", SLUGS)
def test_each_figure_of_the_capacity_report_is_the_page_s_and_the_api_s(walked: Walked, slug: str) -> None:
    pack, store = walked.packs[slug], walked.parts.store
    told = orjson.loads(dumps(capacity.content(pack, read_capacity(store, walked.book, pack, NOW), NOW)))
    assert told["missing"] == []
    parts = list(of_limits(told))
    assert {part["limit_id"] for _, part in parts} <= set(walked.api)
    assert len(told["limits"]) + len(told["budgets"]) >= 3
    wrong = [
        each
        for where, part in parts
        for each in check_limit(where, without_next(part), walked.api[part["limit_id"]], walked.rows[part["limit_id"]])
    ]
    assert wrong + check_steps(told, walked.api) == []
    said = texts(walked.pages.call("room-top.children", "/capacity", f"?platform={slug}"))
    cost = Decimal(told["steps"]["limits_cost_usd_per_month"])
    assert (f"+${cost:,.0f} a month" if cost else "$0") in said
    assert told["verdict"].split(". ")[0].rstrip(".") in said


@pytest.mark.parametrize("slug", SLUGS)
def test_each_forecast_of_the_capacity_report_is_the_page_s_and_the_api_s(walked: Walked, slug: str) -> None:
    pack = walked.packs[slug]
    told = orjson.loads(dumps(capacity.content(pack, read_capacity(walked.parts.store, walked.book, pack, NOW), NOW)))
    api = {
        row["target"]: row
        for row in orjson.loads(dumps(read_forecasts(walked.parts, {slug: pack}, slug, None, False)))["forecasts"]
    }
    plan = plan_of(pack)
    compared = 0
    for each in told["forecasts"]:
        subject = plan.subject(f"{slug}/{each['heading']}/{each['meter']}")
        assert subject is not None
        target = subject.recipe.target
        if target is None or each["horizon_days"] != 30 or each["p50"] is None:
            continue
        theirs = api[target.name]["next_30_days"]
        for name in ("p10", "p50", "p90", "before"):
            assert float(each[name]) == pytest.approx(theirs[name], rel=1e-5), (each["title"], name)
        compared += 1
        page = plain(
            texts(
                walked.pages.call("forecasts-open.children", "/capacity/forecasts", f"?target={target.name}".replace("#", "%23"))
            )
        )
        middle = plain(capacity_words.amount_range(theirs["p50"], theirs["p50"], target.unit))
        assert middle in page
        assert ("The next 30 days" if target.shape is Shape.FLOW else "In 30 days") in page
    assert compared >= 2


def test_each_figure_of_the_weekly_report_is_the_page_s_and_the_api_s(walked: Walked) -> None:
    given = read_weekly(walked.parts.store, walked.packs, tuple, NOW, forecasts=walked.book)
    assert given.missing == []
    told = orjson.loads(dumps(weekly.content(given, NOW, NOW.tzinfo)))
    parts = list(of_limits(told))
    assert {where.partition("[")[0] for where, _ in parts} >= {".decisions", ".capacity", ".month_end"}
    wrong = [
        each
        for where, part in parts
        for each in check_limit(where, part, walked.api[part["limit_id"]], walked.rows[part["limit_id"]])
    ]
    assert wrong + check_steps(told, walked.api) == []
    top = plain(texts(walked.pages.call("room-top.children", "/capacity")))
    assert plain(told["verdict"]).split(". ")[0].rstrip(".") in top
    assert plain(told["record"]).rstrip(".") in plain(texts(walked.pages.call("record-top.children", "/capacity/track-record")))
    assert told["record"] == track_record(walked.parts.store, platforms=list(SLUGS)).as_dict()["words"]


def test_each_row_of_the_page_says_what_the_api_says(walked: Walked) -> None:
    block = walked.pages.call("room-list.children", "/capacity", "?ok=shown")
    rows = found(block, className="room-row")[1:]
    assert len(rows) == len(walked.api)
    for row in rows:
        own, words = walked.api[row["props"]["data-limit"]], plain(texts(row))
        if own["p_breach"] is not None and own["state"] != "exhausted":
            assert plain(wording.chance(own["p_breach"])) in words
        if own["order_by"] is not None:
            assert ("order by" in words) or ("was due" in words)
        if own["next_step"]:
            assert own["next_step"]["what"] in words


@pytest.mark.parametrize(("ending", "begins"), [("txt", b""), ("html", b"<!DOCTYPE html>"), ("xlsx", b"PK")])
def test_a_cost_report_is_made_when_its_link_is_followed(walked: Walked, ending: str, begins: bytes) -> None:
    answer = walked.pages.client.get(f"/export/reports/cost.{ending}?platform=arena")
    assert answer.status_code == 200
    assert answer.content.startswith(begins)
    assert f'filename="cost-arena-2026-11-20.{ending}"' in answer.headers["content-disposition"]


def without_next(part: Mapping[str, Any]) -> dict[str, Any]:
    """A budget without its next window: that is read off the futures, and told nowhere else."""
    return {name: value for name, value in part.items() if name != "next"}
