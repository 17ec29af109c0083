"""The rules about Roomleft itself: each holds of the metrics it is about, and of nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from analytics.conditions import look
from analytics.conditions_own import OwnMetrics
from analytics.conditions_view import View
from roomleft.alerting import Alerting as Written
from roomleft.app.alerting import Alerting
from roomleft.clock import FixedClock
from roomleft.metrics import RULES_FAILING
from roomleft.rule_files import load_rules
from roomleft.rules_shelf import OWN_RULES
from roomleft.settings import ROOT
from tests.alerts.made import NOON
from tests.alerts.paging import quick_state
from warehouse.store import Store

RULES = {rule.alert: rule for rule in load_rules(OWN_RULES)}
FINE = {
    ("roomleft_evaluation_lag_seconds", ()): 15.0,
    ("roomleft_evaluations_missed_total", ()): 7.0,
    ("roomleft_evaluations_held_total", ()): 2.0,
    ("roomleft_rules_failing", ()): 0.0,
    ("roomleft_alerts_firing_unknown", ()): 0.0,
    ("roomleft_outbox_oldest_seconds", ()): 3.0,
    ("roomleft_queue_rows", ()): 100.0,
    ("roomleft_disk_free_bytes", ()): 9e9,
    ("roomleft_source_up", (("source", "shop"), ("stream", "usage"))): 1.0,
    ("roomleft_deliveries_total", (("channel", "slack"), ("outcome", "refused"))): 4.0,
    ("roomleft_deliveries_total", (("channel", "slack"), ("outcome", "retry"))): 50.0,
    ("roomleft_deliveries_total", (("channel", "slack"), ("outcome", "delivered"))): 50.0,
    ("roomleft_job_runs_total", (("job", "measure"), ("outcome", "failed"))): 3.0,
    ("roomleft_ingested_rows_total", (("outcome", "rejected"), ("stream", "usage"))): 1000.0,
}
"""How a server is that has run for a while."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store.open(f"duckdb:///{tmp_path_factory.mktemp('own')}/warehouse.duckdb", now=FixedClock(NOON)) as made:
        yield made


def holding(store: Store, changes: dict[tuple[str, tuple[tuple[str, str], ...]], float]) -> set[str]:
    """The rules that hold when these have changed within ten minutes of nothing else happening."""
    own = OwnMetrics()
    for minute in range(20, 0, -1):
        own.note(NOON - timedelta(minutes=minute), FINE)
    own.note(NOON, FINE | changes)
    found = look(View(store, {}, NOON, own=own), {rule.rule_id: rule for rule in RULES.values()}, NOON)
    unknown = {key: looked.words for key, looked in found.items() if looked.unknown is not None}
    assert unknown == {}
    return {key.partition(".")[2] for key, looked in found.items() if any(each.holds for each in looked.findings)}


def test_a_server_s_own_metrics_reach_its_evaluations(store: Store, tmp_path: Path) -> None:
    settings: Any = SimpleNamespace(measure_every_s=15.0, data_dir=tmp_path, public_url="", demo=False)
    ruling: Any = SimpleNamespace(rules={each.rule_id: each for each in RULES.values()}, slos={}, alerting=Written())
    clock: Any = FixedClock(NOON)
    with quick_state(tmp_path) as state:
        alerting = Alerting(settings, clock, {}, store, state, ruling)
        RULES_FAILING.set(0)
        alerting.evaluating.run(NOON)
        RULES_FAILING.set(1)
        alerting.evaluating.run(NOON + timedelta(seconds=15))
        assert ("roomleft.RulesFail", "pending") in {
            (each.rule_id, str(each.state)) for each in alerting.evaluating.book.active(NOON)
        }


def test_a_server_that_runs_well_has_no_alerts(store: Store) -> None:
    assert holding(store, {}) == set()


@pytest.mark.parametrize(
    ("name", "labels", "value", "alert"),
    [
        ("roomleft_evaluation_lag_seconds", {}, 61.0, "EvaluationsAreLate"),
        ("roomleft_evaluations_missed_total", {}, 12.0, "EvaluationsAreMissed"),
        ("roomleft_evaluations_held_total", {}, 3.0, "ClockWasSetBack"),
        ("roomleft_rules_failing", {}, 1.0, "RulesFail"),
        ("roomleft_alerts_firing_unknown", {}, 1.0, "AlertsFireUnwatched"),
        ("roomleft_outbox_oldest_seconds", {}, 301.0, "OutboxIsOld"),
        ("roomleft_deliveries_total", {"channel": "slack", "outcome": "refused"}, 5.0, "DeliveriesAreRefused"),
        ("roomleft_deliveries_total", {"channel": "slack", "outcome": "retry"}, 56.0, "DeliveriesAreRetried"),
        ("roomleft_job_runs_total", {"job": "measure", "outcome": "failed"}, 6.0, "JobFails"),
        ("roomleft_source_up", {"source": "shop", "stream": "usage"}, 0.0, "SourceIsDown"),
        ("roomleft_queue_rows", {}, 170_000.0, "WriteQueueIsFull"),
        ("roomleft_disk_free_bytes", {}, 1e9, "DiskRunsFull"),
        ("roomleft_ingested_rows_total", {"stream": "usage", "outcome": "rejected"}, 1200.0, "RowsAreRefused"),
    ],
)
def test_each_rule_holds_of_its_own_metric_alone(
    store: Store, name: str, labels: dict[str, str], value: float, alert: str
) -> None:
    assert holding(store, {(name, tuple(sorted(labels.items()))): value}) == {alert}


def test_every_rule_is_tried_here_and_its_runbook_has_its_heading() -> None:
    [mark] = getattr(test_each_rule_holds_of_its_own_metric_alone, "pytestmark")  # noqa: B009
    tried = {alert for _, _, _, alert in mark.args[1]}
    assert tried == set(RULES)
    for alert, rule in RULES.items():
        path, _, heading = rule.runbook.partition("#")
        text = (ROOT / path).read_text(encoding="utf-8")
        assert f"`roomleft.{alert}` ({rule.severity})" in text
        assert not heading or re.search(rf"^## {heading}$", text, re.MULTILINE | re.IGNORECASE), rule.runbook
