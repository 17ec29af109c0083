"""The rules in force: read together, changed at once, and a refused file leaves what it gave before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from roomleft.alerting import Alerting
from roomleft.alerting_file import DEMO
from roomleft.app.ruling import Ruling, columns_of, rules_folder
from roomleft.clock import FixedClock
from roomleft.errors import PackError
from roomleft.packs import Pack, load_packs
from roomleft.rules_shelf import OWN_RULES, RulesInUse, rule_files_in, rule_sources
from roomleft.settings import ROOT, Settings, load_settings
from tests.roomleft.rule_shop import shop, with_rule, written
from warehouse.store import Store

RULE = with_rule("when: {health: api}")
OTHER = with_rule("when: {health: store}", "alert: Other")


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """A warehouse that holds nothing."""
    clock = FixedClock(datetime(2026, 11, 20, tzinfo=UTC))
    with closing(Store.open("duckdb:///:memory:", now=clock, threads=1)) as opened:
        yield opened


@pytest.fixture
def packs(tmp_path: Path) -> dict[str, Pack]:
    """The shop."""
    return {"shop": shop(tmp_path)}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder for rules of one's own."""
    folder = tmp_path / "own"
    folder.mkdir()
    return folder


def settings_of(tmp_path: Path, own: Path, **more: object) -> Settings:
    found = load_settings({}, overrides={"data_dir": str(tmp_path / "data"), "rules_dir": str(own)})
    return replace(found, alerting_file=tmp_path / "alerting.yaml", **more)  # type: ignore[arg-type]


def reloaded(rules: RulesInUse, packs: dict[str, Pack], own: Path) -> dict[str, list[str]]:
    """What a look at the files changes."""
    changed = rules.reload(rule_sources(packs, own, None), packs)
    return {word: sorted(getattr(changed, word)) for word in ("added", "changed", "removed", "refused") if getattr(changed, word)}


def test_rules_come_change_and_go_with_their_files(tmp_path: Path, packs: dict[str, Pack], own: Path) -> None:
    rules = RulesInUse()
    assert reloaded(rules, packs, own) == {}
    written(tmp_path, RULE)
    written(own, f"platform: shop\n{OTHER}", "more.yaml")
    assert reloaded(rules, packs, own) == {"added": ["shop.Other", "shop.TooSlow"]}
    assert reloaded(rules, packs, own) == {}
    written(tmp_path, RULE.replace("warning", "critical"))
    assert reloaded(rules, packs, own) == {"changed": ["shop.TooSlow"]}
    (own / "more.yaml").unlink()
    assert reloaded(rules, packs, own) == {"removed": ["shop.Other"]}
    assert reloaded(rules, {}, own) == {"removed": ["shop.TooSlow"]}


def test_a_refused_file_leaves_its_running_rules_and_no_others(tmp_path: Path, packs: dict[str, Pack], own: Path) -> None:
    rules = RulesInUse()
    written(tmp_path, RULE)
    written(own, f"platform: shop\n{OTHER}", "more.yaml")
    reloaded(rules, packs, own)
    running = rules["shop.TooSlow"]
    written(tmp_path, RULE.replace("health: api", "health: apii"))
    written(own, f"platform: shop\n{OTHER}".replace("warning", "critical"), "more.yaml")
    assert reloaded(rules, packs, own) == {"changed": ["shop.Other"], "refused": [f"{tmp_path.name}/shop.rules.yaml"]}
    assert rules["shop.TooSlow"] is running
    assert "unknown component 'apii'" in str(rules.refused[f"{tmp_path.name}/shop.rules.yaml"])
    written(tmp_path, RULE)
    assert reloaded(rules, packs, own) == {}
    assert rules.refused == {}


def test_a_refused_file_that_never_was_right_gives_nothing(tmp_path: Path, packs: dict[str, Pack], own: Path) -> None:
    rules = RulesInUse()
    written(tmp_path, RULE + "        forr: 5m\n")
    assert reloaded(rules, packs, own) == {"refused": [f"{tmp_path.name}/shop.rules.yaml"]}
    assert len(rules) == 0


def test_who_walks_over_the_rules_sees_the_old_ones_to_the_end(tmp_path: Path, packs: dict[str, Pack], own: Path) -> None:
    rules = RulesInUse()
    written(tmp_path, RULE)
    reloaded(rules, packs, own)
    walk = iter(rules.items())
    (tmp_path / "shop.rules.yaml").unlink()
    reloaded(rules, packs, own)
    assert [name for name, _ in walk] == ["shop.TooSlow"]
    assert list(rules) == []


def test_two_files_may_not_give_one_alert(tmp_path: Path, packs: dict[str, Pack], own: Path) -> None:
    rules = RulesInUse()
    written(tmp_path, RULE)
    written(own, f"platform: shop\n{RULE}", "more.yaml")
    assert reloaded(rules, packs, own) == {"added": ["shop.TooSlow"], "refused": ["own/more.yaml"]}
    assert "alert 'TooSlow' of shop is taken" in str(rules.refused["own/more.yaml"])


