"""What health checks answered, in memory, and what had arrived of it at each of many instants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.conditions_tape import Ints, Rows, instant_of, micros
from analytics.conditions_view import REMEMBERED, Scene

COLLECTOR = "collector"
"""The component under which Roomleft's own reading of a platform is recorded."""
STATUSES = ("pass", "warn", "fail", "unknown")


@dataclass
class Answers:
    """Answers of health checks by check and time, and for each check and instant the newest one that had arrived."""

    checks: Mapping[tuple[str, str, str], int]
    newest: Rows
    observed: Ints
    status: npt.NDArray[np.int8]
    lasts: Ints | None = None
    """How long each answer stands where they come more rarely than usual, as in history."""

    @classmethod
    def read(
        cls,
        scene: Scene,
        offset_us: int,
        platforms: Sequence[str],
        components: Sequence[str],
        lasts: Callable[[Ints, Ints], Ints] | None = None,
    ) -> Answers:
        """The answers that the instants of a scene can see. `lasts` tells how long each stands, by its check and time."""
        instants = scene.instants.before(offset_us)
        table = scene.query(
            "alert_health_newest" if len(instants) == 1 else "alert_health",
            platforms=list(platforms),
            components=list(components),
            since=instant_of(int(instants.at[0])) - REMEMBERED - scene.view.slack,
            until=instant_of(int(instants.at[-1])),
            read_to=instant_of(int(instants.read_to[-1])),
        )
        names = [table[name].dictionary_encode().combine_chunks() for name in ("platform", "component", "check_name")]
        codes = np.zeros(table.num_rows, dtype=np.int64)
        for column in names:
            codes = codes * max(len(column.dictionary), 1) + column.indices.to_numpy(zero_copy_only=False)
        _, firsts, places = np.unique(codes, return_index=True, return_inverse=True)
        heads = table.select(["platform", "component", "check_name"]).take(firsts).to_pylist() if table.num_rows else []
        checks = {(row["platform"], row["component"], row["check_name"]): n for n, row in enumerate(heads)}
        observed, arrived = micros(table["observed_at"]), micros(table["ingested_at"])
        shown = instants.shown(observed, arrived)
        newest = np.full((len(checks), len(instants)), -1, dtype=np.int64)
        rows = np.flatnonzero(shown < len(instants))
        newest[places[rows], shown[rows]] = rows
        np.maximum.accumulate(newest, axis=1, out=newest)
        known = table["status"].to_pylist()
        status = np.array([STATUSES.index(word) if word in STATUSES else 3 for word in known] + [3], dtype=np.int8)
        return cls(checks, newest, observed, status, lasts(places, observed) if lasts is not None else None)


def is_of_reading(platform: str, source: str, component: str, check: str) -> bool:
    """Whether a check says if a source could be read: `reads NAME` for a pack's source, `read STREAM` for the platform's own API."""
    own = source.removeprefix(f"{platform}.")
    return check == f"reads {own}" if own != source else component == COLLECTOR and check.startswith("read ")
