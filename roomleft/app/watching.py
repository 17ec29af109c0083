"""Which packs are in force and which sources are read for them, changed while the server runs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from collectors.fetch import Patience
from collectors.own_network import OwnNetwork
from collectors.platform_api.source import STREAMS, SourceConfig
from collectors.prometheus.scrape_once import scrape_once
from collectors.prometheus.scrape_target import ScrapeTarget, target_of
from collectors.taken import STREAMS as TAKEN_STREAMS
from collectors.takers import taker_for
from dashboards.parts import Reloaded, SourceTest
from jobs.collect import collect_jobs
from jobs.measure import MEASURE
from jobs.price import price
from jobs.schedule import Did, Job, Schedule
from jobs.scrape import ScrapeLoop, TargetStatus
from jobs.scrape_lease import ScrapeLease
from jobs.take import take_job
from roomleft.app.ruling import Ruled, Ruling
from roomleft.clock import Clock
from roomleft.credentials import Credentials
from roomleft.errors import InputError, PackError, RoomleftError
from roomleft.metrics import SOURCE_UP
from roomleft.packs import Pack
from roomleft.packs_meters import PromqlMeter
from roomleft.packs_shelf import PacksInUse, files_in_force, known_files, load_each
from roomleft.packs_sources import PrometheusSource, SourceEntry
from roomleft.packs_yaml import PackFaults, nearest
from roomleft.settings import Settings
from warehouse.state import JobRun, Outcome
from warehouse.store import Store
from warehouse.writer import Writer

log = logging.getLogger(__name__)
BACK_FILL_S = 3.0
"""How long one run may read on while its stream has more: a back-fill should not wait for the next tick every few seconds."""
BUSY_S = 20.0
"""How long `Test now` waits for a look that is already under way."""
PLATFORM_API = "platform-api"


@dataclass(slots=True)
class Note:
    """The newest fault of a job, as it was raised; None while it works."""

    fault: RoomleftError | None = None
    worked: bool = False
    """Whether it ever did, in this process."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One source that is read. `source` is `slug` for a platform's own API, else `slug.name`; `made_of` tells whether it has changed."""

    platform: str
    source: str
    kind: str
    component: str
    address: str
    interval: timedelta
    made_of: tuple[object, ...] = field(repr=False)
    jobs: tuple[Job, ...] = ()
    notes: Mapping[str, Note] = field(default_factory=dict)
    """By the job's name."""
    target: ScrapeTarget | None = None
    """What is scraped; the sources that are not scraped have jobs."""


