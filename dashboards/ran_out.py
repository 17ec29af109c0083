"""Since when limits have been out that had run out already when they were first measured: worked out from use, once, and remembered."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from weakref import WeakKeyDictionary

from analytics.ledger import quarter_of
from analytics.ran_out_at import ran_out_at
from dashboards.limit_rows import LimitRow
from roomleft.errors import RoomleftError
from roomleft.limits import State
from roomleft.packs import Pack
from warehouse.store import Store

log = logging.getLogger(__name__)
Asked = tuple[str, Decimal, datetime]
_known: WeakKeyDictionary[Store, dict[Asked, tuple[datetime | None, datetime]]] = WeakKeyDictionary()
"""By store, limit, amount and window: when, and in which quarter hour that was asked. What could not be told is asked again in the next one."""


def with_ran_out(store: Store, packs: Mapping[str, Pack], rows: Sequence[LimitRow], now: datetime) -> list[LimitRow]:
    """The rows, with the instant instead of `began_before` where what was used tells it."""
    found = []
    for row in rows:
        at = _at(store, packs.get(row.limit.platform), row, now) if row.began_before and row.state is State.EXHAUSTED else None
        found.append(row if at is None else replace(row, since=at, began_before=False))
    return found


def _at(store: Store, pack: Pack | None, row: LimitRow, now: datetime) -> datetime | None:
    start = row.headroom.window_start
    if not isinstance(pack, Pack) or start is None:
        return None
    known, asked = _known.setdefault(store, {}), (row.limit.limit_id, row.headroom.amount, start)
    at, when = known.get(asked, (None, None))
    if at is None and when != quarter_of(now):
        try:
            at = ran_out_at(store, pack, row.limit, row.headroom.amount, now)
        except RoomleftError as error:
            log.warning("since when %s has been out cannot be told: %s", row.limit.limit_id, error)
        known[asked] = at, quarter_of(now)
    return at
