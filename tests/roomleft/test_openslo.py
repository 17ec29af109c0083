"""OpenSLO files get the verdict that the specification gives them, by file and line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from roomleft.openslo import Verdict, check_openslo

SLO = """
apiVersion: openslo/v1
kind: SLO
metadata: {name: web-availability}
spec:
  service: web
  indicator:
    metadata: {name: web-ratio}
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: Datadog, spec: {query: good}}}
        total: {metricSource: {type: Datadog, spec: {query: all}}}
  timeWindow:
    - duration: 4w
      isRolling: true
  budgetingMethod: Occurrences
  objectives:
    - target: 0.995
"""
CONDITION = """
apiVersion: openslo/v1
kind: AlertCondition
metadata: {name: fast burn}
spec:
  severity: page
  condition: {kind: burnrate, op: gt, threshold: 2, lookbackWindow: 1h, alertAfter: 5m}
"""
POLICY = """
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: page}
spec:
  alertWhenBreaching: true
  conditions: [{conditionRef: fast burn}]
  notificationTargets: [{targetRef: devs}]
"""
TARGET = """
apiVersion: openslo/v1
kind: AlertNotificationTarget
metadata: {name: devs}
spec: {target: email}
"""
SLI = """
apiVersion: openslo/v1
kind: SLI
metadata: {name: lag}
spec:
  thresholdMetric: {metricSource: {metricSourceRef: thanos, type: Prometheus, spec: {query: lag}}}
