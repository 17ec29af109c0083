"""The words of an alert: what templates give, and what becomes of those that fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from roomleft.clock import FixedClock
from roomleft.findings import Finding
from roomleft.metrics import REGISTRY
from roomleft.rule_files import load_rules
from roomleft.rule_templates import Amount, Missing, compiled
from roomleft.rule_words import ALWAYS, LONGEST, OF_KIND, Written, annotations_of, known_words, render, template_faults
from roomleft.rules import Rule
from roomleft.rules_when import LEAVES
from tests.roomleft.rule_shop import shop, with_rule, written

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FACTS = {
    "limit_id": "shop.money",
    "title": "Budget",
    "used": "$912.00",
    "amount": "$1,000.00",
    "fraction_left": "0.0880",
    "exhausts_at": "2026-11-20T22:10:00+00:00",
    "exhausts_range": "20–22 Nov",
    "window": "2026-10-31T23:00:00+00:00/2026-11-30T23:00:00+00:00",
    "subject": "u1",
    "since": "2026-11-20T11:30:00+00:00",
}
FOUND = Finding({}, True, True, Decimal("0.088"), Decimal("0.1"), "", "$912 of $1,000 is used", NOW, FACTS)


@pytest.fixture
def rule(tmp_path: Path) -> Rule:
    """A rule over a budget, told in Berlin's time."""
    lines = ("when: {headroom: money, fraction_left: {below: '0.1'}}", "labels: {team: web}", "component: api")
    return load_rules(written(tmp_path, with_rule(*lines)), shop(tmp_path))[0]


SAID = {
    "a reading and its line": ("{{ value }} < {{ line }}", "0.088 < 0.1"),
    "a number to reckon with": ("{{ (value * 100) | round(1) }}", "8.8"),
    "an amount with another unit": ("{{ (value * 1000) | amount('ms') }}", "88\u202fms"),
    "a share": ("{{ fraction_left | percent }}, {{ room_left }}", "9\u202f%, 9\u202f%"),
    "dollars": ("{{ (value * 1000) | usd }} {{ value | usd(4) }}", "$88.00 $0.0880"),
    "a plain number": ("{{ 1234567 | number }}", "1,234,567"),
    "a span": ("{{ 5400 | span }} {{ '36h' | span }}", "90\u202fmin 36\u202fh"),
    "a date in the platform's zone": ("{{ exhausts_at | date }} {{ exhausts_at | time }}", "today 23:10 23:10 CET"),
    "a date in another zone": ("{{ exhausts_at | date('Asia/Tokyo') }}", "tomorrow 07:10"),
    "since when": ("{{ since | time }}", "12:30 CET"),
    "the window": ("{{ window }}", "1 Nov – 1 Dec"),
    "what the limit is called": ("{{ limit_title }}: {{ used }} of {{ amount }}", "Budget: $912.00 of $1,000.00"),
    "whose it is": ("{{ platform_title }} {{ component }} {{ owner }} {{ severity }}", "Shop api finance warning"),
    "labels": ("{{ labels.team }} {{ labels['platform'] }} {{ labels.get('zone', 'none') }}", "web shop none"),
    "a loop": ("{% for name in labels | sort %}{{ name }} {% endfor %}", "alertname component owner platform severity team "),
    "a choice": ("{% if value < line %}under{% else %}over{% endif %}", "under"),
    "what is not known": ("[{{ burn_rate }}{{ p_breach * 100 }}{{ refills_at | date }}{{ burn_rate | number }}]", "[]"),
    "a choice by what is not known": (
        "{% if burn_rate > 2 %}fast{% elif burn_rate %}slow{% else %}unknown{% endif %}",
        "unknown",
    ),
    "the reason": ("{{ reason }} ({{ subject }})", "$912 of $1,000 is used (u1)"),
}


@pytest.mark.parametrize(("text", "said"), SAID.values(), ids=SAID)
def test_a_template_is_filled_in(rule: Rule, text: str, said: str) -> None:
    faults: list[str] = []
    assert render(text, rule, rule.labels, FOUND, now=NOW, faults=faults) == said
    assert faults == []


FAILS = {
    "a label that this alert has not": "{{ labels.replica }}",
    "a division by nothing": "{{ value / (value - value) }}",
    "a number of words": "{{ reason | number }}",
    "a zone there is none of": "{{ exhausts_at | date('Mars/X') }}",
    "a way into Python": "{{ value.__class__ }}",
    "a memory filled": "{{ reason * 999999999 }}",
}


@pytest.mark.parametrize("text", FAILS.values(), ids=FAILS)
def test_what_cannot_be_filled_in_gives_the_reason_and_is_counted(rule: Rule, text: str) -> None:
    def counted() -> float:
        return REGISTRY.get_sample_value("roomleft_alert_template_failures_total", {"rule_id": rule.rule_id}) or 0

    rule = replace(rule, annotations={"summary": text, "impact": "Nobody can buy."})
    before = counted()
    assert Written(FixedClock(NOW))(rule, rule.labels, FOUND) == {
        "summary": "$912 of $1,000 is used",
        "impact": "Nobody can buy.",
    }
    assert counted() == before + 1


