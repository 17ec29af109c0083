"""What the web side is handed: every part it reads or writes through, and nothing it could build itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from alerts.alert import Alert
from analytics.catalogue import Catalogue
from analytics.forecasting.forecasts import Forecasts
from dashboards.alert_rows import Firing
from dashboards.mailer import Mailer, NoMailer
from dashboards.readiness import Readiness
from roomleft.alerting import Alerting
from roomleft.clock import Pacer
from roomleft.errors import InputError, RoomleftError
from roomleft.findings import Looked
from roomleft.limit_terms import Misfit
from roomleft.packs import Pack
from roomleft.rules import Rule
from roomleft.settings import Settings
from roomleft.slos import Slo
from warehouse.state import StateDb
from warehouse.store import Store
from warehouse.writer import Writer

SLACK = timedelta(seconds=30)
"""What reading, rolling up and measuring may take on the wall, together."""


class JobState(Protocol):
    """How a job stands, for screens and /readyz."""

    @property
    def name(self) -> str: ...

    @property
    def outcome(self) -> str: ...

    @property
    def words(self) -> str: ...

    @property
    def late(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """How one source stands. `address` carries no secret. `read_to` is until when its readings are complete, so the lag is now less that.

    `rows_24h`: rows it added in the last day (readings for scrapes); `series`: how many a scrape gives. `words` is the newest fault,
    `hint` what would fix it; both empty while it works. `state`: ok, failing (the last look failed), silent (no look came back for
    three intervals), unknown (this host itself could not look), waiting (never looked at yet).
    """

    platform: str
    source: str
    kind: str
    component: str
    address: str
    interval: timedelta
    state: str
    last_success_at: datetime | None
    read_to: datetime | None
    caught_up: bool
    rows_24h: int | None = None
    series: int | None = None
    words: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class SourceTest:
    """What came of reading a source once, on demand. `words` say what was read or what is wrong, `hint` what fixes it."""

    source: str
    ok: bool
    words: str
    hint: str
    took_s: float


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What reading the packs again changed, by slug, and their rules, by rule id. The packs in `refused` have these faults, as have the files of
    rules, SLOs and alerting in `rules_refused`; what was in force before stays so."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]
    refused: Mapping[str, Sequence[RoomleftError]]
    rules_added: tuple[str, ...] = ()
    rules_changed: tuple[str, ...] = ()
    rules_removed: tuple[str, ...] = ()
    rules_refused: Mapping[str, Sequence[RoomleftError]] = field(default_factory=dict)
    alerting_changed: bool = False


def _nothing_to_test(source: str) -> SourceTest:
    raise InputError(f"there is no source {source[:100]!r}", "sources", "no source is connected here")


def _nothing_to_reload() -> Reloaded:
    return Reloaded((), (), (), (), {})


def _nothing_to_wake(slugs: Collection[str]) -> Collection[str]:
    return ()


def _nothing_decided() -> None:
    return


def _nothing_evaluated() -> None:
    return


def _nothing_fires(platform: str | None, since: datetime, until: datetime) -> Sequence[Firing]:
    return ()


def _nothing_found(rules: Mapping[str, Rule], at: datetime) -> Mapping[str, Looked]:
    return {}


@dataclass(frozen=True, slots=True)
class Parts:
    """The running parts. `jobs` and `sources` answer how each job and source stands; they are functions so that pages need not know the
    scheduler. `packs` are those in force: a reload changes them as a whole.
    """

    settings: Settings
    clock: Pacer
    packs: Mapping[str, Pack]
    store: Store
    writer: Writer
    state: StateDb
    jobs: Callable[[], Sequence[JobState]]
    readiness: Readiness
    sources: Callable[[], Sequence[SourceStatus]] = tuple
    test_source: Callable[[str], SourceTest] = _nothing_to_test
    reload_packs: Callable[[], Reloaded] = _nothing_to_reload
    wake_packs: Callable[[Collection[str]], Collection[str]] = _nothing_to_wake
    """Puts shipped packs in force that somebody has data for, and says which platforms there are, in force or not."""
    decided: Callable[[], None] = _nothing_decided
    """Puts in force at once what somebody has just decided about limits."""
    misfits: Callable[[], Sequence[Misfit]] = tuple
    """The decisions that do not fit the packs any more."""
    catalogue: Catalogue = field(default_factory=lambda: Catalogue(None))
    """Every price that is known."""
    rules: Mapping[str, Rule] = field(default_factory=dict)
    """The alert rules in force, by rule id."""
    slos: Callable[[], Mapping[str, Slo]] = dict
    """The SLOs in force, by id."""
    alerting: Callable[[], Alerting] = Alerting
    """Who is told of alerts, as it is in force."""
    alerts: Callable[[], Sequence[Alert]] = tuple
    """Every alert that is pending, firing, unknown, or resolved within a day."""
    responded: Callable[[], None] = _nothing_evaluated
    """Somebody took an alert on or gave it back, silenced or no longer does: the rules are evaluated, and who is to know is told, at once."""
    firings: Callable[[str | None, datetime, datetime], Sequence[Firing]] = _nothing_fires
    """The stretches in [since, until) in which alerts of a platform (None: of all) fired, or nobody knew."""
    look: Callable[[Mapping[str, Rule], datetime], Mapping[str, Looked]] = _nothing_found
    """What rules' conditions say of the stored data at an instant: for the chart that explains an alert."""
    forecasts: Forecasts | None = None
    """The newest forecasts; None in a server that makes none."""
    mailer: Mailer = field(default_factory=NoMailer)
    """Whoever makes reports and lets them go by mail."""

    @property
    def slack(self) -> timedelta:
        """`slack_of` the clock."""
        return slack_of(self.clock)


def slack_of(clock: Pacer) -> timedelta:
    """How much later than on the wall's clock data may come in: on a clock that runs fast, work takes more of its time."""
    return SLACK * max(clock.speed - 1, 0)
