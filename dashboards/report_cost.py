"""The cost report in words: the lines and tables that its text, its HTML file and its workbook have in common. Made from the report's JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from dashboards import wording
from roomleft.errors import NEEDS_FINANCE
from roomleft.money import usd
from roomleft.timespan import parse_instant

Report = Mapping[str, Any]
TREND_WORDS = {
    "rising": "rising", "falling": "falling", "steady": "steady", "new": "new in the later half", "unknown": "unknown",
}  # fmt: skip
PARTS = {
    "off_peak": "requests that can wait, made off-peak", "free_images": "images from the free quota", "cached": "input read from the cache",
    "succeeded": "requests that succeeded",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Table:
    """A table in words: columns from `numbers` on stand right; `foot` is its total."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    foot: Sequence[str] = ()
    numbers: int = 1
    note: str = ""


def decimal(value: Any) -> Decimal | None:
    """A number of the report; None stays unknown."""
    return None if value is None else Decimal(str(value))


def money(value: Any, places: int = 2, *, least: bool = False) -> str:
    """Dollars; `unknown` for None; a lower bound says so."""
    amount = decimal(value)
    return "unknown" if amount is None else f"{'at least ' if least else ''}{usd(amount, places)}"


def percent(value: Any) -> str:
    """A ratio as per cent; `–` for None."""
    return "–" if value is None else wording.percent(Decimal(str(value)))


def heading(report: Report) -> str:
    """Whose report it is."""
    return f"{report['title']}: cost of {'user ' + report['user'] if report['user'] else 'all users'}"


def sentence(report: Report) -> str:
    """The report in one sentence."""
    total, projected = report["total"], report["projection"]
    who = f"{report['user']}'s AI use" if report["user"] else "AI usage"
    if not total["requests"]:
        return f"No call was made in {days(report)}."
    least = total["lower_bound"]
    said = f"{who} cost {money(total['cost_usd'], least=least)} in {days(report)}"
    if projected["month_usd"] is not None:
        said += f" and will come to about {money(projected['month_usd'], least=projected['lower_bound'])} this month"
    trend = report["trend"]
    if trend["change"] is not None:
        change = wording.percent(abs(Decimal(str(trend["change"]))))
        direction = "more" if Decimal(str(trend["change"])) > 0 else "less"
        said += f"; {trend['words']}, the later half cost {change} {direction} than the half before"
    return f"{said}."


def days(report: Report) -> str:
    """How long the period is: `30 days`."""
    span = parse_instant(str(report["until"])) - parse_instant(str(report["since"]))
    whole = span.total_seconds() / 86_400
    return wording.plural(round(whole), "day") if whole == round(whole) else f"{whole:.1f} days"


def instant(value: Any) -> str:
    """`21 Nov 2026 09:00 UTC`."""
    return "–" if value is None else f"{parse_instant(str(value)):%-d %b %Y %H:%M} UTC"


def notes(report: Report) -> list[str]:
    """What must be known to read the figures: how old they are, what is missing, what is assumed."""
    found = [f"{instant(report['since'])} to {instant(report['until'])}; usage is complete until {instant(report['read_to'])}."]
    total = report["total"]
    if total["unpriced_requests"]:
        found.append(
            f"At least: {total['unpriced_requests']:,} calls with {total['unpriced_tokens']:,} tokens have no price and count nothing here."
        )
    if not report["whole"]:
        found.append(f"Not the whole period: the first call known is of {instant(report['first_at'])}.")
    if report["provisional"]:
        found.append("Provisional: calls of the last two days may still come in.")
    if report["peak_hours"] and report["peak_hours"]["assumed"]:
        found.append("The peak hours are an assumption of the pack.")
    hint = report["source_hint"]
    if hint:
        found.append(
            f"The platform's own hint, which is no cost and is never added up: {hint['calls']:,} calls carry one, the middle one is {hint['middle']:g}."
        )
    return found


def tables(report: Report) -> list[Table]:
    """Every table of the report, in order."""
    total = report["total"]
    made = [_totals(report)]
    for key, title, head in (
        ("by_service", "By service", "Provider / model"),
        ("by_request_type", "By request type", "Request type"),
    ):
        made.append(_split(report[key], total, title, head))
    if report["peak_hours"]:
        peak = report["peak_hours"]
        made.append(
            _split(report["by_peak"], total, "Peak and off-peak", f"Peak is {peak['begin']}:00–{peak['end']}:00 {peak['zone']}")
        )
    made.append(_efficiency(report["efficiency"]))
    made.append(_advice(report["advice"]))
    if report["top_users"] is None:
        made.append(Table("Users who cost most", ("",), [(f"{NEEDS_FINANCE}.",)]))
    elif report["top_users"]:
        made.append(_users(report["top_users"]))
    return made


