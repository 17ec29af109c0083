"""A tiny HTTP server on a real socket that answers what a test scripts, byte by byte if need be."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import orjson

Answer = Callable[[socket.socket, str], None]
TRICKLE_S = 16.0
"""Writes one answer to a connection; gets the request's first line."""


def http(body: bytes | dict[str, object], status: int = 200, kind: str = "application/json", **headers: str) -> Answer:
    """A whole, well-formed answer."""
    payload = body if isinstance(body, bytes) else orjson.dumps(body)
    lines = [f"HTTP/1.1 {status} X", f"content-type: {kind}", f"content-length: {len(payload)}", "connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return raw("\r\n".join(lines).encode() + b"\r\n\r\n" + payload)


def raw(data: bytes) -> Answer:
    """Exactly these bytes, then the end."""

    def answer(connection: socket.socket, _: str) -> None:
        connection.sendall(data)

    return answer


def hang(connection: socket.socket, _: str) -> None:
    """Nothing, until the reader gives up."""
    connection.settimeout(10)
    connection.recv(1)


def trickle(before: bytes, drop: bytes) -> Answer:
    """`before`, then `drop` again and again, each well within any read timeout."""

    def answer(connection: socket.socket, _: str) -> None:
        connection.sendall(before)
        connection.settimeout(0.02)
        ends_at = time.monotonic() + TRICKLE_S
        while time.monotonic() < ends_at:
            connection.sendall(drop)
            try:
                if connection.recv(1) == b"":
                    return
            except TimeoutError:
                continue

    return answer


class Scripted:
    """The server: `url`, and `requests`, the first lines it saw."""

    def __init__(self, answers: list[Answer]) -> None:
        self.answers = answers
        self.requests: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            received = b""
            while b"\r\n\r\n" not in received:
                more = connection.recv(65536)
                if not more:
                    return
                received += more
            self.requests.append(received.split(b"\r\n", 1)[0].decode())
            # The last answer is given for ever.
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            try:
                answer(connection, self.requests[-1])
            except OSError:
                return

    def close(self) -> None:
        # Shutting down first wakes the thread in accept(), which would otherwise keep the port open.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()


@contextmanager
def scripted(*answers: Answer) -> Iterator[Scripted]:
    """Serve the answers in order; the last one again for every further request."""
    server = Scripted(list(answers))
    try:
        yield server
    finally:
        server.close()
