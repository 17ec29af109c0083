"""What the Forecasts page says in words: what comes, what it rests on, what was odd."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from analytics.anomalies.finding import Anomaly, headline
from dashboards import capacity_words, wording
from dashboards.forecast_rows import DAYS, ForecastRow, listed
from roomleft.money import MINUS

NONE = "–"
FORMS = {"page": "three readings together", "screen": "after a quiet time"}


def sentence(rows: Sequence[ForecastRow], now: datetime, zone: ZoneInfo) -> str:
    """The page in one sentence."""
    if not rows:
        return "Nothing has been forecast yet."
    said = [row for row in rows if not row.refused]
    refused = len(rows) - len(said)
    better = sum(row.error_ratio is not None and row.error_ratio < 1 for row in said)
    repeat = sum(row.repeats_last_week for row in said)
    parts = [f"{len(said)} series {'is' if len(said) == 1 else 'are'} forecast", f"{better} better than repeating last week"]
    parts += [f"{repeat} by repeating it"] if repeat else []
    told = ", ".join(parts)
    return (
        f"{told}; {refused} {'is' if refused == 1 else 'are'} not, as there is too little to forecast from."
        if refused
        else f"{told}."
    )


def ahead_words(row: ForecastRow) -> tuple[str, str]:
    """`$42k` and `$38–46k`: the next 30 days of a flow, where a level stands after them; dashes where nothing is said."""
    if row.ahead is None or not row.says_something:
        return NONE, ""
    unit = str(row.run["unit"])
    middle = capacity_words.amount_range(row.ahead.middle, row.ahead.middle, unit)
    return middle, capacity_words.amount_range(row.ahead.low, row.ahead.high, unit)


def growth_words(row: ForecastRow) -> str:
    """`+12 %` against the last 30 days, of a level against the last week."""
    growth = row.ahead.growth if row.ahead is not None else None
    if growth is None or ahead_words(row)[0] == NONE:
        return NONE
    sign = "+" if growth > 0.0005 else MINUS if growth < -0.0005 else ""
    return f"{sign}{wording.percent(abs(growth), 0 if abs(growth) >= 0.1 else 1)}"


def error_words(row: ForecastRow) -> tuple[str, bool]:
    """Its error over that of repeating last week, and whether it is worse, which it must not be."""
    ratio = row.error_ratio
    return (NONE, False) if ratio is None else (f"{ratio:.2f}", ratio > 1)


def backtest_words(row: ForecastRow) -> str:
    """What the backtest said of it: `0.83 of repeating last week's error`."""
    if row.repeats_last_week:
        tried = f" (the mix tried: {row.tried_ratio:.2f} of its error)" if row.tried_ratio is not None else ""
        return f"Nothing did better in the backtest than repeating last week, so it does{tried}"
    error, worse = error_words(row)
    return (
        "" if error == NONE else f"Error in the backtest: {error} of repeating last week's error" + (": worse" if worse else "")
    )


def history_words(row: ForecastRow, now: datetime, zone: ZoneInfo) -> str:
    """`89 complete days, 24 Aug–20 Nov`."""
    first, last = row.run["history_from"], row.run["history_to"]
    days = wording.plural(row.run["days"], "complete day")
    return f"{days}, {wording.day_range(first, last, now, row.zone)}" if first and last else days


def members_words(row: ForecastRow) -> list[str]:
    """`54 % damped trend with weekdays`, the largest first."""
    members = row.details.get("members")
    if not isinstance(members, Mapping) or row.repeats_last_week or row.refused:
        return []
    known = sorted(((str(name), float(share)) for name, share in members.items()), key=lambda each: -each[1])
    return [f"{wording.percent(share, 0)} {name}" for name, share in known if share >= 0.005]


def shifts_words(row: ForecastRow, now: datetime) -> list[str]:
    """`since 14 Nov: 1,200 → 2,400 a day`."""
    unit, per = str(row.run["unit"]), " a day" if row.flow else ""
    found = []
    for each in listed(row.details.get("shifts")):
        before, after = each.get("before"), each.get("after")
        if not isinstance(before, (int, float)) or not isinstance(after, (int, float)):
            continue
        levels = " → ".join(capacity_words.amount_range(value, value, unit) for value in (before, after))
        found.append(f"since {_day(each.get('day'), now)}: {levels}{per}")
    return found


def drivers_words(row: ForecastRow) -> list[str]:
    """`holiday: −18 %`, each known driver with what a day of it adds."""
    drivers = row.details.get("drivers")
    found = []
    for name, size in drivers.items() if isinstance(drivers, Mapping) else ():
        if not isinstance(size, (int, float)):
            continue
        sign = "+" if size > 0 else MINUS if size < 0 else ""
        found.append(f"{str(name).replace('_', ' ')}: {sign}{wording.percent(abs(size))}")
    return found


def clipped_words(row: ForecastRow) -> str:
    """`3 days cut to what their neighbours say`; empty for none."""
    clipped = row.details.get("clipped", row.details.get("outliers"))
    number = len(clipped) if isinstance(clipped, list) else clipped if isinstance(clipped, int) else 0
    return f"{wording.plural(number, 'outlying day')} clipped before fitting" if number else ""


def future_words(row: ForecastRow, now: datetime) -> str:
    """One sentence of what comes."""
    if row.refused and ahead_words(row)[0] == NONE:
        return f"No forecast: {row.refused.rstrip('.')}."
    middle, spread = ahead_words(row)
    if middle == NONE:
        return f"Forecast day by day; the next {DAYS} days as a whole come with its next forecast."
    lead = f"The next {DAYS} days: {middle}" if row.flow else f"In {DAYS} days: {middle}"
    growth = growth_words(row)
    against = f"the last {DAYS} days" if row.flow else "the last week"
    grows = f"; {growth} against {against}" if growth != NONE else ""
    no_date = f" No date is said: {row.refused.rstrip('.')}." if row.refused else ""
    return f"{lead}, likely {spread}{grows}.{no_date}" if spread and spread != middle else f"{lead}{grows}.{no_date}"


def odd_words(found: Anomaly) -> str:
    """`$1,240, expected $350–480: 3.1 times what was expected`."""
    value = capacity_words.amount_range(found.value, found.value, found.unit)
    return f"{value}, expected {capacity_words.amount_range(found.low, found.high, found.unit)}: {headline(found)}"


def odd_title(found: Anomaly) -> str:
    """`AI cost, model flash`: what was odd."""
    name, _, part = found.target.partition("/")[2].partition("#")
    told = name.replace("usage:", "AI ").replace("_", " ").replace("ai ", "AI ")
    told = told[:1].upper() + told[1:]
    return f"{told}, {part.replace('=', ' ')}" if part else told


def cause_words(found: Anomaly) -> str:
    """What makes up the difference, where that is known."""
    words = found.causes.get("words")
    return str(words) if words else ""


def _day(value: object, now: datetime) -> str:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return str(value)
    return f"{found.day}\u00a0{wording.MONTHS[found.month - 1]}"
