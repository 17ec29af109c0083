"""Reports that were made and who gets the next, as the page reads them from the state database."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from dashboards.addresses import hidden, rows_told
from dashboards.api.recipients import listed
from dashboards.door.asking import asking
from dashboards.parts import Parts
from dashboards.reports.shown import with_pictures
from warehouse.state import Scope
from warehouse.state.archive import Archive, Report
from warehouse.state.mailings import Mailing, Mailings

LISTED = 40
PROBLEMS = ("refused", "given_up", "unknown")
ON_ITS_WAY = ("waiting", "sending")
STATE_WORDS = {
    "sent": "sent", "waiting": "waiting", "sending": "being sent", "unknown": "unknown whether it arrived", "refused": "refused", "given_up": "given up",
    "called_off": "called off",
}  # fmt: skip
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What a report may load when it is shown: its own pictures and styles, nothing from anywhere."""
HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Archived:
    """One report of the list, with what became of its copies."""

    row: Mapping[str, Any]
    mailings: Sequence[Mailing]

    @property
    def counts(self) -> Counter[str]:
        """How many copies are in which state."""
        return Counter(each.state for each in self.mailings)

    @property
    def problems(self) -> list[Mailing]:
        """The copies that did not arrive, or of which nobody knows."""
        return [each for each in self.mailings if each.state in PROBLEMS]


@dataclass(frozen=True, slots=True)
class Post:
    """Everything the page shows: `recipients` as the API lists them, those who ended lately, and why no mail can be sent, empty when it can."""

    archived: Sequence[Archived]
    recipients: Sequence[Mapping[str, Any]]
    unready: str
    ended: Sequence[Mapping[str, Any]] = ()

    @property
    def next_at(self) -> datetime | None:
        """When the next report is due."""
        return min((each["next_at"] for each in self.recipients), default=None)


def post(parts: Parts, platform: str | None) -> Post:
    """The newest reports and all recipients. Raises StoreError."""
    mailings = Mailings(parts.state)
    rows = Archive(parts.state).newest(LISTED)
    own = [row for row in rows if platform is None or row["platform"] in ("", platform)]
    told = listed(parts.state, parts.mailer)
    return Post(
        [Archived(row, mailings.of_report(row["report_key"])) for row in own],
        told["recipients"],
        told["mail"]["words"],
        told["ended"],
    )


def post_told(found: Post) -> Post:
    """The same for who asks: recipients' addresses are for administrators."""
    if asking().may(Scope.ADMIN):
        return found
    archived = [Archived(hidden(each.row), rows_told(each.mailings, Scope.ADMIN, "address", "answer")) for each in found.archived]
    return replace(found, archived=archived, recipients=hidden(found.recipients), ended=hidden(found.ended))


def kept_report(parts: Parts, key: str) -> tuple[Report, Sequence[Mailing]] | None:
    """A report of the archive with its copies; None if there is none. Raises StoreError."""
    found = Archive(parts.state).find(key) if key else None
    return None if found is None else (found, Mailings(parts.state).of_report(key))


def shown_safely(report: Report) -> str:
    """Its HTML for a frame in which nothing runs: a policy of its own, and links that lead nowhere."""
    html = with_pictures(report)
    guard = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><base target="_blank">'
    return HEAD.sub(lambda head: head.group(0) + guard, html, count=1) if HEAD.search(html) else guard + html
