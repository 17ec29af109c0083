"""When the weekly report is due, that it is made once, and for whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from jobs.weekly import Order, Weekly, due_next, slot, weekly_key
from roomleft.clock import FixedClock
from roomleft.errors import StoreError
from tests.fixtures.state import state_url
from warehouse.state import StateDb
from warehouse.state.archive import Archive, Report
from warehouse.state.mailings import Mailings
from warehouse.state.recipients import Recipient, Recipients


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "weekday", "hour", "zone", "due", "day"),
    [
        ("2026-11-23T06:59:59Z", "mon", 8, "Europe/Berlin", "2026-11-16T07:00:00Z", "2026-11-16"),
        ("2026-11-23T07:00:00Z", "mon", 8, "Europe/Berlin", "2026-11-23T07:00:00Z", "2026-11-23"),
        ("2026-07-20T06:00:00Z", "mon", 8, "Europe/Berlin", "2026-07-20T06:00:00Z", "2026-07-20"),
        # Clocks go forward at 02:00 on 29 March: 02:00 is skipped, so it is due at the jump.
        ("2026-03-29T01:00:00Z", "sun", 2, "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29"),
        ("2026-03-29T00:59:59Z", "sun", 2, "Europe/Berlin", "2026-03-22T01:00:00Z", "2026-03-22"),
        # They go back at 03:00 on 25 October: 02:00 comes twice, and the first counts.
        ("2026-10-25T00:00:00Z", "sun", 2, "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25"),
        ("2026-10-25T01:00:00Z", "sun", 2, "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25"),
        ("2026-11-23T02:15:00Z", "mon", 8, "Asia/Kathmandu", "2026-11-23T02:15:00Z", "2026-11-23"),
        ("2026-11-22T21:00:00Z", "mon", 8, "Australia/Lord_Howe", "2026-11-22T21:00:00Z", "2026-11-23"),
        ("2026-06-21T21:30:00Z", "mon", 8, "Australia/Lord_Howe", "2026-06-21T21:30:00Z", "2026-06-22"),
        # Half an hour is skipped: 02:00 to 02:30 on the first Sunday of October.
        ("2026-10-03T15:30:00Z", "sun", 2, "Australia/Lord_Howe", "2026-10-03T15:30:00Z", "2026-10-04"),
        ("2026-11-22T18:59:00Z", "mon", 8, "Pacific/Apia", "2026-11-15T19:00:00Z", "2026-11-16"),
        ("2026-11-22T19:00:00Z", "mon", 8, "Pacific/Apia", "2026-11-22T19:00:00Z", "2026-11-23"),
        # Apia skipped the whole of Friday 30 December 2011.
        ("2011-12-31T12:00:00Z", "fri", 8, "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-30"),
        ("2026-11-23T20:00:00Z", "mon", 8, "America/Los_Angeles", "2026-11-23T16:00:00Z", "2026-11-23"),
        ("2026-12-31T23:30:00Z", "thu", 23, "UTC", "2026-12-31T23:00:00Z", "2026-12-31"),
        ("2028-02-29T08:00:00Z", "tue", 8, "UTC", "2028-02-29T08:00:00Z", "2028-02-29"),
    ],
)
def test_due_by_the_clocks_of_the_zone(now: str, weekday: str, hour: int, zone: str, due: str, day: str) -> None:
    found, local = slot(at(now), weekday, hour, ZoneInfo(zone))
    assert (found, local.isoformat()) == (at(due), day)


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia", "America/St_Johns", "UTC"]
)
def test_every_week_of_a_year_has_one_instant_and_the_next_follows(zone: str) -> None:
    recipient = Recipient(1, "a@example.org", "weekly", zone, "sun", 2, (), "x", at("2026-01-01T00:00:00Z"))
    now, seen = at("2026-01-04T23:00:00Z"), []
    for _ in range(53):
        following = due_next(recipient, now)
        assert slot(following, "sun", 2, recipient.tz)[0] == following
        assert slot(following - timedelta(seconds=1), "sun", 2, recipient.tz)[0] < following
        seen.append(following)
        now = following
    steps = {later - earlier for earlier, later in pairwise(seen)}
    assert len(set(seen)) == 53
    assert all(abs(step - timedelta(days=7)) <= timedelta(hours=1) for step in steps)


class Press:
    """Makes reports of nothing, and remembers what was asked for."""

    def __init__(self, state: StateDb, clock: FixedClock) -> None:
        self.state, self.clock = state, clock
        self.orders: list[Order] = []
        self.broken: dict[str, Exception] = {}

    def make(self, order: Order) -> Report:
        self.orders.append(order)
        if order.zone.key in self.broken:
            raise self.broken[order.zone.key]
        now = self.clock.now()
        return Report(
            order.report_key, "weekly", "", order.zone.key, now, now, now, "Nothing needs you", "{}", "text", "<p>html</p>"
        )

    def hire(self) -> Weekly:
        return Weekly(self.state, self.clock, self.make)

    def waiting(self) -> list[tuple[str, str]]:
        return sorted(
            (each.report_key, each.address)
            for key in {order.report_key for order in self.orders}
            for each in Mailings(self.state).of_report(key)
        )


@pytest.fixture
def press(tmp_path: Path) -> Iterator[Press]:
    clock = FixedClock(at("2026-11-18T12:00:00Z"))
    state = StateDb.open(state_url(tmp_path), clock)
    yield Press(state, clock)
    state.close()


def add(press: Press, address: str, **more: object) -> Recipient:
    return Recipients(press.state).add(address, who="ada", **more)  # type: ignore[arg-type]


def test_each_recipient_gets_it_once_whoever_runs_and_however_often(press: Press) -> None:
    add(press, "a@example.org", zone="Europe/Berlin")
    add(press, "b@example.org", zone="Europe/Berlin")
    add(press, "c@example.org", zone="Asia/Kathmandu")
    add(press, "d@example.org", zone="Europe/Berlin", platforms=["shop"])
    first, second = press.hire(), press.hire()
    assert first.run().words == "nothing is due"
    press.clock.at = at("2026-11-23T02:15:00Z")
    assert first.run().words == "1 made, for 1 recipient"
    press.clock.at = at("2026-11-23T07:00:00Z")
    assert second.run().words == "2 made, for 3 recipients"
    for server in (first, second, press.hire()):  # the last one is a restart
        assert server.run().words == "nothing is due"
    berlin = "weekly/2026-11-23T08/Europe/Berlin"
    assert press.waiting() == [
        ("weekly/2026-11-23T08/Asia/Kathmandu", "c@example.org"),
        (berlin, "a@example.org"),
        (berlin, "b@example.org"),
        (f"{berlin}/of/shop", "d@example.org"),
    ]
    assert [order.platforms for order in press.orders] == [(), (), ("shop",)]
    press.clock.at = at("2026-11-30T07:00:10Z")
    assert first.run().rows == 4


@pytest.mark.parametrize(
    ("back_at", "made", "late"),
    [
        ("2026-11-23T08:30:00Z", 1, False),
        ("2026-11-23T09:30:00Z", 1, True),
        ("2026-11-25T07:59:00Z", 1, True),
        ("2026-11-25T08:00:00Z", 0, False),
        ("2026-12-21T08:00:05Z", 1, False),  # four weeks on: this week's, and none of the old ones
    ],
)
def test_after_being_away_it_comes_late_but_never_old(press: Press, back_at: str, made: int, late: bool) -> None:
    add(press, "a@example.org")
    press.clock.at = at(back_at)
    press.hire().run()
    press.hire().run()
    assert len(press.orders) == made
    assert [order.late is not None for order in press.orders] == [late] * made


def test_who_is_added_after_the_hour_waits_for_the_next(press: Press) -> None:
    press.clock.at = at("2026-11-23T08:00:01Z")
    add(press, "a@example.org")
    press.hire().run()
    assert press.orders == []
    press.clock.at = at("2026-11-30T08:00:00Z")
    press.hire().run()
    assert len(press.orders) == 1


def test_an_ended_recipient_gets_nothing_and_what_waits_is_called_off(press: Press) -> None:
    mine, other = add(press, "a@example.org"), add(press, "b@example.org")
    press.clock.at = at("2026-11-23T08:00:00Z")
    press.hire().run()
    Recipients(press.state).end(mine.id, who="ada")
    states = {each.address: each.state for each in Mailings(press.state).of_report(press.orders[0].report_key)}
    assert states == {"a@example.org": "called_off", "b@example.org": "waiting"}
    press.clock.at = at("2026-11-30T08:00:00Z")
    press.hire().run()
    assert [address for key, address in press.waiting() if "11-30" in key] == [other.address]


@pytest.mark.parametrize("error", [StoreError("the warehouse is away", "warehouse", "wait"), KeyError("the warehouse is away")])
def test_a_report_that_cannot_be_made_is_tried_again_and_holds_up_no_other(press: Press, error: Exception) -> None:
    add(press, "b@example.org", zone="Africa/Abidjan")
    add(press, "a@example.org", zone="UTC")
    press.broken = {"Africa/Abidjan": error}
    press.clock.at = at("2026-11-23T08:00:00Z")
    with pytest.raises(StoreError, match=r"1 made, for 1 recipient; .*Abidjan could not be made: .*the warehouse is away"):
        press.hire().run()
    assert [address for _, address in press.waiting()] == ["a@example.org"]
    press.broken = {}
    assert press.hire().run().rows == 1


def test_new_terms_take_the_place_of_old_ones(press: Press) -> None:
    old = add(press, "a@example.org", hour=8)
    assert add(press, "a@example.org", hour=8).id == old.id
    new = add(press, "a@example.org", hour=17)
    assert [(each.id, each.hour) for each in Recipients(press.state).live()] == [(new.id, 17)]
    press.clock.at = at("2026-11-23T08:00:00Z")
    press.hire().run()
    assert press.orders == []


def test_a_first_report_is_made_once_for_nobody(press: Press) -> None:
    ready: list[bool] = []
    order = Order("weekly/first", ZoneInfo("UTC"), ())
    give: Callable[[], Order | None] = lambda: order if ready else None  # noqa: E731
    weekly = Weekly(press.state, press.clock, press.make, give)
    assert weekly.run().words == "nothing is due"
    ready.append(True)
    assert weekly.run().words == "1 made, for 0 recipients"
    assert Weekly(press.state, press.clock, press.make, give).run().words == "nothing is due"
    assert [row["report_key"] for row in Archive(press.state).newest()] == ["weekly/first"]


def test_equal_reports_have_one_key() -> None:
    day = at("2026-11-23T00:00:00Z").date()
    assert weekly_key(day, 8, "UTC", ()) == "weekly/2026-11-23T08/UTC"
    assert weekly_key(day, 8, "UTC", ("a", "b")) == "weekly/2026-11-23T08/UTC/of/a,b"
