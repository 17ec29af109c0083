"""The sample world's limits with a future: chances, dates, last days to order; forecasts, claims and their outcomes, anomalies; reports and recipients."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from analytics.forecasting.futures import Futures
from dashboards.parts import Parts
from dashboards.reports.weekly_made import XLSX
from roomleft.clock import FixedClock
from roomleft.errors import InputError
from roomleft.limits import Limit
from roomleft.outlook import NO_DATE_WORDS, NoDate, Outlook, Shape
from tests.dashboards.sample_rows import NOW, SAMPLES, Sample, _columns, headroom_row, sample_parts
from tests.fixtures.state import state_url
from warehouse.state import StateDb
from warehouse.state.archive import Archive, Report, ReportFile
from warehouse.state.mailings import Mailings
from warehouse.state.recipients import Recipient, Recipients
from warehouse.store import Store

UTC = ZoneInfo("UTC")
RUN = "run-2026-11-20"
FITTED = NOW - timedelta(hours=10)
DAY = timedelta(days=1)
TODAY = NOW.replace(hour=0)
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


def days(number: float) -> datetime:
    return NOW + timedelta(days=number)


FORECAST = "futures of the last 89 days"
AHEAD: Mapping[str, dict[str, Any]] = {
    "arena.worlds_us": {
        "p_breach": 0.94, "about_to": days(30), "order_by": days(2), "ends_p10": Decimal(4990), "ends_p50": Decimal(5400), "ends_p90": Decimal(6100),
        "exhausts_p10": days(2), "exhausts_p50": days(4), "exhausts_p90": days(7),
    },
    "tabletop.api_share": {
        "p_breach": 0.72, "about_to": datetime(2026, 12, 1, tzinfo=UTC), "order_by": days(-3), "ends_p10": Decimal(51000), "ends_p50": Decimal(57500),
        "ends_p90": Decimal(64000), "exhausts_p10": days(5), "exhausts_p50": days(7), "exhausts_p90": days(9.8),
    },
    "scribe.api_p95": {"p_breach": 0.18, "about_to": days(30), "ends_p10": Decimal("0.03"), "ends_p50": Decimal("0.038"), "ends_p90": Decimal("0.055")},
    "scribe.free_images": {"no_date": "per_user", "basis": NO_DATE_WORDS[NoDate.PER_USER]},
    "tabletop.realtime": {
        "p_breach": 0.31, "about_to": days(30), "order_by": days(16), "ends_p10": Decimal(8400), "ends_p50": Decimal(9400), "ends_p90": Decimal(10600),
        "exhausts_p10": days(19), "exhausts_p50": days(46), "exhausts_p90": None, "basis": "futures of 12 days, provisional",
    },
    "coach.daily_users": {"no_date": "too_short", "basis": "5 of 7 days needed"},
    "arena.pool_eu": {
        "p_breach": 0.004, "about_to": days(30), "ends_p10": Decimal(3500), "ends_p50": Decimal(3700), "ends_p90": Decimal(3950),
        "exhausts_p10": days(38), "exhausts_p50": days(57), "exhausts_p90": days(88),
    },
    "scribe.cache_hits": {"p_breach": 0.12, "about_to": days(30), "ends_p10": Decimal("89.5"), "ends_p50": Decimal("92.8"), "ends_p90": Decimal("94.1")},
    "tabletop.characters": {
        "p_breach": 0.02, "about_to": datetime(2026, 12, 1, tzinfo=UTC), "ends_p10": Decimal(1500000), "ends_p50": Decimal(1660000), "ends_p90": Decimal(1850000),
    },
    "coach.month": {
        "p_breach": 0.55, "about_to": datetime(2026, 12, 1, tzinfo=UTC), "ends_p10": Decimal(401), "ends_p50": Decimal(428), "ends_p90": Decimal(460),
        "exhausts_p10": days(9.5), "exhausts_p50": days(9.9), "exhausts_p90": days(10.4),
    },
}  # fmt: skip
"""By limit, what its headroom says of the future; the others have none yet."""


def with_future(sample: Sample) -> dict[str, Any]:
    """The stored row of a sample with its future."""
    own = AHEAD.get(sample.limit.limit_id)
    row = headroom_row(sample)
    if own is None:
        return row
    told = {"basis": FORECAST, "forecast_run": RUN, "exhausts_p10": None, "exhausts_p50": None, "exhausts_p90": None, **own}
    return {**row, **told}


def futures(limit: Limit, used: float, seed: int = 3) -> Futures:
    """Futures that lead about to where the headroom says."""
    rng = np.random.default_rng(seed)
    window = limit.window
    end = AHEAD[limit.limit_id]
    flow = window is not None
    if window is not None and window.span is None:
        into = (NOW - window.bounds(NOW)[0]) / DAY
        level, grows, spread = used / into, 0.0, 0.35
    elif window is not None and window.span is not None:
        level, grows, spread = used / (window.span / DAY), 0.0, 0.3
    else:
        level, spread = used, 0.02
        grows = (float(end["ends_p50"]) - used) / 30
    weekly = 1 + 0.08 * np.sin(np.arange(-89, 60) * 2 * np.pi / 7)
    past = np.maximum(0.0, (level + grows * np.arange(-89, 0)) * weekly[:89] * (1 + 0.02 * rng.standard_normal(89)))
    lean = rng.normal(1.0, spread, (400, 1)).clip(0.2, 2.5)
    ahead = (level + grows * np.arange(1, 61) * lean) * weekly[89:] * (1 + 0.03 * rng.standard_normal((400, 60)))
    if flow:
        ahead = (
            level * weekly[89:] * rng.normal(1.05, spread / 2, (400, 1)).clip(0.3, 3) * (1 + 0.1 * rng.standard_normal((400, 60)))
        )
    if limit.unit == "percent":
        ahead, past = ahead.clip(0, 100), past.clip(0, 100)
    return Futures(
        f"{limit.platform}/{limit.meter_id}", RUN, Shape.FLOW if flow else Shape.LEVEL, window.zone if window else UTC, TODAY.date(),
        ahead.clip(0).astype(np.float32), past, FITTED, FORECAST,
    )  # fmt: skip


class Known:
    """The newest forecasts, as the server holds them."""

    def __init__(self) -> None:
        self.limits = {
            sample.limit.limit_id: futures(sample.limit, float(sample.used or 0))
            for sample in SAMPLES
            if AHEAD.get(sample.limit.limit_id, {}).get("p_breach") is not None
        }
        self.targets = {each.target: each for each in (target_futures(run) for run in RUNS) if each is not None}

    def of(self, _pack: object, limit: Limit) -> Futures | Outlook:
        return self.limits.get(limit.limit_id) or Outlook.none(NoDate.TOO_SHORT, "5 of 7 days needed")

    def target(self, name: str) -> Futures | None:
        return self.targets.get(name)


@dataclass(frozen=True)
class Run:
    """One stored forecast."""

    target: str
    unit: str
    level: float
    shape: str = "flow"
    no_date: str = ""
    words: str = FORECAST
    known_days: int = 89
    provisional: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def platform(self) -> str:
        return self.target.partition("/")[0]


RUNS = (
    Run(
        "scribe/usage:cost", "usd", 1350, known_days=89,
        details={"members": {"damped trend with weekdays": 0.54, "seasonal naive": 0.31, "level": 0.15}, "error_ratio": 0.83,
                 "shifts": [{"day": "2026-11-09", "before": 940.0, "after": 1350.0}], "drivers": {"holiday": -0.18, "launch": 0.07}, "clipped": 3},
    ),
    Run("arena/worlds_us", "worlds", 4612, "level", details={"members": {"drift": 1.0}, "error_ratio": 0.91}),
    Run("tabletop/usage:requests", "requests", 52_000, known_days=12, provisional=True, words="12 days: half seasonal naive, half median; provisional", details={"error_ratio": 0.97}),
    Run("coach/gpu_memory", "bytes", 0, "level", "too_short", "5 of 7 days needed", 5),
    Run("creator/usage:cost", "usd", 103, no_date="no_better", words=NO_DATE_WORDS[NoDate.NO_BETTER], details={"error_ratio": 1.04, "members": {"seasonal naive": 1.0}}),
    Run("arena/never_used", "requests", 0, no_date="all_zero", words=NO_DATE_WORDS[NoDate.ALL_ZERO]),
)  # fmt: skip


def target_futures(run: Run) -> Futures | None:
    """The futures behind a stored forecast; None for one that was refused."""
    if run.no_date in ("too_short", "all_zero"):
        return None
    rng = np.random.default_rng(len(run.target))
    weekly = 1 + 0.12 * np.sin(np.arange(-run.known_days, 45) * 2 * np.pi / 7)
    past = run.level * weekly[: run.known_days] * (1 + 0.05 * rng.standard_normal(run.known_days))
    if run.details.get("shifts"):
        past[:-11] *= 0.7
    ahead = (
        run.level
        * weekly[run.known_days :]
        * rng.normal(1.06, 0.12, (400, 1)).clip(0.5)
        * (1 + 0.05 * rng.standard_normal((400, 45)))
    )
    return Futures(
        run.target,
        RUN,
        Shape(run.shape),
        UTC,
        TODAY.date(),
        ahead.astype(np.float32),
        past,
        FITTED,
        run.words,
        provisional=run.provisional,
    )


def run_rows() -> list[dict[str, Any]]:
    return [
        {
            "run_id": RUN, "target": run.target, "platform": run.platform, "made": "live", "model": "panel exponential smoothing", "unit": run.unit, "zone": "UTC",
            "shape": run.shape, "fitted_at": FITTED, "history_from": TODAY - run.known_days * DAY, "history_to": TODAY, "days": run.known_days,
            "no_date": run.no_date, "provisional": run.provisional, "words": run.words, "details": json.dumps(run.details),
        }
        for run in RUNS
    ]  # fmt: skip


def point_rows() -> list[dict[str, Any]]:
    rows = []
    for run in RUNS:
        found = target_futures(run)
        if found is None:
            continue
        for n in range(30):
            p05, p10, p50, p90, p95 = (float(each) for each in np.quantile(found.values[:, n], (0.05, 0.1, 0.5, 0.9, 0.95)))
            rows.append(
                {"run_id": RUN, "target": run.target, "about_at": TODAY + n * DAY, "about_to": TODAY + (n + 1) * DAY, "p05": p05, "p10": p10, "p50": p50,
                 "p90": p90, "p95": p95}
            )  # fmt: skip
    return rows


def claim_rows(made: str, number: int, *, until: datetime, seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """So many chances and as many ranges, with what came of them, the last over at `until`; chances come true nearly as often as they say."""
    rng = random.Random(seed)
    claims, scores = [], []

    def score(claim: dict[str, Any], outcome: float, **measures: float) -> None:
        for measure, value in measures.items():
            scores.append(
                {"claim_id": claim["claim_id"], "run_id": claim["run_id"], "target": claim["target"], "claim": claim["claim"], "measure": measure,
                 "outcome": outcome, "score": value, "scored_at": claim["about_to"] + timedelta(hours=2)}
            )  # fmt: skip

    for n in range(number):
        over = until - timedelta(days=n % 21)
        common = {
            "run_id": f"run-{made}", "target": "scribe/usage:cost", "platform": "scribe", "made": made, "horizon_days": 7 if n % 2 else 30,
            "about_from": over - timedelta(days=7), "about_to": over, "said_at": over - timedelta(days=7 if n % 2 else 30), "naive": 41_000.0, "scale": 900.0,
        }  # fmt: skip
        chance = rng.random() ** 1.3
        claim = {**common, "platform": "coach", "target": "coach/usage:cost", "claim_id": f"{made}-b{n}", "subject": "coach.month", "metric": "budget", "claim": "breach", "amount": 40_000.0, "probability": chance,
                 "low": None, "middle": None, "high": None}  # fmt: skip
        came = 1.0 if rng.random() < 0.92 * chance + 0.02 else 0.0
        claims.append(claim)
        score(claim, came, brier=(chance - came) ** 2)
        middle = rng.uniform(36_000, 44_000)
        ranged = {**common, "claim_id": f"{made}-t{n}", "subject": "scribe/usage:cost", "metric": "ai_cost", "claim": "total", "amount": None, "probability": None,
                  "low": middle * 0.91, "middle": middle, "high": middle * 1.1}  # fmt: skip
        outcome = middle * rng.gauss(1.0, 0.075)
        error = abs(outcome - middle) / 900
        claims.append(ranged)
        score(
            ranged, outcome, covered=float(ranged["low"] <= outcome <= ranged["high"]), pinball=error / 3, error=error, naive_error=error * rng.uniform(0.9, 1.6),
            bias=(middle - outcome) / 900,
        )  # fmt: skip
    return claims, scores


def waiting_claim(over: datetime) -> dict[str, Any]:
    """A chance said beforehand that is not over yet."""
    return {
        "claim_id": "waits", "run_id": RUN, "target": "scribe/usage:cost", "platform": "scribe", "made": "live", "subject": "coach.month", "metric": "budget",
        "claim": "breach", "horizon_days": 8, "about_from": NOW, "about_to": over, "amount": 40_000.0, "probability": 0.4, "low": None, "middle": None,
        "high": None, "naive": None, "scale": None, "said_at": FITTED,
    }  # fmt: skip


def anomaly_rows() -> list[dict[str, Any]]:
    causes = {"words": "+$410: 86 % from model flash; more calls"}
    return [
        {"anomaly_id": "a1", "platform": "scribe", "target": "scribe/ai_cost", "form": "page", "unit": "usd", "about_at": TODAY - 6 * DAY, "about_to": TODAY - 5 * DAY,
         "value": 1760.0, "expected": 1350.0, "low": 1180.0, "high": 1500.0, "p_value": 0.001, "known_as": "", "causes": json.dumps(causes), "found_at": NOW - 5 * DAY},
        {"anomaly_id": "a2", "platform": "arena", "target": "arena/worlds_us", "form": "screen", "unit": "worlds", "about_at": NOW - timedelta(hours=30), "about_to": NOW - timedelta(hours=29),
         "value": 4700.0, "expected": 4560.0, "low": 4500.0, "high": 4640.0, "p_value": 0.004, "known_as": "Winter launch", "causes": "", "found_at": NOW - timedelta(hours=28)},
    ]  # fmt: skip


def fill_forecasts(store: Store, *, record: str = "both") -> None:
    """Everything above into the warehouse. `record`: both, replayed, waiting (claims but no scores), or none."""
    claims, scores = [], []
    if record in ("both", "replayed"):
        claims, scores = claim_rows("replayed", 220, until=TODAY - 20 * DAY, seed=5)
    if record == "both":
        more, came = claim_rows("live", 90, until=TODAY - DAY, seed=6)
        claims, scores = claims + more, scores + came
    if record != "none":
        claims.append(waiting_claim(datetime(2026, 11, 28, tzinfo=UTC)))

    def work(tx: Any) -> None:
        def insert(table: str, rows: Sequence[Mapping[str, Any]]) -> None:
            if rows:
                kinds = {name: kind for name, kind in _columns(tx, table).items() if any(name in row for row in rows)}
                tx.insert(
                    table, pa.table({name: pa.array([row.get(name) for row in rows], kind) for name, kind in kinds.items()})
                )

        insert("headroom", [with_future(sample) for sample in SAMPLES])
        if record != "none":
            insert("forecast_runs", run_rows())
            insert("forecast_points", point_rows())
            insert("anomalies", anomaly_rows())
        insert("forecast_claims", claims)
        insert("forecast_scores", scores)

    store.run(work)


MAIL_HTML = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Weekly</title><style>p{color:#15181E}</style></head><body>
<h1>2 decisions</h1><p>Order 1 deployment by 22 Nov.</p><img src="cid:month" alt="Month against budget" width="1" height="1">
<img src="http://127.0.0.1:9/pixel.png" alt="far"><script>document.title='ran'</script><a href="https://example.org/">A link</a></body></html>"""


