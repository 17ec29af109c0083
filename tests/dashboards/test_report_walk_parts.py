"""What of the reports no limit's row tells: next windows, tiers, risks, triggers, movers and outcomes, each against the page or worked out again."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import orjson
import pytest

from analytics.reports import capacity, weekly
from analytics.reports.tiers import tier_rows
from dashboards import record_words, wording
from dashboards.answers import dumps
from dashboards.reports.capacity_read import read_capacity
from dashboards.reports.weekly_read import read_weekly
from roomleft.limits import Kind
from roomleft.money import usd
from roomleft.outlook import Outlook
from tests.dashboards import test_report_walk
from tests.dashboards.conftest import texts
from tests.dashboards.sample_rows import NOW
from tests.dashboards.test_report_walk import SLUGS, Walked, check_limit, plain

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
        for since, until in ((NOW - 2 * week, NOW - week), (NOW - week, NOW)):
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
