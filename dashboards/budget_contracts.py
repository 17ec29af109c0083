"""What a contract does not change by itself: calls from its first day on that were priced before it was noted."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from warehouse.state.terms import Term

DAY = timedelta(days=1)


class Stored(NamedTuple):
    """What is to be said of calls already stored, and the command that restates them."""

    words: str
    command: str


def stored_before(term: Term, now: datetime) -> Stored | None:
    """Of a contract that holds from before it was noted; None where nothing was priced in that time."""
    until = min([term.made_at, *([term.valid_to] if term.valid_to else [])])
    if term.valid_from >= until or term.valid_from > now:
        return None
    first, last = term.valid_from.astimezone(UTC), until.astimezone(UTC)
    midnight = last.replace(hour=0, minute=0, second=0, microsecond=0)
    end = midnight if midnight == last else midnight + DAY
    since = f"{first:%Y-%m-%d}" if first.time() == first.time().min else f"{first:%Y-%m-%dT%H:%M:%SZ}"
    said = term.content
    narrowed = [
        ("--platform", term.platform),
        ("--provider", str(said.get("provider") or "")),
        ("--model", str(said.get("model") or "")),
    ]
    parts = ["bin/roomleft", "reprice", "--since", since, "--until", f"{end:%Y-%m-%d}"]
    for option, value in narrowed:
        parts += [option, shlex.quote(value)] if value else []
    command = " ".join([*parts, "--apply"])
    which = "of today" if first.date() == now.astimezone(UTC).date() else f"since {first.day} {first:%b} {first.year} (UTC)"
    return Stored(
        f"Calls {which} already stored before {last:%H:%M} UTC of {last.day} {last:%b} keep the list price; {command} restates them",
        command,
    )
