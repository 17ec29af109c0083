"""The weekly report as plain text that reads well at 78 columns: the mail's text part, and a file."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from analytics.reports import weekly_words as say
from analytics.reports.weekly import MOST
from analytics.wording import and_words
from roomleft.outlook import Made

WIDTH = 78
REPLAYED = "Those marked * were made afterwards, each from the data of before its day alone."
"""The foot of what the track record did not say beforehand."""
MOST_ALSO = 3
"""Of how many other limits of one step it is said why."""
HELD = "\ue000"
"""A space at which no line is broken."""
CHANGED = re.compile(r"^Costs (rose|fell) [^:]+: ")
Content = Mapping[str, Any]


def weekly_text(content: Content) -> str:
    """The whole report, each line at most 78 characters but for words that are longer themselves."""
    out: list[str] = [content["subject"], "=" * min(WIDTH, len(content["subject"])), ""]
    out += _wrapped(content["verdict"])
    out += _wrapped(intro(content))
    for words in notes(content):
        out += ["", *_wrapped(words)]
    if content["month"] is not None:
        title = month_title(content["month"])
        out += ["", title.upper(), "-" * len(title), *_month(content["month"])]
    for title, lines in sections(content):
        out += ["", title.upper(), "-" * len(title), *lines]
    out += ["", *_wrapped(foot(content)), ""]
    return "\n".join(line.rstrip() for line in out)


def intro(content: Content) -> str:
    """Whose week it is."""
    names = [each["title"] for each in content["platforms"]]
    of = ", ".join(names) if names else "no platform"
    return f"The week {content['period']['words']} of {of}. Times are of {content['zone']}."


def notes(content: Content) -> list[str]:
    """What a reader should know first: that it is a demo, that it is late, what is missing."""
    said = ["Demo data: these platforms are stand-ins."] if content["demo"] else []
    said += [content["late_words"]] if content["late_words"] else []
    if content["half_read"]:
        said.append(
            f"The history of {', '.join(content['half_read'])} is still being read: sums, limits and decisions are of what has been read so far."
        )
    said += [content["stale_prices"]] if content["stale_prices"] else []
    said += [f"Missing from this report: {'; '.join(content['missing'])}."] if content["missing"] else []
    return said


def foot(content: Content) -> str:
    """How to read it, and where there is more."""
    said = f"{content['ranges']} A chance is that of running out before it refills, or within 30 days where it never does."
    return f"{said} More: {content['url']}" if content["url"] else said


def sections(content: Content) -> Iterable[tuple[str, list[str]]]:
    """Title and lines of each part."""
    yield "Decisions", _decisions(content)
    yield "What moved the AI cost", _movers(content)
    yield "Budgets", _budgets(content)
    yield "Room left", _capacity(content)
    yield "What we said, and what came", _record(content)
    yield "Freshness", _fresh(content)


def month_title(month: Mapping[str, Any]) -> str:
    """`November so far`."""
    return f"{month['month']} so far"


def month_rows(month: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """All platforms together first, then each; a single one alone."""
    return [month, *month["platforms"]]


def month_facts(each: Mapping[str, Any]) -> list[str]:
    """What a month comes to at its end, beside the last one and the budget."""
    return [part for part in (each["likely"], each["last"], each["budget"], each["chance"]) if part]


def _month(month: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    for each in month_rows(month):
        name = each["title"] if month["platforms"] else "In all"
        lines += _wrapped(f"{name}: {each['so_far']} ({each['split']})", later="    ")
        lines += _wrapped(_kept(month_facts(each)), first="    ")
    return [*lines, *_wrapped(month["counted"])]


def _decisions(content: Content) -> list[str]:
    lines: list[str] = []
    for number, each in enumerate(content["decisions"], 1):
        lines += [""] if lines else []
        lines += _wrapped(f"{number}. {decided_of(each)}", later="   ")
        lines += _wrapped(f"{each['what']}.", first="   ")
        lines += _wrapped(each["why"], first="   ")
        for also in each["also"][:MOST_ALSO]:
            lines += _wrapped(also_words(also), first="   ")
        lines += _wrapped(_kept(facts(each)), first="   ")
    if content["more_decisions"]:
        lines += ["", *_wrapped(f"And {len(content['more_decisions'])} more: {'; '.join(content['more_decisions'])}.")]
    return lines or ["None."]


def decided_of(each: Mapping[str, Any]) -> str:
    """What a decision is about: its limit, and the others that the same step is for."""
    return and_words([f"{each['name']}{assumed(each)}", *(f"{also['title']}{assumed(also)}" for also in each["also"])])


def also_words(also: Mapping[str, Any]) -> str:
    """Why, of another limit that the same step is for."""
    return f"{also['title']}: {also['why']}"


def facts(each: Mapping[str, Any]) -> list[str]:
    """Cost, last date and owner of a decision, as far as they are known."""
    cost = each["cost"]
    said = ["Cost not written down" if not cost else f"Cost {cost}" if each["cost_usd_per_month"] else say.sentence(cost)]
    said += [f"decide {each['by']}" if each["by"] == "now" else f"decide by {each['by']}"] if each["by"] else []
    return [*said, f"owner {each['owner']}"]


def assumed(each: Mapping[str, Any]) -> str:
    """The mark of a limit that nobody confirmed."""
    return " (assumed limit)" if each["assumed"] else ""


def _movers(content: Content) -> list[str]:
    lines: list[str] = []
    for each in content["movers"][: MOST["movers"]]:
        said = (
            f"{each['change']}  {mover_name(each)}: {each['before']} the week before, {each['after']} now. {cause_words(each)}."
        )
        lines += _wrapped(said, later="    ")
    return lines or ["No cost moved enough to be told, or there are not two weeks of it yet."]


def cause_words(each: Mapping[str, Any]) -> str:
    """Why, without the change that stands beside it: of `Costs fell $23: fewer calls` the latter part."""
    return say.sentence(CHANGED.sub("", str(each["cause"]), count=1))


def mover_name(each: Mapping[str, Any]) -> str:
    """`Arena, pro model`; the platform alone for its total."""
    name, platform = str(each["name"]), str(each["platform_title"])
    return platform if name == platform else f"{platform}, {name}"


def _budgets(content: Content) -> list[str]:
    lines = []
    for each in content["month_end"][: MOST["month_end"]]:
        said = f"{each['name']}{assumed(each)}: {budget_words(each)}"
        chance = f"{each['chance']} {each['chance_of']}".strip()
        lines += _wrapped(f"{said}; {chance}".rstrip("; ") + ".", later="    ")
    return [*lines, *more(content["month_end"], "month_end")] or ["There are no budgets."]


def budget_words(each: Mapping[str, Any]) -> str:
    """`$5,489 of $7,842 spent, likely $7.2–7.9k by 30 Nov`."""
    until = f" {'in the ' if each['ends'] is None else 'by '}{each['ends_words']}" if each["ends_words"] else ""
    likely = each["likely"] if each["ends_p50"] is None else f"likely {each['likely']}{until}"
    return f"{each['spent']} of {each['budget']} spent, {likely}"


def _capacity(content: Content) -> list[str]:
    lines: list[str] = []
    for each in content["capacity"][: MOST["capacity"]]:
        lines += _wrapped(f"{each['name']}{assumed(each)}", later="  ")
        lines += _wrapped(_kept(capacity_facts(each)), first="    ")
    return [*lines, *more(content["capacity"], "capacity")] or ["There are no capacities or quotas."]


def capacity_facts(each: Mapping[str, Any]) -> list[str]:
    """What is left, when it runs out against how long more takes, the last date, the owner."""
    said = [each["left"] or "nobody knows what is left"]
    if each["state"] != "unknown":
        said += [f"{each['chance']} {each['chance_of']}"] if each["chance"] and each["state"] != "exhausted" else []
        dated = each["exhausts_at"] is not None and (each["runs_out"][:1].isdigit() or each["runs_out"].startswith("about"))
        said.append(f"runs out {each['runs_out']}" if dated else each["runs_out"])
    said += [f"more takes {each['lead']}"] if each["lead"] else []
    said += [f"order {each['by']}" if each["by"] == "now" else f"order by {each['by']}"] if each["by"] and each["lead"] else []
    return [*said, *([f"owner {each['owner']}"] if each["owner"] else [])]


def _record(content: Content) -> list[str]:
    lines: list[str] = []
    for each in content["outcomes"][: MOST["outcomes"]]:
        lines += _wrapped(outcome_words(each), later="    ")
    return [*lines, *([""] if lines else []), *_wrapped(record_words(content))]


def record_words(content: Content) -> str:
    """The track record in a sentence, and what the mark of what was not said beforehand means."""
    return f"{content['record']} {REPLAYED}" if content["replayed"] else str(content["record"])


def outcome_words(each: Mapping[str, Any]) -> str:
    """`Arena cost up to 22 Nov: said $38–46k on 15 Nov, came $41,200: as forecast.`; of what was made afterwards with a mark."""
    mark = "*" if each.get("made") == Made.REPLAYED else ""
    return f"{each['name']}{mark} up to {each['until']}: said {each['said']} on {each['said_on']}, came {each['came']}: {each['held_words']}."


def _fresh(content: Content) -> list[str]:
    lines: list[str] = []
    for each in content["freshness"]:
        lines += _wrapped(f"{each['title']}: {each['words']}.", later="    ")
    for each in content["unknown"][: MOST["unknown"]]:
        lines += _wrapped(f"No figure for {each['name']}: {each['reason']}.", later="    ")
    return [*lines, *more(content["unknown"], "unknown")] or ["No platform is watched yet."]


def more(rows: Sequence[Any], name: str) -> list[str]:
    """`and 7 more in the workbook`."""
    left = len(rows) - MOST[name]
    return [f"And {left} more in the workbook."] if left > 0 else []


def _wrapped(words: str, first: str = "", later: str | None = None) -> list[str]:
    """Words in lines, broken at plain spaces only: a narrow one keeps a number with its unit."""
    after = first if later is None else later
    lines = textwrap.wrap(
        words, WIDTH, initial_indent=first, subsequent_indent=after, break_long_words=False, break_on_hyphens=False
    )
    return [line.replace(HELD, " ") for line in lines]


def _kept(facts: Sequence[str]) -> str:
    """Facts in a row, each of which stays on one line."""
    return f"{HELD}· ".join(fact.replace(" ", HELD) for fact in facts)
