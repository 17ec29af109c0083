"""Who is told what and when: groups, repeats, ends, and the reason why somebody is not told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import select

from alerts.book import Book
from alerts.pipeline import flush
from alerts.silences import Silences
from roomleft.errors import InputError
from roomleft.findings import Severity
from roomleft.rules_when import HealthIs
from tests.alerts.made import EVERY, FINE, NOON, rule
from tests.alerts.paging import HOUR, MINUTE, Paged, alerting, pack, slow, told
from warehouse.state import StateDb
from warehouse.state.models_alerting import DeliveryRow

CRITICAL = rule(severity=Severity.CRITICAL)


def test_a_critical_alert_is_told_at_the_evaluation_that_sees_it(db: StateDb) -> None:
    shop = Paged(db, alerting(), CRITICAL)
    (notice,) = shop.beat(slow("r1"))
    assert told([notice]) == [("ops", "firing", "first notification")]
    assert (notice.firing, notice.resolved, notice.count, notice.severity) == (1, 0, 1, "critical")
    assert shop.for_(MINUTE, slow("r1")) == []


def test_a_warning_waits_for_others_and_is_told_once_with_them(db: StateDb) -> None:
    shop = Paged(db, alerting({"receiver": "ops", "group_wait": "30s"}), rule())
    assert shop.beat(slow("r1")) == []
    assert shop.beat(slow("r1", "r2")) == []
    (notice,) = shop.beat(slow("r1", "r2", "r3"))
    assert (notice.firing, notice.why.value) == (3, "first notification")
    assert shop.for_(5 * MINUTE, slow("r1", "r2", "r3")) == []


def test_what_changed_is_asked_once_for_all_groups_that_begin_together(db: StateDb) -> None:
    asked: list[str] = []

    def changed(platform: str, since: object, until: object) -> tuple[str, ...]:
        asked.append(platform)
        return ("12:00 deploy application 2.4.0",)

    shop = Paged(db, alerting({"receiver": "ops", "group_by": ["replica"]}), CRITICAL, packs=[pack(db=[])], changed=changed)
    notices = shop.beat(slow(*(f"r{number}" for number in range(30))))
    assert [each.changed for each in notices] == 30 * [("12:00 deploy application 2.4.0",)]
    assert asked == ["shop"]


def test_what_was_over_before_anybody_was_told_is_not_told(db: StateDb) -> None:
    shop = Paged(db, alerting({"receiver": "ops", "group_wait": "30s"}), rule())
    assert shop.beat(slow("r1")) == []
    assert shop.for_(HOUR, FINE, 5 * MINUTE) == []
    assert ("", "over before anybody was told") in shop.withheld
    assert ("ops", "the group waits for others") in shop.withheld


def test_the_pipeline_twice_at_one_instant_is_once(db: StateDb) -> None:
    shop = Paged(db, alerting({"receiver": "ops", "escalate": [{"after": "1m", "receiver": "boss"}]}), CRITICAL)
    for found in (slow("r1"), slow("r1", "r2"), slow("r2"), slow("r1", "r2"), FINE, slow("r3")):
        for after in (EVERY, 5 * MINUTE):
            shop.beat(found, after)
            before = shop.stored()
            assert shop.flush() == []
            assert shop.stored() == before


def test_it_repeats_after_the_interval_and_no_sooner(db: StateDb) -> None:
    shop = Paged(db, alerting({"receiver": "ops", "repeat_interval": "4h"}), CRITICAL)
    shop.beat(slow("r1"))
    assert shop.for_(4 * HOUR - MINUTE, slow("r1"), MINUTE * 7 + EVERY) == []
    shop.run.at = NOON + 4 * HOUR - EVERY
    assert shop.flush() == []
    assert told(shop.beat(slow("r1"))) == [("ops", "firing", "repeat interval elapsed")]
    assert shop.for_(4 * HOUR - MINUTE, slow("r1"), 10 * MINUTE) == []


def test_news_of_a_told_group_are_gathered(db: StateDb) -> None:
    shop = Paged(db, alerting({"receiver": "ops", "group_interval": "5m"}), rule())
    assert len(shop.for_(MINUTE, slow("r1"))) == 1
    assert shop.for_(3 * MINUTE, slow("r1", "r2")) == []
    (notice,) = shop.for_(3 * MINUTE, slow("r1", "r2"))
    assert (notice.why.value, notice.firing) == ("new alerts in the group", 2)
    (ended,) = shop.for_(6 * MINUTE, slow("r2"))
    assert (ended.why.value, ended.firing, ended.resolved) == ("some alerts of the group resolved", 1, 1)


def test_a_critical_alert_among_warnings_does_not_wait_for_the_interval(db: StateDb) -> None:
    warning = rule("Slow")
    critical = rule("Down", severity=Severity.CRITICAL)
    shop = Paged(db, alerting({"receiver": "ops", "group_by": ["platform"], "group_interval": "1h"}), warning, critical)
    assert len(shop.for_(MINUTE, {warning.rule_id: slow("r1"), critical.rule_id: FINE})) == 1
    (notice,) = shop.beat({warning.rule_id: slow("r1"), critical.rule_id: slow("r1")})
    assert (notice.why.value, notice.severity, notice.firing) == ("new alerts in the group", "critical", 2)


def test_what_fires_without_data_says_so(db: StateDb) -> None:
    shop = Paged(db, alerting(), rule(severity=Severity.CRITICAL, on_no_data="alert"))
    shop.beat(slow("r1", holds=False))
    (notice,) = shop.beat(slow("r1", holds=None))
    assert notice.why.value == "no data, and the rule says to tell"
    assert notice.alerts[0].unknown == "no data, and this rule alerts on that"


def test_nobody_is_told_without_a_file_and_it_is_said(db: StateDb) -> None:
    shop = Paged(db, alerting().model_copy(update={"routes": [], "receivers": []}), CRITICAL)
    assert shop.for_(MINUTE, slow("r1")) == []
    assert shop.withheld == [("", "nobody is configured to be told")]
    shop.file = alerting({"receiver": "ops", "match": ["platform=other"]})
    assert shop.for_(MINUTE, slow("r1")) == []
    assert shop.withheld[-1] == ("", "no route matches")


def test_a_route_that_tells_no_end(db: StateDb) -> None:
    shop = Paged(db, alerting({"receiver": "ops", "send_resolved": False}), CRITICAL)
    shop.beat(slow("r1", "r2"))
    assert shop.for_(10 * MINUTE, slow("r1"), MINUTE) == []
    assert shop.for_(10 * MINUTE, FINE, MINUTE) == []
    assert shop.withheld.count(("ops", "the route does not tell resolves")) == 2


def test_one_receiver_of_two_routes_is_told_once(db: StateDb) -> None:
    file = alerting({"receiver": "ops", "continue": True}, {"receiver": "all"}, {"receiver": "ops"})
    shop = Paged(db, file, CRITICAL)
    assert sorted(each.receiver for each in shop.beat(slow("r1"))) == ["all", "ops"]


def test_a_clock_set_back_holds_nothing_up(db: StateDb) -> None:
    shop = Paged(db, alerting({"receiver": "ops", "group_interval": "5m", "repeat_interval": "1h"}), CRITICAL)
    shop.beat(slow("r1"))
    shop.run.at -= timedelta(days=2)
    assert shop.flush() == []
    shop.run.before = shop.now
    assert [each.why.value for each in shop.for_(HOUR, slow("r1"), 5 * MINUTE)] == ["repeat interval elapsed"]


def side_by_side(work: Callable[[], int]) -> list[int]:
    """What four threads made of the same work; 0 where one was refused."""
    made: list[int] = []

    def one() -> None:
        try:
            made.append(work())
        except InputError:
            made.append(0)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(made)


def test_servers_that_tell_at_the_same_time_tell_once(db: StateDb) -> None:
    shop = Paged(db, alerting(), CRITICAL)
    shop.evaluate(slow("r1", "r2"))
    seen = Book(db).active(shop.now)
    assert side_by_side(lambda: len(flush(db, shop.file, seen, shop.now, shop.words))) == [0, 0, 0, 1]


def test_silences_made_at_the_same_time_are_one_and_errors(db: StateDb) -> None:
    shop = Paged(db, alerting(), CRITICAL)
    assert side_by_side(lambda: shop.silence("platform=shop"))[:3] == [0, 0, 0]
    assert len(Silences(db).all(shop.now)) == 1


def test_a_notice_explains_itself_until_the_next(db: StateDb) -> None:
    shop = Paged(db, alerting(), rule())
    assert told(shop.for_(MINUTE, slow("r1"))) == [("ops", "firing", "first notification")]
    assert shop.withheld == [("ops", "the group waits for others")]
    shop.silence("alertname=QueriesAreSlow", last=5 * MINUTE)
    assert shop.for_(10 * MINUTE, slow("r1"), MINUTE) == []
    assert shop.withheld[1:] == [("", "silenced"), ("ops", "told already; the repeat is not due")]


def test_what_is_inhibited_names_the_other_alert_by_its_title(db: StateDb) -> None:
    down = rule("DatabaseFails", title="The database fails", severity=Severity.CRITICAL, component="database",
                labels={"component": "database"}, when=HealthIs(health="database"))  # fmt: skip
    slow_api = rule("ApiIsSlow", labels={"component": "api"})
    shop = Paged(db, alerting(), down, slow_api, packs=[pack(database=[], api=["database"])])
    shop.beat(slow("r1"))
    with db.read() as connection:
        held = connection.execute(select(DeliveryRow.rule_id, DeliveryRow.answer).where(DeliveryRow.outcome == "withheld")).all()
    assert [tuple(row) for row in held] == [("shop.ApiIsSlow", "The database fails")]
