"""docs/alert-rules.md names every field, condition and word, and its examples are right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from analytics.packtest import Script
from analytics.packtest_alerts import WantedAlert
from roomleft.rule_files import MODELS, load_rules
from roomleft.rule_templates import ENVIRONMENT
from roomleft.rule_words import ALWAYS, OF_KIND
from roomleft.rules import FiredBy, GroupSpec, RuleFile, RuleSpec
from roomleft.rules_when import LEADING, All, Any_, Bound
from roomleft.settings import ROOT
from tests.roomleft.rule_shop import shop, with_rule, written

PAGE = (ROOT / "docs" / "alert-rules.md").read_text(encoding="utf-8")
DESCRIBED: tuple[type[BaseModel], ...] = (RuleFile, GroupSpec, RuleSpec, FiredBy, Bound, All, Any_, WantedAlert, *MODELS.values())
FIELDS = sorted({field.alias or name for model in DESCRIBED for name, field in model.model_fields.items()} - {"name"})


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_described(name: str) -> None:
    assert f"`{name}`" in PAGE or f"`{name}:" in PAGE


@pytest.mark.parametrize("leading", LEADING)
def test_every_condition_has_an_example(leading: str) -> None:
    assert re.search(rf"^ +(when: {{)?{leading}:", PAGE, re.MULTILINE)


@pytest.mark.parametrize("word", sorted({*ALWAYS, *(name for names in OF_KIND.values() for name in names), *ENVIRONMENT.filters}))
def test_every_word_and_filter_of_templates_is_named(word: str) -> None:
    assert f"`{word}`" in PAGE or f"`{word}(" in PAGE


@pytest.mark.parametrize("name", ["evaluate_every", "evaluate_from"])
def test_every_field_of_a_script_about_alerts_is_named(name: str) -> None:
    assert name in Script.model_fields
    assert f"`{name}`" in PAGE


OF_THE_SHOP = {
    "database_pool": "latency", "ai_cost": "spend", "replication_lag_ms": "lag_ms", "checkout_ms": "latency_ms", "database": "store",
    "availability": "errors", "ai_budget": "money", "headroom: disk": "headroom: money", "orders_total": "lag_ms", "by: [region]": "by: [replica]", "by: [model]": "by: [replica]",
}  # fmt: skip


@pytest.mark.parametrize("example", re.findall(r"^ +when: ({.*})$", PAGE, re.MULTILINE))
def test_every_example_of_a_condition_is_right(tmp_path: Path, example: str) -> None:
    pack = shop(tmp_path)
    (tmp_path / "shop" / "cost_per_request.sql").write_text("SELECT 1 AS value", encoding="utf-8")
    if "own:" in example:
        assert load_rules(written(tmp_path, "platform: roomleft\n" + with_rule(f"when: {example}"), "own.yaml"), None, {})
        return
    for name, ours in OF_THE_SHOP.items():
        example = example.replace(name, ours)
    assert load_rules(written(tmp_path, with_rule(f"when: {example}")), pack)
