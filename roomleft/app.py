"""The wiring: the only module that knows every part. One process: web, writer, jobs."""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import uvicorn
from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp
from uvicorn.server import HANDLED_SIGNALS

from collectors.fetch import Patience
from collectors.platform_api import STREAMS, SourceConfig
from collectors.progress import progress
from dashboards.api import close_api, install_errors, make_api
from dashboards.apidocs import make_apidocs
from dashboards.app import build_pages
from dashboards.auth import Door
from dashboards.auth_rules import hosts_for
from dashboards.parts import Parts, slack_of
from dashboards.readiness import Check, Readiness
from jobs.collect import collect_jobs
from jobs.measure import MEASURE, SETTLED_AFTER, measure_job
from jobs.price import price, price_job
from jobs.retain import retain_job
from jobs.roll_up import roll_up_job
from jobs.schedule import Job, Schedule
from roomleft import __version__
from roomleft.clock import Clock
from roomleft.datadir import RunningServer, announce, withdraw
from roomleft.errors import PackError, PortInUse, SettingsError
from roomleft.packs import Pack, load_packs
from roomleft.settings import Settings
from warehouse.state import Outcome, Scope, Sessions, SignIn, StateDb, Tokens
from warehouse.state.pseudonyms import Pseudonyms
from warehouse.store import Store
from warehouse.writer import Writer

log = logging.getLogger("roomleft")


BACK_FILL_S = 60.0
"""How long one run may read on while its stream has more: a back-fill should not wait for the next tick every few seconds."""


@dataclass(frozen=True, slots=True)
class App:
    """A built server: its parts, its jobs and the ASGI application, not yet listening."""

    parts: Parts
    schedule: Schedule
    tokens: Tokens
    sign_in: SignIn
    asgi: ASGIApp

    def start(self) -> None:
        """Start the writer and the jobs."""
        self.parts.writer.start()
        self.schedule.start()

    def stop(self) -> None:
        """Stop the jobs, drain the writer, close both stores."""
        self.schedule.stop()
        self.parts.writer.close()
        self.parts.store.close()
        self.parts.state.close()


