"""A proposal of `connect` put to use: a pack made of it, looks taken, everything rolled up and measured."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from collectors.found import Found
from collectors.own_network import OwnNetwork
from collectors.takers import taker_for
from jobs.measure import measure
from jobs.roll_up import roll_up_job
from jobs.take import take_job
from roomleft.clock import FixedClock
from roomleft.limits import Headroom
from roomleft.packs import Pack, load_pack
from warehouse.store import Store
from warehouse.writer import Writer


def pack_of(folder: Path, entry: dict[str, Any], found: Found) -> Pack:
    """A pack with one source and what was proposed for it, loaded as any other."""
    written = {
        "slug": "shop",
        "title": "Shop",
        "summary": "What connect wrote.",
        "states": {"today": {"title": "Today", "summary": "As it was found."}},
        "components": [{"id": entry["component"], "title": "Part", "summary": "What was connected."}],
        "sources": [entry],
        "meters": found.meters,
        "limits": list(found.limits),
        "signals": list(found.signals),
    }
    path = folder / "shop.yaml"
    path.write_text(yaml.safe_dump(written, sort_keys=False))
    return load_pack(path)


def measured(pack: Pack, clock: FixedClock, between: Callable[[], object] = lambda: None) -> dict[str, Headroom]:
    """The headroom of every limit after two looks half a minute apart, by the limit's id without the platform."""
    with Store.open("duckdb:///:memory:", now=clock, threads=1) as store:
        writer = Writer(store, clock, group_ms=1)
        writer.start()
        taker = taker_for(pack, pack.sources[0], lambda _: None, OwnNetwork(reference=lambda: None))
        job = take_job(taker, store, writer, clock)
        for _ in range(2):
            job.run(clock.now())
            between()
            clock.advance(timedelta(seconds=30))
        writer.close()
        roll_up_job(store, pack.zones())(clock.now())
        return {row.limit_id.removeprefix("shop."): row for row in measure(store, {"shop": pack}, clock.now())}
