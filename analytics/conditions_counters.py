"""How far counters rose in the last while of each instant, from what had arrived of them by then.

A counter that falls was reset and began again at 0. The rise across the beginning of the while counts whole, from the newest reading before it.
Nothing is extrapolated. A series that is new counts its first value, where its source had been read before: else a first failure would never
be seen. After a longer silence nobody knows when it rose, so the first value counts nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from analytics.conditions_tape import Floats, Ints, Rows, added, span_us
from analytics.conditions_view import REMEMBERED

if TYPE_CHECKING:
    from analytics.conditions_series import Desk


class Counters:
    """The counters of a desk."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.tape, self.instants = desk, desk.tape, desk.instants
        self._born: dict[int, bool] = {}

    def increase(self, over_us: int) -> Floats:
        """How far each series rose in the last `over_us` of each instant; NaN where it gave no number. Shape (series, instants)."""
        tape, n = self.tape, len(self.instants)
        size = tape.count * n
        back = self.desk.look_back[tape.series] if len(tape.series) else np.zeros(0, dtype=np.int64)
        seen = self._seen_earlier(over_us)
        rises, counts = np.zeros(size), np.zeros(size)
        for keys, rows in tape.pairs(self.instants, over_us + back):
            values = tape.value[rows]
            goes_on = np.r_[False, keys[1:] == keys[:-1]] if len(keys) else np.zeros(0, dtype=bool)
            before = np.r_[0.0, values[:-1]] if len(keys) else values
            rise = np.where(values >= before, values - before, values)
            inside = tape.observed[rows] > self.instants.at[keys % n] - over_us
            firsts = np.flatnonzero(inside & ~goes_on)
            rise[firsts] = np.where(self._counts_first(rows[firsts], keys[firsts], seen), values[firsts], 0.0)
            rises += added(keys[inside], rise[inside], size)
            counts += np.bincount(keys[inside], minlength=size)
        rises[counts == 0] = np.nan
        return rises.reshape(tape.count, n)

    def _seen_earlier(self, over_us: int) -> npt.NDArray[np.bool_]:
        """Whether a series had given anything in the day before the while and its look-back."""
        tape, back = self.tape, self.desk.look_back
        delay = over_us + (back[tape.series] if len(tape.series) else np.zeros(0, dtype=np.int64))
        rows: Rows = tape.newest(self.instants, delay)
        observed = np.append(tape.observed, -(2**62))[rows]
        found: npt.NDArray[np.bool_] = observed > (
            self.instants.at - over_us - back[:, None] - span_us(REMEMBERED) - self.desk.scene.slack_us
        )
        return found

    def _counts_first(self, rows: Rows, keys: Ints, seen: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Of the first readings of a while: which are a new counter's first value."""
        found = ~seen.reshape(-1)[keys]
        for n in np.flatnonzero(found):
            found[n] = self._is_born(int(rows[n]))
        return found

    def _is_born(self, row: int) -> bool:
        """Whether the source of a series was read shortly before the reading, without it. One whose looks are not on record: whether another
        series of the same name came before."""
        if row not in self._born:
            tape, desk = self.tape, self.desk
            place = int(tape.series[row])
            series, observed, arrived = desk.rows[place], int(tape.observed[row]), int(tape.arrived[row])
            source, back = desk.sources.source_of(series), int(desk.look_back[place])
            if desk.sources.is_known(source):
                self._born[row] = desk.sources.read_before(source, observed, arrived, back)
            else:
                near = (tape.observed < observed) & (tape.observed > observed - back) & (tape.arrived <= arrived)
                others = {int(other) for other in np.unique(tape.series[near])} - {place}
                self._born[row] = any(
                    (desk.rows[other].name, desk.rows[other].platform) == (series.name, series.platform) for other in others
                )
        return self._born[row]
