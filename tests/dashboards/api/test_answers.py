"""Which status an error answers with, and that every one has the same shape."""

from __future__ import annotations

import orjson
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from dashboards.api.answers import error_answer
from dashboards.api.program import install_errors
from roomleft import errors

SAID = ("what", "where", "hint")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.TooLarge(*SAID), 413),
        (errors.InputError(*SAID), 422),
        (errors.QueryRefused(*SAID), 400),
        (errors.QueryTimeout(*SAID), 504),
        (errors.DiskFull(*SAID), 507),
        (errors.StoreLocked(*SAID), 503),
        (errors.Refused(*SAID, status=403), 403),
        (errors.QueueFull(*SAID, retry_after_s=2.6), 429),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_every_error_has_its_status_and_the_one_shape(error: errors.RoomleftError, status: int) -> None:
    answer = error_answer(error, rows_read=3)
    assert answer.status_code == status
    assert orjson.loads(answer.body) == {"error": {"what": "what", "where": "where", "hint": "hint"}, "rows_read": 3}
    assert answer.headers.get("retry-after") == ("3" if status == 429 else None)


def test_what_nobody_expected_keeps_the_shape_and_gives_nothing_away() -> None:
    app = FastAPI()
    install_errors(app)

    @app.get("/broken")
    def broken() -> None:
        raise KeyError("secret")

    answer = TestClient(app, raise_server_exceptions=False).get("/broken")
    assert answer.status_code == 500
    assert set(answer.json()["error"]) == {"what", "where", "hint"}
    assert "secret" not in answer.text
