"""What half a history must not judge: whatever reaches further back than an hour, until the platform's history has once been read to its end.

Whether it has is told by the stored headroom, so that a replay sees what an evaluation saw: each row of a platform whose history was still being
read when it was measured says so in its basis (`analytics.wording.HALF_READ`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from analytics.conditions_board import ABSENT, UNTOLD, Board, Told
from roomleft.findings import Unknown
from roomleft.limits import Limit
from roomleft.packs import Pack
from roomleft.packs_meters import BusinessMeter, DifferenceMeter, GrowthMeter, RatioMeter, SqlMeter, TotalMeter

Mask = npt.NDArray[np.bool_]
BRIEF = timedelta(hours=1)
"""What looks back no further is of the present: it is stale, and so unknown, until that has been read."""
WORDS = "history is still being read"


def limit_reaches_back(pack: Pack, limit: Limit) -> bool:
    """Whether a limit's headroom depends on more than the last hour."""
    span = limit.window.span if limit.window is not None else None
    return any(reaches_back(pack, each, span) for each in (limit.meter_id, limit.amount_per) if each is not None)


def reaches_back(pack: Pack, meter_id: str, over: timedelta | None) -> bool:
    """Whether what a meter says depends on more than the last hour. `over`: how far back it looks where it does not say so itself; None: a
    calendar window. A meter that the pack does not have reaches nowhere."""
    meter = pack.meters.get(meter_id)
    match meter:
        case None:
            return False
        case RatioMeter():
            return reaches_back(pack, meter.part, over) or reaches_back(pack, meter.whole, over)
        case DifferenceMeter():
            return reaches_back(pack, meter.part, over) or reaches_back(pack, meter.less, over)
        case TotalMeter():
            return any(reaches_back(pack, each, over) for each in meter.of)
        case GrowthMeter():
            return reaches_back(pack, meter.of, 2 * meter.over)
        case BusinessMeter() | SqlMeter():
            return True
    span = getattr(meter, "over", None) or over
    return span is None or span > BRIEF


def unless_half_read(board: Board, half: Mask) -> Board:
    """The board; where only `half` of the history was read (by instant, or by label set and instant) it cannot be told."""
    hidden = half & (board.holds != ABSENT)
    if not hidden.any():
        return board
    holds, still = board.holds.copy(), board.still.copy()
    holds[hidden], still[hidden] = UNTOLD, UNTOLD

    def tell(g: int, i: int) -> Told:
        told = board.tell(g, i)
        if not hidden[g, i]:
            return told
        title = told.facts.get("title", "")
        words = f"{title}: {WORDS}" if title else WORDS
        return replace(told, reason=words, value=None, unknown=Unknown.READING)

    return Board(board.labels, holds, still, tell, board.nothing)
