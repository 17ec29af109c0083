"""Puts every part together: stores, packs, sources, jobs, pages, the door."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp

from analytics.catalogue import Catalogue
from collectors.platform_api.progress import progress
from dashboards.alert_rows import firings_between
from dashboards.api.acknowledge import make_acknowledge_api
from dashboards.api.allocation import make_allocation_api
from dashboards.api.anomalies import make_anomaly_api
from dashboards.api.audit import make_audit_api
from dashboards.api.budgets import make_budget_api
from dashboards.api.capacity import make_capacity_api
from dashboards.api.docs import make_apidocs
from dashboards.api.economics import make_economics_api
from dashboards.api.forecasts import make_forecast_api
from dashboards.api.forget import make_forget_api
from dashboards.api.ledger import make_ledger_api
from dashboards.api.litellm import make_litellm
from dashboards.api.otlp import make_otlp
from dashboards.api.pagerduty import make_pagerduty_api
from dashboards.api.people import make_people_api
from dashboards.api.prices import make_price_api
from dashboards.api.program import close_api, install_errors, make_api
from dashboards.api.quarantine import make_quarantine
from dashboards.api.recipients import make_recipient_api
from dashboards.api.report_archive import make_report_archive_api
from dashboards.api.reports import make_report_api
from dashboards.api.reprice import make_reprice_api
from dashboards.api.search import make_search_api
from dashboards.api.silences import make_silence_api
from dashboards.api.slos import make_slo_api
from dashboards.app import build_pages
from dashboards.door.door import Door
from dashboards.door.oidc import Oidc
from dashboards.door.proxy import Arrivals, Proxies
from dashboards.door.rules import hosts_for
from dashboards.fault_tray import make_fault_routes
from dashboards.on_call_routes import make_on_call
from dashboards.parts import Parts, slack_of
from dashboards.readiness import Check, Readiness
from jobs.alert import ALERT
from jobs.anomaly import Anomalies, anomaly_job
from jobs.crossing import Crossing
from jobs.first_reading import FirstReading
from jobs.measure import MEASURE, SETTLED_AFTER, Paces, measure_job
from jobs.price import PRICE, price, price_job
from jobs.retain import retain_job
from jobs.roll_up import ROLL_UP, roll_up_job
from jobs.schedule import Did, Job, Schedule
from jobs.scrape_lease import ScrapeLease
from roomleft import __version__
from roomleft.app.alerting import Alerting
from roomleft.app.deciding import Deciding
from roomleft.app.forecasting import Forecasting
from roomleft.app.pricing import catalogue_of
from roomleft.app.replaying import Replaying, make_replay_api
from roomleft.app.reporting import Reporting, forget_old_reports
from roomleft.app.ruling import Ruling, rules_folder
from roomleft.app.source_states import source_states
from roomleft.app.telling import Telling
from roomleft.app.watching import Watching
from roomleft.clock import Clock
from roomleft.credentials import Credentials
from roomleft.metrics import OF_LIMITS
from roomleft.packs_shelf import PacksInUse, load_in_force
from roomleft.settings import Settings
from warehouse.state import Leases, Outcome, Sessions, SignIn, StateDb, Tokens
from warehouse.state.alerting_retention import forget_old_alerting
from warehouse.state.closed_periods import ClosedPeriods
from warehouse.state.expected_events import ExpectedEvents
from warehouse.state.pseudonyms import Pseudonyms
from warehouse.store import Store
from warehouse.writer import Writer


@dataclass(frozen=True, slots=True)
class App:
    """A built server: its parts, its jobs and the ASGI application, not yet listening."""

    parts: Parts
    schedule: Schedule
    watching: Watching
    crossing: Crossing
    telling: Telling
    forecasting: Forecasting
    tokens: Tokens
    sign_in: SignIn
    door: Door
    asgi: ASGIApp

    def start(self) -> None:
        """Start the writer, the jobs and the scrapes."""
        self.parts.writer.start()
        self.crossing.start()
        self.schedule.start()
        self.watching.start()

    def stop(self) -> None:
        """Stop the jobs and scrapes, drain the writer, close both stores."""
        self.watching.stop()
        self.forecasting.stop()
        self.schedule.stop()
        self.telling.stop()
        self.crossing.stop()
        self.parts.writer.close()
        self.door.entrance.close()
        self.parts.store.close()
        self.parts.state.close()


def build(settings: Settings, clock: Clock) -> App:
    """Open the stores and put every part together. Raises SettingsError, PackError and StoreError."""
    # Before the stores are opened: a pack with a fault must not cost a migration.
    load_in_force(settings)
    # Links, sessions and leases are about people and processes: they live on the wall's time, also in an accelerated demo.
    state = StateDb.open(settings.state_url, Clock())
    try:
        store = Store.open(settings.warehouse_url, now=clock)
    except BaseException:
        state.close()
        raise
    try:
        packs = PacksInUse(load_in_force(settings, stored_platforms(store)))
        deciding = Deciding(packs, state, clock, rules_folder(settings))
        ruling = Ruling(settings, packs, store)
        ruling.begin()
        # Before the first event: what arrives without a price is stored as unpriced.
        price(store, packs, clock.now())
    except BaseException:
        store.close()
        state.close()
        raise
    forecasting = Forecasting(packs, store, state)
    paces = Paces(foresee=forecasting.forecasts.foresee)
    reading = FirstReading(store, slack_of(clock))
    crossing = Crossing(
        store,
        packs,
        clock,
        lambda: zones_of(packs),
        paces=paces,
        slack=slack_of(clock),
        refresh=deciding.refresh,
        reading=reading,
    )
    catalogue = catalogue_of(settings, packs, state)
    writer = Writer(
        store,
        clock,
        pseudonyms=Pseudonyms(state),
        rates_for=lambda pairs: catalogue.rates_of(pairs, clock.now()),
        max_queued_rows=settings.queue_rows,
    )
    scrape_lease = ScrapeLease(Leases(state))
    watching = Watching(settings, Credentials(settings.data_dir), packs, store, writer, clock, scrape_lease)
    watching.ruling = ruling
    writer.on_usage = crossing.wake
    alerting = Alerting(settings, clock, packs, store, state, ruling)
    jobs = _jobs(settings, packs, (store, state), clock, deciding, (paces, reading), (catalogue, ClosedPeriods(state)))
    telling = Telling(settings, clock, packs, store, state, ruling)
    reporting = Reporting(settings, clock, packs, store, state, lambda: ruling.alerting)
    reporting.forecasts, reporting.catalogue = forecasting.forecasts, catalogue
    schedule = Schedule([*jobs, alerting.job, *telling.jobs, *reporting.jobs, *forecasting.jobs, *watching.jobs()], state, clock)
    crossing.on_measured = lambda: schedule.soon(ALERT) if alerting.may_wake() else None
    watching.schedule = schedule
    reporting.sources = lambda: source_states(watching, store, schedule.status(), clock.now())
    readiness = Readiness(_readiness(watching, store, clock, schedule))
    forecasting.may_begin = readiness.ready

    def decided() -> None:
        deciding.refresh()
        # It may be a contract: new calls must not wait for its price until the job's next turn.
        schedule.soon(PRICE)

    parts = Parts(
        settings,
        clock,
        packs,
        store,
        writer,
        state,
        schedule.status,
        readiness,
        sources=reporting.sources,
        test_source=watching.test,
        reload_packs=watching.reload,
        wake_packs=watching.wake,
        decided=decided,
        misfits=lambda: deciding.misfits,
        catalogue=catalogue,
        rules=ruling.rules,
        slos=lambda: ruling.slos,
        alerting=lambda: ruling.alerting,
        alerts=alerting.alerts,
        responded=lambda: schedule.soon(ALERT),
        firings=lambda platform, since, until: firings_between(state, ruling.rules, platform, since, until),
        look=lambda rules, at: alerting.look(rules, at, clock.now()),
        mailer=reporting,
        forecasts=forecasting.forecasts,
    )
    tokens, sign_in = Tokens(state), SignIn(state, timedelta(hours=settings.session_hours))
    server = FastAPI(title="Roomleft", version=__version__, docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    install_errors(server)
    server.include_router(make_api(parts))
    server.include_router(make_ledger_api(parts))
    server.include_router(make_report_api(parts))
    server.include_router(make_capacity_api(parts))
    server.include_router(make_price_api(parts))
    server.include_router(make_economics_api(parts))
    server.include_router(make_otlp(parts))
    server.include_router(make_litellm(parts))
    server.include_router(make_allocation_api(parts))
    server.include_router(make_reprice_api(parts))
    server.include_router(make_budget_api(parts))
    server.include_router(make_forget_api(parts))
    server.include_router(make_on_call(parts))
    server.include_router(make_slo_api(parts))
    server.include_router(make_search_api(parts))
    replaying = Replaying(store, state, packs, ruling, clock.now, alerting.every, slack_of(clock))
    server.include_router(make_replay_api(lambda: replaying))
    server.include_router(make_silence_api(parts))
    server.include_router(make_acknowledge_api(parts))
    server.include_router(make_pagerduty_api(parts))
    server.include_router(make_quarantine(parts))
    server.include_router(make_fault_routes(parts))
    server.include_router(make_anomaly_api(parts))
    server.include_router(make_forecast_api(parts))
    server.include_router(make_recipient_api(parts))
    server.include_router(make_people_api(parts))
    server.include_router(make_audit_api(parts))
    # After every single report's route: a key of the archive may be any path.
    server.include_router(make_report_archive_api(parts))
    server.include_router(make_apidocs(server))
    rest = APIRouter()
    close_api(rest)
    server.include_router(rest)
    pages = build_pages(server, parts)
    hosts = hosts_for(settings.host, settings.allowed_hosts)
    door = Door(
        server,
        tokens=tokens,
        sign_in=sign_in,
        sessions=Sessions(state),
        hosts=hosts,
        script_hashes=pages.csp_hashes(),
        oidc=Oidc(settings.oidc, state, public_url=settings.public_url) if settings.oidc else None,
        arrivals=Arrivals(state, settings.proxies) if settings.proxies.user_header else None,
    )
    return App(parts, schedule, watching, crossing, telling, forecasting, tokens, sign_in, door, Proxies(door, settings.proxies))


def stored_platforms(store: Store) -> list[str]:
    """The platforms that anything is stored of."""
    return [str(row["platform"]) for row in store.rows("platforms_stored")]


def zones_of(packs: PacksInUse) -> list[str]:
    """The zones that users' days are kept in. UTC whatever the packs' zones: users' days of all platforms together are of that zone."""
    return sorted({"UTC", *(zone for pack in packs.values() for zone in pack.zones())})


