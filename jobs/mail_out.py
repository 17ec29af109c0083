"""The mail-out job: hands mailings that are due to the mail server, one after another. Everything here is on the wall's clock.

Without a server, or while it is down, mailings wait and are tried for three days; an address that is refused ends its own mailing alone.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random
from urllib.parse import quote

from alerts.channels.answer import Answer, Outcome
from alerts.channels.mail import NO_SERVER, hand_over
from alerts.channels.report_mail import report_message
from alerts.channels.variables import MissingVariable, Variables
from jobs.schedule import Did, Job
from roomleft.alerting import Smtp
from roomleft.clock import Now
from warehouse.state import PROCESS, StateDb
from warehouse.state.archive import Archive
from warehouse.state.mailings import Mailing, Mailings
from warehouse.state.recipients import Recipients
from warehouse.state.unsubscribing import Unsubscribing

log = logging.getLogger(__name__)
MAIL_OUT = "mail_out"
DEMO_SENDS_NOTHING = "a demo has no mail server and sends nothing"
EVERY = timedelta(seconds=15)
TIMEOUT_S = 30.0
MOST_A_RUN = 50
FAILURES = 3
"""After so many attempts in a row at a server that is away the rest waits for the next run: each may take its whole timeout."""
UNSUBSCRIBE = "/unsubscribe"
WAITS = Answer(Outcome.RETRY, reason=NO_SERVER)
NEVER = Answer(Outcome.REFUSED, reason=DEMO_SENDS_NOTHING)
"""Of a demo, to which nobody can give a mail server: a copy that waited for one would wait in vain."""


class MailOut:
    """Sends what is due. `smtp` gives the mail server in force, `get` a variable's secret; `public_url` is where people open this server.
    `without_server`: what becomes of a copy where there is none."""

    def __init__(
        self,
        state: StateDb,
        smtp: Callable[[], Smtp | None],
        get: Callable[[str], str | None],
        wall: Now,
        *,
        public_url: str = "",
        holder: str = PROCESS,
        jitter: Random | None = None,
        timeout_s: float = TIMEOUT_S,
        without_server: Answer = WAITS,
    ) -> None:
        self.mailings = Mailings(state, holder, jitter)
        self._archive, self._unsubscribing = Archive(state), Unsubscribing(state)
        self._recipients = Recipients(state)
        self._smtp, self._get, self._wall = smtp, get, wall
        self._public_url, self._timeout_s, self._without_server = public_url.rstrip("/"), timeout_s, without_server

    def pump(self, only: Sequence[str] | None = None) -> Did:
        """Send what is due (`only`: of these mailings); in words how it went. Raises StoreError."""
        found = self.mailings.recover(self._wall.now())
        said: Counter[str] = Counter()
        failures = 0
        while sum(said.values()) < MOST_A_RUN and failures < FAILURES:
            smtp = self._smtp()
            taken = self.mailings.take(self._wall.now(), _domain(smtp), only)
            if taken is None:
                break
            answer = self._send(taken, smtp)
            said[self._record(taken, answer)] += 1
            failures = failures + 1 if answer.outcome in (Outcome.RETRY, Outcome.UNKNOWN) else 0
        words = ", ".join(f"{count} {what}" for what, count in sorted(said.items())) or "nothing to send"
        lost = f"; {found} found with their outcome unknown" if found else ""
        return Did(words + lost, sum(said.values()), more=sum(said.values()) >= MOST_A_RUN)

    def _send(self, taken: Mailing, smtp: Smtp | None) -> Answer:
        """What came of one attempt; never raises. A 5yz about ourselves may be put right, so it is worth another."""
        variables = Variables(self._get)
        try:
            if smtp is None:
                return self._without_server
            report = self._archive.find(taken.report_key)
            if report is None:
                return Answer(Outcome.REFUSED, reason="its report is no longer in the archive")
            link = self.unsubscribe_url(taken)
            mail = report_message(
                report, taken.address, smtp.sender, taken.message_id, self._wall.now(), link, self._foot(taken, link)
            )
            answer = hand_over(mail, [taken.address], smtp, variables, self._timeout_s, of_us=Outcome.RETRY)
        except MissingVariable as error:
            return Answer(Outcome.RETRY, reason=f"the variable {error.name} is not set")
        except Exception as error:
            # Without its stack: what it quotes may hold the secret.
            words = variables.strike(f"{type(error).__name__}: {error}")
            log.error("mailing %s failed: %s", taken.mailing_id, words)
            return Answer(Outcome.RETRY, reason=f"it could not be sent: {words}").struck(variables.strike)
        return answer.struck(variables.strike)

    def _record(self, taken: Mailing, answer: Answer) -> str:
        now = self._wall.now()
        # Of an address that is refused the server's own words say it all.
        own = answer.outcome is Outcome.REFUSED and answer.status and answer.answer
        words = answer.answer if own else ": ".join(part for part in (answer.reason, answer.answer) if part)
        if answer.outcome is Outcome.DELIVERED:
            self.mailings.sent(taken, now, answer.status, words)
            return "sent"
        # A server that is away for a day is said once a copy, not at each of a hundred attempts.
        level = logging.INFO if answer.outcome is Outcome.RETRY and taken.attempts > 1 else logging.WARNING
        log.log(level, "report %s was not sent by mailing %s: %s", taken.report_key, taken.mailing_id, words)
        if answer.outcome is Outcome.REFUSED:
            self.mailings.refused(taken, now, answer.status, words)
            return "refused"
        if answer.outcome is Outcome.UNKNOWN:
            self.mailings.unknown(taken, now, words)
            return "unknown"
        self.mailings.failed(taken, now, answer.status, words)
        return "to be tried again"

    def _foot(self, taken: Mailing, link: str) -> list[str]:
        """Why this recipient gets it, how to stop it, and where the numbers are."""
        whose = self._recipients.find(taken.recipient_id) if taken.recipient_id is not None else None
        if whose is None:
            said = ["You get this mail once: somebody sent it by hand from Roomleft. Nothing further comes by itself."]
        else:
            said = [
                f"You get this mail because {whose.made_by} added {whose.address} to the recipients of Roomleft's reports on {whose.made_at:%-d %b %Y}."
            ]
            said.append(
                f"To get no more: {link}" if link else f"To get no more, tell {whose.made_by} or whoever runs Roomleft for you."
            )
        if self._public_url:
            return [*said, f"The numbers, and this report: {self._public_url}/reports?report={quote(taken.report_key)}"]
        return [*said, "The numbers are in the attached workbook, and on Roomleft's page Reports."]

    def unsubscribe_url(self, taken: Mailing) -> str:
        """The link that ends its recipient; empty for one that was sent by hand, and where nobody could open it."""
        if not self._public_url or taken.recipient_id is None:
            return ""
        return f"{self._public_url}{UNSUBSCRIBE}?of={self._unsubscribing.word(taken.recipient_id)}"


def _domain(smtp: Smtp | None) -> str:
    return smtp.sender.rpartition("@")[2] if smtp is not None else "roomleft.invalid"


def mail_out_job(mail_out: MailOut, speed: float = 1.0) -> Job:
    """What the schedule runs. `speed` is the schedule's clock's: mail lives by the wall's."""

    def run(now: datetime) -> Did:
        return mail_out.pump()

    return Job(MAIL_OUT, EVERY * speed, run, lease_ttl=timedelta(minutes=1))
