"""Silences: what they match, how long they last, when they hold, and that an ended one is over for good."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from alerts.silence_drafts import draft_of, silence_document
from alerts.silences import Draft, Silences
from roomleft.alerting import RecurringSpec
from roomleft.errors import InputError
from roomleft.findings import Severity
from roomleft.matchers import parse_matchers
from tests.alerts.made import FINE, NOON, rule
from tests.alerts.paging import HOUR, MINUTE, Paged, alerting, quick_state, slow
from warehouse.state import Audit, StateDb
from warehouse.state.models_alerting import SilenceRow

DAY = timedelta(days=1)
CRITICAL = rule(severity=Severity.CRITICAL)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[StateDb]:
    with quick_state(tmp_path) as state:
        yield state


def draft(*matchers: str, last: timedelta = HOUR, **more: Any) -> Draft:
    return Draft(parse_matchers(matchers or ("platform=shop",)), NOON + last, **more)


def add(db: StateDb, wanted: Draft, **more: Any) -> int:
    return Silences(db).add(wanted, who="ana", now=NOON, **more)


NIGHTS = RecurringSpec(since="22:00", until="06:00", zone="Europe/Berlin")
WEEKEND = RecurringSpec(since="00:00", until="24:00", zone="Europe/Berlin", days=["sat", "sun"])
REFUSED: dict[str, tuple[Draft, str, str]] = {
    "over before it begins": (draft(last=-HOUR), "endsAt", "over before it begins"),
    "an end before its start": (draft(last=HOUR, starts_at=NOON + 2 * HOUR), "endsAt", "over before it begins"),
    "longer than anybody remembers": (draft(last=30 * DAY + MINUTE), "endsAt", "30 days at most"),
    "a recurring one longer than a year": (draft(last=367 * DAY, recurring=NIGHTS), "endsAt", "366 days at most"),
    "one that never comes": (draft(last=3 * DAY - HOUR, recurring=RecurringSpec(since="01:00", until="02:00", zone="UTC", days=["thu"])), "recurring", "never comes before"),
    "without matchers": (Draft((), NOON + HOUR), "matchers", "without matchers"),
    "anything": (draft("alertname=~.+"), "matchers", "hold every alert"),
    "anything but one": (draft("severity!=critical"), "matchers", "hold every alert"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=lambda name: name.replace(" ", "_"))
def test_refused(db: StateDb, case: str) -> None:
    wanted, where, words = REFUSED[case]
    with pytest.raises(InputError, match=words) as error:
        add(db, wanted)
    assert error.value.where == where
    assert error.value.hint
    assert Silences(db).all(NOON) == []


CONFLICTS: dict[str, tuple[Draft, Draft, bool]] = {
    "the same at the same time": (draft(), draft(last=2 * HOUR), True),
    "the same in another order": (draft("a=1", "b=2"), draft("b=2", "a=1", "a=1"), True),
    "one after the other": (draft(), draft(last=2 * HOUR, starts_at=NOON + HOUR), False),
    "other matchers": (draft("a=1"), draft("a=2"), False),
    "once within a recurring one": (draft(last=DAY, recurring=NIGHTS), draft(last=10 * HOUR, starts_at=NOON + 9 * HOUR), True),
    "once between its times": (draft(last=DAY, recurring=NIGHTS), draft(last=2 * HOUR), False),
    "two recurring ones that meet": (draft(last=9 * DAY, recurring=NIGHTS), draft(last=9 * DAY, recurring=WEEKEND), True),
    "two recurring ones that never meet": (
        draft(last=9 * DAY, recurring=NIGHTS),
        draft(last=9 * DAY, recurring=RecurringSpec(since="06:00", until="22:00", zone="Europe/Berlin")),
        False,
    ),
}


@pytest.mark.parametrize("case", CONFLICTS, ids=lambda name: name.replace(" ", "_"))
def test_two_with_the_same_matchers(db: StateDb, case: str) -> None:
    first, second, conflict = CONFLICTS[case]
    number = add(db, first)
    if not conflict:
        assert add(db, second) != number
        return
    with pytest.raises(InputError, match="says the same") as error:
        add(db, second)
    assert error.value.where == f"silence {number}"
    newer = add(db, second, replace_same=True)
    found = {each.id: each for each in Silences(db).all(NOON)}
    assert (found[number].ended_by, found[newer].is_over(NOON)) == ("ana", False)


def test_it_holds_from_its_start_to_its_end(db: StateDb) -> None:
    number = add(db, draft(last=2 * HOUR, starts_at=NOON + HOUR))
    silence = Silences(db).find(number)
    states = {minutes: silence.state_at(NOON + minutes * MINUTE) for minutes in (0, 59, 60, 119, 120)}
    assert states == {0: "pending", 59: "pending", 60: "active", 119: "active", 120: "expired"}
    assert silence.next_stretch(NOON) == NOON + HOUR


@pytest.mark.parametrize(
    ("day", "begins", "ends"),
    [("2026-03-28", "2026-03-28T21:00Z", "2026-03-29T04:00Z"), ("2026-10-24", "2026-10-24T20:00Z", "2026-10-25T05:00Z")],
    ids=["an hour shorter in spring", "an hour longer in autumn"],
)
def test_a_recurring_one_on_nights_when_clocks_change(db: StateDb, day: str, begins: str, ends: str) -> None:
    start, end = (datetime.fromisoformat(text).astimezone(UTC) for text in (begins, ends))
    now = start - 6 * HOUR
    wanted = Draft(parse_matchers(["platform=shop"]), now + 30 * DAY, recurring=NIGHTS)
    silence = Silences(db).find(Silences(db).add(wanted, who="ana", now=now))
    assert silence.stretch(start - timedelta(seconds=1)) is None
    assert silence.next_stretch(now) == start
    assert silence.stretch(start) == silence.stretch(end - timedelta(seconds=1)) == (start, end)
    assert silence.stretch(end) is None


def test_a_recurring_one_ends_for_good(db: StateDb) -> None:
    number = add(db, draft(last=2 * DAY, recurring=NIGHTS))
    silence = Silences(db).find(number)
    last = NOON + 2 * DAY - 13 * HOUR  # in its last night
    assert silence.state_at(last) == "active"
    assert silence.next_stretch(NOON + 2 * DAY - HOUR) is None
    assert silence.state_at(NOON + 3 * DAY) == "expired"


def test_prolonged_and_ended_with_who_did_it(db: StateDb) -> None:
    number = add(db, draft())
    Silences(db).prolong(number, NOON + 3 * HOUR, who="ben", now=NOON + 30 * MINUTE)
    assert Silences(db).find(number).ends_at == NOON + 3 * HOUR
    with pytest.raises(InputError, match="30 days at most"):
        Silences(db).prolong(number, NOON + 40 * DAY, who="ben", now=NOON)
    Silences(db).end(number, who="cleo", now=NOON + HOUR)
    deeds = [(entry.who, entry.what) for entry in Audit(db).recent()]
    assert deeds == [("cleo", "end silence"), ("ben", "prolong silence"), ("ana", "silence")]
    with pytest.raises(InputError, match="there is no silence"):
        Silences(db).end(number + 1, who="ana", now=NOON)


def test_what_runs_out_is_closed_when_it_is_noticed(db: StateDb) -> None:
    shop = Paged(db, alerting(), CRITICAL)
    number = shop.silence("platform=shop")
    shop.run.at += 2 * HOUR
    shop.beat(FINE)
    with db.read() as connection:
        row = connection.execute(select(SilenceRow.ended_at, SilenceRow.ended_by).where(SilenceRow.id == number)).one()
    assert tuple(row) == (NOON + HOUR, "roomleft")
    assert Audit(db).recent(1)[0].what == "silence expired"


def test_a_word_before_it_ends_and_only_if_it_hides_something(db: StateDb) -> None:
    shop = Paged(db, alerting(), CRITICAL)
    shop.silence("platform=shop", last=5 * HOUR)
    shop.silence("platform=gone", last=5 * HOUR)
    assert shop.for_(4 * HOUR - MINUTE, slow("r1", "r2"), 5 * MINUTE) == []
    (notice,) = shop.for_(50 * MINUTE, slow("r1", "r2"), 5 * MINUTE)
    assert (notice.kind.value, notice.why.value) == ("change", "a silence ends soon, and what it hides still fires")
    assert notice.title == "silence 1 by ana ends today 17:00 UTC; 2 alerts that it hides still fire"


MATCHERS: dict[str, tuple[str, dict[str, str], bool]] = {
    "equal": ("severity=critical", {"severity": "critical"}, True),
    "quoted, with spaces around": ('severity = "critical"', {"severity": "critical"}, True),
    "not equal": ("severity!=critical", {"severity": "critical"}, False),
    "a label that is not there is empty": ("owner=", {}, True),
    "and not equal to something": ("owner!=ana", {}, True),
    "a pattern matches the whole value": ("alertname=~Replica", {"alertname": "ReplicaLags"}, False),
    "a pattern": ("alertname=~Replica.*", {"alertname": "ReplicaLags"}, True),
    "alternatives are anchored too": ("component=~api|edge", {"component": "edge-2"}, False),
    "a pattern that must not match": ("component!~api|edge", {"component": "db"}, True),
    "a line break is a letter too": ("note=~a.b", {"note": "a\nb"}, True),
    "escapes in quotes": ('path="C:\\\\x \\"y\\""', {"path": 'C:\\x "y"'}, True),
    "a value with an operator in it": ("query=a!=b", {"query": "a!=b"}, True),
}


@pytest.mark.parametrize("case", MATCHERS, ids=lambda name: name.replace(" ", "_"))
def test_matchers_as_alertmanager_has_them(case: str) -> None:
    text, labels, expected = MATCHERS[case]
    (matcher,) = parse_matchers([text])
    assert matcher.matches(labels) is expected
    assert parse_matchers([str(matcher)]) == (matcher,)


@pytest.mark.parametrize("text", ["", "severity", "1a=b", "a=~(", "a=~b)(c", 'a="b', "a==~"])
def test_what_is_no_matcher(text: str) -> None:
    if text == "a==~":
        assert parse_matchers([text])[0].value == "=~"
        return
    with pytest.raises(InputError):
        parse_matchers([text])


def test_no_pattern_can_hold_up_an_evaluation() -> None:
    """Backtracking would take longer than the world lasts; this ends, or the test does not."""
    (matcher,) = parse_matchers(["note=~(a+)+b"])
    assert not matcher.matches({"note": "a" * 5000})


@pytest.mark.parametrize(
    ("written", "days"),
    [
        ("sat,sun 22:00-06:00 Europe/Berlin", ["sat", "sun"]),
        ("fri-mon 22:00–06:00 Europe/Berlin", ["fri", "sat", "sun", "mon"]),
        ("01:00-02:30 UTC", ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]),
        ("daily 01:00-02:30 UTC", ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]),
    ],
)
def test_times_as_people_write_them(written: str, days: list[str]) -> None:
    made = draft_of({"matchers": ["platform=shop"], "for": "20d", "recurring": written}, NOON)
    assert made.recurring is not None
    assert list(made.recurring.days) == days


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown key": ({"matchers": ["a=b"], "for": "1h", "end": "x"}, "body"),
    "no end": ({"matchers": ["a=b"]}, "endsAt"),
    "two ends": ({"matchers": ["a=b"], "for": "1h", "endsAt": "2026-11-21T00:00:00Z"}, "endsAt"),
    "an end without a zone": ({"matchers": ["a=b"], "endsAt": "2026-11-21T00:00:00"}, "endsAt"),
    "a length that is none": ({"matchers": ["a=b"], "for": "soon"}, "for"),
    "a length beyond time": ({"matchers": ["a=b"], "for": "9999999999d"}, "for"),
    "matchers that are none": ({"matchers": "a=b", "for": "1h"}, "matchers"),
    "a matcher without a value": ({"matchers": [{"name": "a"}], "for": "1h"}, "matchers"),
    "a matcher of numbers": ({"matchers": [{"name": "a", "value": "b", "isRegex": 1}], "for": "1h"}, "matchers"),
    "an unknown kind": ({"matchers": ["a=b"], "for": "1h", "kind": "mute"}, "kind"),
    "an unknown zone": ({"matchers": ["a=b"], "for": "1h", "recurring": "01:00-02:00 Mars/Olympus"}, "recurring.zone"),
    "an unknown day": ({"matchers": ["a=b"], "for": "1h", "recurring": "caturday 01:00-02:00 UTC"}, "recurring.days.0"),
    "no time": ({"matchers": ["a=b"], "for": "1h", "recurring": "at night"}, "recurring"),
    "a note that is no text": ({"matchers": ["a=b"], "for": "1h", "comment": 5}, "comment"),
}


@pytest.mark.parametrize("case", WRONG, ids=lambda name: name.replace(" ", "_"))
def test_a_document_that_is_wrong_says_where(case: str) -> None:
    document, where = WRONG[case]
    with pytest.raises(InputError) as error:
        draft_of(document, NOON)
    assert error.value.where == where
    assert error.value.hint


def test_alertmanagers_shape_there_and_back(db: StateDb) -> None:
    document = {
        "matchers": [
            {"name": "severity", "value": "critical", "isRegex": False, "isEqual": True},
            {"name": "component", "value": "api|edge", "isRegex": True, "isEqual": False},
        ],
        "startsAt": "2026-11-20T13:00:00Z", "endsAt": "2026-11-20T14:00:00Z", "createdBy": "somebody else", "comment": "deploy",
    }  # fmt: skip
    silence = Silences(db).find(add(db, draft_of(document, NOON)))
    told = silence_document(silence, NOON)
    assert sorted(told["matchers"], key=str) == sorted(document["matchers"], key=str)
    assert (told["status"], told["createdBy"], told["comment"]) == ({"state": "pending"}, "ana", "deploy")
    assert told["words"] == 'component!~"api|edge" and severity="critical"'
