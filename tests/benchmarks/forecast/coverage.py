"""How often real values lie inside the stated 80 % ranges, over all and by origin; the ranges are quantiles of the drawn futures.

The sets, histories, horizons and origins are those of `accuracy`. "By origin" is the share over all series and days that were forecast on one day: shocks
that all share make it run far apart. It needs series enough to be a share, so it is judged on NN5 and told of sets with 30 series or more. Beside it stands
the pinball loss (mean over p10, p50 and p90, divided by the mean seasonal difference): wide ranges would buy coverage there.
The draw's constants were set on NN5 at other origins (15 days earlier, and from 240 days earlier). The judged origins were in view while last year's shock
was designed: the one in December is what it is for. The other sets were looked at, not tuned to.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics.forecasting.panel import fit_panel
from analytics.forecasting.sampling import sample
from tests.benchmarks.forecast.accuracy import PLANS, Plan, scale
from tests.benchmarks.forecast.registry import Row, absent

Floats = npt.NDArray[np.float64]

QUANTILES = (0.1, 0.5, 0.9)
LOW, HIGH, LEAST = 0.78, 0.82, 0.70
SERIES_ENOUGH = 30
JUDGED = "NN5 daily"
KNOWN = ".797 over all, .55 to .91 by origin (200 mixed real series)"


@dataclass(frozen=True, slots=True)
class Covered:
    """Of one origin: the share of values inside, of totals over the horizon inside, the pinball loss, and how many values."""

    share: float
    totals: float
    pinball: float
    values: int


def coverage(data: Path, seed: int) -> list[Row]:
    """Coverage of every set, and of its origins where it has series enough."""
    rows: list[Row] = []
    every: list[Covered] = []
    for plan in PLANS:
        frame = plan.load(data)
        judged = plan.name == JUDGED
        measure, aim = f"80 % coverage, {plan.name}", f"{LOW:g}–{HIGH:g}" if judged else ""
        found = [] if frame is None else by_origin(frame, plan, np.random.default_rng(seed))
        if frame is None or not found:
            rows.append(absent(measure, aim, KNOWN if judged else "", "the set, or enough of it"))
            continue
        every += found
        share = pooled(found)
        totals, loss = np.mean([one.totals for one in found]), np.mean([one.pinball for one in found])
        words = (
            "set on other origins of it, these in view; " if judged else ""
        ) + f"{len(found)} origins, {sum(one.values for one in found)} values; totals {totals:.2f}; pinball {loss:.3f}"
        rows.append(Row(measure, aim, share, LOW <= share <= HIGH if judged else None, KNOWN if judged else "", words))
        if frame.shape[1] >= SERIES_ENOUGH and len(found) > 1:
            least = min(one.share for one in found)
            spread = ", ".join(f"{one.share:.2f}" for one in found)
            aim = f"≥ {LEAST:g}" if judged else ""
            rows.append(
                Row(
                    f"… its worst origin, {plan.name}",
                    aim,
                    least,
                    least >= LEAST if judged else None,
                    ".55" if judged else "",
                    f"newest first: {spread}",
                )
            )
    if every:
        rows.append(
            Row(
                "80 % coverage, all sets, each origin alike",
                "",
                float(np.mean([one.share for one in every])),
                None,
                "",
                f"{len(every)} origins",
            )
        )
    return rows


def pooled(found: list[Covered]) -> float:
    """The share of all values inside."""
    return float(sum(one.share * one.values for one in found) / sum(one.values for one in found))


def by_origin(frame: pd.DataFrame, plan: Plan, rng: np.random.Generator) -> list[Covered]:
    """Every origin of a plan, newest first."""
    found = []
    for k in range(plan.origins):
        end = len(frame) - plan.horizon - k * plan.apart
        if end < min(plan.history, len(frame) - plan.horizon - (plan.origins - 1) * plan.apart) or end < plan.season + 1:
            break
        past = frame.iloc[max(end - plan.history, 0) : end]
        truth = frame.iloc[end : end + plan.horizon].to_numpy(dtype=np.float64).T
        drawn = sample(fit_panel(past, season=plan.season, horizon=plan.horizon), rng).astype(np.float64)
        found.append(_covered(drawn, truth, scale(past.to_numpy(dtype=np.float64).T, plan.season)))
    return found


def _covered(drawn: Floats, truth: Floats, size: Floats) -> Covered:
    low, middle, high = np.quantile(drawn, QUANTILES, axis=1)
    known = np.isfinite(truth)
    inside = (truth >= low) & (truth <= high)
    least, most = np.quantile(drawn.sum(axis=2), (QUANTILES[0], QUANTILES[2]), axis=1)
    total = np.where(known, truth, middle).sum(axis=1)
    loss = np.mean(
        [
            np.maximum(q * (truth - said), (q - 1) * (truth - said))
            for q, said in zip(QUANTILES, (low, middle, high), strict=True)
        ],
        axis=0,
    )
    scaled = loss / size[:, None]
    good = np.isfinite(scaled)
    return Covered(
        float(inside[known].mean()),
        float(((total >= least) & (total <= most)).mean()),
        float(scaled[good].mean()),
        int(known.sum()),
    )
