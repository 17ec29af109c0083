"""What is to be said of an event: how much more it was than expected, why, what stands beside it, and whether it was announced or came in late."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

from analytics.anomalies.causes import NANO, OTHERS, TELLING, Causes, Cell, Part, causes, cells, part_document
from analytics.anomalies.marks import Mark
from analytics.anomalies.series import DAY, Family, Metric, Watched
from analytics.wording import span_text
from roomleft.money import MINUS
from warehouse.store import Store

USUAL_DAYS = 7
LATE = timedelta(hours=2)
"""A call that comes in so long after it happened is late."""
BACK_FILLED = 0.5
"""The share of late calls from which on an event is a back-fill."""
BESIDE = timedelta(hours=2)
"""A deploy or launch so long before an event, or during it, is named with it."""
LONGEST_FOR_USERS = timedelta(days=1, hours=2)
"""Users are looked for call by call: over a day at most, and the same hours of the week before."""
MOST_USERS = 5
LEAST_USD = Decimal("0.01")
LEAST_OF_DAY = 0.02
"""An event of cost is told when it is at least so much of a usual day."""
LOG_BASE = math.log(1.02)


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One row of `anomalies` as it stands. `causes` is the JSON document; its `words` say it in a sentence."""

    anomaly_id: str
    platform: str
    target: str
    form: str
    unit: str
    about_at: datetime
    about_to: datetime
    value: float
    expected: float
    low: float
    high: float
    p_value: float
    known_as: str
    causes: Mapping[str, Any] = field(default_factory=dict)
    found_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)

    @property
    def metric(self) -> str:
        """`cost` or `latency`."""
        return str(self.causes.get("metric", ""))

    @property
    def step_s(self) -> int:
        """The length of its readings, in seconds."""
        return int(self.causes.get("step_s", 900))

    @property
    def is_total(self) -> bool:
        """Whether it is of the whole rather than of a part."""
        return "#" not in self.target

    @staticmethod
    def of(row: Mapping[str, Any]) -> Anomaly:
        """A stored row."""
        return Anomaly(**{**row, "causes": json.loads(row["causes"] or "{}")})


def anomaly_id(target: str, form: str, about_at: datetime, step: timedelta) -> str:
    """The same event has the same id, whoever finds it."""
    said = f"{target}\x1f{form}\x1f{about_at.astimezone(UTC).isoformat()}\x1f{int(step.total_seconds())}"
    return sha256(said.encode()).hexdigest()[:24]


def matters(family: Family, mark: Mark) -> bool:
    """Whether an event is worth telling of: a rare cent is no news."""
    if family.metric is not Metric.COST:
        return True
    off = abs(mark.value - mark.expected) * mark.readings
    usual_day = abs(mark.expected) * (DAY / family.step)
    return off >= max(float(LEAST_USD), LEAST_OF_DAY * usual_day)


def why(store: Store, platform: str, family: Family, watched: Watched, mark: Mark) -> dict[str, Any]:
    """The causes of an event as a JSON document. Raises StoreError."""
    document: dict[str, Any] = {
        "metric": str(family.metric),
        "step_s": int(family.step.total_seconds()),
        "readings": mark.readings,
    }
    if family.metric is Metric.COST:
        document |= _of_cost(store, platform, family, watched, mark)
    else:
        document |= _of_latency(store, platform, watched, mark)
    beside = store.rows("page_deploys", platform=platform, since=mark.about_at - BESIDE, until=mark.about_to)
    document["beside"] = [
        {"kind": row["kind"], "title": row["title"], "version": row["version"] or "", "at": row["deployed_at"].isoformat()}
        for row in beside[:5]
    ]
    if beside:
        document["words"] += (
            f"; {beside[0]['kind']} {beside[0]['title']} shortly before" if beside[0]["deployed_at"] <= mark.about_at else ""
        )
    return document


def _of_cost(store: Store, platform: str, family: Family, watched: Watched, mark: Mark) -> dict[str, Any]:
    found = cells(store, platform, mark.about_at, mark.about_to, USUAL_DAYS)
    if watched.where is not None:
        found = [cell for cell in found if cell.keys[watched.where[0]] == watched.where[1]]
    length = mark.about_to - mark.about_at
    expected = Decimal(repr(mark.expected)) * Decimal(mark.readings)
    made = causes(
        found,
        max(expected, Decimal(0)).quantize(NANO),
        "a day" if family.step >= DAY and mark.readings == 1 else f"in {span_text(length)}",
    )
    document = made.document()
    if length <= LONGEST_FOR_USERS:
        base = sum((cell.base_usd for cell in found), Decimal(0))
        parts = _users(store, platform, watched, mark, made, made.expected_usd / base if base else Decimal(0))
        document["by"]["user"] = [part_document(part) for part in parts]
        first = parts[0] if parts else None
        if first is not None and first.value != OTHERS and _stands_out(first, made):
            share = f"{min(100 * (first.share or 0.0), 999):.0f} % of it is"
            # The words go into notices, whose readers are not known: whose it is stands apart.
            document["words"] += f"; {share} one user's"
            document["user_words"] = f"{share} user {first.value}"
    return document


OF_A_USER = re.compile(r" is user [^;]*")


