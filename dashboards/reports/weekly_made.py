"""A weekly report as a whole: content, text, HTML, pictures and workbook. What cannot be drawn is left out, and the report says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboards.api.answers import dumps
from dashboards.reports.weekly_charts import weekly_pictures
from dashboards.reports.weekly_html import weekly_html
from dashboards.reports.weekly_text import weekly_text
from dashboards.reports.weekly_xlsx import weekly_xlsx
from warehouse.state.archive import Report, ReportFile

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def weekly_report(content: Mapping[str, Any], key: str) -> Report:
    """The report of this content under a key, ready for the archive."""
    pictures, missing = weekly_pictures(content)
    files = [ReportFile(f"{each.name}.png", "image/png", each.drawn.png, each.name) for each in pictures]
    try:
        files.append(ReportFile(f"roomleft-weekly-{content['as_of']:%Y-%m-%d}.xlsx", XLSX, weekly_xlsx(content)))
    except Exception as error:  # whatever the workbook trips over, the report still goes
        missing.append(f"the workbook ({type(error).__name__})")
    told = {**content, "missing": [*content["missing"], *missing]}
    platforms = content["platforms"]
    return Report(
        report_key=key,
        report="weekly",
        platform=platforms[0]["platform"] if len(platforms) == 1 else "",
        zone=content["zone"],
        period_from=content["period"]["from"],
        period_to=content["period"]["to"],
        made_at=content["as_of"],
        subject=content["subject"],
        content=dumps(told).decode(),
        text=weekly_text(told),
        html=weekly_html(told, pictures),
        missing="; ".join(told["missing"]),
        files=tuple(files),
    )
