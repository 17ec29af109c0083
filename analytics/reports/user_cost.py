"""The cost report of one user, or of a whole platform: totals, splits that add up to them, peak hours, projection, trend, efficiency, advice.

Pure: rows of the query `user_cost` in, a mapping for JSON, text and HTML out. docs/economics.md gives every formula.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from analytics.reports.user_cost_advice import advice, efficiency
from analytics.reports.user_cost_peak import at_peak
from analytics.reports.user_cost_projection import Projection, projection
from roomleft.money import shares
from roomleft.packs import Pack
from roomleft.packs_parts import PeakHours

Row = Mapping[str, Any]
ZERO = Decimal(0)
COUNTS = ("requests", "tokens", "images", "characters", "unpriced_requests", "unpriced_tokens")
STEADY = Decimal("0.1")
"""Halves that differ by no more are steady."""
NO_NAME = "not given"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a report is of: a platform's user (a pseudonym) or, with None, all of it, in [since, until); `until` is now."""

    pack: Pack
    user: str | None
    since: datetime
    until: datetime

    @property
    def middle(self) -> datetime:
        """Where the later half begins."""
        return self.since + (self.until - self.since) / 2


@dataclass(frozen=True, slots=True)
class Given:
    """What the warehouse says: calls of `user_cost`, the one row of `user_cost_seen`, until when usage is complete and from when on it is known,
    and the dearest users of a platform's report."""

    calls: Sequence[Row]
    seen: Row
    read_to: datetime | None
    known_from: datetime | None
    top_users: Sequence[Row] | None = ()
    """Who cost most; None: who asks may not see it."""


def content(asked: Asked, given: Given) -> dict[str, Any]:
    """The report, for programs as it is."""
    pack, zone = asked.pack, ZoneInfo(asked.pack.zone)
    rows = [row for row in given.calls if row["in_period"]]
    total = sums(rows)
    peak_of = peak_words(pack.peak_hours)
    first_at = max(filter(None, (given.seen["first_at"], given.known_from)), default=None)
    return {
        "platform": pack.slug,
        "title": pack.title,
        "user": asked.user,
        "tier": given.seen["tier"] if asked.user is not None else None,
        "since": asked.since,
        "until": asked.until,
        "as_of": asked.until,
        "read_to": given.read_to,
        "first_at": given.seen["first_at"],
        "last_at": given.seen["last_at"],
        "whole": first_at is not None and first_at <= asked.since,
        "provisional": True,
        "total": total,
        "by_service": split(rows, lambda row: " / ".join(filter(None, (row["provider"], row["model"]))) or NO_NAME, total),
        "by_request_type": split(rows, lambda row: row["request_type"] or NO_NAME, total),
        "by_peak": split(rows, peak_of, total) if peak_of else [],
        "peak_hours": _peak(pack.peak_hours),
        "projection": _projected(daily_usd(given.calls, zone), given, asked, zone),
        "trend": trend(rows, given, asked),
        "efficiency": efficiency(rows, pack),
        "advice": advice(given.calls, pack, zone),
        "source_hint": {"calls": given.seen["hints"], "middle": given.seen["middle_hint"]} if given.seen["hints"] else None,
        "top_users": None if given.top_users is None else [dict(row) for row in given.top_users],
    }


def sums(rows: Iterable[Row]) -> dict[str, Any]:
    """All of the rows in one: `usage_usd` less the credits is `cost_usd`; `lower_bound` where some calls have no price."""
    found: dict[str, Any] = {
        **dict.fromkeys(COUNTS, 0),
        "failed_requests": 0,
        "audio_seconds": ZERO,
        "usage_usd": ZERO,
        "credits_usd": ZERO,
    }
    for row in rows:
        for name in (*COUNTS, "audio_seconds", "usage_usd", "credits_usd"):
            found[name] += row[name]
        found["failed_requests"] += 0 if row["status"] == "ok" else row["requests"]
    found["cost_usd"] = found["usage_usd"] + found["credits_usd"]
    found["lower_bound"] = found["unpriced_requests"] > 0
    return found


