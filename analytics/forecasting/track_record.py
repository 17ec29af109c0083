"""How what was forecast came out: the track record, by metric and horizon. Only claims said beforehand, or from rolling origins; never fits.

A claim about a window's end stands under the nearest of 1, 7 and 30 days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from roomleft.outlook import Made
from warehouse.store import Store

EVER = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
NONE_YET = "there is none yet"
MEANT = "Ranges are meant to hold four times in five"
ENOUGH = 20
"""So many claims of a tenth are enough to be put in a sentence."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Claims whose stated probability lay in [low, high): how many, what was said on average, and how often it happened (0 to 1)."""

    low: float
    high: float
    claims: int
    said: float
    happened: float


@dataclass(frozen=True, slots=True)
class Line:
    """One metric and horizon of one way of making (LIVE, REPLAYED). None where no claim of that sort was scored yet.

    `coverage`: the share of 80 % ranges that held the outcome, of `ranges` of them. `bias`: mean of (middle − outcome) ÷ scale, above 0: said too much.
    `pinball`: mean pinball loss of p10, p50, p90 ÷ scale. `mase` and `naive_mase`: mean absolute error ÷ scale, of ours and of repeating last week,
    over the same claims. `brier`, `base_brier`: of `chances` probabilities, and what always saying the share that happened would score.
    """

    made: Made
    metric: str
    claim: str
    horizon_days: int
    ranges: int
    coverage: float | None
    bias: float | None
    pinball: float | None
    mase: float | None
    naive_mase: float | None
    chances: int
    brier: float | None
    base_brier: float | None

    @property
    def mase_ratio(self) -> float | None:
        """Our error over that of repeating last week: below 1 is better."""
        return self.mase / self.naive_mase if self.mase is not None and self.naive_mase else None


@dataclass(frozen=True, slots=True)
class Total:
    """All claims of one way of making together. `scored` of `claims`; `waiting` speak of a time to come, `untold` of one of which too little is known.
    `since`: when the first scored one was said."""

    claims: int = 0
    scored: int = 0
    waiting: int = 0
    untold: int = 0
    since: datetime | None = None
    ranges: int = 0
    coverage: float | None = None
    bias: float | None = None
    pinball: float | None = None
    mase: float | None = None
    naive_mase: float | None = None
    chances: int = 0
    brier: float | None = None
    base_brier: float | None = None


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """The whole record. `lines` by metric and horizon, `reliability` over all breach claims and `totals`, for each way of making.

    `words`: one sentence for finance ("When we said 70–80 %, it happened 71 % of the time."), of what was said live where there is enough, or that there is none yet.
    """

    lines: tuple[Line, ...] = ()
    reliability: Mapping[Made, tuple[Bin, ...]] = field(default_factory=dict)
    totals: Mapping[Made, Total] = field(default_factory=dict)
    words: str = NONE_YET

    @property
    def waiting(self) -> int:
        """How many live claims are not scored yet because their time has not come."""
        return self.total(Made.LIVE).waiting

    @property
    def since(self) -> datetime | None:
        """When the first scored live claim was said."""
        return self.total(Made.LIVE).since

    def total(self, made: Made) -> Total:
        """The total of one way of making."""
        return self.totals.get(made, Total())

    @property
    def ranges_words(self) -> str:
        """How often ranges held, in the sentence that stands under every one of them; of what was said live where there is enough, and no claim without a record."""
        for made, when in ((Made.LIVE, "so far they held"), (Made.REPLAYED, "replayed over earlier days they held")):
            total = self.total(made)
            if total.ranges >= ENOUGH and total.coverage is not None:
                return f"{MEANT}; {when} {_percent(total.coverage)}."
        return f"{MEANT}; too few have come due to say whether they do."

    def of(self, made: Made) -> tuple[Line, ...]:
        """The lines of one way of making."""
        return tuple(line for line in self.lines if line.made is made)

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "words": self.words,
            "made": {
                str(made): {
                    **asdict(self.total(made)),
                    "reliability": [asdict(one) for one in self.reliability.get(made, ())],
                    "lines": [{**_without_made(line), "mase_ratio": line.mase_ratio} for line in self.of(made)],
                }
                for made in Made
            },
        }


