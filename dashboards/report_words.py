"""What the Reports page says in words: whom the next report goes to and when, and what became of a copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dashboards import wording
from dashboards.archive_rows import ON_ITS_WAY, PROBLEMS, STATE_WORDS, Archived, Post
from warehouse.state.mailings import Mailing

WEEKDAY_WORDS = {
    "mon": "Monday",
    "tue": "Tuesday",
    "wed": "Wednesday",
    "thu": "Thursday",
    "fri": "Friday",
    "sat": "Saturday",
    "sun": "Sunday",
}
REPORT_WORDS = {"weekly": "Weekly report", "capacity": "Capacity report", "cost": "Cost report"}


def sentence(found: Post, wall: datetime) -> str:
    """The page in one sentence."""
    if not found.recipients:
        return "Nobody gets the weekly report yet."
    first = min(found.recipients, key=lambda each: each["next_at"])
    who = wording.plural(len(found.recipients), "recipient")
    verb = "gets" if len(found.recipients) == 1 else "get"
    said = f"{who} {verb} the weekly report, the next on {next_words(first, wall)}."
    return f"{said[:-1]} – but no mail can be sent now." if found.unready else said


def next_words(recipient: Mapping[str, Any], wall: datetime) -> str:
    """`Mon 23 Nov 08:00 UTC+1 Berlin`: by the clocks of the recipient's own zone."""
    zone = ZoneInfo(recipient["zone"])
    at: datetime = recipient["next_at"].astimezone(zone)
    return f"{at:%a} {wording.moment(at, wall, zone)} {wording.zone_name(zone, at)}"


def terms_words(recipient: Mapping[str, Any]) -> str:
    """`Mondays 08:00, Europe/Berlin`."""
    return f"{WEEKDAY_WORDS.get(recipient['weekday'], recipient['weekday'])}s {recipient['hour']:02d}:00, {recipient['zone']}"


def period_words(row: Mapping[str, Any], now: datetime) -> str:
    """`14–21 Nov, UTC`: in the zone it was made for."""
    zone = ZoneInfo(row["zone"])
    return f"{wording.day_range(row['period_from'], row['period_to'], now, zone)}, {row['zone']}"


def sent_words(each: Archived) -> str:
    """`3 sent, 1 waiting`; `sent to nobody`."""
    counts = each.counts
    parts = [f"{counts[state]} {words}" for state, words in STATE_WORDS.items() if counts[state]]
    return ", ".join(parts) or "sent to nobody"


def copy_words(mailing: Mailing, wall: datetime, zone: ZoneInfo) -> str:
    """`sent 23 Nov 08:00`, `refused after 3 attempts: 550 no such user`, `waiting, next attempt 08:05`."""
    words = STATE_WORDS.get(mailing.state, mailing.state)
    if mailing.state == "sent" and mailing.done_at is not None:
        return f"sent {wording.moment(mailing.done_at, wall, zone)}"
    if mailing.state in ON_ITS_WAY:
        tried = f", tried {wording.plural(mailing.attempts, 'time')}" if mailing.attempts else ""
        why = f": {mailing.answer}" if mailing.answer else ""
        return f"{words}{tried}, next attempt {wording.when(mailing.next_at, wall, zone)}{why}"
    answer = " ".join(part for part in (mailing.status, mailing.answer) if part)
    return f"{words}{f': {answer}' if answer else ''}"


def last_words(last: Mapping[str, Any] | None, wall: datetime, zone: ZoneInfo) -> str:
    """What became of a recipient's newest copy, from the API's row."""
    if last is None:
        return "nothing sent yet"
    if last["state"] == "sent" and last["done_at"] is not None:
        return f"sent {wording.moment(last['done_at'], wall, zone)}"
    answer = " ".join(str(last[name]) for name in ("status", "answer") if last[name])
    again = (
        f", next attempt {wording.when(last['next_at'], wall, zone)}" if last["state"] in ON_ITS_WAY and last["next_at"] else ""
    )
    return f"{STATE_WORDS.get(last['state'], last['state'])}{again}{f': {answer}' if answer else ''}"


def undelivered_words(found: Post) -> str:
    """What the newest copy to a recipient came to, where it did not arrive, however long ago: `The last copy to a@b.example was refused.`"""
    bad = [each for each in found.recipients if each["last"] is not None and each["last"]["state"] in PROBLEMS]
    if not bad:
        return ""
    first = (
        f"{bad[0]['address']} was {STATE_WORDS[bad[0]['last']['state']]}"
        if bad[0]["last"]["state"] != "unknown"
        else f"{bad[0]['address']} may not have arrived"
    )
    more = f", and {wording.plural(len(bad) - 1, 'other')} did not arrive either" if len(bad) > 1 else ""
    return f"The last copy to {first}{more}."


def files_total(files: Sequence[Mapping[str, Any]]) -> str:
    """`4 files, 312 kB`."""
    size = sum(int(each["bytes"]) for each in files)
    return f"{wording.plural(len(files), 'file')}, {wording.size_bytes(size)}" if files else "no files"