def test_an_alert_that_moves_to_another_file_is_there_once(tmp_path: Path, packs: dict[str, Pack], own: Path) -> None:
    rules = RulesInUse()
    written(own, f"platform: shop\n{RULE}", "more.yaml")
    reloaded(rules, packs, own)
    written(tmp_path, RULE.replace("warning", "critical"))
    written(own, "platform: shop\ngroups: [", "more.yaml")
    assert reloaded(rules, packs, own) == {"changed": ["shop.TooSlow"], "refused": ["own/more.yaml"]}
    assert rules["shop.TooSlow"].severity == "critical"


def test_files_of_slos_and_queries_are_no_rules(own: Path) -> None:
    for name in ("a.yaml", "b.slo.yaml", "c.sql", "d.rules.yaml", "e.yml"):
        (own / name).write_text("")
    assert [path.name for path in rule_files_in(own)] == ["a.yaml", "d.rules.yaml"]
    assert rule_files_in(own / "absent") == []


def test_the_shipped_rules_are_right(store: Store) -> None:
    """With their queries, which a warehouse is asked about."""
    packs = load_packs(ROOT / "packs")
    rules = RulesInUse()
    changed = rules.reload(rule_sources(packs, None), packs, None, columns_of(store))
    assert {file: str(error) for file, error in changed.refused.items()} == {}
    assert {rule.platform for rule in rules.values()} == {*packs, "roomleft"}
    assert OWN_RULES.is_file()


QUERIES = {
    "labels and a value": ("SELECT provider, sum(cost_usd) AS value FROM usage_15m WHERE bucket < $at GROUP BY ALL", ""),
    "what writes": ("DELETE FROM ai_usage", "only SELECT may be asked"),
    "what reads a file": ("SELECT count(*) AS value FROM read_csv('/etc/passwd')", "table function 'read_csv' is not allowed"),
    "another database": ("SELECT 1 AS value FROM pg_catalog.pg_class", "is named with its schema"),
    "no value": ("SELECT count(*) AS n FROM ai_usage", "returns no column value"),
    "a word": ("SELECT platform AS value FROM ai_usage", "the value of ask.sql is VARCHAR, no number"),
    "an unknown column": ("SELECT sum(price) AS value FROM ai_usage", "may not be asked"),
    "two statements": ("SELECT 1 AS value; SELECT 2 AS value", "may not be asked: it holds 2 statements"),
}


@pytest.mark.parametrize(("sql", "fault"), QUERIES.values(), ids=QUERIES)
def test_a_query_goes_through_the_gate_when_it_is_read(
    store: Store, tmp_path: Path, packs: dict[str, Pack], sql: str, fault: str
) -> None:
    (tmp_path / "shop" / "ask.sql").write_text(sql, encoding="utf-8")
    written(tmp_path, with_rule("when: {sql: ask.sql, above: 5}"))
    rules = RulesInUse()
    rules.reload(rule_sources(packs, None, None), packs, None, columns_of(store))
    assert bool(fault) == bool(rules.refused)
    assert fault in " ".join(map(str, rules.refused.values()))


def test_a_server_does_not_start_on_rules_with_a_fault(store: Store, tmp_path: Path, packs: dict[str, Pack], own: Path) -> None:
    ruling = Ruling(settings_of(tmp_path, own), packs, store)
    ruling.begin()
    written(own, "platform: shop\ngroups: []\n", "more.yaml")
    (tmp_path / "alerting.yaml").write_text("recievers: []\n")
    with pytest.raises(PackError, match="recievers") as caught:
        Ruling(settings_of(tmp_path, own), packs, store).begin()
    assert "own/more.yaml" in caught.value.what


def test_everything_that_was_right_before_goes_on(store: Store, tmp_path: Path, packs: dict[str, Pack], own: Path) -> None:
    (tmp_path / "alerting.yaml").write_text("receivers: [{name: team, channels: [{kind: outbox}]}]\n")
    ruling = Ruling(settings_of(tmp_path, own), packs, store)
    ruling.begin()
    before, slos = ruling.alerting, ruling.slos
    assert "shop.errors" in slos
    (tmp_path / "alerting.yaml").write_text("receivers: [{name: team}]\n")
    (own / "bad.slo.yaml").write_text("apiVersion: openslo/v1\nkind: SLO\n")
    ruled = ruling.reload()
    assert set(ruled.rules.refused) == {"SLOs", "alerting.yaml"}
    assert (ruling.alerting, ruling.slos, ruled.alerting_changed) == (before, slos, False)
    (tmp_path / "alerting.yaml").unlink()
    (own / "bad.slo.yaml").unlink()
    assert ruling.reload().alerting_changed
    assert ruling.alerting == Alerting()


def test_a_demo_has_rules_of_its_own_folder_and_tells_nobody(
    store: Store, tmp_path: Path, packs: dict[str, Pack], own: Path
) -> None:
    (tmp_path / "alerting.yaml").write_text("receivers: [{name: team}]\n")
    settings = settings_of(tmp_path, own, demo=True)
    assert rules_folder(settings) is None
    assert rules_folder(replace(settings, rules_dir=settings.data_dir / "rules")) == settings.data_dir / "rules"
    ruling = Ruling(settings, packs, store)
    ruling.begin()
    assert ruling.alerting is DEMO
