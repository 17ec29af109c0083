"""Who is told too when nobody acknowledged, and when that time stands still."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts.acknowledgements import Acknowledgements
from roomleft.errors import InputError
from roomleft.findings import Severity
from tests.alerts.made import EVERY, FINE, NO_DATA, NOON, rule
from tests.alerts.paging import HOUR, MAIL, MINUTE, PAGER, Paged, alerting, quick_state, slow, told
from warehouse.state import StateDb

CRITICAL = rule(severity=Severity.CRITICAL)
STEPS = [{"after": "15m", "receiver": "lead"}, {"after": "45m", "receiver": "boss"}]
ONCE = "nobody acknowledged"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[StateDb]:
    with quick_state(tmp_path) as state:
        yield state


def watch(db: StateDb, at: datetime = NOON, **more: Any) -> Paged:
    shop = Paged(db, alerting({"receiver": "ops", "repeat_interval": "30d", "escalate": STEPS}, **more), CRITICAL, at=at)
    assert len(shop.beat(slow("r1"))) == 1
    return shop


def test_each_step_once_and_all_are_told_of_the_end(db: StateDb) -> None:
    shop = watch(db)
    assert shop.for_(14 * MINUTE, slow("r1"), MINUTE) == []
    assert told(shop.beat(slow("r1"), MINUTE)) == [("lead", "firing", ONCE)]
    assert shop.for_(29 * MINUTE, slow("r1"), MINUTE) == []
    assert told(shop.beat(slow("r1"), MINUTE)) == [("boss", "firing", ONCE)]
    assert shop.for_(3 * HOUR, slow("r1"), 5 * MINUTE) == []
    assert sorted(told(shop.beat(FINE))) == [(name, "resolved", "all resolved") for name in ("boss", "lead", "ops")]


@pytest.mark.parametrize(
    "began",
    ["2026-10-25T00:50Z", "2026-03-29T00:50Z", "2026-11-01T05:50Z", "2026-03-08T06:50Z", "2026-04-04T14:50Z"],
    ids=["back_in_Berlin", "forward_in_Berlin", "back_in_New_York", "forward_in_New_York", "back_on_Lord_Howe"],
)
def test_it_is_elapsed_time_whatever_local_clocks_do(db: StateDb, began: str) -> None:
    shop = watch(db, at=datetime.fromisoformat(began).astimezone(UTC))
    assert shop.for_(14 * MINUTE, slow("r1"), MINUTE) == []
    assert told(shop.beat(slow("r1"), MINUTE)) == [("lead", "firing", ONCE)]


def test_who_takes_it_on_stops_it(db: StateDb) -> None:
    shop = watch(db)
    shop.take(shop.run.one, note="looking")
    assert shop.for_(3 * HOUR, slow("r1"), 5 * MINUTE) == []
    assert shop.withheld[-1] == ("", "acknowledged")
    assert told(shop.beat(FINE)) == [("ops", "resolved", "all resolved")]


def test_one_that_ran_out_is_told_and_escalation_begins_anew(db: StateDb) -> None:
    shop = watch(db)
    assert len(shop.for_(15 * MINUTE, slow("r1"), MINUTE)) == 1
    shop.take(shop.run.one, until=shop.now + HOUR)
    assert shop.for_(HOUR - MINUTE, slow("r1"), MINUTE) == []
    assert told(shop.beat(slow("r1"), MINUTE)) == [("ops", "firing", ONCE)]
    assert shop.for_(14 * MINUTE, slow("r1"), MINUTE) == []
    assert told(shop.beat(slow("r1"), MINUTE)) == [("lead", "firing", ONCE)]


def test_one_that_was_given_back_too(db: StateDb) -> None:
    shop = watch(db)
    shop.take(shop.run.one)
    shop.beat(slow("r1"))
    Acknowledgements(db).give_back(shop.run.one.episode, who="ana", now=shop.now)
    assert told(shop.beat(slow("r1"))) == [("ops", "firing", ONCE)]


@pytest.mark.parametrize("how", ["silence", "unknown"])
def test_time_in_which_nobody_is_expected_to_act_does_not_count(db: StateDb, how: str) -> None:
    shop = watch(db)
    assert shop.for_(10 * MINUTE, slow("r1"), MINUTE) == []
    if how == "silence":
        shop.silence("platform=shop", last=HOUR)
    assert shop.for_(HOUR, slow("r1") if how == "silence" else NO_DATA, MINUTE) == []
    # Ten minutes had passed, eleven for whoever looks once a minute.
    assert shop.for_(3 * MINUTE, slow("r1"), MINUTE) == []
    assert told(shop.for_(2 * MINUTE, slow("r1"), MINUTE)) == [("lead", "firing", ONCE)]


def test_where_pagerduty_alone_speaks_it_escalates_itself(db: StateDb) -> None:
    shop = watch(db, receivers={"ops": [PAGER]})
    assert shop.for_(2 * HOUR, slow("r1"), 5 * MINUTE) == []


def test_pagerduty_beside_mail_is_told_of_an_acknowledgement_made_here(db: StateDb) -> None:
    shop = Paged(db, alerting({"receiver": "ops"}, receivers={"ops": [MAIL, PAGER]}), CRITICAL)
    shop.beat(slow("r1", "r2"))
    first, second = shop.run.alerts
    shop.take(first)
    assert shop.beat(slow("r1", "r2")) == []
    shop.take(second)
    notices = shop.beat(slow("r1", "r2"))
    assert [(each.kind.value, each.notice_id.rpartition(".")[2]) for each in notices] == [("acknowledged", "pagerduty")]
    assert shop.for_(MINUTE, slow("r1", "r2")) == []


def test_one_that_pagerduty_told_of_is_not_told_back(db: StateDb) -> None:
    shop = Paged(db, alerting({"receiver": "ops"}, receivers={"ops": [PAGER]}), CRITICAL)
    shop.beat(slow("r1"))
    shop.take(shop.run.one, source="pagerduty")
    assert shop.for_(MINUTE, slow("r1")) == []


def test_a_restart_goes_on_counting(db: StateDb) -> None:
    shop = watch(db)
    assert shop.for_(10 * MINUTE, slow("r1"), MINUTE) == []
    shop = shop.restarted()
    assert shop.for_(4 * MINUTE, slow("r1"), MINUTE) == []
    assert told(shop.beat(slow("r1"), MINUTE)) == [("lead", "firing", ONCE)]


@pytest.mark.parametrize(
    ("found", "more", "words"),
    [
        (FINE, {}, "this alert is over since 2026-11-20T12:00:15Z"),
        (slow("r1"), {"until": NOON}, "over before it begins"),
        (slow("r1"), {"until": NOON + timedelta(days=8)}, "seven days at most"),
    ],
    ids=["over", "an end that has passed", "too long"],
)
def test_what_cannot_be_acknowledged(db: StateDb, found: Any, more: dict[str, Any], words: str) -> None:
    shop = watch(db)
    alert = shop.run.one
    shop.beat(found, EVERY)
    with pytest.raises(InputError, match=words):
        shop.take(alert, **more)


def test_of_an_old_episode_it_names_the_new_one(db: StateDb) -> None:
    shop = watch(db)
    old = shop.run.one
    shop.beat(FINE)
    shop.beat(slow("r1"))
    with pytest.raises(InputError) as error:
        shop.take(old)
    assert shop.run.one.episode in error.value.hint


def test_of_one_that_only_waits_or_was_never_heard_of(db: StateDb) -> None:
    shop = Paged(db, alerting(), rule(hold=HOUR))
    shop.beat(slow("r1"))
    with pytest.raises(InputError, match="does not fire yet"):
        shop.take(shop.run.one)
    with pytest.raises(InputError, match="no such episode"):
        Acknowledgements(db).take("abc", who="ana", now=NOON)


def test_giving_back_what_is_not_held_says_what_became_of_it(db: StateDb) -> None:
    shop, book = watch(db), Acknowledgements(db)
    episode = shop.run.one.episode
    with pytest.raises(InputError, match="nobody has acknowledged this alert"):
        book.give_back(episode, who="ben", now=shop.now)
    shop.take(shop.run.one, until=shop.now + HOUR)
    with pytest.raises(InputError, match="by ana ran out 2026-11-20T13:00:00Z: escalation has begun anew"):
        book.give_back(episode, who="ben", now=shop.now + 2 * HOUR)
    book.give_back(episode, who="ben", now=shop.now)
    with pytest.raises(InputError, match="given back 2026-11-20T12:00:00Z by ben"):
        book.give_back(episode, who="ben", now=shop.now)