def track_record(store: Store, *, platforms: Sequence[str] | None = None, since: datetime | None = None) -> TrackRecord:
    """The record of these platforms (None: all), of claims said from `since` on. Raises StoreError."""
    asked: dict[str, Any] = {"platforms": list(platforms) if platforms is not None else None, "since": since or EVER}
    rows = store.rows("forecast_track_record", **asked)
    tenths = store.rows("forecast_reliability", **asked)
    counts = {Made(row["made"]): row for row in store.rows("forecast_waiting", now=store.now.now(), **asked)}
    lines = tuple(_line(row) for row in rows)
    reliability = {
        made: tuple(
            Bin(row["tenth"] / 10, (row["tenth"] + 1) / 10, row["claims"], row["said"], row["happened"])
            for row in tenths
            if row["made"] == made
        )
        for made in Made
    }
    totals = {made: _total([row for row in rows if row["made"] == made], counts.get(made)) for made in Made}
    return TrackRecord(lines, reliability, totals, _words(reliability, totals))


def _line(row: Mapping[str, Any]) -> Line:
    share = row["happened"]
    return Line(
        Made(row["made"]), row["metric"], row["claim"], row["horizon_days"], row["ranges"], row["coverage"], row["bias"], row["pinball"],
        row["mase"], row["naive_mase"], row["chances"], row["brier"], None if share is None else share * (1 - share),
    )  # fmt: skip


def _total(rows: Sequence[Mapping[str, Any]], counts: Mapping[str, Any] | None) -> Total:
    """All lines of one way of making in one: each mean weighs as many claims as it is of, so that it is that of the claims."""
    if counts is None:
        return Total()

    def mean(name: str, weight: str) -> float | None:
        return _mean([(row[name], row[weight]) for row in rows])

    share = mean("happened", "chances")
    return Total(
        counts["claims"], counts["claims"] - counts["waiting"] - counts["untold"], counts["waiting"], counts["untold"], counts["since"],
        sum(row["ranges"] for row in rows), mean("coverage", "ranges"), mean("bias", "scaled"), mean("pinball", "scaled"),
        mean("mase", "compared"), mean("naive_mase", "compared"), sum(row["chances"] for row in rows), mean("brier", "chances"),
        None if share is None else share * (1 - share),
    )  # fmt: skip


def _mean(values: Sequence[tuple[float | None, int]]) -> float | None:
    known = [(value, weight) for value, weight in values if value is not None and weight]
    whole = sum(weight for _, weight in known)
    return sum(value * weight for value, weight in known) / whole if whole else None


def _words(reliability: Mapping[Made, Sequence[Bin]], totals: Mapping[Made, Total]) -> str:
    """The best-filled likely tenth in a sentence; without one, how many ranges held."""
    for made, aside in (
        (Made.LIVE, ""),
        (Made.REPLAYED, " (said afterwards about earlier days, from the data of before each alone)"),
    ):
        total = totals[made]
        filled = [one for one in reliability[made] if one.claims >= ENOUGH]
        likely = [one for one in filled if one.low >= 0.5] or [one for one in filled if one.high > 0.1]
        if likely:
            best = max(likely, key=lambda one: one.claims)
            said = f"{100 * best.low:.0f}–{100 * best.high:.0f} %"
            return f"When we said {said}, it happened {_percent(best.happened)} of the time{aside}."
        if total.ranges >= ENOUGH and total.coverage is not None:
            return f"Of {total.ranges:,} ranges that should hold 80 %, {_percent(total.coverage)} held what came{aside}."
    waiting = totals[Made.LIVE].waiting
    return f"{NONE_YET}: {waiting:,} forecasts are not due yet" if waiting else NONE_YET


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _without_made(line: Line) -> dict[str, Any]:
    told = asdict(line)
    del told["made"]
    return told
