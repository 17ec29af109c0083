"""Forecasts in a server: the jobs that make them, and what is held in memory for whoever measures limits or shows them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from analytics.forecasting.forecasts import Forecasts
from jobs.forecast import FORECAST, Forecaster, forecast_jobs
from jobs.known_days import Knowledge
from jobs.schedule import Job
from roomleft.packs import Pack
from warehouse.state import StateDb
from warehouse.state.expected_events import ExpectedEvents
from warehouse.store import Store


class Forecasting:
    """The forecaster of a server. `may_begin` is set once it is known when the server's start is over: nothing of a start waits for a forecast."""

    def __init__(self, packs: Mapping[str, Pack], store: Store, state: StateDb) -> None:
        self._ended = threading.Event()
        self.may_begin: Callable[[], bool] = lambda: True
        self.forecaster = Forecaster(
            store,
            packs,
            Knowledge(store, ExpectedEvents(state).all),
            may_begin=lambda: self.may_begin(),
            stopping=self._ended.is_set,
        )
        self.forecasts = Forecasts(store, self.forecaster.waiting)
        self.forecaster.stored = lambda: self.forecasts.refresh(at_once=True)
        self.jobs: Sequence[Job] = forecast_jobs(self.forecaster)

    def stop(self) -> None:
        """End a forecast that is being made: it is made again after the next start."""
        self._ended.set()


__all__ = ["FORECAST", "Forecasting"]
