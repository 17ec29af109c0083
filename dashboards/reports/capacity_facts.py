"""The capacity report part by part, in the words that its text and its HTML have in common. Made from the report's JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analytics.reports import weekly_words as say
from analytics.reports.capacity_forecasts import NO_FORECAST
from analytics.reports.capacity_risks import ROOM
from dashboards.reports.capacity_pictures import picture_name
from dashboards.reports.weekly_text import REPLAYED

Content = Mapping[str, Any]
LONGEST_SUBJECT = 90
MOST_ALSO = 6
"""Of how many other limits of one step it is said why; the list of limits has them all."""
SEVERITY_TONES = {"high": "bad", "medium": "warn", "low": ""}
STATE_TONES = {"exhausted": "bad", "tight": "warn"}


@dataclass(frozen=True, slots=True)
class Item:
    """One thing told: its name, a short figure opposite, and lines below. `tone`: bad, warn or nothing. `picture` names a chart."""

    name: str
    lines: Sequence[str] = ()
    right: str = ""
    tone: str = ""
    picture: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report; `empty` is said where there is nothing in it."""

    title: str
    items: Sequence[Item]
    note: str = ""
    empty: str = ""
    wide: bool = False
    """Its items hold pictures, and stand beside one another where there is room."""


def heading(content: Content) -> str:
    """`Scribe: capacity report`."""
    return f"{content['title']}: capacity report"


def subject(content: Content) -> str:
    """A mail's subject: whose report, and its first sentence, cut at 90 characters."""
    said = f"{content['title']} capacity: {content['verdict'].partition('. ')[0].rstrip('.')}"
    return say.cut(said, LONGEST_SUBJECT)


def intro(content: Content) -> list[str]:
    """Period, age and what must be known to read the figures."""
    period, fresh = content["period"], content["freshness"]
    said = [f"From {period['days']} days of history, {period['words']}. Days are of {content['zone']}. {fresh['words']}"]
    if content["demo"]:
        said.append("Demo data: this platform is a stand-in.")
    if content["missing"]:
        said.append(f"Missing from this report: {'; '.join(content['missing'])}.")
    return said + list(fresh["notes"])


def foot(content: Content) -> str:
    """How to read it."""
    return (
        f"{content['track_record']['ranges']} A chance is that of running out before it refills, or within 30 days where it never does; the date of a limit "
        "that refills means “if so”. Amounts marked assumed were given by nobody."
    )


def sections(content: Content) -> Iterator[Section]:
    """Every part, in order."""
    yield Section("What to do", [*map(_decision, content["decisions"]), *_advice(content)], content["steps"]["words"])
    yield Section(
        "Forecasts",
        [_forecast(each) for each in content["forecasts"]],
        empty="The pack names nothing to forecast.",
        wide=True,
    )
    yield Section("Room left", [_limit(each) for each in content["limits"]], empty="There are no capacities or quotas.")
    yield Section("Budgets", [_budget(each) for each in content["budgets"]], empty="There are no budgets.")
    if content["tiers"] is not None:
        tiers = content["tiers"]
        note = f"{tiers['users_words']}; {tiers['growth_words']}. {tiers['started_words']} {tiers['note']}"
        yield Section("Tiers against the plan", [_tier(each) for each in tiers["rows"]], note)
    if content["scaling"]:
        yield Section("Scaling triggers", [_trigger(each) for each in content["scaling"]])
    yield Section("Risks", list(_risks(content["risks"])), empty="The data gives grounds for none.")
    record = content["track_record"]
    replayed = REPLAYED if record["replayed"] else ""
    note = " ".join(part for part in (record["words"], record["came"], replayed) if part)
    yield Section("What we said, and what came", [_outcome(each) for each in record["lines"]], note)


def assumed(row: Mapping[str, Any]) -> str:
    """What is added to the name of an assumed limit."""
    return " (assumed)" if row["assumed"] else ""


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _decision(each: Mapping[str, Any]) -> Item:
    """A limit that has run out, probably will, or whose step must be ordered soon."""
    facts = [each["cost"], f"owner {each['owner']}"]
    lines = [f"{of['title']}{assumed(of)}: {of['why']}" for of in (each, *each["also"][:MOST_ALSO])]
    lines += [_sentence(" · ".join(filter(None, facts))) + "."]
    lines += each["advised"]
    lines += [_waits(each)] if each["waits_for"] else []
    ordered = "waits" if each["waits_for"] else "".join(_ordered(each))
    tone = "bad" if each["state"] == "exhausted" else "warn"
    return Item(each["what"], lines, ordered, tone)


def _advice(content: Content) -> Iterator[Item]:
    told = {each["limit_id"] for each in content["decisions"]}
    for each in content["recommendations"]:
        if each["same_as"] in told:
            continue
        facts = [f"priority {each['priority']}", f"lead time {each['lead']}" if each["lead"] else "", each["money"]]
        lines = [f"When {each['when']}. {each['words']}", _sentence(" · ".join(part for part in facts if part)) + "."]
        if each["saving_basis"] and each["saving_usd"] is not None and each["saving_percent"] is not None:
            lines.append(f"The saving is {each['saving_basis']}.")
        if each["pulls_against"] is not None:
            lines.append(each["pulls_against"]["words"])
        lines += [_waits(each)] if each["waits_for"] else []
        tone = "bad" if each["holds"] and each["priority"] == "high" else "warn" if each["holds"] else ""
        yield Item(each["action"], lines, "waits" if each["waits_for"] else each["urgency"], tone)


def _waits(each: Mapping[str, Any]) -> str:
    return f"Not to be ordered yet: it opposes “{each['waits_for']}”, which is more urgent, and waits for it."


