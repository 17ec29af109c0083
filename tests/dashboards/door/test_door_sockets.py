"""Who may open a WebSocket, over real sockets too."""

from __future__ import annotations

import socket
import threading

import httpx
import pytest
import uvicorn
from starlette.websockets import WebSocketDisconnect
from websockets import InvalidStatus, Origin
from websockets.sync.client import connect

from tests.dashboards.door.house import HERE, House, TestClient
from warehouse.state import Scope, StateDb


def websocket(client: TestClient, headers: dict[str, str], path: str = "/_dash-ws-callback") -> str | int:
    """Who the app says we are, or the code it was closed with before it opened."""
    try:
        with client.websocket_connect(f"ws://127.0.0.1:8470{path}", headers=headers) as opened:
            return opened.receive_text()
    except WebSocketDisconnect as closed:
        return closed.code


@pytest.mark.parametrize(
    ("proof", "origin", "answer"),
    [
        ("nobody", None, 4401),
        ("nobody", HERE, 4401),
        ("unknown", None, 4401),
        ("ingest", None, 4403),
        ("read", None, "a read token"),
        ("read", "http://evil.example", "a read token"),  # a page cannot send this header: it is a program
        ("session", HERE, "ada"),
        ("session", None, 4403),
        ("session", "http://evil.example", 4403),
        ("session", "null", 4403),
        ("session", "http://127.0.0.1:9999", 4403),
    ],
)
def test_who_may_open_a_websocket(house: House, proof: str, origin: str | None, answer: str | int) -> None:
    client = house.signed_in({Scope.READ}) if proof == "session" else house.client()
    headers = {"Host": "127.0.0.1:8470"} | ({} if origin is None else {"Origin": origin})
    if proof == "unknown":
        headers["Authorization"] = "Bearer made-up"
    elif proof in house.keys:
        headers |= house.bearer(proof)
    assert websocket(client, headers) == answer


def test_a_websocket_by_a_false_name_is_refused(house: House) -> None:
    assert websocket(house.client(), {**house.bearer("read"), "Host": "evil.example"}) == 4421


def test_the_session_word_is_a_reader_on_other_sockets_too(house: House) -> None:
    assert websocket(house.client(), {**house.bearer("ingest"), "Host": "127.0.0.1"}, "/other") == 4403


def test_over_real_sockets(db: StateDb) -> None:
    house = House(db)
    config = uvicorn.Config(house.door, log_level="warning", access_log=False, lifespan="off", ws="websockets-sansio")
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
                while not server.started:
                    assert thread.is_alive()
                assert client.get("/").status_code == 401
                assert client.post("/sign-in", data={"link": house.sign_in.issue("ada")}).headers["location"] == "/"
                assert client.get("/").json()["name"] == "ada"
                cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
            address = f"ws://127.0.0.1:{port}/_dash-ws-callback"
            with connect(address, additional_headers={"Cookie": cookies}, origin=Origin(f"http://127.0.0.1:{port}")) as opened:
                assert opened.recv(timeout=10) == "ada"
            for headers, origin in (
                ({}, None),
                ({"Cookie": cookies}, None),
                ({"Cookie": cookies}, Origin("http://evil.example")),
            ):
                with pytest.raises(InvalidStatus) as refused:
                    connect(address, additional_headers=headers, origin=origin)
                assert refused.value.response.status_code == 403
        finally:
            server.should_exit = True
            thread.join(20)
    assert not thread.is_alive()
