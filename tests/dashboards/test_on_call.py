"""The On call page driven without a browser: the sentence, the rows and their order, the tabs, the marks on charts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from alerts.acknowledgements import Acknowledgements
from alerts.alert import Alert, Event, Happened
from alerts.book import Book
from alerts.notice import Why
from alerts.silences import Draft, Silences
from dashboards import alert_words
from dashboards.alert_lines import alert_lines, silences_now
from dashboards.alert_rows import Delivery, firings, firings_between
from dashboards.alert_words import AlertLine, matchers_of, verdict, worst_first
from dashboards.components.signal_card import own_firings
from dashboards.figures.chart import Line, merged, without
from dashboards.figures.series import line_chart
from dashboards.filters import parse
from dashboards.pages.on_call_deliveries import alike, deliveries_csv
from dashboards.shell import bottom_links
from dashboards.theme import LIGHT
from roomleft.alerting import RecurringSpec
from roomleft.findings import AlertState, Severity
from tests.dashboards.alert_world import RULES, SLOW, AlertWorld, alert, alert_world, alerts, past, tell
from tests.dashboards.conftest import Driven, found, texts
from tests.dashboards.sample_rows import BERLIN, NOW, SIGNALS

LIST, TOP, BODY = "on-call-list.children", "on-call-top.children", "on-call-body.children"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AlertWorld]:
    made = alert_world(tmp_path_factory.mktemp("on-call"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def shown(world: AlertWorld) -> Driven:
    return Driven(world.parts)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[AlertWorld]:
    made = alert_world(tmp_path, filled=False)
    yield made
    made.close()


def lines(**kept: Any) -> list[AlertLine]:
    made = alerts(NOW)
    return [replace(AlertLine(each, RULES[each.rule_id]), **kept) for each in made.values()]


def test_the_sentence_first(shown: Driven) -> None:
    said = texts(shown.call(TOP, "/on-call"))
    assert said.startswith("3 alerts fire, 3 need you. 1 is unknown: The model answers with errors. 1 may fire soon.")
    assert "6 rules watched , evaluated  4\u202fs  ago" in said


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ((), "No alert rule is in force."),
        (("cache",), "Nothing fires. 1 may fire soon."),
        (("model",), "Nothing fires. 1 is unknown: The model answers with errors."),
        (("slow",), "1 alert fires, 1 needs you."),
        (("spend",), "Nothing fires."),
    ],
)
def test_each_sentence(kept: tuple[str, ...], said: str) -> None:
    made = alerts(NOW)
    assert verdict([AlertLine(made[name], RULES[made[name].rule_id]) for name in kept], rules=len(kept)) == said


def test_how_fast_a_budget_burns_is_told_in_times() -> None:
    facts = {"slo": "scribe.api", "burn_rate": "18.6", "exhausts_in": "39 h"}
    burns = alert(SLOW, AlertState.FIRING, HOUR, NOW, unit="ratio", value=Decimal("18.62"), line=Decimal("14.4"), facts=facts)
    assert alert_words.compared(burns) == ("burns 18.6\u202f× too fast", "limit 14.4\u202f×")
    assert alert_words.runs_out(burns, NOW, BERLIN) == "in 39 h"


def test_nobody_is_needed_for_what_is_taken_or_quiet() -> None:
    assert verdict(lines(quiet="silenced, 40 min left"), rules=6).startswith("3 alerts fire, nobody is needed.")


def test_an_alert_that_fires_unknown_is_told_as_both() -> None:
    fires = alert(SLOW, AlertState.FIRING, HOUR, NOW, unknown_since=NOW - MINUTE, unknown_words="no reading")
    line = AlertLine(fires, SLOW)
    assert (line.group, line.glyph, line.needs_somebody) == ("firing", "exhausted", True)
    assert verdict([line], rules=1) == "1 alert fires, 1 needs you. 1 is unknown: Queries are slow."
    assert alert_words.unknown_words(fires, NOW, BERLIN) == "Unknown since today 12:59: no reading"


def test_worst_first_and_what_needs_somebody_before_what_is_taken(own: AlertWorld) -> None:
    Acknowledgements(own.state).take(own.alerts["slow"].episode, who="ana", now=NOW)
    titles = [line.title for line in worst_first(alert_lines(own.parts, NOW))]
    assert titles == [
        "Worlds run out", "A replica falls behind", "Queries are slow", "The model answers with errors", "The cache misses", "AI spend is above its budget",
    ]  # fmt: skip


def test_rows_lead_to_the_alert_and_say_what_it_is(shown: Driven, world: AlertWorld) -> None:
    rows = found(shown.call(LIST, "/on-call"), className="firing")
    assert [row["props"]["data-episode"] for row in rows] == [world.alerts[name].episode for name in ("slow", "worlds", "lag")]
    assert [link["props"]["href"] for link in found(rows[0], className="limit-link")] == [
        f"/alerts/{world.alerts['slow'].episode}"
    ]
    said = texts(rows[0])
    for each in (
        "Queries are slow",
        "scribe · critical",
        "today 11:46, 14\u202fmin",
        "812\u202fms",
        "limit 100\u202fms",
        "data team",
        "Ack",
        "Runbook",
    ):
        assert each in said, each
    assert "24\u00a0Nov" in texts(rows[1])
    assert "replica eu-1" in texts(rows[2])


def test_what_is_unknown_stands_apart_and_says_why(shown: Driven) -> None:
    [group] = found(shown.call(LIST, "/on-call"), **{"data-group": "unknown"})
    assert "Unknown since today 11:22: no reading of error_rate for 38 min" in texts(group)
    assert found(group, **{"data-act": "ack"}) == []


def test_what_is_over_says_how_long_it_fired(shown: Driven) -> None:
    [group] = found(shown.call(LIST, "/on-call"), **{"data-group": "resolved"})
    assert "today 08:00, fired 118\u202fmin" in texts(group)


@pytest.mark.parametrize(
    ("search", "rows"),
    [
        ("", 6),
        ("?state=firing", 3),
        ("?severity=critical", 2),
        ("?platform=arena", 1),
        ("?state=unknown&severity=info", 0),
        ("?needs=1", 3),
    ],
)
def test_filters(shown: Driven, search: str, rows: int) -> None:
    block = shown.call(LIST, "/on-call", search)
    assert len([row for row in found(block, className="alert-row") if "head" not in row["props"]["className"]]) == rows
    if not rows:
        assert "No alert passes these filters" in texts(block)


def test_without_alerts_it_says_how_many_rules_are_watched(tmp_path: Path) -> None:
    made = alert_world(tmp_path, empty=True, filled=False)
    driven = Driven(made.parts)
    assert "6 rules are watched; none fires." in texts(driven.call(LIST, "/on-call"))
    assert "Nothing fired in the last 24 h" in texts(driven.call("on-call-timeline.children", "/on-call"))
    assert "Nothing is silenced" in texts(driven.call(BODY, "/on-call/silences"))
    assert "Nobody was told anything" in texts(driven.call(BODY, "/on-call/deliveries"))
    assert "Nothing was sent yet" in texts(driven.call(BODY, "/on-call/outbox"))
    made.close()


def test_the_timeline_draws_each_stretch_where_it_was(shown: Driven) -> None:
    bands = found(shown.call("on-call-timeline.children", "/on-call"), className="tl-band")
    assert [(band["props"]["className"].split()[1], band["props"]["style"]["left"]) for band in bands] == [
        ("exhausted", "99.17%"), ("tight", "93.54%"), ("tight", "79.31%"), ("ok", "75.14%"), ("unknown", "97.36%"),
    ]  # fmt: skip
    assert "fired from 20\u00a0Nov 06:02 to 08:00" in bands[3]["props"]["title"]


def test_stretches_from_events() -> None:
    base = alert(SLOW, AlertState.FIRING, HOUR, NOW)

    def event(minutes: int, what: Happened) -> Event:
        return Event(
            NOW + minutes * MINUTE,
            base.rule_id,
            base.fingerprint,
            base.platform,
            Severity.CRITICAL,
            "e",
            what,
            "",
            None,
            "",
            base.labels,
        )

    told = [
        (0, Happened.PENDING),
        (2, Happened.FIRING),
        (4, Happened.UNKNOWN),
        (6, Happened.KNOWN),
        (9, Happened.RESOLVED),
        (20, Happened.FIRING),
        (25, Happened.UNKNOWN),
    ]
    drawn = [
        (each.kind, (each.since - NOW) // MINUTE, each.until and (each.until - NOW) // MINUTE)
        for each in firings([event(*each) for each in told], RULES)
    ]
    assert drawn == [("firing", 2, 9), ("unknown", 4, 6), ("firing", 20, None), ("unknown", 25, None)]


def test_a_stretch_that_began_before_is_still_found(own: AlertWorld) -> None:
    found_ = firings_between(own.state, RULES, "arena", NOW - MINUTE, NOW)
    assert [(each.title, each.until) for each in found_] == [("Worlds run out", None)]
    assert firings_between(own.state, RULES, "scribe", NOW - 20 * HOUR, NOW - 19 * HOUR) == []


def test_acknowledged_and_silenced_are_marked(own: AlertWorld) -> None:
    Acknowledgements(own.state).take(own.alerts["slow"].episode, who="ana", now=NOW, note="looking")
    Silences(own.state).add(Draft(tuple(matchers_of(own.alerts["lag"].labels)), NOW + 40 * MINUTE), who="bo", now=NOW)
    driven = Driven(own.parts)
    block = driven.call(LIST, "/on-call")
    said = texts(block)
    assert "acknowledged ana: looking" in said
    assert "silenced, 40\u202fmin left" in said
    assert len(found(block, **{"data-act": "ack"})) == 2
    assert texts(driven.call(TOP, "/on-call")).startswith("3 alerts fire, 1 needs you.")


def test_a_component_it_depends_on_holds_an_alert_back(own: AlertWorld) -> None:
    part = own.parts.packs["scribe"].components
    own.parts.packs["scribe"].components = [part[0], part[1].model_copy(update={"depends_on": ["database"]}), part[2]]
    book = Book(own.state)
    cache = replace(own.alerts["cache"], state=AlertState.FIRING, fired_at=NOW - MINUTE)
    book.apply([cache], past(cache)[1:])
    assert _quiet_of_the_cache(own) == ("", True)
    failing = replace(own.alerts["slow"], labels={**own.alerts["slow"].labels, "cause": "failure"})
    book.apply([failing], [])
    assert _quiet_of_the_cache(own) == ("held back by Queries are slow", False)


def _quiet_of_the_cache(own: AlertWorld) -> tuple[str, bool]:
    [line] = [line for line in alert_lines(own.parts, NOW) if line.title == "The cache misses"]
    return line.quiet, line.needs_somebody


def test_silences_say_what_they_hide_and_when_they_end(own: AlertWorld) -> None:
    silences = Silences(own.state)
    silences.add(Draft(tuple(matchers_of(own.alerts["slow"].labels)), NOW + 30 * MINUTE, note="deploy"), who="ana", now=NOW)
    window = RecurringSpec.model_validate({"days": ["sat", "sun"], "since": "22:00", "until": "06:00", "zone": "Europe/Berlin"})
    silences.add(
        Draft(tuple(matchers_of(own.alerts["lag"].labels)), NOW + timedelta(days=90), kind="maintenance", recurring=window),
        who="ana",
        now=NOW,
    )
    over = silences.add(Draft(tuple(matchers_of(own.alerts["worlds"].labels)), NOW + HOUR), who="bo", now=NOW)
    silences.end(over, who="bo", now=NOW + timedelta(seconds=1))
    said = texts(Driven(own.parts).call(BODY, "/on-call/silences"))
    assert "1 silence holds now, hiding 1 alert." in said
    assert "in 30\u202fmin today 12:30" in " ".join(said.split("  "))
    assert "Sat, Sun 22:00–06:00 Europe/Berlin next tomorrow 21:00 UTC" in said
    assert "ended 20\u00a0Nov 12:00 by bo" in said
    shown_ = {each.silence.note: [line.title for line in each.hides] for each in silences_now(own.parts, NOW)}
    assert shown_["deploy"] == ["Queries are slow"]


def test_every_attempt_and_everything_withheld_is_in_the_ledger(shown: Driven) -> None:
    said = texts(shown.call(BODY, "/on-call/deliveries"))
    for each in (
        "1 delivered, 1 withheld, 1 failed, tried again",
        "1 notice waits",
        "451 try again later",
        "silenced",
        "on_call by outbox",
        "41\u202fms",
    ):
        assert each in said, each
    only = texts(shown.call(BODY, "/on-call/deliveries", "?outcome=withheld"))
    assert "Worlds run out" in only
    assert "451" not in only


def test_an_unknown_outcome_is_called_so(own: AlertWorld) -> None:
    tell(own.state, own.alerts["worlds"], NOW, channel="email", outcome="unknown")
    assert "outcome unknown, sent once more" in texts(Driven(own.parts).call(BODY, "/on-call/deliveries"))


def test_many_withheld_at_once_are_one_row() -> None:
    def row(number: int, reason: str) -> Delivery:
        return Delivery(number, NOW, f"n{number}", "", "", 0, "withheld", "", "", reason, None, "scribe.A", "f", "e")

    told = [
        row(1, "silenced"),
        *(row(n, "it is unknown whether it holds") for n in range(2, 9)),
        row(9, "acknowledged"),
        row(10, "acknowledged"),
    ]
    assert [len(each) for each in alike(told)] == [1, 7, 1, 1]


def test_a_cell_of_the_csv_is_no_formula() -> None:
    text = deliveries_csv([Delivery(1, NOW, "n", "r", "email", 1, "refused", "550", "=cmd()", "", 3, "", "", "")])
    assert text.splitlines()[1].split(",")[6] == "'=cmd()"


def test_the_outbox_shows_each_notice_and_why_now(shown: Driven, world: AlertWorld) -> None:
    block = shown.call(BODY, "/on-call/outbox")
    assert [each["props"]["data-notice"] for each in found(block, className="letter")] == [
        f"n-{world.alerts['slow'].episode}.outbox"
    ]
    said = texts(block)
    for each in (
        Why.FIRST.value,
        "Queries are slow on scribe",
        "812 ms",
        "the mean of 5 min is above 100 ms",
        "2.4.1 deployed",
        "Since 2026-11-20 11:48:00 UTC",
        "Data up to 2026-11-20 11:59:40 UTC",
        "Why now",
        "Owner data team",
        "Environment demo",
    ):
        assert each in said, each


def test_overview_says_how_many_fire(shown: Driven, world: AlertWorld) -> None:
    [line] = found(shown.call("overview-top.children", "/"), className="firing-line")
    assert texts(line).strip() == "3 alerts fire, 3 need you · 1 unknown"
    assert line["props"]["href"] == "/on-call"
    assert "1 alert fires" in texts(shown.call("overview-top.children", "/", "?platform=arena"))
    assert found(shown.call("overview-top.children", "/", "?platform=coach"), className="firing-line") == []


def test_a_chart_of_the_component_carries_the_stretch(world: AlertWorld) -> None:
    all_of_them = world.parts.firings("scribe", NOW - HOUR, NOW)
    drawn = own_firings(SIGNALS[0], world.parts.packs["scribe"], all_of_them)
    assert [each.title for each in drawn] == ["A replica falls behind", "Queries are slow"]
    line = Line("x", [(NOW - HOUR, 1.0), (NOW, 2.0)], LIGHT.accent)
    layout = line_chart([line], (NOW - HOUR, NOW), BERLIN, LIGHT, firings=drawn)["layout"]
    assert [(each["x0"], each["x1"], each["fillcolor"]) for each in layout["shapes"] if each["type"] == "rect"] == [
        ("2026-11-20T12:48:00", "2026-11-20T13:00:00", LIGHT.exhausted), ("2026-11-20T12:00:00", "2026-11-20T12:48:00", LIGHT.tight),
    ]  # fmt: skip
    assert {"A replica falls behind", "Queries are slow"} <= {each["text"] for each in layout["annotations"]}


def test_bands_that_overlap_are_one() -> None:
    at = [NOW + n * HOUR for n in range(9)]
    assert merged([(at[2], at[3]), (at[0], at[1]), (at[1], at[2])]) == [(at[0], at[3])]
    assert without([(at[0], at[8])], [(at[1], at[2]), (at[4], at[5])]) == [(at[0], at[1]), (at[2], at[4]), (at[5], at[8])]
    assert without([(at[2], at[3])], [(at[1], at[4])]) == []


def test_an_alert_about_something_else_of_the_component_is_not_on_the_chart(world: AlertWorld) -> None:
    other = SIGNALS[0].model_copy(update={"series": "connections", "threshold": None})
    assert own_firings(other, world.parts.packs["scribe"], world.parts.firings("scribe", NOW - HOUR, NOW)) == []


def test_the_phone_has_five_places() -> None:
    *links, more = bottom_links(parse("/budgets", ""))
    assert [link.children for link in links] == ["Overview", "On call", "Platforms", "Cost"]
    assert [link.children for link in more.children[1].children] == [
        "SLOs",
        "Budgets",
        "Capacity",
        "Reports",
        "Sources",
        "Prices",
        "People",
        "Audit",
        "Copy link to these times",
        "Copy link that stays up to date",
        "Light or dark",
    ]


def test_matchers_tell_one_alert_from_its_rules_others() -> None:
    made: dict[str, Alert] = alerts(NOW)
    assert [str(each) for each in matchers_of(made["lag"].labels)] == [
        'alertname="ReplicasFallBehind"', 'platform="scribe"', 'component="database"', 'replica="eu-1"',
    ]  # fmt: skip