def _forecast(each: Mapping[str, Any]) -> Item:
    lines = [each["words"]]
    limit = each["limit"]
    if limit is not None:
        until = "" if limit["windowed"] else " within 30 days"
        untold = limit["chance"] in ("has run out", "unknown", NO_FORECAST)
        chance = limit["chance"] if untold else f"{limit['chance']} chance{until}"
        # What has run out, or is unknown, says so once.
        told = limit["runs_out"] if limit["state"] in ("exhausted", "unknown") else f"{chance}, {limit['runs_out']}"
        said = "; ".join([told, *_ordered(limit)])
        side = "at least " if limit["at_least"] else ""
        lines.append(f"{limit['title']}{assumed(limit)}, {side}{limit['amount_words']}: {said}.")
    else:
        lines.append("No limit is set on it.")
    if each["provisional"]:
        lines.append("Provisional: less than four weeks of history.")
    return Item(
        f"{each['title']}, {each['horizon_days']} days",
        lines,
        each["growth_words"],
        picture=picture_name(each),
    )


def _ordered(each: Mapping[str, Any]) -> list[str]:
    return [] if not each["by"] else ["order now" if each["by"] == "now" else f"order by {each['by']}"]


def _dates(each: Mapping[str, Any]) -> str:
    """When it runs out; the date of a limit that refills says `if so`."""
    return f"if so {each['runs_out']}" if each["if_so"] and each["state"] != "exhausted" else str(each["runs_out"])


def _limit(each: Mapping[str, Any]) -> Item:
    # What has run out says so at its name.
    facts = [each["room"], *([] if each["state"] == "exhausted" else [_dates(each)])]
    facts += [f"lead time {each['lead']}"] if each["lead"] else []
    facts += _ordered(each)
    if each["state"] == "unknown":
        facts = [f"unknown: {each['reason']}" if each["reason"] else "unknown"]
    step = ", ".join(part for part in (each["step"], each["cost"]) if part)
    lines = [_sentence(" · ".join(facts)) + ".", *([f"Next step: {step}. Owner: {each['owner']}."] if step else [])]
    return Item(
        f"{each['title']}{assumed(each)}",
        lines,
        f"{each['chance']} {each['chance_of']}".strip(),
        STATE_TONES.get(each["state"], ""),
    )


def _budget(each: Mapping[str, Any]) -> Item:
    this, following = each["window"], each["next"]
    lines = [
        f"{this}: {each['spent_words']} spent of {each['amount_words']}; at its end {each['likely']}; {_over(each)}.",
        f"{following['window']}: {following['likely']}" + (f"; chance of exceeding {each['amount_words']} {following['chance']}." if following["p_breach"] is not None else "."),
    ]  # fmt: skip
    return Item(f"{each['title']}{assumed(each)}", lines, each["chance"], STATE_TONES.get(each["state"], ""))


def _over(each: Mapping[str, Any]) -> str:
    if each["state"] == "exhausted":
        return each["over"]
    if each["state"] == "unknown":
        return _dates(each)
    return f"chance of exceeding it {each['chance']}; {_dates(each)}"


def _tier(each: Mapping[str, Any]) -> Item:
    users = f"{float(each['daily_users']):,.0f}"
    plan = (
        f"Plan: {each['planned']}" + (f" ({each['planned_words']})" if each["planned_words"] else "")
        if each["planned"]
        else "No plan"
    )
    need = f"; the plan needs {each['needed_words']}" if each["needed_words"] else ""
    compared = f" {_sentence(each['compared'])}." if each["compared"] else ""
    lines = [f"Forecast: {each['words']}.{compared}", f"{plan}{need}."]
    current = ", current" if each["current"] else ""
    return Item(f"{each['title']}: up to {users} daily users, ${float(each['total_usd']):,.0f}/month{current}", lines)


def _trigger(each: Mapping[str, Any]) -> Item:
    limit = each["limit"]
    lines = [
        f"{_sentence(each['rule'])}. Now {each['now_words']}"
        + (f"; {each['running_words']} run." if each["running_words"] else ".")
    ]
    if limit is not None:
        untold = limit["chance"] in ("has run out", "unknown", NO_FORECAST)
        chance = limit["chance"] if untold else f"{limit['chance']} chance within 30 days"
        said = [chance] if limit["runs_out"] == limit["chance"] else [chance, limit["runs_out"]]
        lines.append(f"{_sentence('; '.join(said))}.")
    else:
        lines.append("No limit holds this rule, so no chance is worked out.")
    return Item(f"{each['title']}, scale {each['way']}", lines, "holds" if each["holds"] else "")


def _risks(found: Sequence[Mapping[str, Any]]) -> Iterator[Item]:
    """Each risk; those that were named beforehand and that nothing speaks for in one line together."""
    calm = [str(each["title"]) for each in found if each["source"] != "data" and each["grounds"] == ROOM]
    yield from (_risk(each) for each in found if each["source"] == "data" or each["grounds"] != ROOM)
    if calm:
        yield Item("Named beforehand, and every limit that watches them has room", [f"{'; '.join(calm)}."], "low")


def _risk(each: Mapping[str, Any]) -> Item:
    named = "" if each["source"] == "data" else " (named beforehand)"
    return Item(f"{each['title']}{named}", [f"{_sentence(each['grounds'])}."], each["severity"], SEVERITY_TONES[each["severity"]])


def _outcome(each: Mapping[str, Any]) -> Item:
    mark = "*" if each["made"] == "replayed" else ""
    line = (
        f"Said on {each['said_on']} for {each['until']}: {each['said_words']}; came {each['came_words']}, {each['held_words']}."
    )
    return Item(f"{each['name']}{mark}", [line], "" if each["held"] else "missed", "" if each["held"] else "warn")
