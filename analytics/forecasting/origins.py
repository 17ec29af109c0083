"""Rolling origins: the same claims as they would have been made on earlier mornings, from the data of before each alone, and how they came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from analytics.forecasting.calibration import Calibration, learn
from analytics.forecasting.claims import Claim
from analytics.forecasting.daily import Daily
from analytics.forecasting.fitting import HORIZON, Asked, Said, as_of, say
from analytics.forecasting.scoring import Score, actual_from, outcome, scores
from analytics.forecasting.targets import Statistic, Subject, Target

DAY = timedelta(days=1)
FIRST_AFTER = 28
"""Days of history before the first origin."""
APART = 3
MOST = 14


def origins(histories: Mapping[str, Daily], most: int = MOST) -> list[date]:
    """The mornings that claims are made anew for, oldest first: not before four weeks of history, the newest a day ago, evenly spaced."""
    known = [daily for daily in histories.values() if daily.target.statistic is not Statistic.FIXED and daily.known]
    if not known:
        return []
    first = min(daily.first_day for daily in known) + FIRST_AFTER * DAY
    last = min(daily.end for daily in known) - DAY
    days = (last - first).days
    if days < 0:
        return []
    step = max(APART, -(-(days + 1) // most))
    return [last - number * step * DAY for number in range(days // step, -1, -1)]


def replayed(asked: Asked, at: Sequence[date], scored_at: datetime) -> tuple[Said, list[Score]]:
    """The runs and claims of each origin, those of them that are past scored. What an origin's ranges are widened by is learnt from scores known by then."""
    subjects = {subject.name: subject for subject in asked.subjects}
    whole = Said([], [], [], [])
    found: list[Score] = []
    record: list[dict[str, Any]] = []
    for origin in at:
        known = [row for row in record if row["over_on"] <= origin]
        calibration = learn(known) if known else Calibration()
        said = say(replace(as_of(asked, origin, f"{asked.run_id}-{origin:%Y%m%d}"), calibration=calibration), keep=False)
        whole.runs.extend(said.runs)
        whole.claims.extend(said.claims)
        details = {row["target"]: row["details"] for row in said.runs}
        came = outcomes(said.claims, subjects, asked.histories)
        for claim in said.claims:
            if claim.claim_id in came:
                value = came[claim.claim_id]
                found += scores(claim, value, scored_at)
                # As of live claims (`forecast_record`): of a date that was said no range of amounts is learnt.
                if claim.claim != "exhausts":
                    told = {
                        "outcome": value,
                        "details": details.get(claim.target, "{}"),
                        "over_on": _over_on(claim, asked.histories),
                    }
                    record.append({**asdict(claim), **told})
    return whole, found


def _over_on(claim: Claim, histories: Mapping[str, Daily]) -> date:
    """The first local day that begins after all that a claim speaks of."""
    local = claim.about_to.astimezone(histories[claim.target].target.zone)
    return local.date() if local.time() == time(0) else local.date() + DAY


def outcomes(claims: Sequence[Claim], subjects: Mapping[str, Subject], histories: Mapping[str, Daily]) -> dict[str, float]:
    """What came of the claims whose time is past in these histories, by claim id."""
    found: dict[str, float] = {}
    whole = {name: _without_future(daily) for name, daily in histories.items()}
    looks: dict[tuple[date, str], Any] = {}
    for claim in claims:
        of: Subject | Target | None = subjects.get(claim.subject)
        if of is None and claim.subject in histories:
            of = histories[claim.subject].target
        if of is None:
            continue
        zone = histories[claim.target].target.zone if claim.target in histories else None
        if zone is None:
            continue
        morning = claim.about_from.astimezone(zone).date()
        key = (morning, zone.key)
        look = looks.setdefault(key, actual_from(whole.get, morning))
        value = outcome(claim, of, look)
        if value is not None:
            found[claim.claim_id] = value
    return found


def _without_future(daily: Daily) -> Daily:
    """A history as far as it has come: known costs of days to come are left out."""
    return replace(daily, values=daily.values[:-HORIZON]) if daily.target.statistic is Statistic.FIXED else daily
