"""A forecast made at once, in this process, of what a store has: for scripts of pack tests and for played platforms. A server has a job and a worker."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime, timedelta

from analytics.forecasting.composing import compose
from analytics.forecasting.daily import fixed, histories
from analytics.forecasting.fitting import HORIZON, Asked, say, unpacked
from analytics.forecasting.futures import Futures
from analytics.forecasting.limit import outlook
from analytics.forecasting.targets import Plan, Statistic, Target, plan_of
from roomleft.limits import Limit, Reading
from roomleft.outlook import Made, NoDate, Outlook, Shape
from roomleft.packs import Pack
from warehouse.store import Store

GRACE = timedelta(minutes=20)
"""How long after a day's end it is forecast anew: its last readings may come a little later."""


class AtOnce:
    """What the newest forecast says of limits of a pack (those of `only`, or all), made anew on each day as a server's is at night."""

    def __init__(self, store: Store, pack: Pack, only: Collection[str] | None = None) -> None:
        self._store, self._pack = store, pack
        self._plan = _restricted(plan_of(pack), only)
        self._day: date | None = None
        self._futures: dict[str, Futures] = {}

    def __call__(self, pack: Pack, limit: Limit, reading: Reading, now: datetime) -> Outlook:
        """The outlook of a limit as of an instant. Raises StoreError."""
        if (now - GRACE).date() != self._day:
            self._fit(now)
        subject = self._plan.subject(limit.limit_id)
        if subject is None:
            return Outlook.none(NoDate.NO_DATA)
        found = compose(subject.recipe, self._of, limit.limit_id)
        return found if isinstance(found, Outlook) else outlook(limit, reading, found, now)

    def _of(self, target: Target) -> Futures | None:
        return self._futures.get(target.name)

    def _fit(self, now: datetime) -> None:
        self._day = (now - GRACE).date()
        found = histories(self._store, self._pack, self._plan, now - GRACE, parts=False)
        for name, daily in found.items():
            if daily.target.statistic is Statistic.FIXED:
                ahead = fixed(self._pack, daily.target, daily.first_day, len(daily.values) + HORIZON)
                found[name] = replace(daily, values=ahead)
        said = say(Asked(f"{now:%Y%m%d}", Made.LIVE, now, (), found))
        runs = {run["target"]: run for run in said.runs}
        self._futures = {}
        for path in said.paths:
            name, run = path["target"], runs[path["target"]]
            values, past = unpacked(path["futures"], path["past"], path["draws"], path["days"])
            why = NoDate(run["no_date"]) if run["no_date"] else None
            self._futures[name] = Futures(
                name, path["run_id"], Shape(run["shape"]), found[name].target.zone, path["first_day"], values, past, now, run["words"], why,
                run["provisional"],
            )  # fmt: skip


def _restricted(plan: Plan, only: Collection[str] | None) -> Plan:
    subjects = tuple(one for one in plan.subjects if one.limit is not None and (only is None or one.name in only))
    targets = {target.name: target for one in subjects for target in one.recipe.targets()}
    return replace(plan, subjects=subjects, targets=targets)
