"""A server that listens: the address is taken first, and told only when it answers."""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from uvicorn.server import HANDLED_SIGNALS

from collectors.platform_api.progress import SourceProgress, progress
from roomleft.app.building import App, build
from roomleft.app.starting import Starting
from roomleft.clock import Clock
from roomleft.datadir import RunningServer, announce, withdraw
from roomleft.errors import PortInUse
from roomleft.settings import Settings
from warehouse.state import Scope

KEEP_ALIVE_S = 60
"""Longer than the five seconds between a page's ticks, so that a tick need not connect anew."""
SWITCH_S = 0.001
"""A push takes the interpreter's lock dozens of times. Beside fifty viewers each of these waits lasts up to one interval, whose default is 5 ms."""


def run(settings: Settings, clock: Clock, say: Callable[[str], None]) -> None:
    """Listen and serve until interrupted. Prints the sign-in link through `say`. Raises PortInUse, StoreError, PackError."""
    sys.setswitchinterval(SWITCH_S)
    listener = _listen(settings.host, settings.port)
    port = listener.getsockname()[1]
    try:
        app = build(settings, clock)
    except BaseException:
        listener.close()
        raise
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    config = uvicorn.Config(
        app.asgi,
        log_level="warning",
        access_log=False,
        ws="websockets-sansio",
        lifespan="on",
        timeout_graceful_shutdown=5,
        timeout_keep_alive=KEEP_ALIVE_S,
        proxy_headers=False,  # `door.proxy` decides whom to believe
    )
    server = _Server(config)
    starting = _starting(app, say)

    def listening() -> None:
        token = app.tokens.renew(_own_name(settings, shared=not app.parts.state.is_sqlite), {Scope.ADMIN})
        announce(settings.data_dir, RunningServer(url, token, os.getpid()))
        app.start()
        say(f"\nRoomleft {'demo ' if settings.demo else ''}is at {url}")
        say(
            f"Sign in once with this link (a new one: bin/roomleft token link):\n\n    {url}/sign-in?link={app.sign_in.issue()}\n"
        )
        if not app.parts.packs:
            say("Nothing is connected yet: `bin/roomleft connect --help` lists what can be.\n")
        starting.start()

    server.on_listening = listening
    try:
        server.run(sockets=[listener])
    finally:
        starting.stop()
        withdraw(settings.data_dir, os.getpid())
        app.stop()


def _starting(app: App, say: Callable[[str], None]) -> Starting:
    parts = app.parts

    def streams() -> list[SourceProgress]:
        return progress(parts.store, parts.clock.now(), app.watching.streams())

    return Starting(parts.readiness.steps, streams, say)


def _own_name(settings: Settings, *, shared: bool) -> str:
    """The name of this server's own token. Servers that share one state each have theirs: a new one ends the old one of its name."""
    return f"local {socket.gethostname()}:{settings.data_dir}" if shared else "local"


class _Server(uvicorn.Server):
    """uvicorn, saying when it listens: commands and people are told only of an address that answers."""

    on_listening: Callable[[], None] = staticmethod(lambda: None)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, but without raising the signal again afterwards: that would end the process before the stores are closed."""
        before = {number: signal.signal(number, self.handle_exit) for number in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.on_listening()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # Listening at once makes a second server fail here, and lets a first visitor's request wait instead of being refused.
        listener.listen(128)
    except OSError as error:
        listener.close()
        taken = error.errno in (errno.EADDRINUSE, errno.EACCES)
        hint = (
            "choose another with --port, or --port 0 for a free one" if taken else "name an address of this machine with --host"
        )
        raise PortInUse(f"cannot listen there: {error.strerror}", f"{host}:{port}", hint) from error
    return listener