def report(key: str, made_at: datetime, subject: str, missing: str = "") -> Report:
    """A report of the archive."""
    return Report(
        key, "weekly", "", "Europe/Berlin", made_at - timedelta(days=7), made_at, made_at, subject, '{"subject": "x"}', f"{subject}\n\nOrder 1 deployment by 22 Nov.\n",
        MAIL_HTML, missing, (ReportFile("month.png", "image/png", PNG, "month"), ReportFile("roomleft-weekly.xlsx", XLSX, b"PK\x03\x04 not really")),
    )  # fmt: skip


class PreviewMailer:
    """Whoever makes reports, with no mail server behind it."""

    def __init__(self, state: StateDb, why: str = "") -> None:
        self.state, self.why = state, why
        self.sent: list[tuple[Any, ...]] = []

    def unready(self) -> str:
        return self.why

    def due_next(self, recipient: Recipient) -> datetime:
        return datetime(2026, 11, 23, recipient.hour, tzinfo=recipient.tz)

    def preview(self, platforms: Sequence[str], zone: str) -> Report:
        if self.why == "broken":
            raise InputError("nothing can be made", "reports", "later")
        return report("preview", NOW, f"Preview of {', '.join(platforms) or 'all'} in {zone}")

    def send(self, to: Sequence[str] | None, platforms: Sequence[str], zone: str, who: str) -> Mapping[str, Any]:
        self.sent.append((to, tuple(platforms), zone, who))
        made = report(f"weekly/sent-{len(self.sent)}", self.state.clock.now(), "Sent by hand")
        Archive(self.state).keep(made)
        return {
            "reports": [made.report_key],
            "mailings": [{"address": each, "state": "sent"} for each in to or ["finance@example.org"]],
        }

    def send_capacity(self, to: Sequence[str] | None, platforms: Sequence[str], who: str) -> Mapping[str, Any]:
        return self.send(to, platforms, "UTC", who)


