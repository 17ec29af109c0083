"""The newest forecasts, held in memory for whoever measures limits or shows them."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from analytics.forecasting.calibration import Calibration
from analytics.forecasting.composing import compose
from analytics.forecasting.daily import Daily, fixed
from analytics.forecasting.fitting import HORIZON, known_beforehand, unpacked
from analytics.forecasting.futures import Futures
from analytics.forecasting.limit import outlook
from analytics.forecasting.sampling import DRAWS
from analytics.forecasting.targets import Plan, Recipe, Statistic, Target, plan_of
from roomleft.errors import RoomleftError
from roomleft.limits import Limit, Reading
from roomleft.outlook import NoDate, Outlook, Shape
from roomleft.packs import Pack
from warehouse.store import Store

log = logging.getLogger(__name__)
DAY = timedelta(days=1)
LOOK_EVERY_S = 5.0
BEHIND = 400
"""Days of the past that a fixed cost is given with."""
EVER = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class _Held:
    """What is in memory: read as a whole, replaced as a whole."""

    futures: Mapping[str, Futures] = field(default_factory=dict)
    details: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    platforms: Mapping[str, str] = field(default_factory=dict)
    calibration: Calibration = field(default_factory=Calibration)
    run_id: str = ""
    fitted_at: datetime | None = None


class Forecasts:
    """The sampled futures of every target's newest run. Thread-safe; re-read when a newer run is stored, also by another server.

    `waiting`: platforms whose history is still being read, as the job that forecasts finds them.
    """

    def __init__(self, store: Store, waiting: Set[str] = frozenset()) -> None:
        self.store = store
        self.waiting = waiting
        self._lock = threading.Lock()
        self._held = _Held()
        self._looked_at = -LOOK_EVERY_S
        self._plans: dict[str, tuple[Pack, Plan]] = {}
        self._composed: dict[tuple[str, str], tuple[str, object, Futures | Outlook]] = {}

    def of(self, pack: Pack, limit: Limit) -> Futures | Outlook:
        """What a limit's future is read off, in the limit's unit: one Futures, its parts joined draw by draw; or an Outlook that says why there is none.

        The Futures of a limit whose meter adds up over the limit's own window are a FLOW (daily sums per 24 hours), of every other a LEVEL (what the
        meter would read at the end of each day, or at its busiest or lowest hour). Raises nothing: a fault is an Outlook of NoDate.FAILED.
        """
        subject = self.plan(pack).subject(limit.limit_id)
        return self._of(pack, limit.limit_id, subject.recipe if subject is not None else None)

    def of_series(self, pack: Pack, name: str) -> Futures | Outlook:
        """The same for a series of the capacity report: `HEADING/METER` (`targets.report_series(pack)` names them), or for a target by its name."""
        plan = self.plan(pack)
        subject = plan.subject(f"{pack.slug}/{name}") or plan.subject(name)
        if subject is None and name in plan.targets:
            target = plan.targets[name]
            found = self._lookup(pack, None)(target)
            return found or Outlook.none(self._none(pack.slug))
        return self._of(pack, name, subject.recipe if subject is not None else None)

    def target(self, name: str) -> Futures | None:
        """The newest futures of one target (`PLATFORM/METER…`); None if it was never forecast."""
        return self._now().futures.get(name)

    def details(self, pack: Pack, limit: Limit) -> Mapping[str, Mapping[str, Any]]:
        """For pages: what the limit's targets rest on (model in words, drivers, level shifts, error against naive), by target name."""
        subject = self.plan(pack).subject(limit.limit_id)
        held = self._now()
        return {target.name: held.details.get(target.name, {}) for target in (subject.recipe.targets() if subject else ())}

    def foresee(self, pack: Pack, limit: Limit, reading: Reading, now: datetime) -> Outlook:
        """What the newest forecast says of a limit of this amount with this reading at an instant."""
        found = self.of(pack, limit)
        if isinstance(found, Outlook):
            # Exhausted or not, and until when it is asked, stands without a forecast too.
            told = outlook(limit, reading, None, now)
            return replace(told, no_date=told.no_date and found.no_date, basis=found.basis if told.no_date else told.basis)
        return outlook(limit, reading, found, now, self.calibration)

    @property
    def calibration(self) -> Calibration:
        """By what the newest run was corrected, from the record of earlier claims."""
        return self._now().calibration

    def fitted_at(self) -> datetime | None:
        """When the newest run was fitted; None before the first."""
        return self._now().fitted_at

    def run_id(self) -> str:
        """The newest run; empty before the first."""
        return self._now().run_id

    def refresh(self, *, at_once: bool = False) -> bool:
        """Read what is newer in the store, unless that was looked at a few seconds ago; whether anything was. A store that fails leaves what is held."""
        with self._lock:
            if not at_once and time.monotonic() - self._looked_at < LOOK_EVERY_S:
                return False
            self._looked_at = time.monotonic()
            try:
                return self._read()
            except RoomleftError as error:
                log.warning("newer forecasts could not be read: %s", error)
                return False

    def _read(self) -> bool:
        newest = self.store.rows("forecast_newest_run")
        held = self._held
        if not newest or newest[0]["run_id"] == held.run_id:
            return False
        known = held.fitted_at if held.fitted_at is not None and newest[0]["fitted_at"] > held.fitted_at else EVER
        rows = self.store.rows("forecast_newest", known=known)
        futures, details, platforms = dict(held.futures), dict(held.details), dict(held.platforms)
        calibration = held.calibration
        for row in rows:
            name, told = row["target"], json.loads(row["details"])
            futures[name] = _futures(row)
            if "calibration" in told and row["run_id"] == newest[0]["run_id"]:
                calibration = Calibration.of_json(told.pop("calibration"))
            details[name], platforms[name] = told, row["platform"]
        self._held = _Held(futures, details, platforms, calibration, newest[0]["run_id"], newest[0]["fitted_at"])
        self._composed = {}
        return True

    def _now(self) -> _Held:
        self.refresh()
        return self._held

    def plan(self, pack: Pack) -> Plan:
        """The targets and subjects of a pack, worked out once for it."""
        known = self._plans.get(pack.slug)
        if known is None or known[0] is not pack:
            known = (pack, plan_of(pack))
            self._plans[pack.slug] = known
        return known[1]

    def _of(self, pack: Pack, name: str, recipe: Recipe | None) -> Futures | Outlook:
        if recipe is None:
            return Outlook.none(NoDate.NO_DATA)
        held = self._now()
        today = self.store.now.now().date().isoformat()
        key, mark = (pack.slug, name), f"{held.run_id} {today}"
        known = self._composed.get(key)
        if known is not None and known[0] == mark and known[1] is pack:
            return known[2]
        try:
            found = compose(recipe, self._lookup(pack, recipe))
        except Exception:
            log.exception("the forecast of %s failed", name)
            return Outlook.none(NoDate.FAILED)
        if isinstance(found, Outlook) and found.no_date is NoDate.NO_DATA:
            found = self._without(pack, recipe, found)
        self._composed[key] = (mark, pack, found)
        return found

    def _none(self, slug: str) -> NoDate:
        return NoDate.HALF_READ if slug in self.waiting else NoDate.NOT_YET

    def _without(self, pack: Pack, recipe: Recipe, found: Outlook) -> Outlook:
        """Of what has no forecast: whether one is yet to come, or was made and found no data."""
        made = all(target.name in self._held.futures for target in recipe.targets() if target.statistic is not Statistic.FIXED)
        return found if made and pack.slug not in self.waiting else Outlook.none(self._none(pack.slug))

    def _lookup(self, pack: Pack, recipe: Recipe | None) -> Any:
        held = self._held
        others = [held.futures[target.name] for target in (recipe.targets() if recipe else ()) if target.name in held.futures]

        def find(target: Target) -> Futures | None:
            if target.statistic is not Statistic.FIXED:
                return held.futures.get(target.name)
            first = max((other.first_day for other in others), default=self._today(target.zone))
            return _fixed(pack, target, first, held.run_id, held.fitted_at or self.store.now.now())

        return find

    def _today(self, zone: ZoneInfo) -> date:
        return self.store.now.now().astimezone(zone).date()


def _fixed(pack: Pack, target: Target, first: date, run_id: str, at: datetime) -> Futures:
    begin = first - BEHIND * DAY
    return known_beforehand(Daily(target, begin, fixed(pack, target, begin, BEHIND + HORIZON)), DRAWS, run_id, at)


def _futures(row: Mapping[str, Any]) -> Futures:
    values, past = unpacked(row["futures"], row["past"], row["draws"], row["days"])
    why = NoDate(row["no_date"]) if row["no_date"] else None
    return Futures(
        row["target"], row["run_id"], Shape(row["shape"]), ZoneInfo(row["zone"]), row["first_day"], values, past,
        row["fitted_at"], row["words"], why, row["provisional"],
    )  # fmt: skip
