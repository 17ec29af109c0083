"""What one look at a source collects before it is stored: readings and checks, each with its labels and words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import pyarrow as pa

from warehouse import tables

Reading = tuple[str, tuple[tuple[str, str], ...]]
"""A series of one source: its name and all its labels."""


class Look:
    """The readings and checks of one look, all at one instant. What cannot be told is left out: it is never zero."""

    def __init__(self, platform: str, component: str, labels: Mapping[str, str], at: datetime) -> None:
        self.platform, self.component, self.at = platform, component, at
        self.labels = dict(labels)
        self._samples: list[dict[str, object]] = []
        self._checks: list[dict[str, object]] = []

    def read(self, name: str, value: float | int | None, **labels: str) -> None:
        """Note a reading; None is no reading. `labels` come on top of the source's own."""
        if value is None:
            return
        self._samples.append(
            {
                "platform": self.platform,
                "component": self.component,
                "name": name,
                "observed_at": self.at,
                "labels": sorted((self.labels | labels).items()),
                "value": float(value),
            }
        )

    def given(self, names: Collection[str]) -> set[Reading]:
        """The series among `names` that this look has readings of."""
        return {(str(row["name"]), tuple(row["labels"])) for row in self._samples if row["name"] in names}  # type: ignore[arg-type]

    def end(self, reading: Reading) -> None:
        """Note that a series has ended: what it last read says nothing any more."""
        name, labels = reading
        self._samples.append(
            {
                "platform": self.platform,
                "component": self.component,
                "name": name,
                "observed_at": self.at,
                "labels": list(labels),
                "value": None,
            }
        )

    def check(self, name: str, status: str, words: str, *, value: float | None = None, unit: str | None = None) -> None:
        """Note a check's answer: status pass, warn, fail or unknown."""
        self._checks.append(
            {
                "platform": self.platform,
                "component": self.component,
                "check_name": name,
                "observed_at": self.at,
                "status": status,
                "value": value,
                "unit": unit,
                "words": words[:1000],
            }
        )

    def samples(self) -> pa.Table:
        """The readings in the schema `tables.SAMPLES`."""
        return pa.Table.from_pylist(self._samples, schema=tables.SAMPLES)

    def health(self) -> pa.Table | None:
        """The checks in the schema `tables.HEALTH`; None without any."""
        return pa.Table.from_pylist(self._checks, schema=tables.HEALTH) if self._checks else None
