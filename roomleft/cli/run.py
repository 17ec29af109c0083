"""`demo` and `serve`: the two ways to run a server."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from roomleft.cli.output import err
from roomleft.clock import Clock
from roomleft.datadir import claim, running
from roomleft.errors import PackError, StoreLocked
from roomleft.packs_yaml import nearest
from roomleft.settings import Settings, load_settings


def run_demo(packs: Sequence[str], days: int, faults: Sequence[str], speed: float, port: int | None) -> None:
    """The stand-ins and the server on one clock, until interrupted."""
    from roomleft import demo

    settings = load_settings(overrides={"port": port, "packs": tuple(packs) or None}, demo=True)
    _alone(settings)
    packs = _playable(settings, faults)
    settings = replace(settings, packs=packs)
    claim(settings.data_dir, "demo")
    err.print(f"Roomleft demo in {settings.data_dir}", soft_wrap=True)
    if not demo.is_kept(settings.data_dir):
        err.print(
            f"First start: {days} days of {len(packs)} platforms are read; for 90 days of five that takes a minute or two on two idle"
            " processors. The pages open at once and fill meanwhile, today first.",
            soft_wrap=True,
        )
    wall = demo.wall_clock()
    plan = demo.plan(settings.data_dir, packs, days, wall)
    clock = demo.demo_clock(plan, speed, wall)
    try:
        with demo.stand_in(plan, clock, faults, settings.packs_dir, settings.data_dir) as sources:
            _run(replace(settings, sources=sources), clock)
    finally:
        demo.save(settings.data_dir, replace(plan, newest=clock.now().isoformat()))


def _playable(settings: Settings, faults: Sequence[str]) -> tuple[str, ...]:
    """The packs to play: those asked for, else all that describe a stand-in. Refuses faults that none of them has."""
    from roomleft.packs import load_packs

    packs = load_packs(settings.packs_dir, settings.packs or None)
    mute = [slug for slug, pack in packs.items() if pack.standin is None]
    if settings.packs and mute:
        raise PackError(
            "this pack describes no stand-in", f"packs/{mute[0]}.yaml", "only packs with a `standin:` section can be played"
        )
    known = {(slug, name) for slug, pack in packs.items() if pack.standin for name in pack.standin.faults}
    for asked in faults:
        slug, _, name = asked.rpartition(":")
        if not any(slug in ("", one) and name == fault for one, fault in known):
            raise PackError(
                f"no platform has the fault {asked!r}", "--fault", nearest(name, {fault for _, fault in known}, "known")
            )
    return tuple(slug for slug in packs if slug not in mute)


def run_serve(file: Any, overrides: Mapping[str, Any]) -> None:
    """The production server, until interrupted."""
    run_serving(load_settings(file=file, overrides=overrides))


def run_serving(settings: Settings) -> None:
    """The same with settings that were read already."""
    from roomleft.cli.connect_start import with_a_free_port

    _alone(settings)
    settings = with_a_free_port(settings)
    claim(settings.data_dir, "serve")
    _run(settings, Clock())


def _alone(settings: Settings) -> None:
    server = running(settings.data_dir)
    if server is not None:
        raise StoreLocked(
            f"a server is already running there (process {server.pid})",
            str(settings.data_dir),
            f"open {server.url}, or stop it first",
        )


def _run(settings: Settings, clock: Clock) -> None:
    from roomleft.app.listening import run

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for noisy in ("httpx", "httpcore", "alembic", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # A run that is still going when its next is due is skipped, as it should be: that is no warning.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    run(settings, clock, say=lambda line: err.print(line, soft_wrap=True))
