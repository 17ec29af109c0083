"""What a channel is given beside a notice, and what it says came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from alerts.channels.variables import Variables
from alerts.notice import Notice
from roomleft.alerting import Smtp

LONGEST_ANSWER = 500
TIMEOUT_S = 10.0


class Outcome(StrEnum):
    """What became of an attempt. The channel says whether it is worth another, because only it knows the other end's words."""

    DELIVERED = "delivered"
    RETRY = "retry"
    """It was not taken, and may be later."""
    REFUSED = "refused"
    """It was not taken, and never will be."""
    UNKNOWN = "unknown"
    """It went out and no answer came back: it may have been taken. Tried again, with the same key."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`status`: the other end's code, empty where it said none. `answer`: its words, shortened. `reason`: ours, empty when all is well."""

    outcome: Outcome
    status: str = ""
    answer: str = ""
    reason: str = ""
    retry_after_s: float | None = None

    def struck(self, strike: Callable[[str], str]) -> Answer:
        """Without secrets, on one line, shortened."""
        answer, reason = (" ".join(strike(text).split())[:LONGEST_ANSWER] for text in (self.answer, self.reason))
        return replace(self, answer=answer, reason=reason)


@dataclass(frozen=True, slots=True)
class Means:
    """What sending needs besides the notice. `opening`: the first notice of its conversation (itself, if it is that one). `now`: the wall's.

    `version` is Roomleft's, `source` how it calls itself to others.
    """

    variables: Variables
    now: datetime
    opening: Notice
    smtp: Smtp | None = None
    timeout_s: float = TIMEOUT_S
    source: str = "roomleft"
