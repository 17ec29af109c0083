"""An open WebSocket ends with the right to it, over a real server."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from dashboards.door.door import UNSURE_TURNS, Door
from dashboards.door.watching import SIGNED_OUT
from roomleft.clock import FixedClock
from roomleft.errors import StoreLocked
from warehouse.state import Principal, Role, Scope, Sessions, SignIn, StateDb, Tokens, Users

LIMIT_S = 15.0
ended: list[str] = []


async def pushing(opened: WebSocket) -> None:
    """Pushes without end, as a live page's callback does."""
    await opened.accept()
    heard = asyncio.create_task(opened.receive_text())
    number = 0
    while not heard.done():
        number += 1
        await opened.send_text(str(number))
        await asyncio.sleep(0.02)
    try:
        await heard
    except WebSocketDisconnect:
        ended.append("told")


@pytest.fixture
def address(db: StateDb) -> Iterator[str]:
    door = Door(
        Starlette(routes=[WebSocketRoute("/_dash-ws-callback", pushing)]), tokens=Tokens(db), sign_in=SignIn(db), sessions=Sessions(db),
        watch_every_s=0.05,
    )  # fmt: skip
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    server = uvicorn.Server(uvicorn.Config(door, log_level="warning", lifespan="off", ws="websockets-sansio"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


def opened(address: str, headers: dict[str, str]) -> ClientConnection:
    return connect(f"ws://{address}/_dash-ws-callback", origin=f"http://{address}", additional_headers=headers)  # type: ignore[arg-type]


def closing_code(connection: ClientConnection) -> int | None:
    """The code with which a pushing connection ends; None if it goes on."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        try:
            connection.recv(timeout=LIMIT_S)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 0
    return None


ENDINGS: dict[str, Callable[[StateDb, str, FixedClock], object]] = {
    "signed out": lambda db, secret, clock: Sessions(db).revoke(secret),
    "disabled": lambda db, secret, clock: Users(db).change("ada", disabled=True),
    "removed": lambda db, secret, clock: Users(db).remove("ada"),
    "another role": lambda db, secret, clock: Users(db).change("ada", role=Role.VIEWER),
}


@pytest.mark.parametrize("end", ENDINGS.values(), ids=ENDINGS)
def test_nothing_is_pushed_any_more_to_who_may_not_see_it(
    address: str, db: StateDb, clock: FixedClock, end: Callable[[StateDb, str, FixedClock], object]
) -> None:
    secret = SignIn(db).start(Users(db).add("ada", Role.FINANCE), "password")
    ended.clear()
    with opened(address, {"Cookie": f"roomleft_session_{address.rpartition(':')[2]}={secret}"}) as connection:
        assert int(connection.recv(timeout=LIMIT_S)) >= 1
        end(db, secret, clock)
        assert closing_code(connection) == SIGNED_OUT
    deadline = time.monotonic() + LIMIT_S
    while not ended and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ended == ["told"], "what pushes must hear that nobody listens"


def test_a_revoked_token_is_pushed_nothing_either(address: str, db: StateDb) -> None:
    token = Tokens(db).add("wall", {Scope.READ})
    with opened(address, {"Authorization": f"Bearer {token}"}) as connection:
        connection.recv(timeout=LIMIT_S)
        Tokens(db).revoke("wall")
        assert closing_code(connection) == SIGNED_OUT


@pytest.mark.parametrize("lasts", [3, 10_000])
def test_a_locked_database_ends_no_connection_at_once_but_does_not_keep_it_for_ever(
    address: str, db: StateDb, monkeypatch: pytest.MonkeyPatch, lasts: int
) -> None:
    secret = SignIn(db).start(Users(db).add("ada", Role.FINANCE), "password")
    with opened(address, {"Cookie": f"roomleft_session_{address.rpartition(':')[2]}={secret}"}) as connection:
        connection.recv(timeout=LIMIT_S)
        verify, asked = Sessions.verify, [0]

        def locked(self: Sessions, secret: str) -> Principal | None:
            asked[0] += 1
            if asked[0] <= lasts:
                raise StoreLocked("somebody else writes", "state", "try again")
            return verify(self, secret)

        monkeypatch.setattr(Sessions, "verify", locked)
        db.access_turn += 1  # what is remembered does not count
        if lasts > UNSURE_TURNS:
            assert closing_code(connection) == SIGNED_OUT
            assert asked[0] == UNSURE_TURNS
            return
        deadline = time.monotonic() + LIMIT_S
        while asked[0] <= lasts and time.monotonic() < deadline:
            connection.recv(timeout=LIMIT_S)
        assert asked[0] > lasts
        assert int(connection.recv(timeout=LIMIT_S)) > 1


def test_who_may_stay_stays(address: str, db: StateDb) -> None:
    secret = SignIn(db).start(Users(db).add("ada", Role.FINANCE), "password")
    with opened(address, {"Cookie": f"roomleft_session_{address.rpartition(':')[2]}={secret}"}) as connection:
        numbers = [int(connection.recv(timeout=LIMIT_S)) for _ in range(20)]
    assert numbers == list(range(1, 21))
