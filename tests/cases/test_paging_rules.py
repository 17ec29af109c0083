"""Pages that were wrong because of what a rule said: such a rule is refused when it is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from roomleft.packs import PackFaults
from roomleft.rule_files import load_rules
from tests.roomleft.rule_shop import shop, with_rule, written

CHANGING = {
    "a rule's": ("labels: {room: '{{ value }}'}", "    rules:"),
    "a group's": ("for: 1m", "    labels: {room: '{{ value }}'}\n    rules:"),
    "a choice": ("labels: {room: '{% if value > 5 %}none{% endif %}'}", "    rules:"),
}


@pytest.mark.parametrize(("line", "group"), CHANGING.values(), ids=CHANGING)
def test_paging_02_a_label_that_changes_with_the_reading_is_refused(tmp_path: Path, line: str, group: str) -> None:
    """An alert is known by its labels: one that changed would be another alert after each reading and after each restart."""
    text = with_rule("when: {meter: latency, above: 5}", line).replace("    rules:", group)
    with pytest.raises(PackFaults, match="label 'room' is a template: a label that changes makes another alert"):
        load_rules(written(tmp_path, text), shop(tmp_path))


def test_paging_02_what_changes_belongs_in_the_annotations(tmp_path: Path) -> None:
    pack = shop(tmp_path)
    labels = []
    for text in ("{{ value }}", "{{ value | number }}, {{ reason }}"):
        lines = ("when: {meter: latency, above: 5}", f'annotations: {{summary: "{text}"}}')
        (rule,) = load_rules(written(tmp_path, with_rule(*lines)), pack)
        labels.append((rule.labels, rule.version))
    assert labels[0] == labels[1]
