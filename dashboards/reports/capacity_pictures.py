"""The pictures of the capacity report: each series' past and range ahead. Each shows what the words beside it say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from dashboards.reports.charts import Fan, fan_png
from dashboards.reports.weekly_charts import Picture

Content = Mapping[str, Any]


def picture_name(forecast: Mapping[str, Any]) -> str:
    """What a series' picture is called."""
    return f"{forecast['heading']}-{str(forecast['meter']).replace(':', '-')}"


def capacity_pictures(content: Content) -> tuple[list[Picture], list[str]]:
    """The pictures that could be drawn, and in words what could not and why. Never raises."""
    found: list[Picture] = []
    missing: list[str] = []
    zone = ZoneInfo(content["zone"])
    for forecast in content["forecasts"]:
        if not any(value is not None for _, value in forecast["history"]) and not forecast["fan"]:
            continue  # there is nothing to draw, and the words beside it say why
        try:
            found.append(_picture(forecast, zone))
        except Exception as error:  # whatever a drawing trips over, the report still goes
            missing.append(f"the chart of {forecast['title']} ({type(error).__name__})")
    return found, missing


def _picture(forecast: Mapping[str, Any], zone: ZoneInfo) -> Picture:
    limit = forecast["limit"]
    # The amount of a whole month has no place beside single days.
    bound = (
        limit
        if limit is not None and not forecast["adds_up"] and not limit["windowed"] and limit["unit"] == forecast["unit"]
        else None
    )
    ordered = bound["order_by"] if bound is not None else None
    history = [(date.fromisoformat(day), float(value) if value is not None else None) for day, value in forecast["history"]]
    ahead = [Fan(date.fromisoformat(row[0]), float(row[2]), float(row[3]), float(row[4])) for row in forecast["fan"]]
    drawn = fan_png(
        history,
        ahead,
        unit=forecast["unit"],
        limit=float(bound["amount"]) if bound is not None else None,
        limit_name="floor" if bound is not None and bound["at_least"] else "limit",
        order_by=datetime.fromisoformat(ordered).astimezone(zone).date() if ordered else None,
    )
    return Picture(picture_name(forecast), drawn, _alt(forecast, bound))


def _alt(forecast: Mapping[str, Any], bound: Mapping[str, Any] | None) -> str:
    said = f"{forecast['title']} by day: {forecast['words']}"
    if bound is None:
        return said
    return f"{said} {bound['title']}, {bound['amount_words']}: {bound['runs_out']}."


def shown(pictures: Sequence[Picture]) -> Mapping[str, Picture]:
    """The pictures by name."""
    return {each.name: each for each in pictures}