class Watching:
    """Keeps the jobs that read sources the same as what the packs in force and the settings ask for."""

    def __init__(
        self,
        settings: Settings,
        credentials: Credentials,
        packs: PacksInUse,
        store: Store,
        writer: Writer,
        clock: Clock,
        scrape_lease: ScrapeLease | None = None,
    ) -> None:
        self.packs = packs
        self.schedule: Schedule | None = None
        self.ruling: Ruling | None = None
        self._settings, self._credentials = settings, credentials
        self._store, self._writer, self._clock = store, writer, clock
        self._network = OwnNetwork()
        self._lock = threading.Lock()
        self._woken: set[str] = set()
        self._watched: dict[str, Watched] = self._made({})
        targets = [each.target for each in self._watched.values() if each.target]
        self._loop = ScrapeLoop(targets, writer, clock, self._network, scrape_lease)

    def jobs(self) -> list[Job]:
        """The jobs that read what is watched now."""
        return [job for each in self._watched.values() for job in each.jobs]

    def watched(self) -> list[Watched]:
        """Every source, in the packs' order."""
        return list(self._watched.values())

    def streams(self) -> list[tuple[str, str]]:
        """(platform, stream) of every platform API that is read: what must be read to its end before the server is ready."""
        return [
            (each.platform, stream)
            for each in self.watched()
            if each.kind == PLATFORM_API
            for stream in STREAMS
            if stream != "health"
        ]

    def start(self) -> None:
        """Begin to scrape."""
        self._loop.start()

    def stop(self) -> None:
        """Scrape no more."""
        self._loop.stop()

    def scraped(self) -> dict[str, TargetStatus]:
        """How each scraped source stands, by its name."""
        return {f"{status.platform}.{status.name}": status for status in self._loop.statuses()}

    def reload(self) -> Reloaded:
        """Read every pack again, then the rules. One with a fault is refused and what was in force for it stays; the others change at once."""
        with self._lock:
            stored = {str(row["platform"]) for row in self._store.rows("platforms_stored")}
            files = files_in_force(self._settings, stored | self._woken)
            fresh, refused = load_each(files)
            before = dict(self.packs.written)
            kept = {slug: before[slug] for slug in refused if slug in before}
            after = {slug: fresh.get(slug) or kept[slug] for slug in files if slug in fresh or slug in kept}
            ruled = self._put_in_force(after)
            return Reloaded(
                added=tuple(slug for slug in after if slug not in before),
                changed=tuple(slug for slug in fresh if slug in before and fresh[slug] != before[slug]),
                removed=tuple(slug for slug in before if slug not in after),
                unchanged=tuple(slug for slug in fresh if slug in before and fresh[slug] == before[slug]),
                refused={slug: _faults(error) for slug, error in refused.items()},
                rules_added=ruled.rules.added,
                rules_changed=ruled.rules.changed,
                rules_removed=ruled.rules.removed,
                rules_refused={file: _faults(error) for file, error in ruled.rules.refused.items()},
                alerting_changed=ruled.alerting_changed,
            )

    def wake(self, slugs: Collection[str]) -> Collection[str]:
        """Put waiting packs of these platforms in force: data of theirs is about to be stored. The platforms there are, waiting ones too.

        A platform without a pack is left to whoever reads the data to refuse. Raises PackError for a pack with a fault.
        """
        with self._lock:
            if self._settings.demo:
                return tuple(self.packs)
            known = known_files(self._settings)
            wanted = {slug: known[slug] for slug in slugs if slug in known and slug not in self.packs}
            if wanted:
                fresh, refused = load_each(wanted)
                for error in refused.values():
                    raise error
                self._woken.update(fresh)
                self._put_in_force({**self.packs.written, **fresh})
            return tuple(known)

    def test(self, source: str) -> SourceTest:
        """Read a source now, whatever its interval. Raises InputError if there is none of that name."""
        each = self._watched.get(source)
        if each is None:
            raise InputError(f"there is no source {source[:100]!r}", "sources", nearest(source, self._watched, "sources"))
        began = time.monotonic()
        words, faults = self._read_now(each)
        took_s = time.monotonic() - began
        if faults:
            return SourceTest(source, False, faults[0].what, faults[0].hint, took_s)
        return SourceTest(source, True, "; ".join(words), "", took_s)

    def _read_now(self, each: Watched) -> tuple[list[str], list[RoomleftError]]:
        if each.target is not None:
            try:
                page = scrape_once(each.target)
            except RoomleftError as error:
                return [], [error]
            return [f"{len(page.values):,} samples"], []
        assert self.schedule is not None, "a server is built before it is asked"
        words: list[str] = []
        faults: list[RoomleftError] = []
        for job in each.jobs:
            run = self._run_now(job.name)
            fault = each.notes[job.name].fault
            if run is None:
                faults.append(
                    RoomleftError(f"a look of {BUSY_S:.0f} s ago is not back yet", each.address, "try again in a moment")
                )
            elif run.outcome is Outcome.OK:
                words.append(f"{job.name.rpartition(' ')[2]}: {run.words}" if len(each.jobs) > 1 else run.words)
            else:
                faults.append(fault or RoomleftError(run.words, each.address, "see the server's log"))
        return words, faults

    def _run_now(self, name: str) -> JobRun | None:
        """A run that begins now: one under way began before anyone asked. None when that one takes too long."""
        assert self.schedule is not None, "a server is built before it is asked"
        until = time.monotonic() + BUSY_S
        while (run := self.schedule.run_now(name)) is None and time.monotonic() < until:
            time.sleep(0.1)
        return run

    def _put_in_force(self, packs: Mapping[str, Pack]) -> Ruled:
        # Prices first: usage that arrives in between must find them.
        price(self._store, packs, self._clock.now())
        self.packs.replace(packs)
        before, self._watched = self._watched, self._made(self._watched)
        for source, old in before.items():
            new = self._watched.get(source)
            if new is not old:
                self._end(old, new)
        for source, new in self._watched.items():
            if before.get(source) is not new:
                self._begin(new)
        # Packs bring their rules, and take them along when they go.
        return self.ruling.reload() if self.ruling is not None else Ruled()

    def _begin(self, new: Watched) -> None:
        if new.target is not None:
            self._loop.add(new.target)
        if self.schedule is not None:
            for job in new.jobs:
                self.schedule.add(job)

    def _end(self, old: Watched, new: Watched | None) -> None:
        if old.target is not None:
            self._loop.remove(old.source)
        gone = {job.name for job in old.jobs} - {job.name for job in (new.jobs if new else ())}
        for name in gone:
            if self.schedule is not None:
                self.schedule.remove(name)
        if new is None:
            for stream in STREAMS if old.kind == PLATFORM_API else (TAKEN_STREAMS.get(old.kind, old.kind),):
                SOURCE_UP.remove_by_labels({"source": old.source, "stream": stream})

    def _made(self, before: Mapping[str, Watched]) -> dict[str, Watched]:
        """What the packs in force ask for; a source that is made of the same as before is the same object."""
        found: dict[str, Watched] = {}
        for slug, pack in self.packs.items():
            config = self._api_of(pack)
            plans: list[tuple[str, tuple[object, ...], Callable[[], Watched]]] = []
            if config is not None:
                plans.append((slug, (config, config.token), lambda config=config: self._api(config)))  # type: ignore[misc]
            for entry in pack.sources:
                made_of: tuple[object, ...] = (entry, self._secrets(entry), _questions(pack, entry))
                plans.append(
                    (f"{slug}.{entry.name}", made_of, lambda pack=pack, entry=entry: self._taken(pack, entry))  # type: ignore[misc]
                )
            for source, made_of, make in plans:
                old = before.get(source)
                found[source] = old if old is not None and old.made_of == made_of else replace(make(), made_of=made_of)
        return found

    def _api_of(self, pack: Pack) -> SourceConfig | None:
        """Where the platform's own API is: what the settings say, else what the pack says."""
        patience = Patience(read_timeout_s=self._settings.collect_timeout_s)
        for source in self._settings.sources:
            if source.platform == pack.slug:
                return SourceConfig(pack.slug, source.url, source.token, patience=patience)
        if pack.source.url is None:
            return None
        token = self._credentials.get(pack.source.token_env) if pack.source.token_env else None
        return SourceConfig(pack.slug, pack.source.url.rstrip("/"), token or "", patience=patience)

    def _api(self, config: SourceConfig) -> Watched:
        every = timedelta(seconds=self._settings.collect_every_s)
        made = collect_jobs([config], self._store, self._writer, self._clock, every=every, budget_s=BACK_FILL_S)
        jobs, notes = _noted(made)
        return Watched(config.platform, config.name, PLATFORM_API, "platform", bare(config.url), every, (), jobs, notes)

    def _taken(self, pack: Pack, entry: SourceEntry) -> Watched:
        source = f"{pack.slug}.{entry.name}"
        shown = (pack.slug, source, entry.kind, entry.component, bare(entry.url), entry.interval, ())
        if isinstance(entry, PrometheusSource):
            (token,) = self._secrets(entry)[1:]
            return Watched(*shown, target=target_of(pack.slug, entry, token))
        taker = taker_for(pack, entry, self._credentials.get, self._network)
        # Somebody may be waiting for a first figure.
        jobs, notes = _noted([take_job(taker, self._store, self._writer, self._clock)], then=(MEASURE,))
        return Watched(*shown, jobs, notes)

    def _secrets(self, entry: SourceEntry) -> tuple[str | None, ...]:
        names: Sequence[Any] = (getattr(entry, "password_env", None), getattr(entry, "token_env", None))
        return tuple(self._credentials.get(name) if name else None for name in names)


