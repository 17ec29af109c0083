"""`import`: a file into the warehouse, through the running server or straight into the store when none runs."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from roomleft.cli.ask import located, own_store
from roomleft.cli.client import Client
from roomleft.cli.output import err, print_json
from roomleft.cli.packs_here import packs_known
from roomleft.clock import Clock
from roomleft.datadir import KIND_FILE, RunningServer, claim
from roomleft.errors import QueueFull
from roomleft.settings import Settings

if TYPE_CHECKING:
    from collectors.files.importer import ImportPlan
    from warehouse.writer import Receipt

QUEUE_PATIENCE = 60
SHOWN_REASONS = 5
COMMITTING_AT_ONCE = 3


@dataclass(slots=True)
class Totals:
    """What became of the file's rows. They add up: read = added + duplicate + rejected."""

    rows_read: int = 0
    rows_added: int = 0
    rows_duplicate: int = 0
    rows_rejected: int = 0


def run_import(
    file: Path,
    as_: str,
    platform: str | None,
    maps: list[str],
    sets: list[str],
    zone: str | None,
    start: str | None,
    as_json: bool,
    place: tuple[Settings, RunningServer | None] | None = None,
) -> int:
    """Import and print the totals, at `place` or where the data folder is found. 1 when rows were read and every one was refused."""
    from collectors.files.importer import import_file

    settings, server = place or located()
    packs = packs_known(settings)
    plan = import_file(
        file,
        as_,
        known_platforms=tuple(packs),
        now=Clock().now(),
        platform=platform,
        maps=maps,
        sets=sets,
        zone=zone,
        start=start,
    )
    _tell(plan)
    totals, reasons = Totals(), list[str]()
    with _bar(plan) as advance:
        steps = _through_server(server, plan, totals, reasons) if server else _into_store(settings, plan, totals, reasons)
        for rows in steps:
            advance(rows)
    totals.rows_read = plan.rows_read
    if as_json:
        print_json(asdict(totals))
    else:
        err.print(
            "\n".join(f"refused: {reason}" for reason in reasons[:SHOWN_REASONS]), soft_wrap=True, end="\n" if reasons else ""
        )
        print(", ".join(f"{count:,} {name.removeprefix('rows_')}" for name, count in asdict(totals).items()))
        # A row that is no record cannot be sent to a server, so it is nowhere but in this file.
        lost = plan.rows_unreadable if server else 0
        if lost:
            err.print(
                f"{lost:,} rows could not be read at all and are kept nowhere: correct them in {plan.path.name}", soft_wrap=True
            )
        if totals.rows_rejected > lost:
            every = "every other" if lost else "every"
            err.print(
                f"{every} refused row is in the table `rejected`, with its reason: bin/roomleft sql 'SELECT * FROM rejected'",
                soft_wrap=True,
            )
    return int(totals.rows_rejected > 0 and totals.rows_rejected == totals.rows_read)


def _tell(plan: ImportPlan) -> None:
    err.print(
        f"{plan.path.name} as {plan.as_}: " + ", ".join(f"{field} from {column}" for field, column in plan.used.items()),
        soft_wrap=True,
    )
    if plan.unused:
        err.print(f"columns left out: {', '.join(plan.unused)}", soft_wrap=True)


@contextmanager
def _bar(plan: ImportPlan) -> Iterator[Any]:
    columns = (TextColumn("importing"), BarColumn(), TextColumn("{task.completed:,.0f} rows"), TimeElapsedColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal, transient=True) as progress:
        task = progress.add_task("rows", total=plan.total_rows)
        yield lambda rows: progress.advance(task, rows)