"""
SOURCE = """
apiVersion: openslo/v1
kind: DataSource
metadata: {name: thanos}
spec: {type: Prometheus, connectionDetails: [{url: "http://a"}]}
"""
INLINE = SLO[SLO.index("  indicator:") : SLO.index("  timeWindow")]
WINDOW = SLO[SLO.index("    - duration") : SLO.index("  budgetingMethod")]


def verdicts(folder: Path, text: str, name: str = "a.yaml") -> list[Verdict]:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return check_openslo([path])


def swapped(*changes: tuple[str, str], text: str = SLO) -> str:
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    return text


RIGHT = {
    "slo": SLO,
    "condition": CONDITION,
    "target": TARGET,
    "indicator": SLI,
    "data source": SOURCE,
    "service": "apiVersion: openslo/v1\nkind: Service\nmetadata: {name: my service}\n",
    "name in capitals": TARGET.replace("devs", "OnCallDevopsMailNotification"),
    "labels": TARGET.replace(
        "{name: devs}", '{name: devs, displayName: D, labels: {team: a, env: [prod, dev], userImpacting: "true"}}'
    ),
    "annotations": TARGET.replace("{name: devs}", "{name: devs, annotations: {openslo.com/service-folder: ./here, plain: x}}"),
    "targetPercent": swapped(("target: 0.995", "targetPercent: 99.95")),
    "target of nought": swapped(("target: 0.995", "target: 0")),
    "op without value": swapped(("- target", "- op: gt\n      target")),
    "no alert policies": SLO + "  alertPolicies:\n",
    "calendar": swapped(
        (WINDOW, "    - duration: 1M\n      calendar: {startTime: 2022-01-01 12:00:00, timeZone: America/New_York}\n")
    ),
    "quoted start": swapped(
        (WINDOW, '    - {duration: 1Q, isRolling: false, calendar: {startTime: "2022-01-01 12:00:00", timeZone: UTC}}\n')
    ),
    "timeslices": swapped(
        ("Occurrences", "Timeslices"), ("- target", "- timeSliceTarget: 1.0\n      timeSliceWindow: 1m\n      target")
    ),
    "slices in minutes": swapped(
        ("Occurrences", "Timeslices"), ("- target", "- timeSliceTarget: 0.9\n      timeSliceWindow: 5\n      target")
    ),
    "ratio timeslices": swapped(("Occurrences", "RatioTimeslices"), ("- target", "- timeSliceWindow: 1h\n      target")),
    "bad of total": swapped(("good:", "bad:")),
    "raw": swapped(
        (
            INLINE,
            "  indicator: {metadata: {name: i}, spec: {ratioMetric: {rawType: failure, raw: {metricSource: {spec: {q: 1}}}}}}\n",
        )
    ),
    "indicator elsewhere": swapped((INLINE, "  indicatorRef: lag\n")) + "---" + SLI,
    "composite": swapped((INLINE, ""), ("- target", "- indicatorRef: lag\n      compositeWeight: 2\n      target")) + "---" + SLI,
    "policy elsewhere": SLO + "  alertPolicies: [{alertPolicyRef: page}]\n---" + "---".join((POLICY, CONDITION, TARGET)),
    "aliases and merged maps": SLO.replace(
        "good: {metricSource: {type: Datadog, spec: {query: good}}}",
        "good: {metricSource: &source {type: Datadog, spec: {query: good}}}",
    ).replace("{type: Datadog, spec: {query: all}}", "{<<: *source, spec: {query: all}}"),
    "everything inline": SLO
    + "  alertPolicies: [{kind: AlertPolicy, metadata: {name: p}, spec: {conditions: [{kind: AlertCondition, metadata: {name: c},"
    " spec: {severity: page, condition: {threshold: 2, lookbackWindow: 1h}}}], notificationTargets: [{kind: AlertNotificationTarget,"
    " metadata: {name: t}, spec: {target: slack}}]}}]\n",
    "json": json.dumps(
        {"apiVersion": "openslo/v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"description": "x" * 1050}}
    ),
}


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT)
def test_what_the_specification_allows_is_right(tmp_path: Path, text: str) -> None:
    found = verdicts(tmp_path, text)
    assert [str(each) for each in found if not each.ok] == []
    assert all(each.words.startswith("valid") for each in found)


WRONG = {
    "unknown field": (TARGET.replace("{target: email}", "{target: email, markdown: no}"), 5, "unknown key 'markdown'"),
    "unknown field deep down": (swapped(("counter: true", "counters: true")), 11, "unknown key 'counters' (did you mean 'counter'?)"),
    "no version": (TARGET.replace("apiVersion: openslo/v1\n", ""), 2, "'apiVersion' is missing"),
    "no kind": (TARGET.replace("kind: AlertNotificationTarget\n", ""), 2, "'kind' is missing"),
    "unknown kind": (TARGET.replace("AlertNotificationTarget", "AlertTarget"), 3, "unknown kind 'AlertTarget'"),
    "no name": (TARGET.replace("{name: devs}", "{displayName: d}"), 4, "'name' is missing"),
    "a number as name": (TARGET.replace("devs", "12"), 4, "12 is not a name"),
    "a name too long": (TARGET.replace("devs", "d" * 256), 4, "at most 255"),
    "a label that is no text": (TARGET.replace("{name: devs}", "{name: devs, labels: {a: true}}"), 4, "True is not a text"),
    "a label's key": (TARGET.replace("{name: devs}", "{name: devs, labels: {-a: b}}"), 4, "'-a' is no key of labels"),
    "an annotation's key": (TARGET.replace("{name: devs}", "{name: devs, annotations: {A/b/c: d}}"), 4, "is no key of annotations"),
    "a description too long": (TARGET.replace("email}", f"email, description: {'x' * 1051}}}"), 5, "1050"),
    "no target": (TARGET.replace("{target: email}", "{description: d}"), 5, "'target' is missing"),
    "no service": (swapped(("  service: web\n", "")), 5, "'service' is missing"),
    "no indicator": (swapped((INLINE, "")), 5, "an SLO needs an indicator"),
    "two indicators": (swapped((INLINE, INLINE + "  indicatorRef: lag\n")) + "---" + SLI, 5, "an SLO has one indicator"),
    "an indicator of both": (
        swapped(("- target", "- indicatorRef: lag\n      target")) + "---" + SLI, 5, "the SLO's or each objective's, not both"),
    "no window": (swapped(("  timeWindow:\n" + WINDOW, "")), 5, "exactly one timeWindow"),
    "two windows": (swapped((WINDOW, WINDOW * 2)), 14, "at most 1 item"),
    "a window of nothing": (swapped(("duration: 4w", "duration: 0w")), 15, "'0w' is not a duration"),
    "a window in words": (swapped(("duration: 4w", "duration: 4 weeks")), 15, "'4 weeks' is not a duration"),
    "rolling by the calendar": (
        swapped(("isRolling: true", "isRolling: true\n      calendar: {startTime: 2022-01-01 12:00:00, timeZone: UTC}")), 15,
        "a rolling window has no calendar"),
    "neither rolling nor by the calendar": (swapped(("isRolling: true", "isRolling: false")), 15, "needs a calendar"),
    "a start with a zone": (
        swapped(("isRolling: true", "calendar: {startTime: '2022-01-01T12:00:00Z', timeZone: UTC}")), 16, "is not a date and time"),
    "a zone that is none": (
        swapped(("isRolling: true", "calendar: {startTime: 2022-01-01 12:00:00, timeZone: Mars/Base}")), 16, "unknown time zone 'Mars/Base'"),
    "another method": (swapped(("Occurrences", "Occurences")), 17, "did you mean 'Occurrences'?"),
    "no objective": (swapped(("  objectives:\n    - target: 0.995", "  objectives: []")), 18, "at least 1 item"),
    "no target share": (swapped(("target: 0.995", "displayName: d")), 19, "an objective has one target"),
    "two target shares": (swapped(("target: 0.995", "target: 0.995\n      targetPercent: 99")), 19, "an objective has one target"),
    "a target of all": (swapped(("target: 0.995", "target: 1")), 19, "less than 1"),
    "a target below nought": (swapped(("target: 0.995", "targetPercent: -1")), 19, "greater than or equal to 0"),
    "a target in quotes": (swapped(("target: 0.995", 'target: "0.995"')), 19, "is not a number"),
    "another op": (swapped(("- target", "- op: eq\n      target")), 19, "unknown value 'eq'"),
    "timeslices without a target": (swapped(("Occurrences", "Timeslices"), ("- target", "- timeSliceWindow: 1m\n      target")), 5, "timeSliceTarget"),
    "timeslices without a window": (swapped(("Occurrences", "Timeslices"), ("- target", "- timeSliceTarget: 0.9\n      target")), 5, "timeSliceWindow"),
    "a slice's target of nought": (
        swapped(("Occurrences", "Timeslices"), ("- target", "- timeSliceTarget: 0\n      timeSliceWindow: 1m\n      target")), 19, "greater than 0"),
    "a weight of nought": (
        swapped((INLINE, ""), ("- target", "- indicatorRef: lag\n      compositeWeight: 0\n      target")) + "---" + SLI, 13, "greater than 0"),
    "good and bad": (swapped(("        total:", "        bad: {metricSource: {spec: {q: 1}}}\n        total:")), 10, "either good or bad"),
    "neither good nor bad": (swapped(("        good: {metricSource: {type: Datadog, spec: {query: good}}}\n", "")), 10, "either good or bad"),
    "no total": (swapped(("        total: {metricSource: {type: Datadog, spec: {query: all}}}\n", "")), 10, "either of a total or raw"),
    "raw of no type": (swapped((INLINE, "  indicator: {metadata: {name: i}, spec: {ratioMetric: {raw: {metricSource: {spec: {q: 1}}}}}}\n")), 7, "needs rawType"),
    "no metric": (SLI[: SLI.index("  threshold")] + "  description: d\n", 5, "either a thresholdMetric or a ratioMetric"),
    "a source that asks nothing": (SLI.replace(", spec: {query: lag}", ""), 6, "'spec' is missing"),
    "no connection": (SOURCE.replace(", connectionDetails: [{url: \"http://a\"}]", ""), 5, "'connectionDetails' is missing"),
    "no condition": (CONDITION[: CONDITION.index("  condition")], 5, "'condition' is missing"),
    "no severity": (CONDITION.replace("  severity: page\n", ""), 5, "'severity' is missing"),
    "no threshold": (CONDITION.replace("threshold: 2, ", ""), 7, "'threshold' is missing"),
    "another kind of condition": (CONDITION.replace("burnrate", "ratio"), 7, "unknown value 'ratio'"),
    "a lookback that is none": (CONDITION.replace("1h", "an hour"), 7, "'an hour' is not a duration"),
    "no condition in a policy": (POLICY.replace("[{conditionRef: fast burn}]", "[]"), 7, "at least 1 item"),
    "two conditions in a policy": (POLICY.replace("[{c", "[{conditionRef: fast burn}, {c") + "---" + CONDITION + "---" + TARGET, 7, "at most 1 item"),
    "nobody to tell": (POLICY.replace("[{targetRef: devs}]", "[]"), 8, "at least 1 item"),
    "a reference and an object": (
        POLICY.replace("{targetRef: devs}", "{targetRef: devs, kind: AlertNotificationTarget}") + "---" + CONDITION + "---" + TARGET, 8,
        "either a targetRef or an object"),
    "half an object": (
        POLICY.replace("{targetRef: devs}", "{kind: AlertNotificationTarget, metadata: {name: a}}") + "---" + CONDITION, 8, "'spec' is missing"),
    "an object of another kind": (
        POLICY.replace("{targetRef: devs}", "{kind: Service, metadata: {name: a}, spec: {target: b}}") + "---" + CONDITION, 8, "unknown value 'Service'"),
    "a condition that is nowhere": (POLICY + "---" + TARGET, 7, "there is no AlertCondition 'fast burn' here"),
    "a target that is nowhere": (POLICY + "---" + CONDITION, 8, "there is no AlertNotificationTarget 'devs' here"),
    "an indicator that is nowhere": (swapped((INLINE, "  indicatorRef: log\n")) + "---" + SLI, 7, "there is no SLI 'log' here (did you mean 'lag'?)"),
    "a policy that is nowhere": (SLO + "  alertPolicies: [{alertPolicyRef: page}]\n", 20, "there is no AlertPolicy 'page' here"),
    "a reference in an inline policy": (
        SLO + "  alertPolicies:\n    - kind: AlertPolicy\n      metadata: {name: p}\n      spec:\n        conditions: [{conditionRef: c}]\n"
        "        notificationTargets: [{targetRef: devs}]\n---" + TARGET, 24, "there is no AlertCondition 'c' here"),
    "a merged map's unknown field": (
        "apiVersion: openslo/v1\nkind: Service\nmetadata: &m {name: a, labels: {}}\nspec:\n  <<: *m\n", 3, "unknown key 'name'"),
    "a merge of no map": ("apiVersion: openslo/v1\nkind: Service\nmetadata: {name: a}\nspec:\n  <<: 3\n", 4, "<< takes in a map"),
    "a map merged into itself": ("apiVersion: openslo/v1\nkind: Service\nmetadata: {name: a}\nspec: &x\n  <<: *x\n", None, "nested too deeply"),
    "a key twice": (TARGET + "kind: Service\n", 6, "key 'kind' appears twice"),
    "not yaml": (TARGET + "  - [\n", 6, "not YAML"),
    "a text": ("just words", 1, "an object is a map"),
    "nothing": ("# only words\n", None, "there is no object in this file"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_by_file_and_line(tmp_path: Path, text: str, line: int | None, words: str) -> None:
    faults = [each for each in verdicts(tmp_path, text) if not each.ok]
    assert faults, "nothing was found wrong"
    assert words in str(faults[0])
    assert (faults[0].file, faults[0].line) == (f"{tmp_path.name}/a.yaml", line)


OTHERS = {
    "apiVersion: openslo/v1alpha\nkind: SLO\n": "an OpenSLO file of another version (openslo/v1alpha)",
    "apiVersion: openslo.com/v2alpha\nkind: SLO\n": "an OpenSLO file of another version (openslo.com/v2alpha)",
    'version: "prometheus/v1"\nservice: s\n': "a Sloth file (prometheus/v1)",
    "apiVersion: sloth.slok.dev/v1\nkind: PrometheusServiceLevel\n": "a Sloth file (sloth.slok.dev/v1)",
    "apiVersion: pyrra.dev/v1alpha1\nkind: ServiceLevelObjective\n": "a Pyrra file (pyrra.dev/v1alpha1)",
    "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\n": "a Prometheus Operator file (monitoring.coreos.com/v1)",
    "groups: [{name: g, rules: [{record: a, expr: b}]}]\n": "a Prometheus rules file",
    "apiVersion: apps/v1\nkind: Deployment\n": "a Kubernetes file of kind Deployment (apps/v1)",
    "apiVersion: v1\nkind: ConfigMap\n": "a Kubernetes file of kind ConfigMap (v1)",
}


@pytest.mark.parametrize(("text", "words"), OTHERS.items(), ids=OTHERS.values())
def test_other_versions_and_formats_are_refused_by_name(tmp_path: Path, text: str, words: str) -> None:
    found = verdicts(tmp_path, text)
    assert [each.ok for each in found] == [False]
    assert found[0].words.startswith(f"this is {words}")
    assert found[0].words.endswith("; Roomleft reads openslo/v1")


def test_each_object_of_a_list_and_of_several_documents_is_told_of(tmp_path: Path) -> None:
    service = {"apiVersion": "openslo/v1", "kind": "Service", "metadata": {"name": "a"}}
    found = verdicts(tmp_path, json.dumps([service, {**service, "spec": {"x": 1}}], indent=1) + "\n---\n" + TARGET)
    assert [(each.ok, each.subject) for each in found] == [
        (True, "Service a"),
        (False, "Service a"),
        (True, "AlertNotificationTarget devs"),
    ]
    assert found[1].line == 16


def test_references_lead_anywhere_in_a_folder_and_below(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name, text in (("p.yaml", POLICY), ("deep/c.yml", CONDITION), ("deep/t.json", "[]"), ("t.yaml", TARGET)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    found = check_openslo([tmp_path])
    assert [(each.file, each.ok) for each in found] == [
        (f"{tmp_path.name}/deep/c.yml", True),
        (f"{tmp_path.name}/deep/t.json", False),
        (f"{tmp_path.name}/p.yaml", True),
        (f"{tmp_path.name}/t.yaml", True),
    ]
    assert not all(each.ok for each in check_openslo([tmp_path / "p.yaml"]))


RECORDED = {
    "openslo": {"budgeting-method__occurences-slo.yaml", "budgeting-method__timeslices-slo.yaml"},
    "oslo": {"inputs__fmt__service.yaml", "outputs__fmt__service.yaml"},
    "go-sdk": {
        "openslo__v1__examples__alert_conditions.yaml",
        "openslo__v1__examples__services.yaml",
        "openslo__v1__examples__slos.yaml",
        "openslosdk__test_data__decode__sequence_of_objects.yaml",
        "openslosdk__test_data__decode__two_documents.yaml",
        "openslosdk__test_data__inline__inputs__v1_alert_policies_remove_refs.yaml",
        "openslosdk__test_data__inline__outputs__v1_alert_policies_remove_refs.yaml",
    },
}
"""The recorded files that are right by themselves. Of the rest some refer to what they do not hold, one has no time window, one a field that there
is not, and the others are of another version."""


def test_recorded_files_get_their_verdicts(shared_data: Path) -> None:
    known = {path.name for folder in RECORDED for path in (shared_data / "openslo" / folder).iterdir()}
    assert set().union(*RECORDED.values()) <= known
    for folder, right in RECORDED.items():
        for path in sorted((shared_data / "openslo" / folder).iterdir()):
            found = check_openslo([path])
            assert all(each.ok for each in found) == (path.name in right), [str(each) for each in found]
            assert all(each.line is not None for each in found)
            if path.name in right:
                slos = [each for each in found if each.subject.startswith("SLO ")]
                assert all(each.words.startswith("valid; not evaluable here: ") for each in slos)


@pytest.mark.parametrize("folder", ["sloth", "sloth-generated", "sloth-validate", "pyrra"])
def test_recorded_files_of_others_are_refused_by_name(shared_data: Path, folder: str) -> None:
    for path in sorted((shared_data / "openslo" / folder).iterdir()):
        found = check_openslo([path])
        assert found, path.name
        assert all(not each.ok and each.words.startswith("this is a") for each in found), [str(each) for each in found]
