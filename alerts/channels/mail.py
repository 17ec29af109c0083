"""Mail over SMTP: text and HTML, both complete without images, threaded by a stable first message."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from email.header import Header
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, formataddr
from hashlib import sha256
from typing import Any

from alerts.channels.answer import Answer, Means, Outcome
from alerts.channels.mail_html import as_html
from alerts.channels.variables import Variables
from alerts.channels.words import as_text, line, subject_of
from alerts.notice import Notice
from roomleft.alerting import EmailChannel, Smtp

LONGEST_ID = 34
LONGEST_LINE = 76
FROM = re.compile("^From ", re.MULTILINE)
NO_SERVER = "alerting.yaml has no smtp section"


def send(notice: Notice, channel: EmailChannel, means: Means) -> Answer:
    """Hand one message to the server. 4yz is worth another attempt, 5yz is not; recipients refused beside accepted ones are named."""
    smtp = means.smtp
    if smtp is None:
        return Answer(Outcome.REFUSED, reason=NO_SERVER)
    mail = message(notice, channel.to, smtp.sender, means)
    return hand_over(mail, channel.to, smtp, means.variables, means.timeout_s)


def reach(means: Means) -> Answer:
    """Connect and sign in as for sending, and send nothing: delivered if a mail could be handed over now."""
    assert means.smtp is not None, "ask only where a mail server is configured"
    return _spoken(means.smtp, means.variables, means.timeout_s, None, 0, Outcome.REFUSED)


def hand_over(
    mail: EmailMessage,
    to: Sequence[str],
    smtp: Smtp,
    variables: Variables,
    timeout_s: float,
    *,
    of_us: Outcome = Outcome.REFUSED,
) -> Answer:
    """Connect, sign in, and hand one message over for the addresses `to`. `of_us`: what a 5yz means that is about us rather than the
    message or its addresses (greeting, sign-in, sender): somebody may put that right later. Raises MissingVariable."""
    _spell_from(mail)
    return _spoken(smtp, variables, timeout_s, lambda server: server.send_message(mail, smtp.sender, to), len(to), of_us)


def _spell_from(mail: EmailMessage) -> None:
    """Encode the `F` of every line of text that begins with `From `: what writes a mail to an mbox, smtplib's own generator too, makes `>From ` of it."""
    for part in mail.walk():
        if part.get("Content-Transfer-Encoding", "").lower() == "quoted-printable":
            told = str(part.get_payload())
            while FROM.search(told):
                # On a line of its own, as the line may be as long as it can be; a soft line end counts for nothing.
                told = FROM.sub("=46rom =\n", told)
            part.set_payload(told)


def _spoken(
    smtp: Smtp,
    variables: Variables,
    timeout_s: float,
    hand: Callable[[smtplib.SMTP], dict[str, tuple[int, bytes]]] | None,
    recipients: int,
    of_us: Outcome,
) -> Answer:
    password = variables.need(smtp.password_env) if smtp.password_env else None
    handing = False
    refused: dict[str, tuple[int, bytes]] = {}
    try:
        with _connected(smtp, timeout_s) as server:
            _signed_in(server, smtp, password)
            if hand is not None:
                handing = True
                refused = hand(server)
    except smtplib.SMTPRecipientsRefused as error:
        return _judged(*max(error.recipients.values(), key=lambda said: 400 <= said[0] < 500), "every recipient was refused")
    except smtplib.SMTPResponseException as error:  # authentication, greeting, sender and data
        judged = _judged(error.smtp_code, error.smtp_error, "the mail server refused it")
        if judged.outcome is Outcome.REFUSED and not isinstance(error, smtplib.SMTPDataError):
            return replace(judged, outcome=of_us)
        return judged
    except smtplib.SMTPNotSupportedError as error:
        return Answer(of_us, reason=f"the mail server cannot do this: {error}")
    except ssl.SSLError as error:
        why = error.reason or type(error).__name__
        return Answer(Outcome.RETRY, reason=f"no trusted TLS connection to the mail server: {why}")
    except (smtplib.SMTPException, OSError) as error:
        if handing:
            why = type(error).__name__
            return Answer(Outcome.UNKNOWN, reason=f"the connection broke while handing it over ({why}): it may have been taken")
        return Answer(Outcome.RETRY, reason=f"the mail server cannot be reached: {error or type(error).__name__}")
    if refused:
        told = "; ".join(f"{who}: {code} {_text(words)}" for who, (code, words) in sorted(refused.items()))
        return Answer(Outcome.DELIVERED, "250", told, f"{len(refused)} of {recipients} recipients were refused")
    return Answer(Outcome.DELIVERED, "250", "accepted")


