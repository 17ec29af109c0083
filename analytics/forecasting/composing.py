"""Recipes carried out: a limit's or a report's futures made of its targets' futures. What came is one more future, so outcomes are made by the same lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np

from analytics.forecasting.daily import lengths
from analytics.forecasting.futures import Futures
from analytics.forecasting.joined import join, over_span
from analytics.forecasting.targets import Join, Recipe, Target
from roomleft.outlook import NO_DATE_WORDS, NoDate, Outlook, Shape
from roomleft.timespan import Window, midnight

DAY = timedelta(days=1)
Lookup = Callable[[Target], Futures | None]
"""The futures of a target, or None where it was not forecast."""


def compose(recipe: Recipe, lookup: Lookup, name: str = "") -> Futures | Outlook:
    """The futures of a recipe, or an Outlook that says why there are none. `name` is what they are called."""
    made = _made(recipe, lookup)
    if isinstance(made, NoDate):
        return Outlook.none(made)
    if made.no_date in SAYS_NOTHING and not made.values.size:
        return Outlook.none(made.no_date or NoDate.NO_DATA, made.basis if made.basis else "")
    return replace(made, target=name) if name else made


SAYS_NOTHING = frozenset(NoDate)
KNOWN = "fixed monthly costs"
"""What a cost that is known beforehand rests on."""


def _made(recipe: Recipe, lookup: Lookup) -> Futures | NoDate:
    if recipe.no_date is not None:
        return recipe.no_date
    if recipe.join is Join.TARGET:
        assert recipe.target is not None, "a recipe of one target names it"
        return lookup(recipe.target) or NoDate.NO_DATA
    parts: list[Futures] = []
    for part in recipe.parts:
        made = _made(part, lookup)
        if isinstance(made, NoDate):
            return made
        if (made.no_date is not None and made.no_date not in STILL_SAID) or not made.values.size:
            return replace(made, basis=made.basis or NO_DATE_WORDS[made.no_date or NoDate.NO_DATA])
        parts.append(made)
    first = parts[0]
    match recipe.join:
        case Join.SCALED:
            return _scaled(replace(first, shape=Shape.LEVEL), recipe.scale)
        case Join.OVER | Join.MEAN_OVER:
            assert recipe.window is not None, "what is taken over a window names it"
            mean = recipe.join is Join.MEAN_OVER
            if recipe.window.span is None:
                return _so_far(first, recipe.window, mean=mean)
            return over_span(first if mean else _by_length(first), max(1, round(recipe.window.span / DAY)), mean=mean)
        case _:
            # A reason why a part has no date of its own does not take the whole's futures away; it is told again below.
            told = [replace(part, no_date=None) for part in parts]
            joined = join(recipe.join.value, told, recipe.scale, over_days=max(recipe.days, 1), share=recipe.share)
            why = next((part.no_date for part in parts if part.no_date is not None), None)
            # What is known beforehand is no grounds to speak of beside what is forecast.
            forecast = [part.basis for part in parts if part.basis != KNOWN]
            return replace(joined, no_date=joined.no_date or why, basis=forecast[0] if forecast else KNOWN)


STILL_SAID = frozenset({NoDate.NO_BETTER, NoDate.TOO_SPARSE, NoDate.ALL_ZERO, NoDate.BEYOND})
"""Reasons after which a series still has futures that a sum or ratio can be made of."""


def _scaled(futures: Futures, factor: float) -> Futures:
    return replace(futures, values=futures.values * np.float32(factor), past=futures.past * factor)


def _by_length(flow: Futures) -> Futures:
    """A flow with each day's sum as long as the day is, in place of 24 hours each."""
    if flow.shape is not Shape.FLOW:
        return flow
    back, ahead = len(flow.past), flow.values.shape[1]
    whole = lengths(flow.first_day - back * DAY, back + ahead, flow.zone)
    return replace(flow, past=flow.past * whole[:back], values=(flow.values * whole[back:]).astype(np.float32))


def _so_far(flow: Futures, window: Window, *, mean: bool) -> Futures:
    """What a calendar window has used, at each day's end, as a level: the reading of a meter whose parts cannot be added up day by day."""
    back, ahead = len(flow.past), flow.values.shape[1]
    by_length = flow if mean else _by_length(flow)
    series = np.concatenate((np.broadcast_to(by_length.past, (len(flow.values), back)), by_length.values), axis=1).astype(
        np.float64
    )
    # A day that nobody knows counts as the others of the past do: it must not take its whole window with it.
    known = np.isfinite(series[:, :back])
    if known.any() and not known.all():
        series[:, :back] = np.where(known, series[:, :back], series[:, :back][known].mean())
    begins = [window.bounds(midnight(flow.first_day + (n - back) * DAY, flow.zone))[0] for n in range(back + ahead)]
    total = np.empty_like(series)
    running, days = np.zeros(len(series)), 0
    for place, begin in enumerate(begins):
        if place == 0 or begin != begins[place - 1]:
            running, days = np.zeros(len(series)), 0
        running, days = running + series[:, place], days + 1
        total[:, place] = running / days if mean else running
    return replace(flow, shape=Shape.LEVEL, past=total[0, :back], values=total[:, back:].astype(np.float32))
