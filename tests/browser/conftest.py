"""The pages over the sample world, served on a free port to a real browser."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import expect

from dashboards.app import build_pages
from tests.dashboards.sample_rows import sample_parts

# What is expected comes in its own time: a busy machine is slow, not wrong.
expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The address of the running pages."""
    parts = sample_parts()
    server = FastAPI()
    build_pages(server, parts)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    web = uvicorn.Server(uvicorn.Config(server, log_level="warning", ws="websockets-sansio", lifespan="off"))
    thread = threading.Thread(target=web.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not web.started and time.monotonic() < deadline:
        thread.join(0.02)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    web.should_exit = True
    web.force_exit = True
    thread.join(10)
    parts.store.close()
