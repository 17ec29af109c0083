"""Pages served on a free port of this machine, for a real browser."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import APIRouter, FastAPI

from dashboards.api.search import make_search_api
from dashboards.app import build_pages
from dashboards.parts import Parts
from tests.fixtures.asked import OWNER, AskedBy
from warehouse.state import Principal


@contextmanager
def serving(
    parts: Parts, *routers: APIRouter, prepare: Callable[[FastAPI], None] | None = None, who: Principal = OWNER
) -> Iterator[str]:
    """The address of the running pages over `parts`, with the API's search and glossary, which every page asks, and other routes of it where a page needs them. No door stands before them: `who` asks."""
    server = FastAPI()
    if prepare is not None:
        prepare(server)
    for router in (make_search_api(parts), *routers):
        server.include_router(router)
    build_pages(server, parts)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    web = uvicorn.Server(uvicorn.Config(AskedBy(server, who), log_level="warning", ws="websockets-sansio", lifespan="off"))
    thread = threading.Thread(target=web.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not web.started and time.monotonic() < deadline:
        thread.join(0.02)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    web.should_exit = True
    web.force_exit = True
    thread.join(10)