def fill_post(state: StateDb) -> None:
    """Two recipients and two reports, one copy refused."""
    archive, mailings, recipients = Archive(state), Mailings(state), Recipients(state)
    first = recipients.add("finance@example.org", who="admin", zone="Europe/Berlin")
    recipients.add("sre@example.org", who="admin", zone="America/New_York", weekday="fri", hour=17, platforms=["arena"])
    archive.keep(report("weekly/2026-11-09T08/Europe/Berlin", NOW - 11 * DAY, "Nothing needs you"))
    archive.keep(
        report(
            "weekly/2026-11-16T08/Europe/Berlin",
            NOW - 4 * DAY,
            "2 decisions: Arena, worlds by 22 Nov, +$99/month",
            "the workbook (ValueError)",
        )
    )
    for key in ("weekly/2026-11-09T08/Europe/Berlin", "weekly/2026-11-16T08/Europe/Berlin"):
        mailings.put(key, first.address, NOW, NOW, first.id)


@dataclass
class World:
    """The world and its state."""

    parts: Parts
    state: StateDb
    mailer: PreviewMailer

    def close(self) -> None:
        self.parts.store.close()
        self.state.close()


def forecast_world(folder: Path, *, record: str = "both", posted: bool = True, why: str = "") -> World:
    """The world in a folder."""
    parts = sample_parts(filled=False)
    fill_forecasts(parts.store, record=record)
    state = StateDb.open(state_url(folder), FixedClock(NOW))
    if posted:
        fill_post(state)
    mailer = PreviewMailer(state, why)
    known: Any = Known()
    return World(dataclasses.replace(parts, state=state, mailer=mailer, forecasts=known), state, mailer)
