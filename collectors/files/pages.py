"""A metrics page in a file as rows: name, labels, value and the sample's own time, for importing a history that was written out as OpenMetrics."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import IO

from collectors.prometheus.exposition import Format, PageRefused, read_page
from collectors.records.fields import Refusal
from roomleft.errors import InputError, TooLarge

KINDS = {"openmetrics": Format.OPENMETRICS, "prometheus": Format.TEXT}
COLUMNS = ("name", "labels", "observed_at", "value")
MOST_BYTES = 200_000_000
"""A page is taken whole or not at all, so it is read whole."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def page_rows(path: Path, file: IO[bytes], kind: str) -> Iterator[dict[str, object] | Refusal]:
    """The samples of a page, in its order; one without a time of its own has `observed_at` None. Raises InputError with the line."""
    body = file.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise TooLarge(f"the page is over {MOST_BYTES:,} bytes", str(path), "write it out in several files, by name or by time")
    try:
        page = read_page(body, KINDS[kind])
    except PageRefused as refused:
        raise InputError(refused.reason, f"{path}: {refused.where}", refused.hint or "nothing of the file was stored") from None
    told = page.structure
    times = told.times_s or [None] * len(told.series)
    instants: dict[Decimal | None, str | None] = {None: None}
    for (name, labels), line, time_s, value in zip(told.series, told.lines, times, page.values.tolist(), strict=True):
        if time_s not in instants:
            try:
                instants[time_s] = (
                    (EPOCH + timedelta(microseconds=int(time_s * 1_000_000))).isoformat() if time_s is not None else None
                )
            except OverflowError:
                yield Refusal("observed_at", f"the time on line {line} is no time: {time_s} s")
                continue
        yield {"name": name, "labels": dict(labels), "observed_at": instants[time_s], "value": value}
