"""The shipped packs over a real warehouse in memory: what their stand-ins sent in the last hours, rolled up and measured."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson

from collectors.records.samples_rows import samples_table
from collectors.records.small_rows import business_table, deploys_table, health_table
from collectors.records.usage_rows import usage_table
from collectors.standin.feed import Range
from collectors.standin.instants import to_us
from collectors.standin.standin import StandIn
from dashboards.parts import Parts
from dashboards.readiness import Readiness
from jobs.measure import measure
from jobs.price import price
from roomleft.clock import FixedClock
from roomleft.packs import Pack, load_packs
from warehouse.rollup import roll_up
from warehouse.store import Store
from warehouse.writer import Batch, Cursor, Writer

NOW = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
PACKS = Path(__file__).parents[2] / "packs"
SEED = 7
BACK = {
    "samples": timedelta(minutes=75),
    "usage": timedelta(hours=3),
    "health-history": timedelta(minutes=10),
    "deploys": timedelta(days=7),
}
PAGE = 10_000


def played_parts(hours: float = 1.25) -> Parts:
    """Parts over the world: readings of the last `hours`, three hours of AI calls, a week's deploys, each limit measured once."""
    clock = FixedClock(NOW)
    packs = load_packs(PACKS)
    store = Store.open("duckdb:///:memory:", now=clock)
    price(store, packs, NOW)
    writer = Writer(store, clock)
    writer.start()
    try:
        waiting = [
            writer.submit(batch)
            for slug, pack in packs.items()
            if pack.standin is not None
            for batch in sent(slug, pack, {**BACK, "samples": timedelta(hours=hours)})
        ]
        for receipt in waiting:
            assert receipt.result(timeout=60).rejected == 0
    finally:
        writer.close()
    roll_up(store, NOW, sorted({zone for pack in packs.values() for zone in pack.zones()}))
    measure(store, packs, NOW)
    settings: Any = SimpleNamespace(demo=False)
    nothing: Any = None
    return Parts(
        settings=settings, clock=clock, packs=packs, store=store, writer=nothing, state=nothing, jobs=list, readiness=Readiness({})
    )  # fmt: skip


def sent(slug: str, pack: Pack, back: dict[str, timedelta]) -> list[Batch]:
    """What the platform's stand-in has to tell, as the batches a collector would make of it."""
    assert pack.standin is not None
    standin = StandIn(pack.standin, SEED, NOW, 8, FixedClock(NOW))
    own = {"source": slug, "platform": slug, "now": NOW}
    known = {"known_platforms": (slug,)}
    read = {stream: _records(standin, stream, span) for stream, span in back.items()}
    days = standin.business((NOW - timedelta(days=31)).date(), NOW.date())["records"]
    cursor = Cursor(slug, "usage", "end", read_to=NOW, oldest_at=NOW - back["usage"], newest_at=NOW, caught_up=True)
    return [
        Batch(slug, samples=samples_table(read["samples"], **own, **known).rows),
        Batch(slug, usage=usage_table(read["usage"], **own, **known).rows, cursor=cursor),
        Batch(slug, health=health_table(read["health-history"], **own).rows),
        Batch(slug, deploys=deploys_table(read["deploys"], **own).rows),
        Batch(slug, business=business_table(days, **own, **known).rows),
    ]


def _records(standin: StandIn, stream: str, span: timedelta) -> list[dict[str, Any]]:
    wanted, after, found = Range(since_us=to_us(NOW - span)), None, []
    while True:
        page = standin.page(stream, after, PAGE, wanted)
        found += [orjson.loads(record) for record in page.records]
        if not page.more:
            return found
        after = page.next
