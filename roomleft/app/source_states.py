"""How every source stands, for the Sources page, the API and `connect`: from its jobs, its checks and what it brought in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from collectors.platform_api.progress import COMPONENT, REMEMBERED, SourceProgress, progress
from collectors.platform_api.source import STREAMS
from collectors.taken import STREAMS as TAKEN_STREAMS
from dashboards.parts import SourceStatus
from jobs.schedule import LATE_INTERVALS, JobStatus
from jobs.scrape import TargetStatus
from roomleft.app.watching import PLATFORM_API, Watched, Watching
from roomleft.errors import RoomleftError
from warehouse.store import Store

DAY = timedelta(days=1)
WORST = ("failing", "silent", "unknown", "waiting", "ok")
LAGGING = ("usage", "samples", "prometheus-server")
"""Streams that figures are made of as they come; deploys and business days come when they come."""
CLOCK_HINT = "let its host keep time by NTP"
WITH_A_PAST = (PLATFORM_API, "prometheus-server", *TAKEN_STREAMS)
"""Kinds whose history is read; the others only ever give the present."""
Row = Mapping[str, Any]


def source_states(watching: Watching, store: Store, jobs: Sequence[JobStatus], now: datetime) -> list[SourceStatus]:
    """Every source in the packs' order. Raises StoreError."""
    read = {(each.source, each.stream): each for each in progress(store, now)}
    checks = {
        (row["platform"], row["component"], row["check_name"]): row
        for row in store.rows("source_checks", since=now - REMEMBERED, now=now)
    }
    rows = store.rows("source_rows", since=now - DAY)
    by_name = {job.name: job for job in jobs}
    scraped = watching.scraped()
    return [
        _scraped(each, scraped[each.source], checks, rows, now)
        if each.source in scraped
        else _taken(each, by_name, read, checks, rows)
        for each in watching.watched()
    ]


def _scraped(
    each: Watched, target: TargetStatus, checks: Mapping[tuple[str, str, str], Row], rows: Sequence[Row], now: datetime
) -> SourceStatus:
    """A page that the loop scrapes."""
    check = _check(each, checks)
    state = "waiting" if target.up is None else "ok" if target.up else "failing"
    if target.scraped_at is not None and now - target.scraped_at > LATE_INTERVALS * each.interval:
        state = "silent"
    words, hint = _parted(target.last_error or "", each.address)
    if check is not None and check["status"] == "unknown":
        state, words, hint = "unknown", str(check["words"] or ""), ""
    added, _ = _brought(each, rows)
    clock = _clock_words(each, checks)
    return SourceStatus(
        platform=each.platform,
        source=each.source,
        kind=each.kind,
        component=each.component,
        address=each.address,
        interval=each.interval,
        state=state,
        last_success_at=target.last_success_at,
        read_to=target.last_success_at,
        caught_up=True,
        rows_24h=added,
        series=target.series or None,
        words=words or clock,
        hint=hint if words or not clock else CLOCK_HINT,
    )


def _parted(text: str, address: str) -> tuple[str, str]:
    """A fault's text as what is wrong and what fixes it: `where: what (hint)`."""
    text = text.removeprefix(f"{address}: ")
    what, _, rest = text.rpartition(" (")
    return (what, rest.removesuffix(")")) if what and rest.endswith(")") else (text, "")


def _check(each: Watched, checks: Mapping[tuple[str, str, str], Row]) -> Row | None:
    return checks.get((each.platform, each.component, f"reads {each.source.partition('.')[2]}"))


def _clock_words(each: Watched, checks: Mapping[tuple[str, str, str], Row]) -> str:
    """What is wrong with the source's clock; '' if nothing is, or if it does not tell its time."""
    component = COMPONENT if each.kind == PLATFORM_API else each.component
    check = checks.get((each.platform, component, f"clock of {each.source.partition('.')[2] or each.source}"))
    return str(check["words"] or "") if check is not None and check["status"] == "warn" else ""


def _taken(
    each: Watched,
    jobs: Mapping[str, JobStatus],
    read: Mapping[tuple[str, str], SourceProgress],
    checks: Mapping[tuple[str, str, str], Row],
    rows: Sequence[Row],
) -> SourceStatus:
    """A source that jobs read."""
    streams = [found for stream in _streams(each) if (found := read.get((each.source, stream))) is not None]
    own = [jobs[job.name] for job in each.jobs if job.name in jobs]
    check = _check(each, checks)
    states = [_state(job, check) for job in own]
    state = min(states, key=WORST.index, default="waiting")
    fault = _fault(each, own, check, state)
    succeeded = [job.last_success_at for job in own if job.last_success_at is not None]
    # What is read to its end is complete as of that read, however old its newest record is.
    read_to = [
        at for found in streams if found.stream in LAGGING and (at := found.last_success_at if found.caught_up else found.read_to)
    ]
    added, series = _brought(each, rows)
    clock = _clock_words(each, checks)
    return SourceStatus(
        platform=each.platform,
        source=each.source,
        kind=each.kind,
        component=each.component,
        address=each.address,
        interval=each.interval,
        state=state,
        last_success_at=max(succeeded, default=None),
        # A source of several streams is as far as the one that is least far.
        read_to=min(read_to, default=None) if each.kind in WITH_A_PAST else max(succeeded, default=None),
        caught_up=each.kind not in WITH_A_PAST or all(found.caught_up for found in streams),
        rows_24h=added,
        series=series,
        words=fault.what if fault else clock,
        hint=fault.hint if fault else CLOCK_HINT if clock else "",
    )


def _streams(each: Watched) -> Sequence[str]:
    if each.kind == PLATFORM_API:
        return [stream for stream in STREAMS if stream != "health"]
    return (TAKEN_STREAMS.get(each.kind, each.kind),)


def _state(job: JobStatus, check: Row | None) -> str:
    if job.outcome == "failed":
        return "failing"
    if job.last_success_at is None:
        return "waiting"
    if job.late:
        return "silent"
    return "unknown" if check is not None and check["status"] == "unknown" else "ok"


def _fault(each: Watched, jobs: Sequence[JobStatus], check: Row | None, state: str) -> RoomleftError | None:
    """The newest fault: as it was raised here, or the words of the run that another server made."""
    if state == "unknown" and check is not None:
        return RoomleftError(str(check["words"] or "this machine could not look"))
    for job in jobs:
        if job.outcome == "failed":
            return each.notes[job.name].fault or RoomleftError(job.words)
    return None


def _brought(each: Watched, rows: Sequence[Row]) -> tuple[int | None, int | None]:
    """How many rows the source brought in during the last day, and how many series it gives where that is its own to say."""
    name = each.source.partition(".")[2]
    if each.kind == PLATFORM_API:
        own = [
            row for row in rows if row["platform"] == each.platform and row["source"] in ("", each.source) and not row["asked"]
        ]
    elif each.kind == "prometheus-server":
        own = [row for row in rows if row["platform"] == each.platform and row["asked"] and row["component"] == each.component]
    elif each.kind in TAKEN_STREAMS:
        own = [row for row in rows if row["platform"] == each.platform and row["source"] == each.source]
    else:
        own = [row for row in rows if row["platform"] == each.platform and row["source"] == name and row["component"] is not None]
    total = sum(row["row_count"] for row in own)
    series = sum(row["series_count"] for row in own)
    return total, series if each.kind in ("prometheus", "prometheus-server") else None
