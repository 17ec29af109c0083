"""Recipients, the archive, mailings and the links that end them, on both databases and from several servers at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from roomleft.clock import FixedClock
from roomleft.errors import InputError
from tests.fixtures.clock import NOON
from warehouse.state import StateDb
from warehouse.state.archive import KEPT, Archive, Report, ReportFile
from warehouse.state.mailings import Mailings
from warehouse.state.recipients import Recipients
from warehouse.state.unsubscribing import Unsubscribing

FILES = (ReportFile("a.png", "image/png", b"\x89PNG\x00", "a"), ReportFile("w.xlsx", "application/x", b"PK\x03"))
REPORT = Report("weekly/k", "weekly", "", "UTC", NOON, NOON, NOON, "Nothing needs you", "{}", "text", "<p>html</p>", "", FILES)
Open = Callable[[], StateDb]


def at_once(count: int, work: Callable[[int], object]) -> list[object]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


def test_an_address_added_by_many_at_once_is_one_recipient(open_db: Open) -> None:
    servers = [open_db() for _ in range(4)]
    at_once(4, lambda number: Recipients(servers[number]).add("a@example.org", who=f"s{number}", hour=7))
    (found,) = Recipients(servers[0]).live()
    assert (found.address, found.hour, found.weekday, found.zone, found.platforms) == ("a@example.org", 7, "mon", "UTC", ())


def test_a_recipient_is_ended_by_number_or_address_and_stays_known(db: StateDb) -> None:
    people = Recipients(db)
    first, second = people.add("a@example.org", who="ada"), people.add("b@example.org", who="ada", platforms=["shop", "arena"])
    people.end(first.id, who="ben")
    people.end(" b@example.org ", who="ben")
    assert people.live() == []
    kept = people.find(second.id)
    assert kept is not None
    assert (kept.ended_by, kept.ended_at, kept.platforms) == ("ben", NOON, ("arena", "shop"))
    for which in (first.id, "b@example.org", "99", 99):
        with pytest.raises(InputError, match="there is no recipient"):
            people.end(which, who="ben")


def test_a_report_is_kept_once_by_whoever_is_first(open_db: Open) -> None:
    servers = [open_db() for _ in range(4)]
    kept = at_once(4, lambda number: Archive(servers[number]).keep(replace(REPORT, subject=f"by {number}")))
    assert sorted(map(bool, kept)) == [False, False, False, True]
    found = Archive(servers[0]).find("weekly/k")
    assert found is not None
    assert found == replace(REPORT, subject=f"by {kept.index(True)}")
    assert [row["files"] for row in Archive(servers[0]).newest()] == [
        [{"name": "a.png", "media_type": "image/png", "bytes": 5}, {"name": "w.xlsx", "media_type": "application/x", "bytes": 3}]
    ]


def test_a_mailing_is_put_in_once_by_however_many(open_db: Open) -> None:
    servers = [open_db() for _ in range(4)]
    ids = at_once(4, lambda number: Mailings(servers[number]).put("weekly/k", "a@example.org", NOON, NOON))
    assert len(set(ids)) == 1
    (found,) = Mailings(servers[0]).of_report("weekly/k")
    assert (found.state, found.attempts) == ("waiting", 0)


def test_every_server_signs_with_the_same_key(open_db: Open) -> None:
    servers = [open_db() for _ in range(4)]
    words = at_once(4, lambda number: Unsubscribing(servers[number]).word(7))
    assert len(set(words)) == 1
    assert Unsubscribing(servers[1]).recipient_of(str(words[0])) == 7


def test_what_is_past_keeping_goes_with_its_files(db: StateDb, clock: FixedClock) -> None:
    archive, mailings = Archive(db), Mailings(db)
    word = Unsubscribing(db).word(1)
    archive.keep(REPORT)
    archive.keep(replace(REPORT, report_key="weekly/young", made_at=NOON + timedelta(days=1), files=()))
    mailings.put("weekly/k", "a@example.org", NOON, NOON)
    mailings.put("weekly/young", "a@example.org", NOON, NOON)
    clock.at = NOON + KEPT + timedelta(hours=1)
    assert (archive.forget(clock.now()), mailings.forget(clock.now())) == (1, 1)
    assert archive.file("weekly/k", "a.png") is None
    assert [each.report_key for each in mailings.last_by_address().values()] == ["weekly/young"]
    assert Unsubscribing(db).word(1) == word
    assert archive.file("", "signing-key") is None