def _jobs(
    settings: Settings,
    packs: PacksInUse,
    stores: tuple[Store, StateDb],
    clock: Clock,
    deciding: Deciding,
    measuring: tuple[Paces, FirstReading],
    pricing: tuple[Catalogue, ClosedPeriods],
) -> list[Job]:
    store, state = stores
    paces, reading = measuring

    # Packs come and go while the server runs: each run asks for the zones of those in force.
    def roll_up(now: datetime) -> Did:
        did = roll_up_job(store, zones_of(packs), then=(MEASURE,))(now)
        if did.then:
            reading.news()
        return did

    def retain(now: datetime) -> str:
        forgotten = sum(forget_old_alerting(state, now, state.clock.now()).values())
        forgotten_reports = forget_old_reports(state, state.clock.now())
        words = retain_job(store, zones_of(packs))(now)
        words += f"; {forgotten_reports} rows of reports" if forgotten_reports else ""
        return f"{words}; {forgotten} rows of alerting" if forgotten else words

    every = timedelta(seconds=settings.measure_every_s)
    measured = measure_job(store, packs, every=every, slack=slack_of(clock), paces=paces, reading=reading)
    measure = _withdrawing(measured.run, packs)

    def measure_as_decided(now: datetime) -> str | Did | None:
        deciding.refresh()
        did = measure(now)
        return replace(did, then=(*did.then, ALERT)) if isinstance(did, Did) else did

    return [
        price_job(store, packs, *pricing),
        Job(ROLL_UP, timedelta(seconds=settings.roll_up_every_s), roll_up),
        replace(measured, run=measure_as_decided),
        anomaly_job(Anomalies(store, packs, ExpectedEvents(state).lasting, slack=slack_of(clock), reading=reading)),
        Job("retain", timedelta(hours=settings.retain_every_h), retain, at_start=False),
    ]


