"""The alert rules of the shipped packs: nothing that the design names is without one, and every link, query and word of them holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from roomleft.clock import FixedClock
from roomleft.findings import Severity
from roomleft.limits import Kind
from roomleft.packs import Pack
from roomleft.packs_meters import GaugeMeter, InfrastructureCostMeter
from roomleft.packs_parts import LimitSpec
from roomleft.rules import Rule
from roomleft.rules_when import LEAVES, BurnIs, HeadroomIs, HealthIs, MeterIs, SeriesIs, leaves
from tests.packs.simulated import FOLDER, PACKS, ROOT, asks_for_a_forecast, rules_of
from warehouse.store import Store

RUNBOOKS = ROOT / "docs" / "runbooks"
RULES: dict[tuple[str, str], Rule] = {(slug, name): rule for slug in PACKS for name, rule in rules_of(slug).items()}
"""Every rule of every pack."""
FIXED = {("arena", "infrastructure_budget"), ("coach", "infrastructure_budget")}
"""Budgets that equal their fixed cost: full is not broken, so they have no steps, and no fault of a stand-in changes what they cost."""
GOALS = {("arena", "api_p99_goal"), ("arena", "world_join_goal")}
"""Goals that the design knows to be unmet today: drawn, and no rule, which would ring for ever."""


def covered(pack: Pack, rule: Rule) -> Iterator[str]:
    """The limits whose line a rule watches."""
    for leaf in leaves(rule.when):
        match leaf:
            case HeadroomIs():
                yield leaf.headroom
            case BurnIs():
                yield leaf.burn
            case MeterIs():
                yield from (one.id for one in pack.limits if one.meter == leaf.meter and pack.amount_of(one) == leaf.line)
            case SeriesIs():
                yield from (one.id for one in pack.limits if _reads(pack, one, leaf))


def _reads(pack: Pack, limit: LimitSpec, leaf: SeriesIs) -> bool:
    meter = pack.meters[limit.meter]
    if limit.id == "deployment_down":
        # More than one minute down is a deployment that is not up, for a minute.
        return leaf.series == "deployment_up"
    return isinstance(meter, GaugeMeter) and meter.series == leaf.series and pack.amount_of(limit) == leaf.line


@pytest.mark.parametrize("slug", PACKS)
def test_every_limit_threshold_and_risk_has_a_rule(slug: str) -> None:
    pack = PACKS[slug]
    found = {limit for rule in rules_of(slug).values() for limit in covered(pack, rule)}
    assert {one.id for one in pack.limits} - found == set()
    for risk in pack.risks:
        assert set(risk.limits) & found, risk.id
    held = {one.threshold for one in pack.limits} | {name for name in pack.thresholds if _is_compared(pack, slug, name)}
    assert {name for name in pack.thresholds if (slug, name) not in GOALS} - held == set()


def _is_compared(pack: Pack, slug: str, name: str) -> bool:
    threshold = pack.thresholds[name]
    return any(
        leaf.line == threshold.amount and leaf.side == threshold.side
        for rule in rules_of(slug).values()
        for leaf in leaves(rule.when)
        if isinstance(leaf, (MeterIs, SeriesIs))
    )


# Transcribed from the design: alert, condition in words, how long, severity.
DESIGN = [
    ("arena", "DeploymentDown", "deployment_up", "below 0.5", timedelta(minutes=1), Severity.CRITICAL),
    ("arena", "ReplicationLag", "replication_lag_s", "above 30", timedelta(seconds=30), Severity.CRITICAL),
    ("arena", "ChannelsNearlyFull", "channel_utilization", "above 90", timedelta(minutes=2), Severity.WARNING),
    ("scribe", "ReplicaFallsBehind", "replication_lag_ms", "above 1000", timedelta(minutes=1), Severity.CRITICAL),
    ("scribe", "CacheMisses", "cache_hit_ratio", "below 90", timedelta(minutes=3), Severity.WARNING),
]


@pytest.mark.parametrize(("slug", "name", "series", "line", "hold", "severity"), DESIGN)
def test_the_alerts_of_the_design(slug: str, name: str, series: str, line: str, hold: timedelta, severity: Severity) -> None:
    rule = RULES[slug, name]
    (leaf,) = leaves(rule.when)
    assert isinstance(leaf, SeriesIs)
    assert (leaf.series, f"{leaf.side} {leaf.line:f}", rule.hold, rule.severity) == (series, line, hold, severity)


def test_a_failed_scaling_is_a_warning() -> None:
    rule = RULES["arena", "AutoScalingFails"]
    (leaf,) = leaves(rule.when)
    assert isinstance(leaf, HeadroomIs)
    assert (leaf.headroom, leaf.state, rule.severity) == ("autoscale_failures", "exhausted", Severity.WARNING)


@pytest.mark.parametrize(("slug", "name"), RULES)
def test_severity_is_critical_for_availability_outage_and_database_and_for_nothing_else_by_habit(slug: str, name: str) -> None:
    rule, pack = RULES[slug, name], PACKS[slug]
    databases = {"database", "postgresql"}
    down = any(isinstance(leaf, HealthIs) and leaf.status == ["fail"] for leaf in leaves(rule.when))
    critical = {one.id for one in pack.components if one.critical}
    # What is to be planned is no outage yet.
    planned = asks_for_a_forecast([rule])
    assert not planned or rule.severity is Severity.WARNING
    if rule.component in databases and not name.startswith("ReadingsMissing") and "FourFifths" not in name and not planned:
        assert rule.severity is Severity.CRITICAL
    if down and rule.component in critical:
        assert rule.severity is Severity.CRITICAL
    if any(isinstance(leaf, BurnIs) for leaf in leaves(rule.when)):
        pairs = next(leaf.pairs for leaf in leaves(rule.when) if isinstance(leaf, BurnIs))
        assert rule.severity is {"page": Severity.CRITICAL, "ticket": Severity.WARNING}[pairs or ""]


@pytest.mark.parametrize("slug", PACKS)
def test_budgets_have_three_steps_quotas_two_and_objectives_a_fast_and_a_slow_burn(slug: str) -> None:
    pack, rules = PACKS[slug], rules_of(slug)
    left: dict[str, set[str]] = {}
    pairs: dict[str, set[str]] = {}
    for rule in rules.values():
        for leaf in leaves(rule.when):
            if isinstance(leaf, HeadroomIs) and leaf.fraction_left is not None:
                left.setdefault(leaf.headroom, set()).add(f"{leaf.fraction_left.line:f}")
            if isinstance(leaf, BurnIs):
                pairs.setdefault(leaf.burn, set()).add(str(leaf.pairs))
    for limit in pack.limits:
        if limit.kind is Kind.BUDGET:
            fixed = isinstance(pack.meters[limit.meter], InfrastructureCostMeter)
            assert fixed == ((slug, limit.id) in FIXED)
            assert left.get(limit.id, set()) == (set() if fixed else {"0.5", "0.2", "0"}), limit.id
        if limit.kind is Kind.QUOTA:
            assert left[limit.id] == {"0.2", "0"}, limit.id
        if limit.objective_percent is not None:
            assert pairs[limit.id] == {"page", "ticket"}, limit.id


@pytest.mark.parametrize(("slug", "name"), RULES)
def test_a_rule_on_a_chance_clears_well_below_its_line(slug: str, name: str) -> None:
    for leaf in leaves(RULES[slug, name].when):
        if isinstance(leaf, HeadroomIs) and leaf.p_breach is not None:
            assert leaf.p_breach.clear is not None
            assert leaf.p_breach.line - leaf.p_breach.clear >= Decimal("0.2")


@pytest.mark.parametrize("slug", PACKS)
def test_every_pack_warns_of_what_must_be_ordered_in_time(slug: str) -> None:
    asked = [leaf for rule in rules_of(slug).values() for leaf in leaves(rule.when) if isinstance(leaf, HeadroomIs)]
    pack = PACKS[slug]
    assert any(leaf.order_within is not None for leaf in asked)
    budgets = [
        one for one in pack.limits if one.kind is Kind.BUDGET and not isinstance(pack.meters[one.meter], InfrastructureCostMeter)
    ]
    assert any(leaf.p_breach is not None for leaf in asked) == bool(budgets)


def test_conditions_of_every_kind_are_used() -> None:
    found = {kind for rule in RULES.values() for leaf in leaves(rule.when) for kind in LEAVES if kind in type(leaf).model_fields}
    combined = {type(rule.when).__name__ for rule in RULES.values()}
    # Roomleft's own metrics are watched by its own rules.
    assert found == set(LEAVES) - {"own"}
    assert {"All", "Any_"} <= combined


@pytest.mark.parametrize(("slug", "name"), RULES)
def test_a_rule_names_its_owner_its_impact_and_the_faults_that_fire_it(slug: str, name: str) -> None:
    rule, shape = RULES[slug, name], PACKS[slug].standin
    assert shape is not None
    assert rule.owner
    assert {"summary", "impact"} <= set(rule.annotations)
    assert "{{" in rule.annotations["summary"] or len(list(leaves(rule.when))) > 1
    fixed = any((slug, limit) in FIXED for limit in covered(PACKS[slug], rule))
    assert bool(rule.fired_by) != fixed
    assert {each.fault for each in rule.fired_by} <= set(shape.faults)


# Runbooks

FILES = sorted(path for slug in PACKS for path in (RUNBOOKS / slug).glob("*.md"))


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as Markdown makes them."""
    return {
        re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).strip().replace(" ", "-")
        for line in text.splitlines()
        if line.startswith("#")
    }


