"""The /deploys feed: known deploys of the shape, and a routine one every few days, before and after now."""

from __future__ import annotations

import numpy as np
import orjson
import pyarrow as pa

from collectors.standin.faults import FaultLog, skew_us
from collectors.standin.feed import Batch
from collectors.standin.instants import DAY, HOUR, MINUTE, SECOND, text_of_one
from roomleft.packs_standin import DeploysShape


class DeploysFeed:
    """Deploys in slots of a day."""

    name = "deploys"
    slot_us = DAY
    lookback = 1

    def __init__(self, shape: DeploysShape, start_us: int, origin_us: int, log: FaultLog) -> None:
        self.shape = shape
        self.start_us = start_us // DAY * DAY
        self.log = log
        self._known = [((origin_us - int(k.days_ago * DAY)) // MINUTE * MINUTE, k) for k in shape.known]

    def resets(self) -> dict[str, list[int]]:
        """Instants at which each component's counters restarted."""
        found: dict[str, list[int]] = {}
        for at, known in self._known:
            if known.resets_counters:
                found.setdefault(known.component, []).append(at)
        return found

    def version(self, slot: int) -> object:
        """Only a skewed clock changes a deploy."""
        return self.log.windows(slot * DAY, (slot + 1) * DAY)

    def together(self, slot: int) -> int:
        """A day costs next to nothing."""
        return 1

    def batches(self, first: int, end: int) -> list[Batch]:
        """The deploys of each day as records."""
        return [self._batch(day) for day in range(first, end)]

    def _batch(self, slot: int) -> Batch:
        rows = [
            (at, {"component": k.component, "version": k.version, "title": k.title, "kind": k.kind})
            for at, k in self._known
            if at // DAY == slot
        ]
        number, rest = divmod(slot - self.start_us // DAY, self.shape.every_days)
        if rest == self.shape.every_days // 2:
            component = self.shape.components[number % len(self.shape.components)]
            version = f"{self.shape.major}.{number + 1}.0"
            what = {"component": component, "version": version, "title": f"Release {version} of {component}", "kind": "deploy"}
            rows.append((slot * DAY + int(self.shape.hour * HOUR), what))
        rows.sort(key=lambda row: row[0])
        emitted = [at + skew_us(self.log, at) for at, _ in rows]
        records = [
            orjson.dumps({"id": f"d{slot}-{i}", "deployed_at": text_of_one(shown), **what}).decode()
            for i, (shown, (_, what)) in enumerate(zip(emitted, rows, strict=True))
        ]
        at = np.array([at for at, _ in rows], dtype=np.int64)
        return Batch(np.array(emitted, dtype=np.int64), at + SECOND, pa.array(records, pa.string()))
