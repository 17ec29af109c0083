"""Mail through a real SMTP server."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from alerts.channels.answer import Outcome
from alerts.channels.mail import MAIL, hand_over, message_id
from alerts.channels.mail_html import as_html
from alerts.channels.sending import send
from alerts.channels.words import as_text, headline, subject_of
from alerts.notice import Kind
from alerts.trial import trial_notice
from roomleft.alerting import EmailChannel, Smtp
from tests.alerts.channels.told import ALERT, LINKS, NOTICE, means, notice
from tests.fixtures.prometheus import free_port, program
from tests.fixtures.smtp import Mailbox

TO = EmailChannel(kind="email", to=["ada@example.org", "ben@example.org"])


def settings(box: Mailbox, security: str = "none", **more: Any) -> Smtp:
    return Smtp.model_validate(
        {"host": "127.0.0.1", "port": box.port, "security": security, "from": "roomleft@example.org", **more}
    )


def parts(box: Mailbox, at: int = -1) -> tuple[str, str]:
    """The text and the HTML of a mail."""
    mail = box.mails[at]
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    return text.get_content(), html.get_content()


def test_a_mail_says_everything_in_text_and_in_html(smtp: Mailbox) -> None:
    answer = send(notice(), TO, means(smtp=settings(smtp)))
    assert (answer.outcome, answer.status) == (Outcome.DELIVERED, "250")
    mail = smtp.mails[0]
    assert smtp.envelopes == [("roomleft@example.org", ("ada@example.org", "ben@example.org"))]
    assert mail["Subject"] == "[critical] Shop: replicas fall behind"
    assert mail["Message-ID"] == "<n1.pagerduty@example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Id"] == "Shop alerts <shop.alerts.roomleft.example.org>"
    assert mail["Date"] == "Fri, 20 Nov 2026 12:00:00 +0000"
    assert mail["In-Reply-To"] is None
    for body in parts(smtp):
        for words in (
            "FIRING", "Replicas fall behind", "Readers see orders 40 s late", "40 s against 5 s over 5 min", "2026-11-20 12:57:00 CET",
            "12 % of the error budget", "today 23:10", "deploy 1.4.2 of checkout", "first notification", "1 firing",
            "https://room.example.org/alerts/1/runbook", "https://room.example.org/alerts/1/silence", "component=database",
        ):  # fmt: skip
            assert words in body, words
    assert not re.search(r"<img|<script|src=|url\(", parts(smtp)[1])


def test_a_conversation_is_one_thread_with_one_subject(smtp: Mailbox) -> None:
    send(notice(notice_id="n1.email"), TO, means(smtp=settings(smtp), opening=notice(notice_id="n1.email")))
    later = notice(Kind.RESOLVED, notice_id="n2.email", severity="warning", title="another title")
    send(later, TO, means(smtp=settings(smtp), opening=notice(notice_id="n1.email")))
    first, second = smtp.mails
    assert second["Subject"] == first["Subject"]
    assert second["In-Reply-To"] == second["References"] == first["Message-ID"]
    assert second["Message-ID"] != first["Message-ID"]
    assert "RESOLVED" in parts(smtp)[0]
    assert "14 min" in parts(smtp)[0]
    assert "Value at recovery: 2 s" in parts(smtp)[0]


def test_the_same_notice_again_is_the_same_message(smtp: Mailbox) -> None:
    for _ in range(2):
        send(notice(), TO, means(smtp=settings(smtp)))
    assert smtp.mails[0]["Message-ID"] == smtp.mails[1]["Message-ID"]


@pytest.mark.parametrize("length", [10, 34, 35, 200])
def test_a_message_id_is_never_folded_and_tells_notices_apart(length: int) -> None:
    ids = [message_id("n" * (length - 1) + last, "example.org") for last in "ab"]
    assert all(len(f"Message-ID: {each}") < 78 for each in ids)
    assert len(set(ids)) == 2


def test_what_others_wrote_is_not_decoded_as_a_header(smtp: Mailbox) -> None:
    encoded = "=?utf-8?q?x=0D=0AX-Made-Up=3A_1=0D=0A=0D=0Abody?="
    made = notice(title=encoded, platform_title=encoded)
    send(made, TO, means(opening=made, smtp=settings(smtp)))
    (mail,) = smtp.mails
    assert mail["X-Made-Up"] is None
    assert "X-Made-Up" in mail["Subject"]
    assert mail["Message-ID"] == "<n1.pagerduty@example.org>"


def test_what_others_wrote_can_neither_add_a_header_nor_a_tag(smtp: Mailbox) -> None:
    evil = notice(title="x\r\nBcc: eve@example.org\r\n\r\n<script>alert(1)</script>")
    assert send(evil, TO, means(smtp=settings(smtp), opening=evil)).outcome is Outcome.DELIVERED
    assert smtp.mails[0]["Bcc"] is None
    assert "<script>" not in parts(smtp)[1]
    assert smtp.envelopes[0][1] == ("ada@example.org", "ben@example.org")


@pytest.mark.parametrize(
    ("refuse", "outcome", "status"),
    [
        ({"DATA": "451 try later"}, Outcome.RETRY, "451"),
        ({"DATA": "554 no"}, Outcome.REFUSED, "554"),
        ({"ada@example.org": "550 no such user", "ben@example.org": "550 no"}, Outcome.REFUSED, "550"),
        ({"ada@example.org": "550 no such user", "ben@example.org": "452 full"}, Outcome.RETRY, "452"),
    ],
)
def test_4yz_is_worth_another_attempt_and_5yz_is_not(
    smtp: Mailbox, refuse: dict[str, str], outcome: Outcome, status: str
) -> None:
    smtp.refuse = refuse
    answer = send(notice(), TO, means(smtp=settings(smtp)))
    assert (answer.outcome, answer.status) == (outcome, status)
    assert smtp.mails == []


def test_recipients_refused_beside_others_are_named(smtp: Mailbox) -> None:
    smtp.refuse = {"ben@example.org": "550 no such user"}
    answer = send(notice(), TO, means(smtp=settings(smtp)))
    assert answer.outcome is Outcome.DELIVERED
    assert (answer.reason, answer.answer) == ("1 of 2 recipients were refused", "ben@example.org: 550 no such user")
    assert smtp.envelopes[0][1] == ("ada@example.org",)


def test_a_connection_that_breaks_after_the_message_leaves_the_outcome_unknown(smtp: Mailbox) -> None:
    smtp.vanish = 1
    answer = send(notice(), TO, means(smtp=settings(smtp)))
    assert answer.outcome is Outcome.UNKNOWN
    assert len(smtp.mails) == 1


def test_nobody_there_and_no_server_at_all() -> None:
    nobody = Mailbox(port=free_port())
    assert send(notice(), TO, means(smtp=settings(nobody))).outcome is Outcome.RETRY
    answer = send(notice(), TO, means())
    assert (answer.outcome, answer.reason) == (Outcome.REFUSED, "alerting.yaml has no smtp section")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate for this machine's loopback name that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            program("openssl", "openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert,
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    return str(cert), str(key)


@pytest.mark.parametrize(("security", "tls"), [("starttls", False), ("tls", True)])
def test_tls_is_checked_and_the_password_goes_only_through_it(
    start_smtp: Callable[..., Mailbox], certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch, security: str, tls: bool
) -> None:
    box = start_smtp(certificate, tls=tls, users=None if tls else {"roomleft": "open sesame"})
    smtp = settings(box, security, **({} if tls else {"user": "roomleft", "password_env": "SMTP_PASSWORD"}))
    env = {"SMTP_PASSWORD": "open sesame"}
    untrusted = send(notice(), TO, means(env, smtp=smtp))
    assert untrusted.outcome is Outcome.RETRY
    assert untrusted.reason.startswith("no trusted TLS connection")
    assert box.mails == []
    monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
    assert send(notice(), TO, means(env, smtp=smtp)).outcome is Outcome.DELIVERED
    if tls:
        return
    wrong = send(notice(), TO, means({"SMTP_PASSWORD": "wrong password"}, smtp=smtp))
    assert (wrong.outcome, wrong.status) == (Outcome.REFUSED, "535")
    assert "wrong password" not in repr(wrong)


def test_a_server_without_starttls_gets_nothing(smtp: Mailbox) -> None:
    answer = send(notice(), TO, means(smtp=settings(smtp, "starttls")))
    assert answer.outcome is Outcome.REFUSED
    assert "STARTTLS" in answer.reason
    assert smtp.mails == []


def test_a_mail_says_everything_of_a_good_page_and_once() -> None:
    one = "https://room.example.org/alerts/1#act"
    labels = {**ALERT.labels, "owner": "data team", "environment": "production"}
    told = replace(
        ALERT, labels=labels, annotations={"impact": "Orders come late."}, fired_at=ALERT.since + timedelta(minutes=2),
        links={**LINKS, "acknowledge": one, "silence": one},
    )  # fmt: skip
    made = notice(alerts=tuple(replace(told, labels={**labels, "replica": f"r{n}"}) for n in range(4)), firing=4, count=4)
    for body in (as_text(made), re.sub(r"<[^>]+>", " ", as_html(made))):
        said = re.sub(r"[\s:]+", " ", body)
        for words in (
            "Platform Shop", "Environment production", "Severity critical", "Owner data team", "Affected 4 firing r0, r1, r2 …", "Why now first notification",
            "Impact Orders come late.", "Since 2026-11-20 12 57 00 CET", "Fired 2026-11-20 12 59 00 CET", "Data up to", "Room left", "Runs out",
            "Acknowledge or silence", "deploy 1.4.2",
        ):  # fmt: skip
            assert words in said, words
    assert as_text(made).count(one) == 4


def test_a_test_says_so_once() -> None:
    made = trial_notice("ops", NOTICE.made_at)
    assert headline(made) == "TEST · Roomleft: this is a test, and nothing is wrong"
    assert subject_of(made) == "[TEST] Roomleft: this is a test, and nothing is wrong"


@pytest.mark.parametrize(
    "line",
    [
        "From 90 days of history",
        "From From where",
        "From " + "x" * 70,
        "From here on " + "it is a long way to the end of a line " * 4,
        "Not From here",
    ],
)
def test_a_line_that_begins_with_from_comes_as_it_was_written(smtp: Mailbox, line: str) -> None:
    mail = EmailMessage(policy=MAIL)
    mail["From"], mail["To"], mail["Subject"] = "roomleft@example.org", "ada@example.org", "s"
    mail.set_content(f"First\n{line}\n{line}\n", cte="quoted-printable")
    mail.add_alternative(f"<p>\n{line}\n</p>\n", subtype="html", cte="quoted-printable")
    assert hand_over(mail, ["ada@example.org"], settings(smtp), means().variables, 5.0).outcome is Outcome.DELIVERED
    assert [part.replace("\r\n", "\n") for part in parts(smtp)] == [f"First\n{line}\n{line}\n", f"<p>\n{line}\n</p>\n"]
    sent = smtp.mails[-1].as_bytes(policy=MAIL).split(b"\r\n\r\n", 1)[1]
    # Not even a server that writes an mbox finds a line to mangle.
    assert not any(each.startswith((b"From ", b">From ")) for each in sent.splitlines())
    assert max(map(len, sent.splitlines())) <= 78
