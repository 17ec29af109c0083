"""Alert rules as people write them: `packs/<slug>.rules.yaml` and rule files of one's own, groups of rules in the field's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from roomleft.findings import Severity
from roomleft.packs_fields import Ident, Service, Slug, Span, Strict, Words
from roomleft.rules_when import All, Any_, Leaf, When

AlertName = Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]{2,79}$")]
"""`ReplicasFallBehind`: a word of several, as an alert is named on a pager."""
LabelName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,59}$")]
OnNoData = Literal["unknown", "alert", "keep", "ok"]
"""What an alert does when nobody knows: `unknown` shows so, holds what fires and pages nobody anew; `alert` treats it as holding; `keep` stays as it was
without a word; `ok` treats it as not holding."""


class FiredBy(Strict):
    """A stand-in's fault that makes the rule fire, and how soon; after the fault it resolves within `resolves_within`."""

    fault: Ident
    within: Span
    resolves_within: Span


class RuleSpec(Strict):
    """One rule. It fires when `when` has held for `for`, and resolves once it has not for `keep_firing_for`."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    alert: AlertName
    title: Words
    when: When
    hold: Span | None = Field(default=None, alias="for")
    keep_firing_for: Span | None = None
    on_no_data: OnNoData = "unknown"
    severity: Severity
    component: Service | None = None
    owner: Words | None = None
    labels: dict[LabelName, Words] = {}
    annotations: dict[LabelName, Annotated[str, Field(min_length=1, max_length=2000)]] = {}
    runbook: Annotated[str, Field(min_length=1, max_length=500)]
    fired_by: list[FiredBy] = []


class GroupSpec(Strict):
    """Rules that are evaluated together, in order. `query_offset` reads the data as it was so long before, for what arrives late; more alerts of one
    of its rules than `limit` at once are an evaluation error of that rule, as with Prometheus."""

    name: Words
    interval: Span | None = None
    query_offset: Span | None = None
    limit: Annotated[int, Field(ge=1)] | None = None
    labels: dict[LabelName, Words] = {}
    rules: Annotated[list[RuleSpec], Field(min_length=1)]


class RuleFile(Strict):
    """A whole file. `platform` says whose limits, meters and series its conditions name; a pack's own file is its platform's."""

    platform: Slug | None = None
    groups: Annotated[list[GroupSpec], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule in force. `rule_id` is `<platform>.<alert>`; `labels` are the group's and its own with `alertname`, `platform`, `severity`, and
    `component` and `owner` where given. `version` changes with whatever changes what the rule says of data."""

    rule_id: str
    platform: str
    alert: str
    title: str
    group: str
    when: Leaf | All | Any_
    hold: timedelta
    keep_firing_for: timedelta
    on_no_data: OnNoData
    severity: Severity
    component: str
    owner: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    runbook: str
    interval: timedelta | None
    query_offset: timedelta
    limit: int | None
    fired_by: tuple[FiredBy, ...]
    where: str
    """The file and line it stands in."""
    version: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Words for templates and pages that are the rule's own: `platform_title`, `limit_title`, `zone` …"""
    sql: Mapping[str, str] = field(default_factory=dict)
    """The text of each query file that its conditions name."""


Rules = Mapping[str, Rule]
"""The rules in force by rule_id."""


def by_platform(rules: Rules) -> Iterator[tuple[str, list[Rule]]]:
    """The rules of each platform."""
    found: dict[str, list[Rule]] = {}
    for rule in rules.values():
        found.setdefault(rule.platform, []).append(rule)
    yield from found.items()