def test_without_a_reason_the_title_is_said(rule: Rule) -> None:
    assert render("{{ labels.replica }}", rule, {}, replace(FOUND, reason=""), now=NOW) == "Too slow"
    assert render("{{ labels.replica }}", rule, {}, None, now=NOW) == "Too slow"


def test_a_long_text_is_cut(rule: Rule) -> None:
    said = render("{% for n in reason %}{{ reason }}{% endfor %}", rule, {}, replace(FOUND, reason="long " * 20), now=NOW)
    assert len(said) == LONGEST
    assert said.endswith("…")


def test_a_rule_that_nobody_can_tell_of_still_has_its_words(rule: Rule) -> None:
    rule = replace(rule, annotations={"summary": "{{ limit_title }}: {{ value }}{{ used }}{{ room_left }}, {{ reason }}"})
    unknown = Finding({}, None, None, reason="no samples for 15 min")
    assert annotations_of(rule, rule.labels, unknown, now=NOW) == {"summary": "Budget: , no samples for 15 min"}


def test_labels_of_what_nobody_can_tell_are_no_fault_of_the_template(rule: Rule) -> None:
    faults: list[str] = []
    untold = Finding({}, None, None, reason="it has never been read")
    said = render("{{ labels.source }}: {{ reason }}", rule, rule.labels, untold, now=NOW, faults=faults)
    assert (said, faults) == ("it has never been read", [])


WITHOUT_END = {
    "{{ (((9 ** 64) ** 64) ** 64) ** 64 }}": "the power is too large",
    "{{ 'a'" + " | replace('a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')" * 8 + " }}": "replace makes a text too long",
    "{{ 'aaaaaaaaaaaaaaaa'" + " | join('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb')" * 8 + " }}": "join makes a text too long",
    "{{ 1 | round(99999999, 'ceil') }}": "round is for 20 places at most",
}


@pytest.mark.parametrize("text", WITHOUT_END, ids=WITHOUT_END.values())
def test_what_would_fill_the_memory_or_never_end_is_refused_at_once(text: str) -> None:
    assert [what for what, _ in template_faults(text, ALWAYS, ())] == [f"it cannot be filled in: {WITHOUT_END[text]}"]


def test_a_float_reading_is_written_as_a_person_would(rule: Rule) -> None:
    found = replace(FOUND, value=0.1, line=2.0, unit="ms")
    assert render("{{ value }} {{ line }}", rule, {}, found, now=NOW) == "0.1\u202fms 2\u202fms"
    assert render("{{ value }}", rule, {}, replace(FOUND, value=float("inf")), now=NOW) == "Infinity"


def test_a_summer_night_is_told_in_the_zone_of_its_date(rule: Rule) -> None:
    at = datetime(2026, 7, 1, 22, 0, tzinfo=UTC)
    facts: Mapping[str, str] = {"exhausts_at": at.isoformat()}
    said = render("{{ exhausts_at | date }} {{ exhausts_at | time }}", rule, {}, replace(FOUND, facts=facts), now=NOW)
    assert said == "2 Jul 00:00 CEST"


def test_what_is_missing_is_nothing_whatever_is_done_with_it() -> None:
    missing = Missing()
    assert [str(each) for each in (missing + 1, 1 + missing, missing * 2, 2 / missing, -missing, round(missing))] == [""] * 6
    assert [missing > 1, missing < 1, missing >= 1, missing <= 1, bool(missing)] == [False] * 5


def test_an_amount_is_a_number_with_words() -> None:
    assert str(Amount("1234.5", "usd")) == "$1,234.50"
    assert Amount("2", "ms") * 2 == 4
    assert Amount(0.1) == Decimal("0.1")


def test_every_kind_of_condition_has_known_words(rule: Rule) -> None:
    assert {next(iter(set(LEAVES) & set(kind.model_fields))) for kind in OF_KIND} <= set(LEAVES)
    assert {"value", "labels", "exhausts_at"} <= known_words(rule.when)
    assert "check" not in known_words(rule.when)


def test_a_template_is_read_once_for_many_alerts(rule: Rule) -> None:
    rule = replace(rule, annotations={"summary": "{{ value | percent }} of {{ labels.n }}, once"})
    before = compiled.cache_info().misses
    text = Written(FixedClock(NOW))
    for number in range(100):
        assert text(rule, {"n": str(number)}, FOUND) == {"summary": f"9\u202f% of {number}, once"}
    assert compiled.cache_info().misses == before + 1


def test_an_alert_of_which_nothing_is_known_has_its_plain_title_and_no_fault(rule: Rule) -> None:
    rule = replace(rule, annotations={"title": "{{ labels.source }} is silent", "summary": "{{ labels.source }}: nothing came"})
    faults: list[str] = []
    unknown = Finding({}, None, None, reason="no reading")
    assert annotations_of(rule, {}, unknown, now=NOW, faults=faults) == {"title": rule.title, "summary": "no reading"}
    assert faults == []