def _through_server(server: RunningServer, plan: ImportPlan, totals: Totals, reasons: list[str]) -> Iterator[int]:
    client = Client(server)
    path = f"/api/v1/{plan.as_}" + (f"?{urlencode({'platform': plan.platform})}" if plan.platform else "")
    headers = {"X-Roomleft-Source": plan.source, "Content-Type": "application/x-ndjson"}
    for batch in plan.ndjson():
        totals.rows_rejected += len(batch.unreadable)
        reasons += [f"row {number}: {refusal.reason}" for number, refusal in batch.unreadable]
        if batch.numbers:
            answer = _patiently(client, path, batch.records, headers)
            totals.rows_added += answer["rows_added"]
            totals.rows_duplicate += answer["rows_duplicate"]
            totals.rows_rejected += answer["rows_rejected"]
            reasons += [f"row {batch.numbers[row['line'] - 1]}: {row['reason']}" for row in answer["rejected"] if row["line"]]
        yield len(batch.numbers) + len(batch.unreadable)


def _patiently(client: Client, path: str, records: bytes, headers: dict[str, str]) -> Any:
    for _ in range(QUEUE_PATIENCE):
        try:
            return client.post(path, content=records, headers=headers, accept=(422,))
        except QueueFull as full:
            time.sleep(full.retry_after_s)
    return client.post(path, content=records, headers=headers, accept=(422,))


def _into_store(settings: Settings, plan: ImportPlan, totals: Totals, reasons: list[str]) -> Iterator[int]:
    from jobs.price import price
    from roomleft.app.pricing import catalogue_of
    from warehouse.rollup import roll_up
    from warehouse.state import Pseudonyms, StateDb
    from warehouse.store import Store
    from warehouse.writer import Batch, Writer

    if not (settings.data_dir / KIND_FILE).exists():
        claim(settings.data_dir, "serve")
    clock = Clock()
    packs = packs_known(settings)
    store = Store.open(settings.warehouse_url, now=clock)
    state = StateDb.open(settings.state_url, clock)
    catalogue = catalogue_of(settings, packs, state)
    writer = Writer(store, clock, pseudonyms=Pseudonyms(state), rates_for=lambda pairs: catalogue.rates_of(pairs, clock.now()))
    writer.start()
    try:
        price(store, packs, clock.now())
        committing: deque[tuple[Future[Receipt], int]] = deque()
        for judged in plan.batches():
            table: dict[str, Any] = {plan.as_: judged.rows} if judged.rows.num_rows else {}
            refused = {"rejected": judged.rejected} if judged.rejected.num_rows else {}
            # The next batch is read while the last ones commit.
            committing.append(
                (writer.submit(Batch(plan.source, **table, **refused)), judged.rows.num_rows + judged.rejected.num_rows)
            )
            totals.rows_rejected += judged.rejected.num_rows
            reasons += [f"row {row['line']}: {row['reason']}" for row in judged.rejected.slice(0, SHOWN_REASONS).to_pylist()]
            if len(committing) > COMMITTING_AT_ONCE:
                yield _settle(*committing.popleft(), totals)
        while committing:
            yield _settle(*committing.popleft(), totals)
        roll_up(store, clock.now(), sorted({"UTC", *(zone for pack in packs.values() for zone in pack.zones())}))
    finally:
        writer.close()
        store.close()
        state.close()


def _settle(stored: Future[Receipt], rows: int, totals: Totals) -> int:
    receipt = stored.result()
    totals.rows_added += receipt.added
    totals.rows_duplicate += receipt.duplicate
    totals.rows_rejected += receipt.conflict
    return rows


def run_start_over(platform: str, stream: str) -> None:
    """Forget how far a stream was read."""
    settings, server = located()
    if server is not None:
        Client(server).post("/api/v1/start-over", json={"platform": platform, "stream": stream})
    else:
        from collectors.platform_api.start_over import start_over
        from warehouse.writer import Writer

        known = packs_known(settings)
        with own_store(settings) as store:
            writer = Writer(store, Clock())
            writer.start()
            try:
                start_over(writer, platform, stream, known)
            finally:
                writer.close()
    err.print(f"{platform} {stream} is read from its beginning at the next run", soft_wrap=True)
