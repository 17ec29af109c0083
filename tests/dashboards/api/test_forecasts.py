"""Forecasts and their record over HTTP."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from analytics.forecasting.forecasts import Forecasts
from dashboards.api.forecasts import make_forecast_api
from dashboards.api.program import install_errors
from jobs import forecast_worker
from jobs.forecast import Forecaster
from roomleft.clock import FixedClock
from tests.analytics.budget_shop import opened
from tests.analytics.forecasting.world import history, world_pack
from tests.dashboards.sample_rows import NOW, SampleJob, sample_parts

with warnings.catch_warnings():  # Starlette would rather have httpx2, which nothing else here needs
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

DAYS = 40


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    clock = FixedClock(NOW - timedelta(minutes=5))
    pack = world_pack(tmp_path_factory.mktemp("packs"))
    with opened(clock, pack) as store:
        history(store, clock, pack, DAYS)
        clock.advance(timedelta(minutes=5))
        asked = Forecaster(
            store, {"shop": pack}, ask=lambda message, *, limit_s, stopping: (forecast_worker.answer(message), 0.0)
        )
        assert "series forecast" in asked.run(clock.now()).words
        parts = dataclasses.replace(
            sample_parts(clock=clock, filled=False, jobs=[SampleJob("forecast", "failed", "the forecaster was killed")]),
            packs={"shop": pack},
            store=store,
            forecasts=Forecasts(store),
        )
        server = FastAPI()
        install_errors(server)
        server.include_router(make_forecast_api(parts))
        with TestClient(server) as made:
            yield made


def get(client: TestClient, path: str, status: int = 200) -> Any:
    found = client.get(path)
    assert found.status_code == status, found.text
    return found.json()


def test_every_target_is_told_with_a_sentence_and_its_grounds(client: TestClient) -> None:
    found = get(client, "/api/v1/forecasts")
    by_name = {each["target"]: each for each in found["forecasts"]}
    assert found["job"] == {"outcome": "failed", "words": "the forecaster was killed"}
    spend = by_name["shop/spend"]
    assert spend["sentence"].startswith("The next 30 days: $")
    assert spend["days"] >= DAYS - 1
    assert {"shop.month", "shop.each", "shop/ai_cost/usage:cost"} <= set(spend["limits"])
    assert spend["next_30_days"]["p10"] < spend["next_30_days"]["p50"] < spend["next_30_days"]["p90"]
    assert "points" not in spend
    assert {each["limit_id"]: each["no_date"] for each in found["untold"]} == {"shop.mine": "per_user", "shop.asked": "by_query"}


def test_one_target_comes_with_its_days(client: TestClient) -> None:
    (found,) = get(client, "/api/v1/forecasts?target=shop/disk%23busiest")["forecasts"]
    assert found["unit"] == "gb"
    assert len(found["points"]) == 92
    assert all(point["p05"] <= point["p10"] <= point["p50"] <= point["p90"] <= point["p95"] for point in found["points"])
    assert [point["about_to"] for point in found["points"][:-1]] == [point["about_at"] for point in found["points"][1:]]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        pytest.param("/api/v1/forecasts?platform=shap", "shop", id="a platform that is none"),
        pytest.param("/api/v1/forecasts?target=shop/spent", "shop/spend", id="a target that is none"),
        pytest.param("/api/v1/track-record?platform=shap", "shop", id="a record of none"),
        pytest.param("/api/v1/track-record?since=yesterday", "RFC 3339", id="no instant"),
    ],
)
def test_what_is_unknown_is_refused_with_the_nearest(client: TestClient, path: str, words: str) -> None:
    assert words in str(get(client, path, 422))


def test_a_record_without_an_outcome_says_so(client: TestClient) -> None:
    found = get(client, "/api/v1/track-record?platform=shop")
    assert found["words"].startswith("there is none yet: ")
    assert found["made"]["live"]["waiting"] == found["made"]["live"]["claims"] > 0
    assert found["made"]["replayed"]["claims"] == 0


def test_the_command_says_the_sentence_first(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from roomleft.cli import forecast

    class Asked:
        def __init__(self, server: object) -> None:
            pass

        def get(self, path: str, **params: str | None) -> Any:
            return client.get(path, params={name: value for name, value in params.items() if value is not None}).json()

    monkeypatch.setattr(forecast, "located", lambda: (None, object()))
    monkeypatch.setattr(forecast, "Client", Asked)
    assert forecast.run_forecast(None, "shop/spend", False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("shop/spend: The next 30 days: $")
    assert any("2026-11-2" in line for line in lines)
    assert forecast.run_forecast("shop", None, False) == 0
    said = capsys.readouterr().out
    assert "shop.mine: no forecast: each user has this limit apart." in said
    assert "Track record: there is none yet" in said
