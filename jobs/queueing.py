"""Handing batches to the writer when its queue may be full."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from roomleft.errors import QueueFull
from warehouse.writer import Batch, Receipt, Writer


def submitted(writer: Writer, batch: Batch, patience_s: float, sleep: Callable[[float], object]) -> Future[Receipt]:
    """The batch's future, once the queue has room: waits as the queue asks, but not for ever. Raises QueueFull when it stayed full."""
    waited = 0.0
    while True:
        try:
            return writer.submit(batch)
        except QueueFull as full:
            if waited >= patience_s:
                raise
            pause = min(max(full.retry_after_s, 0.05), patience_s)
            sleep(pause)
            waited += pause
