"""What needs saying above every page: back-fill still running, jobs failing, a source that cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dash import Dash, Input, Output, html

from collectors.platform_api.progress import SourceProgress, progress
from dashboards import wording
from dashboards.block import Pages, failed_block
from dashboards.parts import JobState
from dashboards.readiness import Step
from dashboards.shell import Id as Shell


def job_notices(jobs: Sequence[JobState]) -> list[html.Div]:
    """One banner for all jobs that failed or are late."""
    bad = [job for job in jobs if job.outcome == "failed" or job.late]
    if not bad:
        return []
    said = [
        f"{job.name} failed{f': {job.words}' if job.words else ''}"
        if job.outcome == "failed"
        else f"{job.name} is late: it did not run when it was due"
        for job in bad
    ]
    what = "A job is not doing its work: " if len(bad) == 1 else f"{len(bad)} jobs are not doing their work: "
    return [html.Div([html.Strong(what), html.Span("; ".join(said))], className="notice bad", role="alert")]


def progress_bar(share: float, words: str) -> html.Div:
    """How far the back-fill is."""
    percent = max(0, min(100, int(share * 100)))
    bar = html.Div(
        html.Div(style={"width": f"{percent}%"}),
        className="notice-bar",
        role="progressbar",
        **{"aria-valuenow": str(percent), "aria-valuemin": "0", "aria-valuemax": "100", "aria-label": "Back-fill"},
    )
    return html.Div([bar, html.Span(words)], className="notice", role="status")


def readiness_notices(steps: Sequence[Step]) -> list[html.Div]:
    """The first step of getting ready that is not done, with how far it is."""
    undone = next((step for step in steps if not step.done), None)
    if undone is None:
        return []
    done = sum(step.done for step in steps)
    return [
        progress_bar(
            done / len(steps), f"Getting ready: {undone.name}, {undone.words}. Figures below are of what has been read so far."
        )
    ]


def backfill_notices(streams: Sequence[SourceProgress]) -> list[html.Div]:
    """How much of the sources' history has been read, while some of it is not."""
    behind = [each for each in streams if not each.caught_up]
    if not behind:
        return []
    by_stream: dict[str, list[float]] = {}
    for each in streams:
        by_stream.setdefault(each.stream, []).append(each.fraction)
    unread = {each.stream for each in behind}
    said = ", ".join(
        f"{name} {wording.percent(sum(own) / len(own), 0)}" for name, own in sorted(by_stream.items()) if name in unread
    )
    share = sum(each.fraction for each in streams) / len(streams)
    back_to = max((each.read_from for each in behind if each.read_from), default=None)
    reach = f", back to {back_to:%-d %b %H:%M} UTC" if back_to else ""
    return [progress_bar(share, f"Reading history: {said}{reach}. Figures below are of what has been read so far.")]


def source_notices(streams: Sequence[SourceProgress], now: datetime) -> list[html.Div]:
    """One banner for all streams whose newest read failed."""
    down = [each for each in streams if not each.up and each.last_error]
    if not down:
        return []
    first = down[0]
    last = f", last read {wording.age(now - first.last_success_at)} ago" if first.last_success_at else ", never read"
    rest = f"; {wording.plural(len(down) - 1, 'more stream')} too" if len(down) > 1 else ""
    what = f"{first.platform}'s {first.stream} cannot be read: "
    return [html.Div([html.Strong(what), html.Span(f"{first.last_error}{last}{rest}")], className="notice bad", role="alert")]


def register(app: Dash, pages: Pages) -> None:
    """Connects the notices."""
    parts = pages.parts

    @app.callback(Output(Shell.NOTICES, "children"), Input(Shell.TICK, "data"))
    async def show(_tick: int | None) -> Any:
        try:
            jobs = await pages.read("jobs", parts.jobs)
            now = parts.clock.now()
            streams = await pages.read("progress", lambda: progress(parts.store, now))
            filling = backfill_notices(streams)
            if not filling:
                filling = readiness_notices(await pages.read("readiness", parts.readiness.steps))
            return [*job_notices(jobs), *source_notices(streams, now), *filling]
        except Exception as error:
            return failed_block(error)
