"""Pages that users of other systems got twice, late, or never: ends, restarts, inhibition, groups, windows, silences. Each test is named after its case."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from alerts.book import Book
from alerts.silences import Draft, Silences, holding
from roomleft.errors import InputError
from roomleft.findings import Looked, Severity
from roomleft.matchers import parse_matchers
from roomleft.rules_when import HealthIs
from tests.alerts.made import EVERY, FINE, NO_DATA, rule
from tests.alerts.paging import HOUR, MINUTE, Paged, alerting, pack, quick_state, slow, told
from warehouse.state import StateDb

CRITICAL = rule(severity=Severity.CRITICAL)
DAY = timedelta(days=1)
DATABASE = rule(
    "DatabaseDown",
    severity=Severity.CRITICAL,
    labels={"component": "database"},
    title="The database is down",
    when=HealthIs(health="database"),
)
API = rule("ApiFails", severity=Severity.CRITICAL, labels={"component": "api"})
SHOP = pack(database=[], api=["database"])


@pytest.fixture
def db(tmp_path: Path) -> Iterator[StateDb]:
    with quick_state(tmp_path) as state:
        yield state


def both(database: Looked, api: Looked) -> dict[str, Looked]:
    return {DATABASE.rule_id: database, API.rule_id: api}


def test_paging_04a_a_resolve_survives_a_restart_before_it_was_told(db: StateDb) -> None:
    shop = Paged(db, alerting(), CRITICAL)
    assert len(shop.beat(slow("r1"))) == 1
    shop.evaluate(FINE)  # stored; the process dies before anybody is told
    again = shop.restarted()
    (notice,) = again.flush()
    assert told([notice]) == [("ops", "resolved", "all resolved")]
    assert notice.alerts[0].lasted_s == EVERY.total_seconds()
    assert again.restarted().flush() == []


def test_paging_04b_a_resolve_is_told_although_the_alert_is_long_forgotten(db: StateDb) -> None:
    shop = Paged(db, alerting(), CRITICAL)
    shop.beat(slow("r1"))
    shop.evaluate(FINE)
    again = shop.restarted()
    again.run.at += 3 * DAY  # the server was off; what was resolved is not among the active alerts any more
    (notice,) = again.flush()
    assert (notice.kind.value, notice.resolved, notice.alerts[0].lasted_s) == ("resolved", 1, 15.0)


def test_paging_04c_a_restart_while_a_group_waits_tells_it_in_time(db: StateDb) -> None:
    shop = Paged(db, alerting({"receiver": "ops", "group_wait": "1m"}), rule())
    assert shop.for_(MINUTE, slow("r1")) == []
    assert told(shop.restarted().beat(slow("r1"))) == [("ops", "firing", "first notification")]


def test_paging_05_what_turns_unknown_while_it_fires_neither_resolves_nor_repeats(db: StateDb) -> None:
    shop = Paged(db, alerting({"receiver": "ops", "repeat_interval": "1h"}), CRITICAL)
    shop.beat(slow("r1"))
    assert shop.for_(5 * HOUR, NO_DATA, 10 * MINUTE) == []
    assert shop.withheld[-1] == ("", "it is unknown whether it holds")
    assert shop.for_(40 * MINUTE, slow("r1"), 10 * MINUTE) == []
    assert told(shop.for_(MINUTE, FINE)) == [("ops", "resolved", "all resolved")]


@pytest.mark.parametrize("how", ["restart", "reload"])
def test_paging_14_an_inhibited_alert_pages_neither_at_a_restart_nor_at_a_reload(db: StateDb, how: str) -> None:
    file = alerting({"receiver": "ops", "repeat_interval": "30d"})
    shop = Paged(db, file, DATABASE, API, packs=[SHOP])
    assert [each.group_labels["alertname"] for each in shop.beat(both(slow("r1"), slow("a1")))] == ["DatabaseDown"]
    assert ("", "a component it depends on fails") in shop.withheld
    if how == "restart":
        shop = shop.restarted()
    else:
        shop.file = alerting({"receiver": "ops", "group_by": ["platform"], "repeat_interval": "30d"})
    assert shop.flush() == []
    assert shop.for_(HOUR, both(slow("r1"), slow("a1")), MINUTE) == []


def test_paging_14b_a_source_that_nobody_can_see_now_still_inhibits(db: StateDb) -> None:
    shop = Paged(db, alerting({"receiver": "ops", "repeat_interval": "30d"}), DATABASE, API, packs=[SHOP])
    shop.beat(both(slow("r1"), FINE))
    again = shop.restarted()
    assert again.for_(10 * MINUTE, both(NO_DATA, slow("a1")), MINUTE) == []


def test_paging_14c_what_recovers_after_its_cause_does_not_page_in_between(db: StateDb) -> None:
    shop = Paged(db, alerting(), DATABASE, API, packs=[SHOP])
    shop.beat(both(slow("r1"), FINE))
    assert shop.beat(both(slow("r1"), slow("a1"))) == []
    assert told(shop.beat(both(FINE, slow("a1")))) == [("ops", "resolved", "all resolved")]
    assert shop.for_(MINUTE, both(FINE, slow("a1"))) == []
    assert shop.beat(both(FINE, FINE)) == []


def test_paging_14d_what_outlasts_its_cause_pages_then(db: StateDb) -> None:
    shop = Paged(db, alerting(), DATABASE, API, packs=[SHOP])
    shop.beat(both(slow("r1"), slow("a1")))
    shop.beat(both(FINE, slow("a1")))
    assert told(shop.for_(2 * MINUTE, both(FINE, slow("a1")))) == [("ops", "firing", "first notification")]


def test_paging_15a_two_servers_tell_once(db: StateDb) -> None:
    """Both have read the same alerts; each tells, one after the other."""
    shop = Paged(db, alerting(), CRITICAL)
    shop.evaluate(slow("r1"))
    seen = Book(db).active(shop.now)
    assert len(shop.flush(seen)) == 1
    assert shop.restarted().flush(seen) == []


def test_paging_15b_a_server_that_has_not_seen_the_end_cannot_tell_that_it_fires(db: StateDb) -> None:
    shop = Paged(db, alerting({"receiver": "ops", "repeat_interval": "15s", "group_interval": "15s"}), CRITICAL)
    shop.beat(slow("r1"))
    paused = Book(db).active(shop.now)
    shop.beat(FINE)
    shop.run.at += HOUR
    assert shop.flush(paused) == []
    assert shop.flush() == []


def test_paging_15c_an_episode_that_was_told_over_is_never_told_to_fire_again(db: StateDb) -> None:
    shop = Paged(db, alerting({"receiver": "ops", "repeat_interval": "15s"}), CRITICAL)
    shop.beat(slow("r1"))
    fired = Book(db).active(shop.now)
    shop.beat(FINE)
    # A state database restored from an old backup, say: the alert is there as if it fired on.
    Book(db).apply([replace(fired[0], evaluated_at=shop.now)], [])
    shop.run.at += HOUR
    assert shop.flush() == []


def test_paging_16a_fired_anew_within_the_group_interval_is_told_over_and_told_anew(db: StateDb) -> None:
    shop = Paged(db, alerting({"receiver": "ops", "group_interval": "5m"}), CRITICAL)
    first = shop.beat(slow("r1"))
    assert told(shop.beat(FINE)) == [("ops", "resolved", "all resolved")]
    second = shop.beat(slow("r1"))
    assert told(second) == [("ops", "firing", "first notification")]
    assert first[0].thread == second[0].thread
    assert len({first[0].notice_id, second[0].notice_id}) == 2
    assert first[0].alerts[0].episode != second[0].alerts[0].episode


def test_paging_16a_over_and_fired_anew_while_nobody_looked_is_told_in_that_order(db: StateDb) -> None:
    shop = Paged(db, alerting(), CRITICAL)
    shop.beat(slow("r1"))
    shop.evaluate(FINE)
    shop.evaluate(slow("r1"))
    notices = shop.flush()
    assert told(notices) == [("ops", "resolved", "all resolved"), ("ops", "firing", "first notification")]
    assert shop.flush() == []


def test_paging_16a_fired_anew_beside_others_is_news_of_the_group(db: StateDb) -> None:
    shop = Paged(db, alerting({"receiver": "ops", "group_interval": "5m"}), CRITICAL)
    shop.beat(slow("r1", "r2"))
    assert shop.beat(slow("r1")) == []
    (notice,) = shop.for_(6 * MINUTE, slow("r1", "r2"))
    assert (notice.why.value, notice.firing, notice.resolved) == ("new alerts in the group", 2, 1)


def test_paging_16b_all_over_is_told_at_once(db: StateDb) -> None:
    shop = Paged(db, alerting({"receiver": "ops", "group_interval": "1h"}), CRITICAL)
    shop.beat(slow("r1", "r2"))
    (notice,) = shop.beat(FINE)
    assert (notice.kind.value, notice.resolved, notice.firing) == ("resolved", 2, 0)


def test_paging_17_no_storm_of_pages_when_nothing_can_be_told(db: StateDb) -> None:
    rules = [rule(f"Rule{number}", severity=Severity.CRITICAL) for number in range(20)]
    shop = Paged(db, alerting(), *rules)
    assert shop.for_(2 * DAY, NO_DATA, 2 * HOUR) == []
    assert {reason for _, reason in shop.withheld} <= {"it is unknown whether it holds"}


def window(zone: str = "Europe/Berlin", since: str = "02:30", until: str = "03:30") -> dict[str, object]:
    recurring = {"since": since, "until": until, "zone": zone}
    return {"name": "Backups", "match": ["platform=shop"], "recurring": recurring}


@pytest.mark.parametrize(
    ("zone", "day", "since", "until", "first", "last"),
    [
        # Clocks go back at 03:00 to 02:00: 02:30 comes twice, and the window is from the first to the end of 03:30.
        ("Europe/Berlin", "2026-10-25", "02:30", "03:30", "2026-10-25T00:30Z", "2026-10-25T02:30Z"),
        # Clocks go forward at 02:00 to 03:00: 02:30 never comes, the window begins at the jump.
        ("Europe/Berlin", "2026-03-29", "02:30", "03:30", "2026-03-29T01:00Z", "2026-03-29T01:30Z"),
        ("America/New_York", "2026-11-01", "01:30", "02:30", "2026-11-01T05:30Z", "2026-11-01T07:30Z"),
        ("America/New_York", "2026-03-08", "01:30", "02:30", "2026-03-08T06:30Z", "2026-03-08T07:00Z"),
        ("Asia/Kolkata", "2026-10-25", "02:30", "03:30", "2026-10-24T21:00Z", "2026-10-24T22:00Z"),
    ],
)
def test_paging_19_a_window_is_in_its_own_zone_on_days_when_clocks_change(
    db: StateDb, zone: str, day: str, since: str, until: str, first: str, last: str
) -> None:
    begins, ends = datetime.fromisoformat(first).astimezone(UTC), datetime.fromisoformat(last).astimezone(UTC)
    assert begins.astimezone(ZoneInfo(zone)).date().isoformat() == day
    told_at = []
    for at in (begins - EVERY, begins, ends - EVERY, ends):
        shop = Paged(db, alerting(maintenance=[window(zone, since, until)]), CRITICAL, at=at)
        told_at.append(len(shop.beat(slow(f"at {at}"))))
    assert told_at == [1, 0, 0, 1]


def test_paging_19b_what_a_window_says_of_itself_is_what_it_does() -> None:
    from alerts.windows import span_at, window_words
    from roomleft.alerting import RecurringSpec

    recurring = RecurringSpec(days=["sat"], since="22:00", until="06:00", zone="Europe/Berlin")
    assert window_words(recurring) == "Sat 22:00–06:00 Europe/Berlin"
    span = span_at(recurring, datetime(2026, 11, 22, 3, tzinfo=UTC))  # Sunday, 04:00 in Berlin: Saturday's window
    assert span is not None
    shown = [f"{each.astimezone(ZoneInfo('Europe/Berlin')):%a %H:%M}" for each in span]
    assert shown == ["Sat 22:00", "Sun 06:00"]


@pytest.mark.parametrize("kind", ["silence", "window"])
def test_paging_20a_what_was_told_before_is_not_told_as_new_after_it(db: StateDb, kind: str) -> None:
    file = alerting({"receiver": "ops", "repeat_interval": "4h"})
    shop = Paged(db, file, CRITICAL)
    shop.beat(slow("r1"))
    shop.run.at += HOUR
    if kind == "silence":
        shop.silence("platform=shop", last=5 * HOUR)
    else:
        shop.file = alerting({"receiver": "ops", "repeat_interval": "4h"}, maintenance=[window("UTC", "13:00", "18:00")])
    inside = shop.for_(5 * HOUR, slow("r1"), 5 * MINUTE)
    assert {each.kind.value for each in inside} <= {"change"}  # that the silence will end soon pages nobody
    assert shop.for_(90 * MINUTE, slow("r1"), 5 * MINUTE) == []  # it was told at 12:00; 16:00 fell into it and is not made up for
    assert [each.why.value for each in shop.for_(HOUR, slow("r1"), 5 * MINUTE)] == ["repeat interval elapsed"]


@pytest.mark.parametrize("kind", ["silence", "maintenance"])
def test_paging_20b_what_began_inside_and_still_fires_is_told_once_with_the_reason(db: StateDb, kind: str) -> None:
    shop = Paged(db, alerting(), CRITICAL)
    shop.silence("platform=shop", last=HOUR, kind=kind)
    assert shop.for_(HOUR, slow("r1"), MINUTE) == []
    assert told(shop.for_(HOUR, slow("r1"), 5 * MINUTE)) == [("ops", "firing", "a silence ended and it still fires")]


def test_paging_20c_what_began_and_ended_inside_is_not_told(db: StateDb) -> None:
    shop = Paged(db, alerting(), CRITICAL)
    shop.silence("platform=shop", last=HOUR)
    assert shop.for_(30 * MINUTE, slow("r1"), MINUTE) == []
    assert shop.for_(HOUR, FINE, MINUTE) == []
    assert shop.withheld == [("", "silenced"), ("", "over before anybody was told")]


def test_paging_20d_an_end_is_told_although_it_comes_inside(db: StateDb) -> None:
    shop = Paged(db, alerting(), CRITICAL)
    shop.beat(slow("r1"))
    shop.silence("platform=shop", last=HOUR)
    assert told(shop.for_(MINUTE, FINE)) == [("ops", "resolved", "all resolved")]


def test_paging_20e_one_that_is_silenced_keeps_its_group_open(db: StateDb) -> None:
    """The other one ends; who is told that all is over would close an incident that goes on."""
    shop = Paged(db, alerting(), CRITICAL)
    shop.beat(slow("r1", "r2"))
    shop.silence("replica=r1", last=HOUR)
    (notice,) = shop.for_(10 * MINUTE, slow("r1"), MINUTE)
    assert (notice.kind.value, notice.why.value, notice.firing) == ("firing", "some alerts of the group resolved", 1)
    assert told(shop.for_(MINUTE, FINE)) == [("ops", "resolved", "all resolved")]


def test_paging_22a_an_expired_silence_never_comes_back(db: StateDb) -> None:
    shop = Paged(db, alerting({"receiver": "ops", "repeat_interval": "30d"}), CRITICAL)
    number = shop.silence("platform=shop", last=HOUR)
    assert shop.for_(HOUR, slow("r1"), MINUTE) == []
    assert len(shop.for_(MINUTE, slow("r1"))) == 1
    with pytest.raises(InputError, match="what has ended stays so"):
        Silences(db).prolong(number, shop.now + HOUR, who="ana", now=shop.now)
    again = shop.restarted()
    again.run.at -= 30 * MINUTE  # even a clock that is set back into it
    again.run.before = again.now
    again.beat(FINE)
    assert len(again.beat(slow("r9"))) == 1
    assert Silences(db).find(number).state_at(again.now) == "expired"
    again.silence("platform=shop")  # a new one holds


def test_paging_22a_one_that_was_ended_by_hand_stays_ended(db: StateDb) -> None:
    shop = Paged(db, alerting(), CRITICAL)
    number = shop.silence("platform=shop", last=DAY)
    shop.beat(FINE)
    Silences(db).end(number, who="ben", now=shop.now)
    for deed in (
        lambda: Silences(db).end(number, who="ana", now=shop.now),
        lambda: Silences(db).prolong(number, shop.now + HOUR, who="ana", now=shop.now),
    ):
        with pytest.raises(InputError, match="by ben"):
            deed()
    assert len(shop.restarted().beat(slow("r1"))) == 1


def test_paging_22b_a_silence_says_what_it_hides_and_when_nothing_matches_it(db: StateDb) -> None:
    shop = Paged(db, alerting(), CRITICAL)
    used, unused = shop.silence("platform=shop", last=20 * DAY), shop.silence("platform=gone", last=20 * DAY)
    shop.beat(slow("r1", "r2"))

    def listed() -> dict[int, tuple[int, bool]]:
        seen = Silences(db).seen(shop.now)
        found = {each.id: holding(each, Book(db).active(shop.now), seen, shop.now) for each in Silences(db).all(shop.now)}
        return {number: (each.hides, each.idle) for number, each in found.items()}

    assert listed() == {used: (2, False), unused: (0, False)}
    shop.run.at += 7 * DAY
    assert listed() == {used: (2, False), unused: (0, True)}
    shop.beat(FINE)
    assert listed() == {used: (0, False), unused: (0, True)}


def test_paging_22b_a_silence_cannot_be_forgotten_for_long(db: StateDb) -> None:
    shop = Paged(db, alerting(), CRITICAL)
    with pytest.raises(InputError, match="30 days at most"):
        shop.silence("platform=shop", last=31 * DAY)
    with pytest.raises(InputError, match="hold every alert"):
        shop.silence('alertname=~".*"')
    Silences(db).add(Draft(parse_matchers(['alertname=~".*"']), shop.now + HOUR), who="ana", now=shop.now, everything=True)
    assert shop.beat(slow("r1")) == []