def bare(url: str) -> str:
    """An address that may be shown: without user, password and parameters."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", ""))
    except ValueError:
        return url.partition("?")[0].rpartition("@")[2]


def _noted(jobs: Sequence[Job], then: tuple[str, ...] = ()) -> tuple[tuple[Job, ...], dict[str, Note]]:
    """The jobs, noting the fault of each one's newest run. When one works for the first time, the jobs `then` run soon."""
    notes = {job.name: Note() for job in jobs}
    return tuple(replace(job, run=_noting(job.run, notes[job.name], then)) for job in jobs), notes


def _noting(
    run: Callable[[datetime], str | Did | None], note: Note, then: tuple[str, ...]
) -> Callable[[datetime], str | Did | None]:
    def noted(now: datetime) -> str | Did | None:
        try:
            did = run(now)
        except RoomleftError as error:
            note.fault = error
            raise
        note.fault = None
        if then and not note.worked:
            did = did if isinstance(did, Did) else Did(did or "")
            did = replace(did, then=(*did.then, *then))
        note.worked = True
        return did

    return noted


def _questions(pack: Pack, entry: SourceEntry) -> tuple[object, ...]:
    """The pack's questions to a Prometheus server: when one changes, so does what is read there."""
    return tuple(
        (name, meter) for name, meter in pack.meters.items() if isinstance(meter, PromqlMeter) and meter.source == entry.name
    )


def _faults(error: PackError) -> Sequence[RoomleftError]:
    return error.each() if isinstance(error, PackFaults) else [error]