def _withdrawing(run: Callable[[datetime], str | Did | None], packs: PacksInUse) -> Callable[[datetime], str | Did | None]:
    """`run`, and then the metrics of limits that no pack has any more: a figure that nobody measures must not stand for ever."""
    shown: set[tuple[str, str]] = set()

    def measure(now: datetime) -> str | Did | None:
        did = run(now)
        held = {(limit.limit_id, slug) for slug, pack in packs.items() for limit in pack.limit_list()}
        for limit_id, platform in shown - held:
            for gauge in OF_LIMITS:
                gauge.remove_by_labels({"limit_id": limit_id, "platform": platform})
        shown.clear()
        shown.update(held)
        return did

    return measure


def _readiness(watching: Watching, store: Store, clock: Clock, schedule: Schedule) -> dict[str, Check]:
    def back_filled() -> tuple[bool, str]:
        expected = watching.streams()
        behind = [p for p in progress(store, clock.now(), expected) if (p.platform, p.stream) in expected and not p.caught_up]
        words = "; ".join(f"{p.platform} {p.stream} {100 * p.fraction:.0f} %" for p in behind)
        return not behind, words or "every stream is read to its end"

    def rolled_up() -> tuple[bool, str]:
        before = clock.now() - SETTLED_AFTER
        waiting = store.select("SELECT count(*) AS n FROM dirty_buckets WHERE bucket < $before", {"before": before})["n"][
            0
        ].as_py()
        return waiting == 0, f"{waiting} changed buckets wait"

    measured_after: list[datetime] = []
    successes: set[datetime | None] = set()

    def measured() -> tuple[bool, str]:
        # Only a measurement begun after the roll-up counts: the first ones saw half of the history.
        known = {status.name: status for status in schedule.status()}
        if not measured_after:
            measured_after.append(known[ROLL_UP].last_success_at or clock.now())
            # Nobody should wait for its timer, who waits for nothing else.
            schedule.soon(MEASURE)
        status = known[MEASURE]
        last = status.last_run
        successes.add(status.last_success_at)
        done = last is not None and last.outcome is Outcome.OK and last.started_at >= measured_after[0]
        # On a fast clock the newest run is always one that still runs; of three successes the last began after the first look.
        done = done or len(successes) > 2
        return done, "every limit is measured" if done else "waits for the next measurement"

    return {"back-fill": back_filled, "roll-up": rolled_up, "first headroom": measured}
