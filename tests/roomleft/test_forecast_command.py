"""`forecast` in a shell: what it prints when there is nothing yet, and when the forecaster fails."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from roomleft.cli import forecast

ONE = {"target": "shop/spend", "sentence": "The next 30 days: $7."}
KILLED = {"outcome": "failed", "words": "the forecaster was killed"}


@pytest.mark.parametrize(
    ("forecasts", "job", "code", "lines"),
    [
        ([], None, 1, ["Nothing has been forecast yet: it takes the first complete days, and a minute."]),
        (
            [],
            {"outcome": "ok", "words": "waits for history"},
            1,
            ["Nothing has been forecast yet: it takes the first complete days, and a minute. Now: waits for history."],
        ),
        ([], KILLED, 1, ["Nothing has been forecast yet: the forecaster failed: the forecaster was killed."]),
        ([ONE], {"outcome": "ok", "words": "nothing has changed"}, 0, ["Forecasts of 2026-11-21 19:59 UTC.", "shop/spend: The next 30 days: $7."]),
        (
            [ONE],
            KILLED,
            0,
            ["Forecasts of 2026-11-21 19:59 UTC.", "No newer one could be made: the forecaster was killed.", "shop/spend: The next 30 days: $7."],
        ),
    ],
    ids=["too early", "waiting", "failed before the first", "told", "told, and the next one failed"],
)  # fmt: skip
def test_what_is_printed(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    forecasts: list[Any],
    job: Any,
    code: int,
    lines: list[str],
) -> None:
    answers = {
        "/api/v1/forecasts": {"fitted_at": "2026-11-21T19:59:52Z", "job": job, "forecasts": forecasts, "untold": []},
        "/api/v1/track-record": {"words": "there is none yet"},
    }
    monkeypatch.setattr(forecast, "located", lambda: (SimpleNamespace(data_dir="x"), "a server"))
    monkeypatch.setattr(forecast, "Client", lambda _server: SimpleNamespace(get=lambda path, **_: answers[path]))
    assert forecast.run_forecast(None, None, False) == code
    printed = capsys.readouterr().out.splitlines()
    assert [line for line in printed if not line.startswith("Track record")] == lines