@pytest.mark.parametrize(("slug", "name"), RULES)
def test_every_runbook_link_resolves_to_words_about_the_rule(slug: str, name: str) -> None:
    path, _, anchor = RULES[slug, name].runbook.partition("#")
    text = (ROOT / path).read_text(encoding="utf-8")
    assert Path(path).parent == Path("docs/runbooks") / slug
    assert f"`{slug}.{name}`" in text
    assert not anchor or anchor in anchors(text)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_runbook_says_what_to_look_at_what_to_do_and_how_to_try_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    said = text.splitlines()
    assert 12 <= len(said) <= 40
    for part in ("What it means", "What users notice", "How to look", "What to do", "When it resolves", "Try it"):
        assert f"**{part}" in text, part
    assert len([line for line in said if re.match(r"\d\. ", line)]) >= 2
    used = {rule.runbook.partition("#")[0] for rule in RULES.values()}
    assert str(path.relative_to(ROOT)) in used
    assert f"({path.parent.name}/{path.name})" in (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    for slug, fault in re.findall(r"bin/roomleft fault (\w+):(\w+)", text):
        shape = PACKS[slug].standin
        assert shape is not None
        assert fault in shape.faults


def test_every_query_of_a_runbook_can_be_asked() -> None:
    clock = FixedClock(datetime(2026, 11, 20, 12, tzinfo=UTC))
    with Store.open("duckdb:///:memory:", now=clock, threads=1) as store:
        queries = {
            query for path in FILES for query in re.findall(r'`bin/roomleft sql "([^`]+)"`', path.read_text(encoding="utf-8"))
        }
        assert len(queries) > 50
        for query in sorted(queries):
            store.ask(query, see_users=True)  # the server's own command line is an administrator's


def test_query_files_of_rules_stand_beside_their_pack() -> None:
    asked = {(slug, text) for (slug, _), rule in RULES.items() for text in rule.sql}
    assert asked
    assert all((FOLDER / slug / name).is_file() for slug, name in asked)
