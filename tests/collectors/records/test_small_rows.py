"""Health checks, business days and deploys from outside."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from collectors.records.small_rows import business_table, deploys_table, health_table, live_health

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
AT = "2026-11-20T11:59:00Z"
DAY: dict[str, Any] = {
    "day": "2026-11-19", "tier": "free", "active_users": 5, "new_users": 1, "returning_users": 4, "converted_users": 0,
    "revenue_usd": "123.45", "satisfaction": 4.2,
}  # fmt: skip


def business(*records: dict[str, Any]) -> Any:
    return business_table(records, source="s", platform="arena", known_platforms={"arena"}, now=NOW)


def test_a_business_day_keeps_its_money_exact() -> None:
    (row,) = business({**DAY, "revenue_usd": "0.1234567891"}).rows.to_pylist()
    assert row["revenue_usd"] == Decimal("0.123456789")
    assert (row["day"], row["tier"], row["satisfaction"]) == (date(2026, 11, 19), "free", 4.2)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"revenue_usd": None}, "revenue_usd: is required"),
        ({"revenue_usd": "Infinity"}, "not a finite amount"),
        ({"revenue_usd": "1e30"}, "absurdly large"),
        ({"day": "19/11/2026"}, "write YYYY-MM-DD"),
        ({"day": "2026-11-22"}, "in the future"),
        ({"active_users": -1}, "must not be negative"),
        ({"tier": None}, "tier: is required"),
        ({"satisfaction": float("nan")}, "not a finite number"),
        ({"revenue": "1"}, "did you mean 'revenue_usd'"),
    ],
)
def test_a_bad_business_day_is_refused_by_name(change: dict[str, Any], says: str) -> None:
    found = business(DAY, {**DAY, **change})
    assert found.rows.num_rows == 1
    assert says in found.rejected.to_pylist()[0]["reason"]


def test_a_refund_may_make_a_day_negative() -> None:
    assert business({**DAY, "revenue_usd": "-5"}).rows.column("revenue_usd").to_pylist() == [Decimal(-5)]


def test_health_history() -> None:
    good = {
        "observed_at": AT,
        "component": "db",
        "check": "latency",
        "status": "warn",
        "value": 12,
        "unit": "ms",
        "output": "slow " * 500,
    }
    found = health_table([good, {**good, "status": "sick"}, {**good, "status": None}], source="s", platform="arena", now=NOW)
    (row,) = found.rows.to_pylist()
    assert (row["check_name"], row["status"], row["value"], row["unit"]) == ("latency", "warn", 12.0, "ms")
    assert len(row["words"]) == 1000
    assert [r["field"] for r in found.rejected.to_pylist()] == ["status", "status"]


def test_live_health_gives_the_verdict_and_every_check() -> None:
    body = {
        "status": "down",
        "time": AT,
        "output": "database is away",
        "checks": {
            "db:connections": [
                {"status": "warn", "observedValue": 9, "observedUnit": "connections", "time": AT, "output": "many"}
            ],
            "cache:hits": [{"componentId": "n1", "status": "ok"}, {"componentId": "n2", "status": "fail", "observedValue": "v7"}],
            "uptime": [{"status": "up"}],
        },
    }
    rows = live_health(body, source="s", platform="arena", now=NOW).rows.to_pylist()
    assert {(r["component"], r["check_name"]): r["status"] for r in rows} == {
        ("arena", "overall"): "fail",
        ("db", "connections"): "warn",
        ("cache", "hits"): "pass",
        ("cache", "hits n2"): "fail",
        ("uptime", "status"): "pass",
    }
    assert rows[0]["words"] == "database is away"
    assert rows[1]["value"] == 9.0
    assert all(r["observed_at"] == datetime(2026, 11, 20, 11, 59, tzinfo=UTC) for r in rows)


def test_deploys() -> None:
    good = {"id": "d1", "deployed_at": AT, "component": "api", "version": "1.2", "title": "Faster", "kind": "launch"}
    found = deploys_table([good, {**good, "kind": "party"}, {**good, "title": None}], source="s", platform="arena", now=NOW)
    assert found.rows.column("deploy_id").to_pylist() == ["d1"]
    assert [r["field"] for r in found.rejected.to_pylist()] == ["kind", "title"]
