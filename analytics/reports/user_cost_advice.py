"""What a user could do otherwise and would save, and how well their calls use what is cheap. Pure.

What applies is read off the pack's `advice` for the cost report, by the unit of its threshold: `percent` of requests at peak, `images` paid for while free
quota was left, `requests` that are alike. A call without a price never counts as a saving, and no saving is above what the calls cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from analytics.reports.user_cost_peak import at_peak
from roomleft.limits import Kind
from roomleft.packs import Pack
from roomleft.packs_meters import CountMeter
from roomleft.packs_parts import Advice

Row = Mapping[str, Any]
ZERO = Decimal(0)
URGENT = "high"
WEIGHTS = {"off_peak": Decimal("0.3"), "free_images": Decimal("0.3"), "cached": Decimal("0.2"), "succeeded": Decimal("0.2")}
"""What each part of the efficiency score weighs; parts that do not apply are left out and the rest weigh accordingly more."""


@dataclass(frozen=True, slots=True)
class FreeImages:
    """A daily quota of free images for each user: how many, in whose day, and which calls use it."""

    amount: Decimal
    zone: ZoneInfo
    where: Mapping[str, Sequence[str]]

    def uses(self, row: Row) -> bool:
        """Whether calls took free images. A failed attempt takes none."""
        return row["status"] == "ok" and all(
            row.get(column) in names for column, names in self.where.items() if column != "status"
        )


def free_images(pack: Pack) -> FreeImages | None:
    """The pack's quota of free images: a limit for each user and day, counted in images."""
    for spec in pack.limits:
        meter = pack.meters.get(spec.meter)
        daily = spec.window is not None and spec.window.period == "day"
        if spec.kind is Kind.QUOTA and spec.per_user and daily and isinstance(meter, CountMeter) and meter.of == "images":
            return FreeImages(
                pack.amount_of(spec), ZoneInfo((spec.window and spec.window.zone) or pack.zone), meter.where.given()
            )
    return None


def non_urgent(row: Row) -> bool:
    """Whether calls can wait. Calls that do not say how urgent they are are not taken for patient."""
    return bool(row["urgency"]) and row["urgency"] != URGENT


def efficiency(rows: Sequence[Row], pack: Pack) -> dict[str, Any]:
    """A score from 0 to 100: the weighted mean of the shares in WEIGHTS, each 1 when all is well. None where nothing applies."""
    parts: dict[str, Decimal | None] = {
        "off_peak": _share(
            ((row["requests"], not _at_peak(row, pack)) for row in rows if non_urgent(row)) if pack.peak_hours else ()
        ),
        "free_images": None,
        "cached": None,
        "succeeded": _share((row["requests"], row["status"] == "ok") for row in rows),
    }
    quota = free_images(pack)
    if quota is not None:
        parts["free_images"] = _share((row["images"], quota.uses(row)) for row in rows if row["status"] == "ok")
    read = sum(row["cache_read_tokens"] for row in rows)
    if read:
        parts["cached"] = Decimal(read) / (read + sum(row["input_uncached_tokens"] for row in rows))
    known = {name: share for name, share in parts.items() if share is not None}
    weight = sum((WEIGHTS[name] for name in known), ZERO)
    score = 100 * sum((WEIGHTS[name] * share for name, share in known.items()), ZERO) / weight if weight else None
    return {"score": None if score is None else score.quantize(Decimal("0.1")), "parts": parts, "weights": WEIGHTS}


def _share(counted: Iterable[tuple[int, bool]]) -> Decimal | None:
    good = every = 0
    for count, is_good in counted:
        every += count
        good += count if is_good else 0
    return Decimal(good) / every if every else None


def _at_peak(row: Row, pack: Pack) -> bool:
    return pack.peak_hours is not None and at_peak(row["bucket"], pack.peak_hours)


def advice(calls: Sequence[Row], pack: Pack, zone: ZoneInfo) -> list[dict[str, Any]]:
    """What the pack advises that applies, with what it would save in the period. `calls` may begin before it: free images are counted by whole days."""
    found = []
    for each in pack.advice:
        if each.report != "cost":
            continue
        made = _by_unit(each, calls, pack, zone)
        if made is not None:
            found.append({"advice": each.id, "action": each.action, "when": each.when, "saving_usd": None, "note": "", **made})
    return found


