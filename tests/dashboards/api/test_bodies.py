"""Request bodies: the limit holds before, during and after decompression."""

from __future__ import annotations

import gzip

import pytest
from fastapi import FastAPI, Request, Response
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from dashboards.api.bodies import gunzip, read_body
from dashboards.api.program import install_errors
from roomleft.errors import InputError, TooLarge

LIMIT = 1000


@pytest.fixture(scope="module")
def client() -> TestClient:
    app = FastAPI()
    install_errors(app)

    @app.post("/in")
    async def take(request: Request) -> Response:
        return Response(await read_body(request, LIMIT))

    return TestClient(app)


@given(data=st.binary(max_size=LIMIT), members=st.integers(1, 3))
def test_gunzip_gives_back_every_member(data: bytes, members: int) -> None:
    if len(data) * members <= LIMIT:
        assert gunzip(gzip.compress(data) * members, LIMIT, "") == data * members


@pytest.mark.parametrize("size", [0, 1, LIMIT])
def test_a_body_up_to_the_limit_is_read(client: TestClient, size: int) -> None:
    body = b"x" * size
    assert client.post("/in", content=body).content == body
    assert client.post("/in", content=gzip.compress(body), headers={"content-encoding": "gzip"}).content == body


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"x" * (LIMIT + 1), {}, 413),
        (b"small", {"content-length": str(2**30)}, 413),
        (gzip.compress(b"0" * (LIMIT + 1)), {"content-encoding": "gzip"}, 413),
        (gzip.compress(b"0" * 2**24), {"content-encoding": "gzip"}, 413),
        (gzip.compress(b"0" * 600) * 2, {"content-encoding": "gzip"}, 413),
        (b"not gzip", {"content-encoding": "gzip"}, 422),
        (gzip.compress(b"x" * 500)[:-9], {"content-encoding": "gzip"}, 422),
        (b"x", {"content-encoding": "br"}, 422),
    ],
    ids=["too long", "declared 1 GB", "gzip over", "gzip bomb", "members over", "not gzip", "cut gzip", "brotli"],
)
def test_a_wrong_body_is_refused_in_the_one_error_shape(
    client: TestClient, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = client.post("/in", content=body, headers=headers)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"what", "where", "hint"}


def test_a_bomb_costs_no_more_than_the_limit() -> None:
    bomb = gzip.compress(b"0" * 2**26)
    with pytest.raises(TooLarge):
        gunzip(bomb, LIMIT, "")
    with pytest.raises(InputError, match="damaged"):
        gunzip(b"\x1f\x8bgarbage", LIMIT, "")