def _totals(report: Report) -> Table:
    total, projected, trend = report["total"], report["projection"], report["trend"]
    rows = [
        ("Cost", money(total["cost_usd"], least=total["lower_bound"])),
        *([("of which credits", money(total["credits_usd"]))] if Decimal(str(total["credits_usd"])) else []),
        ("Requests", f"{total['requests']:,}"),
        ("of which failed", f"{total['failed_requests']:,}"),
        ("Tokens", f"{total['tokens']:,}"),
        ("Images", f"{total['images']:,}"),
        ("Characters", f"{total['characters']:,}"),
        ("Seconds of audio", f"{Decimal(str(total['audio_seconds'])):,f}"),
        ("This month so far", money(projected["spent_usd"], least=projected["lower_bound"])),
        (f"This month, when it is over ({_day(projected['month_until'])})", projection_words(projected)),
        ("Trend of the two halves", TREND_WORDS[trend["words"]] + (f": {trend['reason']}" if trend["reason"] else "")),
    ]  # fmt: skip
    return Table("Totals", ("", ""), rows)


def projection_words(projected: Mapping[str, Any]) -> str:
    """The projected month, or why there is none."""
    if projected["month_usd"] is None:
        return f"unknown: {projected['reason']}"
    return f"about {money(projected['month_usd'], least=projected['lower_bound'])}, from {wording.plural(projected['basis_days'], 'whole day')}"


def _day(value: Any) -> str:
    day = date.fromisoformat(str(value))
    return f"{day.day} {wording.MONTHS[day.month - 1]}"


def _split(groups: Sequence[Mapping[str, Any]], total: Mapping[str, Any], title: str, head: str) -> Table:
    rows = [
        (
            group["name"], money(group["shown_usd"], least=group["lower_bound"]), percent(group["share"]), f"{group['requests']:,}",
            f"{group['tokens']:,}", f"{group['images']:,}", f"{group['characters']:,}",
        )
        for group in groups
    ]  # fmt: skip
    foot = (
        "Total", money(total["cost_usd"], least=total["lower_bound"]), "", f"{total['requests']:,}", f"{total['tokens']:,}", f"{total['images']:,}",
        f"{total['characters']:,}",
    )  # fmt: skip
    return Table(title, (head, "Cost", "Share", "Requests", "Tokens", "Images", "Characters"), rows, foot)


def _efficiency(told: Mapping[str, Any]) -> Table:
    rows = [
        (PARTS[name], percent(share) if share is not None else "does not apply", percent(told["weights"][name]))
        for name, share in told["parts"].items()
    ]
    score = "no score" if told["score"] is None else f"{told['score']} of 100"
    return Table(
        "Efficiency", ("What counts", "Share", "Weight"), rows, ("Score", score, ""), note="the weighted mean of what applies"
    )


def _advice(found: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (each["action"], each["when"], f"{each['count']:,}", money(each["saving_usd"]), each["note"] or "") for each in found
    ] or [("Nothing to advise", "", "", "", "")]
    return Table(
        "What to do", ("Action", "Because", "Calls or images", "Would have saved", "Note"), rows, numbers=2,
        note="in this period, each by itself: they overlap and are not added up",
    )  # fmt: skip


def _users(rows: Sequence[Mapping[str, Any]]) -> Table:
    body = [
        (
            row["user_id"] or "without a user",
            row["tier"] or "–",
            money(row["cost_usd"], least=bool(row["unpriced_requests"])),
            f"{row['requests']:,}",
        )
        for row in rows
    ]
    return Table("Users who cost most", ("User", "Tier", "Cost", "Requests"), body, numbers=2, note="by pseudonym")


def text(report: Report) -> str:
    """The report as plain text, 100 columns or so."""
    lines = [heading(report), sentence(report), "", *notes(report)]
    for table in tables(report):
        lines += ["", table.title + (f" ({table.note})" if table.note else "")]
        body = [row for row in (table.heads, *table.rows, table.foot) if any(row)]
        widths = [max(len(row[place]) for row in body) for place in range(len(table.heads))]
        for row in body:
            cells = [
                cell.rjust(width) if place >= table.numbers and table.heads[place] != "Note" else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"
