"""What of the reports no limit's row tells: next windows, tiers, risks, triggers, movers and outcomes, each against the page or worked out again."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import orjson
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from analytics.forecasting.targets import ai_cost_target
from analytics.meter_usage import usage_freshness
from analytics.reports import capacity, weekly
from analytics.reports.tiers import tier_rows
from dashboards import record_words, wording
from dashboards.api.answers import dumps
from dashboards.api.ledger import make_ledger_api
from dashboards.api.program import install_errors
from dashboards.reports.capacity_read import read_capacity
from dashboards.reports.weekly_read import read_weekly
from roomleft.limits import Kind
from roomleft.money import CENT, usd
from roomleft.outlook import Outlook
from tests.dashboards import test_report_walk
from tests.dashboards.conftest import Driven, found, texts
from tests.dashboards.sample_rows import NOW
from tests.dashboards.test_report_walk import SLUGS, Walked, check_limit, plain
from warehouse.state import StateDb

walked = test_report_walk.walked
"""The same world."""


@pytest.mark.parametrize("slug", SLUGS)
def test_the_next_window_of_a_budget_is_what_the_paths_add_up_to(walked: Walked, slug: str) -> None:
    """Told nowhere else, so it is worked out again from each draw, hour by hour."""
    pack = walked.packs[slug]
    told = orjson.loads(dumps(capacity.content(pack, read_capacity(walked.parts.store, walked.book, pack, NOW), NOW)))
    compared = 0
    for each in told["budgets"]:
        following, limit = each["next"], pack.limit(each["limit_id"].partition(".")[2])
        futures = walked.book.of(pack, limit)
        if following["ends_p50"] is None:
            continue
        assert not isinstance(futures, Outlook)
        start, end = (datetime.fromisoformat(following[name]) for name in ("from", "to"))
        assert start == datetime.fromisoformat(each["to"])
        days = []
        at_ = start
        while at_ < end:
            days.append((at_.astimezone(futures.zone).date() - futures.first_day).days)
            at_ += timedelta(hours=1)
        totals = futures.values[:, days].astype(np.float64).sum(axis=1) / 24
        for name, share in (("ends_p10", 0.1), ("ends_p50", 0.5), ("ends_p90", 0.9)):
            assert float(following[name]) == pytest.approx(float(np.quantile(totals, share)), rel=1e-5), (each["title"], name)
        # What is fixed may be the budget to the cent: days in single precision add up to a little more or less.
        over = int((totals > float(following["amount"]) * (1 + 1e-6)).sum())
        assert following["p_breach"] == pytest.approx((over + 0.5) / (len(totals) + 1))
        assert plain(following["chance"]) == plain(wording.chance(following["p_breach"]))
        compared += 1
    assert compared >= (1 if any(limit.kind is Kind.BUDGET for limit in pack.limit_list()) else 0)


@pytest.mark.parametrize("slug", SLUGS)
def test_tiers_risks_and_triggers_of_the_report_are_the_platform_page_s(walked: Walked, slug: str) -> None:
    pack = walked.packs[slug]
    told = orjson.loads(dumps(capacity.content(pack, read_capacity(walked.parts.store, walked.book, pack, NOW), NOW)))
    path = f"/platforms/{slug}/health"
    plans = walked.pages.call("health-plans.children", path)
    rows = {row.tier_id: row for row in tier_rows(pack)}
    words = plain(texts(plans))
    assert [each["tier"] for each in (told["tiers"] or {"rows": []})["rows"]] == list(rows)
    for each in (told["tiers"] or {"rows": []})["rows"]:
        row = rows[each["tier"]]
        assert (Decimal(str(each["daily_users"])), Decimal(str(each["total_usd"])), each["current"]) == (
            row.daily_users,
            row.total_usd,
            row.current,
        )
        assert Decimal(str(each["total_usd"])) == sum((item.usd_per_month for item in row.items), Decimal(0))
        for figure in (wording.count(row.daily_users), usd(row.total_usd, 0)):
            assert plain(figure) in words, (each["title"], figure)
    for risk in told["risks"]:
        if risk["source"] == "design":
            assert plain(risk["title"]) in words
    inside = plain(texts(walked.pages.call("health-inside.children", path)))
    for trigger in told["scaling"]:
        assert plain(trigger["title"]) in inside
        if trigger["reading_percent"] is None:
            assert trigger["now_words"].startswith("unknown")
            assert trigger["holds"] is None
        else:
            assert plain(wording.percent(float(trigger["reading_percent"]) / 100)) in inside
        if trigger["limit"] is not None:
            limit_id = trigger["limit"]["limit_id"]
            assert check_limit(f".scaling.{limit_id}", trigger["limit"], walked.api[limit_id], walked.rows[limit_id]) == []


def test_what_moved_the_cost_is_what_the_explorer_adds_up(walked: Walked) -> None:
    store = walked.parts.store
    told = orjson.loads(dumps(weekly.content(read_weekly(store, walked.packs, tuple, NOW), NOW, NOW.tzinfo)))
    assert {each["platform"] for each in told["movers"]} == set(SLUGS)
    week = timedelta(days=7)
    for each in told["movers"]:
        found = []
        end = datetime.fromisoformat(each["until"])
        assert timedelta(0) <= NOW - end <= timedelta(minutes=30)
        for since, until in ((end - 2 * week, end - week), (end - week, end)):
            rows = store.rows("usage_by", by="model", platform=each["platform"], since=since, until=until)
            found.append(sum((row["cost_usd"] for row in rows if not row["is_total"]), Decimal(0)))
        assert [Decimal(str(each[name])) for name in ("before_usd", "after_usd")] == pytest.approx(found)
        assert Decimal(str(each["change_usd"])) == Decimal(str(each["after_usd"])) - Decimal(str(each["before_usd"]))
        assert each["change"].startswith("+" if found[1] > found[0] else "\u2212")


@pytest.mark.parametrize("report", ["weekly", "arena", "scribe"])
def test_what_came_of_a_forecast_is_told_in_its_own_unit(walked: Walked, report: str) -> None:
    store = walked.parts.store
    if report == "weekly":
        rows = read_weekly(store, walked.packs, tuple, NOW).outcomes
    else:
        rows = read_capacity(store, walked.book, walked.packs[report], NOW).outcomes
    units = {limit.limit_id: limit.unit for pack in walked.packs.values() for limit in pack.limit_list()}
    for row in rows:
        page = record_words.unit_of(row, walked.packs)
        assert row["unit"] == page == units.get(row["subject"], page)


def test_the_month_of_the_mail_is_the_api_s_overview_s_and_budgets(walked: Walked, tmp_path: Path) -> None:
    given = read_weekly(walked.parts.store, walked.packs, tuple, NOW, forecasts=walked.book)
    told = orjson.loads(dumps(weekly.content(given, NOW, NOW.tzinfo)))["month"]
    app = FastAPI()
    install_errors(app)
    app.include_router(make_ledger_api(walked.parts))
    with TestClient(app) as client:
        api = client.get("/api/v1/costs/month").json()
        one = {slug: client.get("/api/v1/costs/month", params={"platform": slug}).json() for slug in SLUGS}
        assert client.get("/api/v1/costs/month", params={"platform": "nobody"}).status_code == 422
    rows = {row["platform"]: row for row in api["platforms"]}
    for mine, theirs in [(told, api), *((row, rows[row["platform"]]) for row in told["platforms"])]:
        for name, value in theirs.items():
            assert name == "platforms" or mine[name] == value, (mine["title"], name)
    for slug in SLUGS:
        assert {name: one[slug][name] for name in ("cost_usd", "ends")} == {
            name: rows[slug][name] for name in ("cost_usd", "ends")
        }
    overview = plain(texts(walked.pages.call("overview-top.children", "/")))
    assert usd(Decimal(told["cost_usd"])) in overview
    assert plain(told["likely"]).removeprefix("likely ").partition(" by ")[0] in overview
    assert plain(told["last"]) in overview
    with_state = dataclasses.replace(walked.parts, state=StateDb.open(f"sqlite:///{tmp_path / 'state.db'}", walked.parts.clock))
    budgets = Driven(with_state).call("budgets-list.children", "/budgets")
    with_state.state.close()
    card = " ".join(plain(texts(found(budgets, **{"data-block": "month"})[0])).split())
    assert given.month is not None
    assert "last month: October" in card
    for row, own in zip((told, *told["platforms"]), (given.month.total, *given.month.platforms), strict=True):
        last = f"{usd(own.last_usd.quantize(CENT))}{'' if own.last_whole else ' partial'}"
        so_far = usd(own.cost_usd.quantize(CENT))
        for words in (row["title"], so_far, row["likely"].removeprefix("likely "), last, row["chance"]):
            assert plain(words) in card, (row["title"], words)


def test_the_month_is_worked_out_again_draw_by_draw(walked: Walked) -> None:
    """Hour by hour of each draw, over both platforms; infrastructure is a month of what the packs say it costs."""
    given = read_weekly(walked.parts.store, walked.packs, tuple, NOW, forecasts=walked.book)
    assert given.month is not None
    infrastructure, usage = Decimal(0), []
    for slug, pack in walked.packs.items():
        infrastructure += sum((item.usd_per_month for item in pack.cost_items()), Decimal(0))
        futures = walked.book.target(ai_cost_target(pack).name)
        assert futures is not None
        read = usage_freshness(walked.parts.store, pack, NOW).observed_at or NOW
        total = np.full(len(futures.values), float(next(each.ai_usd for each in given.month.platforms if each.platform == slug)))
        for day in range(11):
            begin = datetime(2026, 11, 20, tzinfo=NOW.tzinfo) + timedelta(days=day)
            hours = (begin + timedelta(days=1) - max(begin, read)) / timedelta(hours=1)
            total += futures.values[:, day].astype(np.float64) * hours / 24
        usage.append(total)
    drawn = np.sum(usage, axis=0) + float(infrastructure)
    whole = given.month.total
    for mine, share in ((whole.ends_p10, 0.1), (whole.ends_p50, 0.5), (whole.ends_p90, 0.9)):
        assert float(mine or 0) == pytest.approx(float(np.quantile(drawn, share)), rel=1e-6)
    assert whole.cost_usd == sum((each.cost_usd for each in given.month.platforms), Decimal(0))
    spread = float(sum((each.ends_p90 or 0) - (each.ends_p10 or 0) for each in given.month.platforms))
    assert float((whole.ends_p90 or 0) - (whole.ends_p10 or 0)) <= spread * 1.000001
    arena = next(each for each in given.month.platforms if each.platform == "arena")
    assert (arena.budgets, whole.budget_usd) == (("arena.ai_budget", "arena.infrastructure_budget"), None)
    assert arena.p_breach is not None
