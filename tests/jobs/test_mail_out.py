"""Reports on their way through a real mail server: sent once, tried again, refused alone, never doubled unawares."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import update

from jobs.mail_out import MailOut
from roomleft.alerting import Smtp
from roomleft.clock import FixedClock
from tests.fixtures.prometheus import free_port
from tests.fixtures.smtp import Mailbox
from tests.fixtures.state import state_url
from warehouse.state import StateDb
from warehouse.state.archive import Archive, Report, ReportFile
from warehouse.state.mailings import LEASE, TRIED_FOR, Mailing, Mailings
from warehouse.state.models_reports import MailingRow
from warehouse.state.recipients import Recipients
from warehouse.state.unsubscribing import Unsubscribing

MONDAY = datetime(2026, 11, 23, 8, tzinfo=UTC)
KEY = "weekly/2026-11-23T08/UTC"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Office:
    """A state database with one report, a mail server that may be away, and whoever sends."""

    def __init__(self, url: str) -> None:
        self.clock = FixedClock(MONDAY)
        self.state = StateDb.open(url, self.clock)
        self.port = free_port()
        self.smtp: Smtp | None = self.at(self.port)
        self.keep("Nothing needs you")

    def at(self, port: int, **more: object) -> Smtp:
        return Smtp.model_validate(
            {"host": "127.0.0.1", "port": port, "security": "none", "from": "roomleft@example.org", **more}
        )

    def keep(self, subject: str, key: str = KEY, html: str = '<p>Hello</p><img src="cid:budgets" alt="Budgets hold.">') -> None:
        files = (ReportFile("budgets.png", "image/png", b"\x89PNG", "budgets"), ReportFile("week.xlsx", XLSX, b"PK"))
        now = self.clock.now()
        Archive(self.state).keep(
            Report(key, "weekly", "", "UTC", now, now, now, subject, "{}", "Hello, in text", html, "", files)
        )

    def hire(self, holder: str = "here:1:aa", public_url: str = "") -> MailOut:
        return MailOut(
            self.state, lambda: self.smtp, {}.get, self.clock, public_url=public_url, holder=holder, jitter=Random(3), timeout_s=5
        )

    def put(self, *addresses: str) -> None:
        for address in addresses:
            Mailings(self.state).put(KEY, address, self.clock.now(), self.clock.now())

    def states(self) -> dict[str, str]:
        return {each.address: each.state for each in self.all()}

    def all(self) -> list[Mailing]:
        return Mailings(self.state).of_report(KEY)


@pytest.fixture(params=["sqlite", "postgresql"])
def office(request: pytest.FixtureRequest, tmp_path: Path, smtp: Mailbox) -> Iterator[Office]:
    url = state_url(tmp_path) if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    office = Office(url)
    office.smtp = office.at(smtp.port)
    yield office
    office.state.close()


@pytest.fixture
def lone(tmp_path: Path, smtp: Mailbox) -> Iterator[Office]:
    """The same on SQLite alone."""
    office = Office(state_url(tmp_path))
    office.smtp = office.at(smtp.port)
    yield office
    office.state.close()


def test_a_report_arrives_whole_and_once(office: Office, smtp: Mailbox) -> None:
    office.put("a@example.org", "b@example.org")
    assert office.hire().pump().words == "2 sent"
    assert office.hire("there:2:bb").pump().words == "nothing to send"
    assert office.states() == {"a@example.org": "sent", "b@example.org": "sent"}
    assert sorted(to for _, (to,) in smtp.envelopes) == ["a@example.org", "b@example.org"]
    mail = next(each for each in smtp.mails if each["To"] == "a@example.org")
    assert mail["Subject"] == "Nothing needs you"
    assert mail["List-Unsubscribe"] is None
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"] == office.all()[0].message_id
    assert len({each["Message-ID"] for each in smtp.mails}) == 2
    shape = [part.get_content_type() for part in mail.walk()]
    assert shape == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        XLSX,
    ]
    picture = next(part for part in mail.walk() if part.get_content_type() == "image/png")
    assert picture["Content-ID"] == "<budgets>"
    assert [part.get_filename() for part in mail.iter_attachments()] == ["week.xlsx"]


def test_two_servers_at_once_send_each_copy_once(office: Office, smtp: Mailbox) -> None:
    addresses = [f"r{number}@example.org" for number in range(12)]
    office.put(*addresses)
    servers = [office.hire(f"server:{number}:aa") for number in range(2)]
    threads = [threading.Thread(target=server.pump) for server in servers for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for server in servers:
        server.pump()
    assert sorted(to for _, (to,) in smtp.envelopes) == sorted(addresses)


def test_a_refused_address_ends_its_own_copy_alone(lone: Office, smtp: Mailbox) -> None:
    smtp.refuse = {"gone@example.org": "550 5.1.1 no such user", "full@example.org": "452 4.2.2 mailbox full"}
    lone.put("a@example.org", "full@example.org", "gone@example.org")
    lone.hire().pump()
    assert lone.states() == {"a@example.org": "sent", "full@example.org": "waiting", "gone@example.org": "refused"}
    gone = lone.all()[2]
    assert (gone.status, gone.attempts) == ("550", 1)
    assert gone.answer == "5.1.1 no such user", "the code and the refusal are said once, by the status"
    smtp.refuse = {}
    lone.clock.advance(timedelta(hours=1))
    lone.hire().pump()
    assert lone.states()["full@example.org"] == "sent"
    assert [to for _, (to,) in smtp.envelopes].count("a@example.org") == 1


def test_a_server_that_is_down_for_a_day_costs_nothing(lone: Office, smtp: Mailbox) -> None:
    real, lone.smtp = lone.smtp, lone.at(lone.port)
    lone.put("a@example.org")
    for _ in range(24):
        lone.hire().pump()
        lone.clock.advance(timedelta(hours=1))
    before = lone.all()[0]
    assert before.state == "waiting"
    assert before.attempts == 24
    assert "cannot be reached" in before.answer
    lone.smtp = real
    lone.hire().pump()
    after = lone.all()[0]
    assert (after.state, after.message_id) == ("sent", before.message_id)
    assert len(smtp.mails) == 1


@pytest.mark.parametrize("why", ["away", "no server named", "sign-in refused"])
def test_after_three_days_it_is_given_up_with_the_reason(
    lone: Office, start_smtp: Callable[..., Mailbox], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lone.put("a@example.org")
    lone.smtp = None if why == "no server named" else lone.at(lone.port)
    if why == "sign-in refused":
        box = start_smtp()
        lone.smtp = lone.at(box.port, user="u", password_env="SMTP_PASSWORD")
    while lone.clock.now() <= MONDAY + TRIED_FOR:
        lone.hire().pump()
        lone.clock.advance(timedelta(hours=6))
    lone.hire().pump()
    (found,) = lone.all()
    assert found.state == "given_up"
    reasons = {"away": "cannot be reached", "no server named": "no smtp section", "sign-in refused": "SMTP_PASSWORD is not set"}
    assert reasons[why] in found.answer
    lone.clock.advance(timedelta(days=1))
    assert lone.hire().pump().words == "nothing to send"


def test_a_copy_that_may_have_arrived_is_sent_once_more_as_the_same_message(lone: Office, smtp: Mailbox) -> None:
    smtp.vanish = 1
    lone.put("a@example.org")
    lone.hire().pump()
    assert lone.states() == {"a@example.org": "unknown"}
    lone.clock.advance(timedelta(minutes=5))
    lone.hire().pump()
    assert lone.states() == {"a@example.org": "sent"}
    assert len(smtp.mails) == 2
    assert smtp.mails[0]["Message-ID"] == smtp.mails[1]["Message-ID"]


def test_unknown_twice_is_left_and_says_so(lone: Office, smtp: Mailbox) -> None:
    smtp.vanish = 5
    lone.put("a@example.org")
    for _ in range(5):
        lone.hire().pump()
        lone.clock.advance(timedelta(hours=1))
    (found,) = lone.all()
    assert (found.state, found.attempts) == ("unknown", 2)
    assert found.done_at is not None
    assert "may have arrived" in found.answer
    assert len(smtp.mails) == 2


def test_unknown_then_away_still_is_sent_only_once_more(lone: Office, smtp: Mailbox) -> None:
    smtp.vanish = 5
    lone.put("a@example.org")
    lone.hire().pump()
    real, lone.smtp = lone.smtp, lone.at(lone.port)
    for _ in range(3):
        lone.clock.advance(timedelta(hours=1))
        lone.hire().pump()
    assert lone.states() == {"a@example.org": "unknown"}
    lone.smtp = real
    for _ in range(3):
        lone.clock.advance(timedelta(hours=1))
        lone.hire().pump()
    assert len(smtp.mails) == 2


def test_a_process_that_dies_between_acceptance_and_record_doubles_nothing_unawares(office: Office, smtp: Mailbox) -> None:
    office.put("a@example.org")
    dying = office.hire("gone:1:aa")
    taken = dying.mailings.take(office.clock.now(), "example.org")
    assert taken is not None
    dying._send(taken, office.smtp)  # the server has it; then the process is no more, and nothing was written down
    assert office.hire("here:2:bb").pump().words == "nothing to send"
    office.clock.advance(LEASE + timedelta(seconds=1))
    assert office.hire("here:2:bb").pump().words == "1 sent; 1 found with their outcome unknown"
    assert [mail["Message-ID"] for mail in smtp.mails] == [taken.message_id] * 2
    # A second death leaves it: it may have arrived twice by then, never a third time.
    with office.state.write() as connection:
        values = {"state": "sending", "status": "unknown", "done_at": None, "leased_until": office.clock.now()}
        connection.execute(update(MailingRow).values(**values))
    office.hire().pump()
    (found,) = office.all()
    assert (found.state, found.done_at is not None, len(smtp.mails)) == ("unknown", True, 2)


LONG = (
    # As the library folds them by itself, a space is lost or doubled, or the whole begins with one.
    "5 decisions: Tabletop API budget, 30\u202f% of revenue has run out; Arena worlds of the pool by 14\u202fDec",
    "run out of budgets 14\u202fDec, Größe 14\u202fDec, 14\u202fDec, run 30\u202f% decisions: has it",
    "budgets of it Arena two worlds +$99/month of +$99/month worlds the Café",
    "Café 14\u202fDec, decisions: Café budget −$3.52 has 14\u202fDec, +$99/month by worlds",
    "日本語の予算は今月末までに足りなくなる見込みです、次の手順を決めてください、期限は十二月十四日",
    "Nothing needs you; of many limits of many platforms nothing at all is known at this time, so to say",
    "w" * 74 + " x",
)


@pytest.mark.parametrize(
    ("title", "subject"),
    [
        ("x\r\nBcc: eve@example.org\r\n\r\nbody", "x Bcc: eve@example.org body"),
        ("=?utf-8?q?x=0D=0ABcc=3A_eve=40example.org?=", "= ?utf-8?q?x=0D=0ABcc=3A_eve=40example.org?="),
        ("n" * 300, "n" * 200),
        ("🎲 דו״ח שבועי 🎲", "🎲 דו״ח שבועי 🎲"),
        *((each, " ".join(each.split())) for each in LONG),  # narrow spaces become plain ones
    ],
)
def test_no_title_adds_a_header_or_breaks_one(lone: Office, smtp: Mailbox, title: str, subject: str) -> None:
    key = f"weekly/{len(title)}"
    lone.keep(title, key)
    Mailings(lone.state).put(key, "a@example.org", MONDAY, MONDAY)
    assert lone.hire().pump().words == "1 sent"
    (mail,) = smtp.mails
    assert mail["Bcc"] is None
    assert mail["Subject"] == subject
    assert smtp.envelopes[0][1] == ("a@example.org",)


def test_a_recipient_can_end_it_with_one_click_where_there_is_an_address_to_click_on(lone: Office, smtp: Mailbox) -> None:
    mine = Recipients(lone.state).add("a@example.org", who="ada")
    Mailings(lone.state).put(KEY, mine.address, MONDAY, MONDAY, mine.id)
    lone.put("by-hand@example.org")
    lone.hire(public_url="https://room.example.org/").pump()
    by_address = {mail["To"]: mail for mail in smtp.mails}
    link = by_address["a@example.org"]["List-Unsubscribe"].strip()
    assert link.startswith("<https://room.example.org/unsubscribe?of=")
    assert by_address["a@example.org"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert by_address["by-hand@example.org"]["List-Unsubscribe"] is None
    for mail, words in (
        (
            "a@example.org",
            [
                "because ada added a@example.org",
                "To get no more: " + link.strip("<>"),
                "https://room.example.org/reports?report=",
            ],
        ),
        ("by-hand@example.org", ["You get this mail once", "https://room.example.org/reports?report="]),
    ):
        for kind in ("plain", "html"):
            body = by_address[mail].get_body((kind,))
            assert body is not None
            told = re.sub("<[^>]+>", "", " ".join(body.get_content().split()))
            assert all(part in told for part in words), (kind, told)
    word = link.strip("<>").partition("of=")[2]
    signs = Unsubscribing(lone.state)
    assert signs.recipient_of(word) == mine.id
    for wrong in (
        word[:-1] + ("0" if word[-1] != "0" else "1"),
        f"{mine.id + 1}{word[1:]}",
        "",
        "1",
        "x-y",
        f"{mine.id}-",
        "٣-abc",
        "9" * 40,
    ):
        assert signs.recipient_of(wrong) is None


def test_the_foot_stands_within_the_sheet_of_a_real_report(lone: Office, smtp: Mailbox) -> None:
    html = '<body><table><tr><td class="in"><p>Hello</p>\n</td></tr></tbody></table>\n\n</body></html>'
    lone.keep("Nothing needs you", key=f"{KEY}/2", html=html)
    Mailings(lone.state).put(f"{KEY}/2", "a@example.org", MONDAY, MONDAY)
    lone.hire().pump()
    told = smtp.mails[0].get_body(("html",)).get_content()
    assert told.index("You get this mail once") < told.index("</td>")


def test_where_nobody_can_click_the_mail_says_whom_to_tell(lone: Office, smtp: Mailbox) -> None:
    mine = Recipients(lone.state).add("a@example.org", who="ada <b>")
    Mailings(lone.state).put(KEY, mine.address, MONDAY, MONDAY, mine.id)
    lone.hire().pump()
    (mail,) = smtp.mails
    plain, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert "To get no more, tell ada <b> or whoever runs Roomleft for you." in plain
    assert "tell ada &lt;b&gt; or whoever" in html
    assert "http" not in plain


def test_a_report_that_is_gone_and_a_fault_of_ours_say_so(lone: Office) -> None:
    Mailings(lone.state).put("weekly/none", "a@example.org", MONDAY, MONDAY)
    lone.hire().pump()
    (found,) = Mailings(lone.state).of_report("weekly/none")
    assert (found.state, found.answer) == ("refused", "its report is no longer in the archive")
