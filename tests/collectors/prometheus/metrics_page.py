"""A target to scrape, on a real socket: it keeps connections open, and answers what a test tells it to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.fixtures.loopback import answering

TEXT = "text/plain; version=0.0.4"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass
class Target:
    """What the target answers, and the requests it has seen: their headers, in order."""

    body: bytes | Callable[[], bytes] = b"a 1\n"
    content_type: str | None = TEXT
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    seen: list[Mapping[str, str]] = field(default_factory=list)
    connections: int = 0
    url: str = ""


@contextmanager
def serving(target: Target | None = None) -> Iterator[Target]:
    """Serve the target on a free loopback port until the block ends."""
    told = target or Target()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            told.connections += 1
            super().setup()

        def do_GET(self) -> None:
            told.seen.append(dict(self.headers.items()))
            body = told.body() if callable(told.body) else told.body
            self.send_response(told.status)
            if told.content_type is not None:
                self.send_header("Content-Type", told.content_type)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: a test reads what it asserts."""

    with answering(Handler) as address:
        told.url = f"{address}/metrics"
        yield told