def split(rows: Sequence[Row], label: Callable[[Row], str], total: Row) -> list[dict[str, Any]]:
    """The rows by a label, dearest first: exact dollars, and `shown_usd` in cents that add up to the total's. `share` is of the total cost."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(label(row), []).append(row)
    made = [{"name": name, **sums(own)} for name, own in groups.items()]
    made.sort(key=lambda group: (-group["cost_usd"], -group["requests"], group["name"]))
    cents = shares([group["cost_usd"] for group in made])
    for group, shown in zip(made, cents, strict=True):
        group["shown_usd"] = shown
        group["share"] = group["cost_usd"] / total["cost_usd"] if total["cost_usd"] else None
    return made


def peak_words(peak: PeakHours | None) -> Callable[[Row], str] | None:
    """Whether a call was at peak, by the hours and zone of the pack; None where the pack names none."""
    if peak is None:
        return None
    return lambda row: "peak" if at_peak(row["bucket"], peak) else "off-peak"


def _peak(peak: PeakHours | None) -> dict[str, Any] | None:
    return None if peak is None else {"zone": peak.zone, "begin": peak.begin, "end": peak.end, "assumed": peak.assumed}


def daily_usd(rows: Iterable[Row], zone: ZoneInfo) -> dict[date, Decimal]:
    """Usage dollars by local day."""
    found: dict[date, Decimal] = {}
    for row in rows:
        day = row["bucket"].astimezone(zone).date()
        found[day] = found.get(day, ZERO) + row["usage_usd"]
    return found


def _projected(daily: Mapping[date, Decimal], given: Given, asked: Asked, zone: ZoneInfo) -> dict[str, Any]:
    first_at = max(filter(None, (given.seen["first_at"], given.known_from)), default=None)
    # They came at some hour of their first day, so that the day after is the first whole one.
    first = first_at.astimezone(zone).date() + timedelta(days=1) if first_at is not None and given.seen["first_at"] else None
    made: Projection = projection(daily, first, asked.until, zone)
    return {
        "month_first": made.month_first, "month_until": made.month_until, "spent_usd": made.spent_usd, "rest_usd": made.rest_usd,
        "month_usd": made.month_usd, "basis_days": made.basis_days, "reason": made.reason,
        "lower_bound": any(row["unpriced_requests"] for row in given.calls),
    }  # fmt: skip


def trend(rows: Iterable[Row], given: Given, asked: Asked) -> dict[str, Any]:
    """The later half of the period against the half before: usage dollars of each, the change as a ratio, and words."""
    halves = {True: ZERO, False: ZERO}
    unpriced = 0
    for row in rows:
        halves[row["late"]] += row["usage_usd"]
        unpriced += row["unpriced_requests"]
    told: dict[str, Any] = {"before_usd": halves[False], "now_usd": halves[True], "change": None}
    if given.seen["first_at"] is None:
        return {**told, "words": "unknown", "reason": "there is no usage"}
    if given.known_from is None or given.known_from > asked.since:
        return {**told, "words": "unknown", "reason": "usage is not known for the whole of the earlier half"}
    if unpriced:
        return {**told, "words": "unknown", "reason": "some calls have no price"}
    if given.seen["first_at"] >= asked.middle:
        return {**told, "words": "new", "reason": "the first call was in the later half"}
    if given.seen["first_at"] > asked.since:
        return {**told, "words": "unknown", "reason": "the first call was within the earlier half, which is therefore not whole"}
    if not halves[False]:
        return {**told, "words": "rising" if halves[True] else "steady", "reason": "nothing was spent in the earlier half"}
    change = halves[True] / halves[False] - 1
    words = "steady" if abs(change) <= STEADY else "rising" if change > 0 else "falling"
    return {**told, "change": change, "words": words, "reason": ""}