def message(notice: Notice, to: list[str], sender: str, means: Means) -> EmailMessage:
    """The message. Its Message-ID is made of the notice's id alone, so every attempt carries the same one."""
    domain = sender.rpartition("@")[2]
    mail = EmailMessage(policy=MAIL)
    mail["From"] = formataddr(("Roomleft", sender))
    mail["To"] = ", ".join(to)
    # Of the opening notice, so that programs that thread by subject keep one conversation together.
    mail["Subject"] = as_it_stands(subject_of(means.opening))
    mail["Date"] = format_datetime(means.now)
    mail["Message-ID"] = message_id(notice.notice_id, domain)
    if means.opening.notice_id != notice.notice_id:
        mail["In-Reply-To"] = mail["References"] = message_id(means.opening.notice_id, domain)
    name = re.sub(r"[^a-z0-9-]", "-", notice.platform.lower()) or "all"
    mail["List-Id"] = f"{as_it_stands(line(notice.platform_title)) or 'Roomleft'} alerts <{name}.alerts.roomleft.{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    if notice.severity == "critical" and notice.firing:
        mail["Importance"] = "high"
    mail.set_content(as_text(notice), cte="quoted-printable")
    mail.add_alternative(as_html(notice), subtype="html", cte="quoted-printable")
    return mail


class WholeSubjects(EmailPolicy):
    """As `policy.SMTP`, but a subject is read as it was written. The library's own folding encodes only the words that need it, and loses or doubles
    spaces between those and others, also at the beginning."""

    def fold(self, name: str, value: Any) -> str:
        """The header in lines, as text."""
        return str(_subject(value)) if name.lower() == "subject" else str(super().fold(name, value))

    def fold_binary(self, name: str, value: Any) -> bytes:
        """The header in lines, as bytes."""
        return _subject(value).encode("ascii") if name.lower() == "subject" else bytes(super().fold_binary(name, value))


MAIL = WholeSubjects(linesep="\r\n")
"""How our messages are written."""


def _subject(value: object) -> str:
    text = str(value).replace("\r", " ").replace("\n", " ")
    plain = text.isascii() and text.isprintable() and "  " not in text and len(text) <= LONGEST_LINE - len("Subject: ")
    if plain:
        return f"Subject: {text}\r\n"
    # Every word encoded, in pieces that hold whole letters: between two encoded words a line's end counts for nothing.
    coded = Header(text, "utf-8", maxlinelen=LONGEST_LINE, header_name="Subject").encode(linesep="\r\n")
    return f"Subject: {coded}\r\n"


def as_it_stands(text: str) -> str:
    """A text that a header may hold and that is read there as it stands: `=?utf-8?q?=0D=0ABcc…?=` would be decoded, line ends and all."""
    return text.replace("=?", "= ?")


def message_id(notice_id: str, domain: str) -> str:
    """`<notice.id@example.org>`, of characters that every server lets pass; hashed where the header would have to be folded."""
    plain = re.sub(r"[^A-Za-z0-9._+-]", ".", notice_id)
    name = plain if len(plain) <= LONGEST_ID else f"roomleft.{sha256(notice_id.encode()).hexdigest()[:24]}"
    return f"<{name}@{domain}>"


@contextmanager
def _connected(smtp: Smtp, timeout_s: float) -> Iterator[smtplib.SMTP]:
    """A connection that is cut off `timeout_s` after its beginning, whatever it is doing: a socket's own timeout starts anew at each byte."""
    context = ssl.create_default_context()
    server: smtplib.SMTP = (
        smtplib.SMTP_SSL(timeout=timeout_s, context=context) if smtp.security == "tls" else smtplib.SMTP(timeout=timeout_s)
    )
    cut = threading.Timer(timeout_s, _cut_off, [server])
    cut.daemon = True
    cut.start()
    try:
        server._host = smtp.host  # type: ignore[attr-defined]  # what TLS checks the certificate against: connect() leaves it empty
        code, words = server.connect(smtp.host, smtp.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, words)
        if smtp.security == "starttls":
            server.starttls(context=context)
        yield server
        # It has taken the message; how it says goodbye does not matter.
        with suppress(smtplib.SMTPException, OSError):
            server.quit()
    finally:
        cut.cancel()
        server.close()


def _signed_in(server: smtplib.SMTP, smtp: Smtp, password: str | None) -> None:
    if smtp.user is not None:
        server.login(smtp.user, password or "")


def _cut_off(server: smtplib.SMTP) -> None:
    if server.sock is not None:
        with suppress(OSError):  # it may just have ended by itself
            server.sock.shutdown(socket.SHUT_RDWR)


def _judged(code: int, words: bytes | str, what: str) -> Answer:
    outcome = Outcome.RETRY if 400 <= code < 500 or code < 200 else Outcome.REFUSED
    return Answer(outcome, str(code), _text(words), f"{what}: {code}")


def _text(words: bytes | str) -> str:
    return words.decode("utf-8", "replace") if isinstance(words, bytes) else words