def without_users(causes: Mapping[str, Any]) -> dict[str, Any]:
    """Causes as they are told to who may not see what single users cost."""
    kept = {name: value for name, value in causes.items() if name not in ("user_words", "by", "words")}
    if "words" in causes:
        kept["words"] = OF_A_USER.sub(" is one user's", str(causes["words"]))
    if "by" in causes:
        kept["by"] = {name: parts for name, parts in causes["by"].items() if name != "user"}
    return kept


def _stands_out(part: Part, made: Causes) -> bool:
    """Whether a user is the cause: most of the difference, and more of it than of what was expected."""
    usual = float(part.expected_usd / made.expected_usd) if made.expected_usd else 0.0
    return part.share is not None and part.share >= float(TELLING) and part.share > usual + 0.1


def _users(store: Store, platform: str, watched: Watched, mark: Mark, made: Causes, scale: Decimal) -> list[Part]:
    """What users, by pseudonym, add to the difference; with all the others they add up to it."""
    column, value = watched.where or ("", "")
    length_s = min(int((mark.about_to - mark.about_at).total_seconds()), 86_400)
    rows = store.rows(
        "anomaly_users", platform=platform, since=mark.about_at, until=mark.about_to, length_s=length_s, scale=float(scale), column=column,
        value=value, most=MOST_USERS,
    )  # fmt: skip
    whole = made.difference_usd
    parts = []
    for row in rows:
        expected = (row["base_usd"] * scale).quantize(NANO)
        off = row["now_usd"] - expected
        parts.append(Part("user", row["user_id"], row["now_usd"], expected, off, float(off / whole) if whole else None))
    now, expected = (sum((getattr(part, name) for part in parts), Decimal(0)) for name in ("usd", "expected_usd"))
    rest, rest_expected = made.usd - now, made.expected_usd - expected
    if parts and (rest or rest_expected):
        off = rest - rest_expected
        parts.append(Part("user", OTHERS, rest, rest_expected, off, float(off / whole) if whole else None))
    return parts


def _of_latency(store: Store, platform: str, watched: Watched, mark: Mark) -> dict[str, Any]:
    head = f"{_ms(mark.value)}, expected {_ms(mark.expected)}"
    if watched.where is not None and watched.where[0] != "model":
        return {"words": head, "told": [], "by": {}}
    line = math.ceil(math.log(max(mark.expected, 1e-3)) / LOG_BASE)
    rows = store.rows("anomaly_slow_calls", platform=platform, since=mark.about_at, until=mark.about_to, line=line)
    slow = sum(row["slow"] for row in rows)
    parts = [
        {"dimension": "model", "value": row["model"] or "(not given)", "calls": row["calls"], "slow": row["slow"],
         "share": row["slow"] / slow if slow else None}
        for row in rows
    ]  # fmt: skip
    told = [part for part in parts[:1] if (part["share"] or 0) >= float(TELLING) and len(parts) > 1 and watched.where is None]
    words = f"{head}: {100 * told[0]['share']:.0f} % of the slow calls are of model {told[0]['value']}" if told else head
    return {"words": words, "told": told, "by": {"model": parts}, "slow_calls": slow}


def _ms(value: float) -> str:
    return f"{value / 1000:.2g} s" if value >= 1000 else f"{value:.3g} ms"


def back_filled(store: Store, platform: str, mark: Mark) -> str:
    """That an event is calls which came in long after they happened, while those of usual days did not; empty otherwise. Raises StoreError."""
    length_s = min(int((mark.about_to - mark.about_at).total_seconds()), 86_400)
    given = {"since": mark.about_at, "until": mark.about_to, "late_s": LATE.total_seconds(), "length_s": length_s}
    row = store.rows("anomaly_late_rows", platform=platform, **given)[0]
    if not row["late_calls"] or row["late_calls"] < BACK_FILLED * row["calls"]:
        return ""
    if row["late_base_calls"] >= BACK_FILLED * max(row["base_calls"], 1):
        return ""  # everything came in late: the whole history was read at once
    return f"back-fill: {row['late_calls']:,} calls that came in until {row['came_at']:%Y-%m-%d %H:%M} UTC"


def headline(found: Anomaly) -> str:
    """`3.1 times what was expected`, `nothing, $12 expected`."""
    if found.expected <= 0 or found.value <= 0:
        return "nothing came" if found.value <= 0 else "nothing was expected"
    ratio = found.value / found.expected
    if ratio >= 10:
        return f"{ratio:,.0f} times what was expected"
    return (
        f"{ratio:.1f} times what was expected"
        if ratio >= 1.5
        else f"{100 * (ratio - 1):+.0f} % against what was expected".replace("-", MINUS)
    )


def same_event(
    found: Sequence[Anomaly], target: str, form: str, step: timedelta, since: datetime, until: datetime
) -> Anomaly | None:
    """The stored event that a found one goes on from: of the same series, form and step, and at the same time."""
    step_s = int(step.total_seconds())
    for each in found:
        if (each.target, each.form, each.step_s) == (target, form, step_s) and each.about_at <= until and since <= each.about_to:
            return each
    return None


__all__ = ["Anomaly", "Cell", "anomaly_id", "back_filled", "headline", "matters", "same_event", "why"]