def _by_unit(each: Advice, calls: Sequence[Row], pack: Pack, zone: ZoneInfo) -> dict[str, Any] | None:
    rows = [row for row in calls if row["in_period"]]
    if each.unit == "percent" and each.saving_percent is not None:
        return _off_peak(each, rows, pack)
    if each.unit == "images" and each.saving_usd_each is not None:
        return _free_first(each, calls, pack)
    if each.unit == "requests" and each.saving_usd_each is not None:
        return _batch(each, rows, pack, zone)
    return None


def _off_peak(each: Advice, rows: Sequence[Row], pack: Pack) -> dict[str, Any] | None:
    requests = sum(row["requests"] for row in rows)
    peak = [row for row in rows if _at_peak(row, pack)]
    if not requests or each.saving_percent is None:
        return None
    percent = Decimal(100 * sum(row["requests"] for row in peak)) / requests
    if percent <= each.threshold:
        return None
    movable = [row for row in peak if non_urgent(row)]
    base = sum((row["usage_usd"] for row in movable), ZERO)
    told = {"found": percent, "unit": each.unit, "count": sum(row["requests"] for row in movable)}
    if not movable:
        silent = any(not row["urgency"] for row in peak)
        return (
            {**told, "note": "calls do not say how urgent they are" if silent else "no call at peak can wait"} if silent else None
        )
    return _told(told, base * each.saving_percent / 100, sum(row["unpriced_requests"] for row in movable), base)


def _free_first(each: Advice, calls: Sequence[Row], pack: Pack) -> dict[str, Any] | None:
    quota = free_images(pack)
    if quota is None or each.saving_usd_each is None:
        return None
    used: dict[tuple[Any, date], int] = {}
    paid: dict[tuple[Any, date], list[Any]] = {}
    unpriced = 0
    for row in calls:
        if not row["images"] or row["status"] != "ok":
            continue
        key = (row["user_id"], row["bucket"].astimezone(quota.zone).date())
        if quota.uses(row):
            used[key] = used.get(key, 0) + row["images"]
        elif row["in_period"]:
            unpriced += row["unpriced_images"]
            own = paid.setdefault(key, [0, ZERO])
            own[0] += row["images"] - row["unpriced_images"]
            own[1] += row["usage_usd"]
    count, saving, billed_all = 0, ZERO, ZERO
    for key, (images, billed) in paid.items():
        could = int(min(Decimal(images), max(ZERO, quota.amount - used.get(key, 0))))
        count += could
        # What was billed for images that could have been free bounds what they can save.
        saving += min(could * each.saving_usd_each, billed * could / images if images else ZERO)
        billed_all += billed
    if count + unpriced <= each.threshold:
        return None
    told = {"found": Decimal(count), "unit": each.unit, "count": count}
    return _told(told, saving if count else None, unpriced, billed_all)


def _batch(each: Advice, rows: Sequence[Row], pack: Pack, zone: ZoneInfo) -> dict[str, Any] | None:
    if each.saving_usd_each is None:
        return None
    alike: dict[tuple[Any, ...], list[Any]] = {}
    for row in rows:
        if row["request_type"] in pack.batchable and row["status"] == "ok" and row["urgency"] != URGENT:
            day = row["bucket"].astimezone(zone).date()
            own = alike.setdefault((day, row["request_type"], row["provider"], row["model"]), [0, 0, ZERO])
            own[0] += row["requests"]
            own[1] += row["unpriced_requests"]
            own[2] += row["usage_usd"]
    groups = [own for own in alike.values() if own[0] > 1]
    count, unpriced = sum(own[0] for own in groups), sum(own[1] for own in groups)
    if count <= each.threshold:
        return None
    billed = sum((own[2] for own in groups), ZERO)
    told = {"found": Decimal(count), "unit": each.unit, "count": count}
    priced = count - unpriced
    return _told(told, priced * each.saving_usd_each if priced else None, unpriced, billed)


def _told(told: Mapping[str, Any], saving: Decimal | None, unpriced: int, billed: Decimal) -> dict[str, Any]:
    """A saving, never above what was billed; of calls without a price nothing is known, so nothing is promised."""
    note = f"{unpriced:,} without a price: what they would save is unknown" if unpriced else ""
    if saving is None or billed <= 0:
        return {**told, "saving_usd": None, "note": note or "these calls cost nothing"}
    return {**told, "saving_usd": min(saving, billed), "note": note}
