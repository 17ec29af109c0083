"""Files of alert rules: what is taken, what is refused, and what becomes of a rule that is taken."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from roomleft.errors import PackError, QueryRefused
from roomleft.packs import Pack, PackFaults, load_pack
from roomleft.packs_yaml import path_text
from roomleft.rule_files import load_rules
from roomleft.rules_when import MeterIs, SeriesIs
from roomleft.settings import ROOT
from tests.roomleft.rule_cases import FILES, GOOD
from tests.roomleft.rule_cases_bad import BAD
from tests.roomleft.rule_shop import HEAD, shop, with_rule, written


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    """The shop."""
    return shop(tmp_path)


def told(error: PackFaults) -> list[str]:
    """Every fault: its line, its place within the rule, what is wrong and what to do."""
    rule = ("groups", 0, "rules", 0)
    found = []
    for one in error.problems:
        place = one.place[4:] if one.place[:4] == rule else one.place
        found.append(f"line {one.line} {path_text(place)}: {one.what}" + (f" ({one.hint})" if one.hint else ""))
    return found


@pytest.mark.parametrize("lines", GOOD.values(), ids=GOOD)
def test_a_rule_that_is_right_is_taken(pack: Pack, tmp_path: Path, lines: list[str]) -> None:
    (rule,) = load_rules(written(tmp_path, with_rule(*lines)), pack)
    assert rule.rule_id == "shop.TooSlow"
    assert len(rule.version) == 16


@pytest.mark.parametrize(("lines", "faults"), BAD.values(), ids=BAD)
def test_a_rule_that_is_wrong_is_refused_by_line(pack: Pack, tmp_path: Path, lines: list[str], faults: list[str]) -> None:
    with pytest.raises(PackFaults) as caught:
        load_rules(written(tmp_path, with_rule(*lines)), pack)
    assert caught.value.file == f"{tmp_path.name}/shop.rules.yaml"
    assert told(caught.value) == faults


def test_there_are_at_least_as_many_bad_rules_as_good_ones() -> None:
    assert len(BAD) >= len(GOOD)


@pytest.mark.parametrize(("text", "faults"), FILES.values(), ids=FILES)
def test_every_fault_of_a_file_is_told_at_once(pack: Pack, tmp_path: Path, text: str, faults: list[str]) -> None:
    with pytest.raises(PackFaults) as caught:
        load_rules(written(tmp_path, text), pack)
    assert told(caught.value) == faults


def test_a_file_of_ones_own_names_its_platform(pack: Pack, tmp_path: Path) -> None:
    text = with_rule("when: {sql: dear.sql, above: 5, unit: usd}")
    (tmp_path / "dear.sql").write_text(
        "SELECT user_id AS who, sum(cost_usd) AS value FROM ai_usage GROUP BY 1;", encoding="utf-8"
    )
    path = written(tmp_path, f"platform: shop\n{text}", "mine.yaml")
    (rule,) = load_rules(path, None, {"shop": pack})
    assert (rule.platform, rule.sql) == (
        "shop",
        {"dear.sql": "SELECT user_id AS who, sum(cost_usd) AS value FROM ai_usage GROUP BY 1"},
    )
    for wrong, what in (
        (text, "line 1 : the file does not say whose rules it holds (begin with platform: shop)"),
        (f"platform: shp\n{text}", "line 1 platform: no pack in force is called 'shp' (did you mean 'shop'?)"),
    ):
        with pytest.raises(PackFaults) as caught:
            load_rules(written(tmp_path, wrong, "mine.yaml"), None, {"shop": pack})
        assert told(caught.value) == [what]


OWN_RULES = {
    "a gauge": ("when: {own: roomleft_queue_rows, above: 5}", None),
    "how far a counter rose": (
        "when: {own: roomleft_job_runs_total, labels: {outcome: failed}, by: [job], over: 5m, above: 3}",
        None,
    ),
    "any source": ('when: {source: "*"}', None),
    "an unknown metric": (
        "when: {own: roomleft_queue_row, above: 5}",
        "line 9 when.own: unknown own metric 'roomleft_queue_row' (did you mean 'roomleft_queue_rows'?)",
    ),
    "a counter without its ending": (
        "when: {own: roomleft_job_runs, above: 5}",
        "line 9 when.own: unknown own metric 'roomleft_job_runs' (did you mean 'roomleft_job_runs_total'?)",
    ),
    "an unknown label": (
        "when: {own: roomleft_job_runs_total, labels: {jub: x}, above: 5}",
        "line 9 when.labels.jub: unknown label 'jub' (did you mean 'job'?)",
    ),
    "a label it cannot be told apart by": (
        "when: {own: roomleft_queue_rows, by: [job], above: 5}",
        "line 9 when.by[0]: unknown label 'job' (there are no labels of roomleft_queue_rows)",
    ),
    "how far a gauge rose": (
        "when: {own: roomleft_queue_rows, over: 5m, above: 5}",
        "line 9 when.over: roomleft_queue_rows is a gauge, which does not rise over a time (leave over out)",
    ),
    "a limit of nobody": (
        "when: {headroom: latency, state: exhausted}",
        "line 9 when: rules about Roomleft itself have no limits, meters, series, checks or SLOs"
        " (ask for own metrics, a source, a query, or what is absent)",
    ),
}


@pytest.mark.parametrize(("when", "fault"), OWN_RULES.values(), ids=OWN_RULES)
def test_rules_about_roomleft_itself(pack: Pack, tmp_path: Path, when: str, fault: str | None) -> None:
    path = written(tmp_path, "platform: roomleft\n" + with_rule(when), "own.yaml")
    if fault is None:
        (rule,) = load_rules(path, None, {"shop": pack})
        assert (rule.rule_id, rule.labels["platform"]) == ("roomleft.TooSlow", "roomleft")
        return
    with pytest.raises(PackFaults) as caught:
        load_rules(path, None, {"shop": pack})
    assert told(caught.value) == [fault]


def columns(sql: str) -> dict[str, str]:
    """What some queries return, as a warehouse would say."""
    if "DELETE" in sql:
        raise QueryRefused("only SELECT may be asked", "your question", "ask with one SELECT")
    return dict(part.split(":") for part in sql.removeprefix("-- ").split())


QUERIES = {
    "labels and a value": ("-- model:VARCHAR value:DECIMAL(18,9) observed_at:TIMESTAMPTZ", "component: store", None),
    "its own component": ("-- component:VARCHAR value:DOUBLE", "", None),
    "what writes": (
        "DELETE FROM ai_usage",
        "",
        "line 8 when.sql: ask.sql may not be asked: only SELECT may be asked (ask with one SELECT)",
    ),
    "no value": ("-- model:VARCHAR n:BIGINT", "", "line 8 when.sql: ask.sql returns no column value (it returns model, n)"),
    "a word as value": (
        "-- value:VARCHAR",
        "",
        "line 8 when.sql: the value of ask.sql is VARCHAR, no number (count, sum or cast it)",
    ),
    "a column twice": (
        "-- value:BIGINT a:VARCHAR A:VARCHAR",
        "",
        "line 8 when.sql: ask.sql returns column 'a' twice (give each its own name with AS)",
    ),
    "a reserved label": (
        "-- platform:VARCHAR value:BIGINT",
        "",
        "line 8 when.sql: ask.sql returns the label 'platform', which every alert has already (leave it out, or rename it)",
    ),
    "a component beside the rule's": (
        "-- component:VARCHAR value:BIGINT",
        "component: store",
        "line 8 when.sql: ask.sql returns the label 'component', which every alert has already (leave it out, or rename it)",
    ),
    "a clock of its own": (
        "SELECT count(*) AS value FROM ai_usage WHERE occurred_at > NOW () - INTERVAL 1 HOUR",
        "",
        "line 8 when.sql: ask.sql asks now (write $at, the instant that is looked at)",
    ),
    "a label it does not return": (
        "-- model:VARCHAR value:BIGINT",
        'annotations: {summary: "{{ labels.provider }}"}',
        "line 9 annotations.summary: its alerts have no label 'provider' (labels: alertname, component, model, owner, platform, severity)",
    ),
}


@pytest.mark.parametrize(("sql", "more", "fault"), QUERIES.values(), ids=QUERIES)
def test_what_a_query_returns_is_asked_at_load(pack: Pack, tmp_path: Path, sql: str, more: str, fault: str | None) -> None:
    (tmp_path / "shop" / "ask.sql").write_text(sql, encoding="utf-8")
    path = written(tmp_path, with_rule("when: {sql: ask.sql, above: 5}", *([more] if more else [])))
    if fault is None:
        (rule,) = load_rules(path, pack, columns=columns)
        assert rule.component == ("store" if more else "")
        return
    with pytest.raises(PackFaults) as caught:
        load_rules(path, pack, columns=columns)
    assert told(caught.value) == [fault]


def test_words_of_a_query_that_look_like_a_clock_are_let_pass(pack: Pack, tmp_path: Path) -> None:
    (tmp_path / "shop" / "ask.sql").write_text(
        "-- what is spent now()\nSELECT t.now, 'today()' AS word, count(*) AS value FROM t WHERE t.current_date < $at",
        encoding="utf-8",
    )
    assert load_rules(written(tmp_path, with_rule("when: {sql: ask.sql, above: 5}")), pack)


def test_what_a_rule_says_nothing_of_comes_from_what_it_asks_for(pack: Pack, tmp_path: Path) -> None:
    cases = {
        "{headroom: money, state: exhausted}": ("", "finance"),
        "{headroom: latency, state: exhausted}": ("api", "web"),
        '{headroom: "*", state: exhausted}': ("", ""),
        "{meter: latency, above: 5}": ("api", ""),
        "{meter: down, over: 1h, above: 5}": ("api", ""),
        "{series: lag_ms, above: 5}": ("store", ""),
        "{health: store}": ("store", ""),
        "{burn: errors, pairs: page}": ("api", "web"),
        "{absent: lag_ms}": ("store", ""),
        "{all: [{health: store}, {headroom: latency, state: exhausted}]}": ("store", ""),
    }
    for when, expected in cases.items():
        (rule,) = load_rules(written(tmp_path, with_rule(f"when: {when}")), pack)
        named = {"component": expected[0], "owner": expected[1]}
        assert (rule.component, rule.owner) == expected, when
        assert rule.labels == {
            "alertname": "TooSlow",
            "platform": "shop",
            "severity": "warning",
            **{name: value for name, value in named.items() if value},
        }


def test_lines_and_units_come_from_the_pack(pack: Pack, tmp_path: Path) -> None:
    when = "when: {all: [{meter: latency, threshold: slow, clear: 90}, {series: lag_ms, above: 5}]}"
    (rule,) = load_rules(written(tmp_path, with_rule(when)), pack)
    meter, series = rule.when.all  # type: ignore[union-attr]
    assert isinstance(meter, MeterIs)
    assert (meter.above, meter.side, meter.line, meter.clear) == (Decimal(100), "above", Decimal(100), Decimal(90))
    assert isinstance(series, SeriesIs)
    assert series.unit == "ms"


SAYS_ELSE = {
    "its line": "when: {headroom: money, used: {above: 6}}",
    "its for": "for: 6m",
    "its labels": "labels: {team: b}",
    "its severity": "severity: critical",
    "what it does without data": "on_no_data: keep",
    "its owner": "owner: web",
}
SAYS_THE_SAME = {
    "its annotations": 'annotations: {summary: "other"}',
    "its runbook": "runbook: https://runbooks.example/other",
    "its title": "title: Other",
}


def test_its_version_changes_with_what_it_says_of_data_alone(pack: Pack, tmp_path: Path) -> None:
    base = {"when": "when: {headroom: money, used: {above: 5}}", "for": "for: 5m", "labels": "labels: {team: a}"}

    def version(line: str) -> str:
        lines = {**base, line.partition(":")[0]: line}
        return load_rules(written(tmp_path, with_rule(*lines.values())), pack)[0].version

    first = version(base["when"])
    assert {name for name, line in SAYS_ELSE.items() if version(line) == first} == set()
    assert {name for name, line in SAYS_THE_SAME.items() if version(line) != first} == set()
    assert len(SAYS_ELSE) > len(SAYS_THE_SAME)


def test_a_query_or_threshold_that_changes_makes_another_version(pack: Pack, tmp_path: Path) -> None:
    text = with_rule("when: {any: [{sql: ask.sql, above: 5}, {meter: latency, threshold: slow}]}")
    query = tmp_path / "shop" / "ask.sql"
    query.write_text("SELECT 1 AS value", encoding="utf-8")
    first = load_rules(written(tmp_path, text), pack)[0].version
    query.write_text("SELECT 2 AS value", encoding="utf-8")
    second = load_rules(written(tmp_path, text), pack)[0].version
    (tmp_path / "shop.yaml").write_text(
        (tmp_path / "shop.yaml").read_text().replace("amount: 100, unit: ms", "amount: 110, unit: ms")
    )
    third = load_rules(written(tmp_path, text), load_pack(tmp_path / "shop.yaml"))[0].version
    assert len({first, second, third}) == 3


def test_times_of_a_group_and_of_a_rule(pack: Pack, tmp_path: Path) -> None:
    text = with_rule("when: {health: api}", "for: 1m30s", "keep_firing_for: 10m").replace(
        "    rules:", "    interval: 30s\n    query_offset: 1m\n    limit: 20\n    rules:"
    )
    (rule,) = load_rules(written(tmp_path, text), pack)
    assert (rule.hold, rule.keep_firing_for) == (timedelta(seconds=90), timedelta(minutes=10))
    assert (rule.interval, rule.query_offset, rule.limit) == (timedelta(seconds=30), timedelta(minutes=1), 20)
    assert rule.where == f"{tmp_path.name}/shop.rules.yaml, line 7"


def test_an_alert_of_another_file_is_taken(pack: Pack, tmp_path: Path) -> None:
    with pytest.raises(PackFaults, match="alert 'TooSlow' of shop is taken") as caught:
        load_rules(written(tmp_path, with_rule("when: {health: api}")), pack, taken={"shop.TooSlow": "mine.yaml, line 3"})
    assert caught.value.problems[0].hint == "by mine.yaml, line 3"


def test_checks_and_faults_of_the_stand_in_are_known(tmp_path: Path) -> None:
    scribe = load_pack(ROOT / "packs" / "scribe.yaml")
    lines = ("when: {health: database, check: nope}", "fired_by: [{fault: replica_lagg, within: 5m, resolves_within: 5m}]")
    with pytest.raises(PackFaults) as caught:
        load_rules(written(tmp_path, with_rule(*lines), "scribe.rules.yaml"), scribe)
    assert [one.what for one in caught.value.problems] == ["unknown check 'nope'", "unknown fault 'replica_lagg'"]


def test_a_file_that_cannot_be_read_is_told(pack: Pack, tmp_path: Path) -> None:
    with pytest.raises(PackError, match="cannot be read"):
        load_rules(tmp_path / "absent.rules.yaml", pack)
    with pytest.raises(PackFaults, match="not YAML"):
        load_rules(written(tmp_path, HEAD + "   x: ["), pack)
