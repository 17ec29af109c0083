"""How fast error budgets burned at each of many instants of the past: events counted from readings and rollups, judged as live."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np

from analytics.conditions_asked import burn_board
from analytics.conditions_board import HOLDS, NOT, UNTOLD, Board, Told
from analytics.conditions_tape import Floats, Instants, Ints, instant_of, span_us
from analytics.conditions_view import Scene
from analytics.history_columns import Columns
from analytics.slo_asking import Asking
from analytics.slo_burns import Burn
from analytics.slo_judge import Burning, burning, judge, windows_asked
from roomleft.errors import RoomleftError
from roomleft.findings import Unknown
from roomleft.packs_meters import CountMeter, IncreaseMeter
from roomleft.rules_when import BurnIs
from roomleft.slos import Events, Minutes, Slo, pairs_asked

MINUTE = timedelta(minutes=1)
MOST_JUDGED = 200
"""Where an SLO's events cannot be counted a column at a time, so many instants are judged one by one."""
Counts = tuple[Floats, Floats]
ColumnsOf = Callable[[str], Columns]


def history_burn_board(
    leaf: BurnIs, slo: Slo, scene: Scene, instants: Instants, columns_of: ColumnsOf, note: Callable[[str], None]
) -> Board:
    """What a burn-rate condition says at each instant. Raises PackError for pairs that can never hold."""
    pairs = pairs_asked(slo, leaf)
    asking = Asking(0, slo, windows_asked(slo, pairs))
    asking.plan(scene.view.packs)
    countable = not asking.fault and not asking.sliced and not asking.queries and not asking.gauges
    if not countable or not isinstance(slo.indicator, Events | Minutes):
        return _thinned(leaf, slo, scene, instants, note)
    counted = {window: _counts(asking, slo, scene, instants, columns_of, window, note) for window in asking.spans}
    worst = np.zeros(len(instants), dtype=bool)
    lowest = min(float(pair.line(slo.objective)) for pair in pairs)
    for bad, total in counted.values():
        with np.errstate(invalid="ignore", divide="ignore"):
            worst |= bad / total > lowest
    unknown = np.isnan(np.stack([total for _, total in counted.values()])).any(axis=0)
    holds = np.where(unknown, UNTOLD, NOT).astype(np.int8)

    def judged(i: int) -> Burning:
        return judge(
            slo, pairs, {window: _burn(slo, window, counts, i, instants) for window, counts in counted.items()}, leaf.min_events
        )

    for i in np.flatnonzero(worst & ~unknown).tolist():
        # Only where a window's share is above a line can anything hold.
        if judged(i).holds:
            holds[i] = HOLDS
    truth = holds[None, :]

    def tell(g: int, i: int) -> Told:
        return burn_board(slo, judged(i)).tell(0, 0)

    return Board(({},), truth, truth.copy(), tell)


def _counts(
    asking: Asking,
    slo: Slo,
    scene: Scene,
    instants: Instants,
    columns_of: ColumnsOf,
    window: timedelta,
    note: Callable[[str], None],
) -> Counts:
    since = instants.at - span_us(window)
    if isinstance(slo.indicator, Minutes):
        return _minutes(slo, slo.indicator, scene, instants, since)
    found: dict[str, Floats] = {}
    asked: Sequence[tuple[str, str, IncreaseMeter | CountMeter]] = [*asking.counters, *asking.used]
    for role, platform, meter in asked:
        columns = columns_of(platform)
        with columns.noting(note):
            column = columns.risen(meter, since) if isinstance(meter, IncreaseMeter) else columns.used(meter, since)
        amount = column.amount if role == "total" else np.nan_to_num(column.amount)
        found[role] = found[role] + amount if role in found else amount
    total = found["total"]
    bad = np.maximum(total - found["good"], 0.0) if "good" in found else found.get("bad", np.zeros(len(instants)))
    return bad, total


def _minutes(slo: Slo, indicator: Minutes, scene: Scene, instants: Instants, since: Ints) -> Counts:
    meter = indicator.meter
    table = scene.query(
        "alert_minutes",
        platform=indicator.platform,
        components=list(meter.components),
        checks=meter.checks,
        minutes=max(1, math.ceil(meter.every / MINUTE)),
        since=instant_of(int(since.min())),
        until=instant_of(int(instants.at[-1])),
    )
    if not table.num_rows:
        return np.zeros(len(instants)), np.full(len(instants), np.nan)
    minutes = table["minute"].cast("int64").to_numpy()
    bad = np.r_[0, np.cumsum(table["bad"].to_numpy(zero_copy_only=False).astype(np.int64))]
    low, high = np.searchsorted(minutes, since, "right"), np.searchsorted(minutes, instants.at, "right")
    total = (high - low).astype(np.float64)
    total[high == 0] = np.nan
    return (bad[high] - bad[low]).astype(np.float64), total


def _burn(slo: Slo, window: timedelta, counts: Counts, i: int, instants: Instants) -> Burn:
    bad, total = float(counts[0][i]), float(counts[1][i])
    at = instant_of(int(instants.at[i]))
    if math.isnan(total):
        return Burn(slo.slo_id, window, unknown=Unknown.NO_DATA, words="nothing was read in this time")
    return Burn.of(slo, window, min(bad, total), total, at)


def _thinned(leaf: BurnIs, slo: Slo, scene: Scene, instants: Instants, note: Callable[[str], None]) -> Board:
    """Judged one by one at some of the instants; each answer holds until the next."""
    places = np.unique(np.linspace(0, len(instants) - 1, min(len(instants), MOST_JUDGED)).astype(np.int64))
    if len(places) < len(instants):
        note(f"judged at {len(places)} of {len(instants)} instants")
    found: list[Burning] = []
    for i in places.tolist():
        try:
            view = replace(scene.view, read_to=instant_of(int(instants.read_to[i])))
            found += burning(view, [(slo, leaf)], instant_of(int(instants.at[i])))
        except RoomleftError as error:
            found.append(Burning(None, unknown=Unknown.ERROR, words=str(error)))
    which = np.searchsorted(places, np.arange(len(instants)), "right") - 1
    truth = np.array([UNTOLD if one.holds is None else HOLDS if one.holds else NOT for one in found], dtype=np.int8)[which][
        None, :
    ]
    return Board(({},), truth, truth.copy(), lambda g, i: burn_board(slo, found[int(which[i])]).tell(0, 0))


def live_burn_boards(asked: Sequence[tuple[Slo, BurnIs]], scene: Scene, instants: Instants) -> Mapping[tuple[str, int], Board]:
    """The same where rules were evaluated live: each instant judged with what had arrived by then, all conditions together."""
    found: list[list[Burning]] = []
    for i in range(len(instants)):
        view = replace(scene.view, read_to=instant_of(int(instants.read_to[i])))
        found.append(burning(view, asked, instant_of(int(instants.at[i]))))
    boards = {}
    for n, (slo, leaf) in enumerate(asked):
        mine = [each[n] for each in found]
        truth = np.array([[UNTOLD if one.holds is None else HOLDS if one.holds else NOT for one in mine]], dtype=np.int8)
        boards[slo.slo_id, id(leaf)] = Board(
            ({},),
            truth,
            truth.copy(),
            lambda g, i, mine=mine, slo=slo: burn_board(slo, mine[i]).tell(0, 0),  # type: ignore[misc]
        )
    return boards
