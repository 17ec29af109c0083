"""The track record's page and words: a share's interval, week one, claims made afterwards alone, and what became of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from analytics.forecasting.track_record import Bin
from dashboards import record_words
from dashboards.filters import parse
from dashboards.record_rows import interval
from tests.dashboards.conftest import Driven, texts
from tests.dashboards.forecast_world import forecast_world
from tests.dashboards.sample_rows import NOW

FORECASTS, RECORD = "/capacity/forecasts", "/capacity/track-record"
UTC_ZONE = parse("/", "").zone
THIN = "\u202f"


def plain(component: Any) -> str:
    """Its words with ordinary spaces."""
    return texts(component).replace(THIN, " ").replace("\u00a0", " ")


def test_the_interval_of_a_share_is_wilson_s() -> None:
    low, high = interval(Bin(0.7, 0.8, 28, 0.75, 20 / 28))
    assert (round(low, 3), round(high, 3)) == (0.56, 0.831)
    assert interval(Bin(0.0, 0.1, 9, 0.05, 0.0))[0] == 0.0


@pytest.mark.parametrize(
    ("record", "said"),
    [("waiting", "There is no track record yet: the first forecasts are scored on 28 Nov."), ("none", "There is no track record yet: nothing has been forecast yet.")],
)  # fmt: skip
def test_in_week_one_the_record_says_that_there_is_none_yet(tmp_path: Path, record: str, said: str) -> None:
    own = forecast_world(tmp_path, record=record)
    driven = Driven(own.parts)
    assert said in plain(driven.call("record-top.children", RECORD))
    assert driven.call("record-charts.children", RECORD) == []
    assert "Nothing was scored yet." in plain(driven.call("record-body.children", RECORD))
    if record == "none":
        assert "Nothing has been forecast yet" in plain(driven.call("forecasts-list.children", FORECASTS))
    own.close()


def test_replayed_claims_alone_are_called_so(tmp_path: Path) -> None:
    own = forecast_world(tmp_path, record="replayed")
    driven = Driven(own.parts)
    assert "said afterwards about earlier days" in plain(driven.call("record-top.children", RECORD))
    assert "Said beforehand" not in plain(driven.call("record-charts.children", RECORD))
    own.close()


@pytest.mark.parametrize(
    ("claim", "said", "came"),
    [
        (
            {"claim": "breach", "amount": 40000.0, "probability": 0.72, "outcome": 1.0},
            "72 % chance of passing $40k",
            ("it happened", None),
        ),
        ({"claim": "total", "low": 38000.0, "high": 46000.0, "outcome": 41000.0, "covered": 1.0}, "$38–46k", ("$41k", True)),
        # Days count from the beginning of the morning that it was said of, which is noon of no day.
        (
            {"claim": "exhausts", "low": 2.4, "high": 7.4, "outcome": 6.5, "covered": 1.0, "horizon_days": 7},
            "runs out 22–27 Nov",
            ("ran out 26 Nov", True),
        ),
        (
            {"claim": "exhausts", "low": 2.4, "high": 7.4, "outcome": 7.0, "covered": 0.0, "horizon_days": 7},
            "runs out 22–27 Nov",
            ("had not run out by 27 Nov", False),
        ),
    ],
)
def test_a_claim_and_what_came_of_it_in_words(claim: dict[str, Any], said: str, came: tuple[str, bool | None]) -> None:
    row = {
        "amount": None,
        "probability": None,
        "low": None,
        "high": None,
        "covered": None,
        "said_at": NOW,
        "about_from": NOW.replace(hour=0, minute=0),
        **claim,
    }
    assert record_words.said_words(row, "usd", NOW, UTC_ZONE).replace(THIN, " ").replace("\u00a0", " ") == said
    words, held = record_words.came_words(row, "usd", NOW, UTC_ZONE)
    assert (words.replace("\u00a0", " "), held) == came
