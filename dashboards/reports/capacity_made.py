"""A capacity report as a whole: its files from its content. What cannot be made is left out, and the report says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboards.api.answers import dumps
from dashboards.reports.capacity_facts import subject
from dashboards.reports.capacity_html import attached, capacity_html
from dashboards.reports.capacity_pictures import capacity_pictures
from dashboards.reports.capacity_text import capacity_text
from dashboards.reports.capacity_xlsx import capacity_xlsx
from dashboards.reports.weekly_charts import Picture
from dashboards.reports.weekly_made import XLSX
from roomleft.timespan import parse_instant
from warehouse.state.archive import Report, ReportFile

Content = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Made:
    """The report's files. `content` says what is missing; `xlsx` is empty where the workbook could not be made."""

    content: Content
    html: str
    text: str
    xlsx: bytes
    pictures: Sequence[Picture]


def capacity_made(content: Content) -> Made:
    """Every file of one report."""
    pictures, missing = capacity_pictures(content)
    xlsx = b""
    try:
        xlsx = capacity_xlsx(content)
    except Exception as error:  # whatever the workbook trips over, the report still goes
        missing.append(f"the workbook ({type(error).__name__})")
    told = {**content, "missing": [*content["missing"], *missing]}
    return Made(told, capacity_html(told, pictures), capacity_text(told), xlsx, pictures)


def capacity_page(content: Content) -> str:
    """The page alone."""
    pictures, missing = capacity_pictures(content)
    return capacity_html({**content, "missing": [*content["missing"], *missing]}, pictures)


def capacity_report(content: Content, key: str) -> Report:
    """The report under a key, ready for the archive and for a mail: its pictures beside its HTML."""
    made = capacity_made(content)
    day = str(content["as_of"])[:10]
    files = [ReportFile(f"{each.name}.png", "image/png", each.drawn.png, each.name) for each in made.pictures]
    if made.xlsx:
        files.append(ReportFile(f"roomleft-capacity-{content['platform']}-{day}.xlsx", XLSX, made.xlsx))
    return Report(
        report_key=key,
        report="capacity",
        platform=content["platform"],
        zone=content["zone"],
        period_from=parse_instant(content["period"]["from"]),
        period_to=parse_instant(content["period"]["to"]),
        made_at=parse_instant(content["as_of"]),
        subject=subject(content),
        content=dumps(made.content).decode(),
        text=made.text,
        html=capacity_html(made.content, made.pictures, attached),
        missing="; ".join(made.content["missing"]),
        files=tuple(files),
    )