def build(settings: Settings, clock: Clock) -> App:
    """Open the stores and put every part together."""
    packs = load_packs(settings.packs_dir, settings.packs or None)
    _every_source_has_a_pack(settings, packs)
    # Links, sessions and leases are about people and processes: they live on the wall's time, also in an accelerated demo.
    state = StateDb.open(settings.state_url, Clock())
    try:
        store = Store.open(settings.warehouse_url, now=clock)
    except BaseException:
        state.close()
        raise
    # Before the first event: what arrives without a price is stored as unpriced.
    price(store, packs, clock.now())
    writer = Writer(store, clock, pseudonyms=Pseudonyms(state), max_queued_rows=settings.queue_rows)
    patience = Patience(read_timeout_s=settings.collect_timeout_s)
    configs = [SourceConfig(source.platform, source.url, source.token, patience=patience) for source in settings.sources]
    schedule = Schedule(_jobs(settings, packs, configs, store, writer, clock), state, clock)
    readiness = Readiness(_readiness(settings, store, clock, schedule))
    parts = Parts(settings, clock, packs, store, writer, state, schedule.status, readiness)
    tokens, sign_in = Tokens(state), SignIn(state, timedelta(hours=settings.session_hours))
    server = FastAPI(title="Roomleft", version=__version__, docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    install_errors(server)
    server.include_router(make_api(parts))
    server.include_router(make_apidocs(server))
    rest = APIRouter()
    close_api(rest)
    server.include_router(rest)
    pages = build_pages(server, parts)
    hosts = hosts_for(settings.host, settings.allowed_hosts)
    door = Door(server, tokens=tokens, sign_in=sign_in, sessions=Sessions(state), hosts=hosts, script_hashes=pages.csp_hashes())
    return App(parts, schedule, tokens, sign_in, door)


def _every_source_has_a_pack(settings: Settings, packs: dict[str, Pack]) -> None:
    for source in settings.sources:
        if source.platform not in packs:
            raise SettingsError(
                f"no pack describes the platform {source.platform!r}",
                f"sources.{source.platform}",
                f"packs here: {', '.join(packs) or 'none'}",
            )
    if not packs:
        raise PackError("there is no pack", str(settings.packs_dir), "put a platform's YAML file there")


def _jobs(
    settings: Settings, packs: dict[str, Pack], configs: Sequence[SourceConfig], store: Store, writer: Writer, clock: Clock
) -> list[Job]:
    zones = sorted({zone for pack in packs.values() for zone in pack.zones()})
    every = timedelta(seconds=settings.collect_every_s)
    return [
        price_job(store, packs),
        *collect_jobs(configs, store, writer, clock, every=every, budget_s=BACK_FILL_S),
        Job("roll up", timedelta(seconds=settings.roll_up_every_s), roll_up_job(store, zones)),
        measure_job(store, packs, every=timedelta(seconds=settings.measure_every_s), slack=slack_of(clock)),
        Job("retain", timedelta(hours=settings.retain_every_h), retain_job(store, zones), at_start=False),
    ]


def _readiness(settings: Settings, store: Store, clock: Clock, schedule: Schedule) -> dict[str, Check]:
    expected = [(source.platform, stream) for source in settings.sources for stream in STREAMS if stream != "health"]

    def back_filled() -> tuple[bool, str]:
        behind = [p for p in progress(store, clock.now(), expected) if (p.platform, p.stream) in expected and not p.caught_up]
        words = "; ".join(f"{p.platform} {p.stream} {100 * p.fraction:.0f} %" for p in behind)
        return not behind, words or "every stream is read to its end"

    def rolled_up() -> tuple[bool, str]:
        before = clock.now() - SETTLED_AFTER
        waiting = store.select("SELECT count(*) AS n FROM dirty_buckets WHERE bucket < $before", {"before": before})["n"][
            0
        ].as_py()
        return waiting == 0, f"{waiting} changed buckets wait"

    measured_after: list[datetime] = []
    successes: set[datetime | None] = set()

    def measured() -> tuple[bool, str]:
        # Only a measurement begun after the roll-up counts: the first ones saw half of the history.
        if not measured_after:
            measured_after.append(clock.now())
        (status,) = (status for status in schedule.status() if status.name == MEASURE)
        last = status.last_run
        successes.add(status.last_success_at)
        done = last is not None and last.outcome is Outcome.OK and last.started_at >= measured_after[0]
        # On a fast clock the newest run is always one that still runs; of three successes the last began after the first look.
        done = done or len(successes) > 2
        return done, "every limit is measured" if done else "waits for the next measurement"

    return {"back-fill": back_filled, "roll-up": rolled_up, "first headroom": measured}


def run(settings: Settings, clock: Clock, say: Callable[[str], None]) -> None:
    """Listen and serve until interrupted. Prints the sign-in link through `say`. Raises PortInUse, StoreError, PackError."""
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
        app.asgi, log_level="warning", access_log=False, ws="websockets-sansio", lifespan="on", timeout_graceful_shutdown=5
    )
    server = _Server(config)

    def listening() -> None:
        token = app.tokens.renew("local", {Scope.ADMIN})
        announce(settings.data_dir, RunningServer(url, token, os.getpid()))
        app.start()
        say(f"\nRoomleft {'demo ' if settings.demo else ''}is at {url}")
        say(
            f"Sign in once with this link (a new one: bin/roomleft token link):\n\n    {url}/sign-in?link={app.sign_in.issue()}\n"
        )

    server.on_listening = listening
    try:
        server.run(sockets=[listener])
    finally:
        withdraw(settings.data_dir, os.getpid())
        app.stop()


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
