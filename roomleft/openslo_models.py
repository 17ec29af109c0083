"""OpenSLO v1 as its specification writes it (github.com/OpenSLO/OpenSLO): one model a kind. A field given as null is a field left out.

Where the specification and the files in use differ, files in use are read: names may have spaces, `op` may stand without `value`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StrictBool, StrictStr, model_validator

from roomleft.openslo_fields import (
    Annotations,
    Description,
    Duration,
    Labels,
    Name,
    Number,
    Operator,
    Slice,
    Start,
    Text,
    fault,
    shorthand,
)
from roomleft.packs_fields import Strict, Zone
from roomleft.slo_windows import Shorthand

VERSION = "openslo/v1"


class Metadata(Strict):
    """Who an object is."""

    name: Name
    displayName: StrictStr | None = None
    labels: Labels | None = None
    annotations: Annotations | None = None


class _Object(Strict):
    apiVersion: Literal["openslo/v1"]
    metadata: Metadata


class MetricSource(Strict):
    """Where readings come from: a data source by name, or its type; and what is asked of it, in that source's own words."""

    metricSourceRef: Name | None = None
    type: StrictStr | None = None
    spec: Annotated[dict[str, Any], Field(min_length=1)]


class Metric(Strict):
    """Readings."""

    metricSource: MetricSource


class RatioMetric(Strict):
    """Good or bad events of all, or a ratio that is ready made."""

    counter: StrictBool | None = None
    good: Metric | None = None
    bad: Metric | None = None
    total: Metric | None = None
    rawType: Literal["success", "failure"] | None = None
    raw: Metric | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.total is None) == (self.raw is None):
            raise fault("a ratio is either of a total or raw", "give total with good or bad, or raw with rawType")
        if self.raw is not None:
            if self.good is not None or self.bad is not None:
                raise fault("a raw ratio has no good or bad", "leave them out, or give total in place of raw")
            if self.rawType is None:
                raise fault("a raw ratio needs rawType", "write rawType: success or failure")
        elif (self.good is None) == (self.bad is None):
            raise fault("a ratio has either good or bad events", "give exactly one of good and bad")
        return self


class IndicatorSpec(Strict):
    """What is measured."""

    description: Description | None = None
    thresholdMetric: Metric | None = None
    ratioMetric: RatioMetric | None = None

    @model_validator(mode="after")
    def _one_metric(self) -> Self:
        if (self.thresholdMetric is None) == (self.ratioMetric is None):
            raise fault("an indicator is either a thresholdMetric or a ratioMetric", "give exactly one of them")
        return self


class Indicator(Strict):
    """An indicator inside an SLO."""

    metadata: Metadata
    spec: IndicatorSpec


class Calendar(Strict):
    """From when on windows are counted, and in whose calendar."""

    startTime: Start
    timeZone: Zone


class TimeWindow(Strict):
    """The time an error budget is for."""

    duration: Duration
    isRolling: StrictBool | None = None
    calendar: Calendar | None = None

    @model_validator(mode="after")
    def _rolling_or_calendar(self) -> Self:
        if self.isRolling and self.calendar is not None:
            raise fault("a rolling window has no calendar", "leave calendar out, or write isRolling: false")
        if not self.isRolling and self.calendar is None:
            raise fault("a window that does not roll needs a calendar", "add calendar, or write isRolling: true")
        return self


class Objective(Strict):
    """How good it is to be."""

    displayName: StrictStr | None = None
    op: Operator | None = None
    value: Number | None = None
    target: Annotated[Number, Field(ge=0, lt=1)] | None = None
    targetPercent: Annotated[Number, Field(ge=0, lt=100)] | None = None
    timeSliceTarget: Annotated[Number, Field(gt=0, le=1)] | None = None
    timeSliceWindow: Slice | None = None
    indicator: Indicator | None = None
    indicatorRef: Name | None = None
    compositeWeight: Annotated[Number, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.target is None) == (self.targetPercent is None):
            raise fault("an objective has one target", "give either target or targetPercent")
        if self.indicator is not None and self.indicatorRef is not None:
            raise fault("an objective has one indicator", "give either indicator or indicatorRef")
        return self

    @property
    def share(self) -> Decimal:
        """The share of good events that is promised."""
        return self.target if self.target is not None else (self.targetPercent or Decimal(0)) / 100


class ConditionType(Strict):
    """A burn rate over one window."""

    kind: Literal["burnrate"] | None = None
    op: Operator | None = None
    threshold: Number
    lookbackWindow: Duration
    alertAfter: (
        Annotated[Shorthand, BeforeValidator(lambda value: Shorthand(0, "m") if value == "0m" else shorthand(value))] | None
    ) = None


class ConditionSpec(Strict):
    """When an alert is due."""

    description: Description | None = None
    severity: Text
    condition: ConditionType


class TargetSpec(Strict):
    """Who is told."""

    description: Description | None = None
    target: Text


class _RefOrInline(Strict):
    """An entry that names an object, or is one."""

    @model_validator(mode="after")
    def _ref_or_inline(self) -> Self:
        ref = next(name for name in type(self).model_fields if name.endswith("Ref"))
        inline = [name for name in ("kind", "metadata", "spec") if getattr(self, name) is not None]
        if (getattr(self, ref) is None) == (not inline):
            raise fault(f"an entry is either a {ref} or an object of its own", f"give {ref}, or kind, metadata and spec")
        if inline and len(inline) < 3:
            missing = next(name for name in ("kind", "metadata", "spec") if name not in inline)
            raise fault(f"'{missing}' is missing", f"add {missing}")
        return self


class PolicyCondition(_RefOrInline):
    """A condition of a policy."""

    conditionRef: Name | None = None
    kind: Literal["AlertCondition"] | None = None
    metadata: Metadata | None = None
    spec: ConditionSpec | None = None


class PolicyTarget(_RefOrInline):
    """Somebody a policy tells."""

    targetRef: Name | None = None
    kind: Literal["AlertNotificationTarget"] | None = None
    metadata: Metadata | None = None
    spec: TargetSpec | None = None


class PolicySpec(Strict):
    """When who is told."""

    description: Description | None = None
    alertWhenNoData: StrictBool | None = None
    alertWhenResolved: StrictBool | None = None
    alertWhenBreaching: StrictBool | None = None
    conditions: Annotated[list[PolicyCondition], Field(min_length=1, max_length=1)]
    notificationTargets: Annotated[list[PolicyTarget], Field(min_length=1)]


class SloPolicy(_RefOrInline):
    """A policy of an SLO."""

    alertPolicyRef: Name | None = None
    kind: Literal["AlertPolicy"] | None = None
    metadata: Metadata | None = None
    spec: PolicySpec | None = None


class SloSpec(Strict):
    """A promise."""

    description: Description | None = None
    service: Name
    indicator: Indicator | None = None
    indicatorRef: Name | None = None
    timeWindow: Annotated[list[TimeWindow], Field(max_length=1)] = []
    budgetingMethod: Literal["Occurrences", "Timeslices", "RatioTimeslices"]
    objectives: Annotated[list[Objective], Field(min_length=1)]
    alertPolicies: list[SloPolicy] | None = None

    @model_validator(mode="after")
    def _one_window(self) -> Self:
        if not self.timeWindow:
            raise fault("an SLO has exactly one timeWindow", "add timeWindow: without it nobody knows how long the budget is for")
        return self

    @model_validator(mode="after")
    def _indicators(self) -> Self:
        own = [each for each in self.objectives if each.indicator is not None or each.indicatorRef is not None]
        given = [each for each in (self.indicator, self.indicatorRef) if each is not None]
        if len(given) > 1:
            raise fault("an SLO has one indicator", "give either indicator or indicatorRef")
        if given and own:
            raise fault("its indicator is the SLO's or each objective's, not both", "leave one of them out")
        if not given and len(own) < len(self.objectives):
            raise fault("an SLO needs an indicator", "give indicator or indicatorRef, here or in every objective")
        return self

    @model_validator(mode="after")
    def _slices(self) -> Self:
        for number, each in enumerate(self.objectives):
            if self.budgetingMethod == "Timeslices" and each.timeSliceTarget is None:
                raise fault(f"objectives[{number}] needs a timeSliceTarget", "Timeslices says how good a slice must be")
            if self.budgetingMethod != "Occurrences" and each.timeSliceWindow is None:
                raise fault(f"objectives[{number}] needs a timeSliceWindow", f"{self.budgetingMethod} says how long a slice is")
        return self


class SourceSpec(Strict):
    """How a data source is reached."""

    description: Description | None = None
    type: Text
    connectionDetails: Any

    @model_validator(mode="after")
    def _details(self) -> Self:
        if self.connectionDetails is None:
            raise fault("'connectionDetails' is missing", "add connectionDetails")
        return self


class ServiceSpec(Strict):
    """A group of SLOs."""

    description: Description | None = None


class SloObject(_Object):
    """A service level objective."""

    kind: Literal["SLO"]
    spec: SloSpec


class SliObject(_Object):
    """An indicator that SLOs refer to."""

    kind: Literal["SLI"]
    spec: IndicatorSpec


class DataSourceObject(_Object):
    """A data source that indicators refer to."""

    kind: Literal["DataSource"]
    spec: SourceSpec


class PolicyObject(_Object):
    """An alert policy that SLOs refer to."""

    kind: Literal["AlertPolicy"]
    spec: PolicySpec


class ConditionObject(_Object):
    """A condition that policies refer to."""

    kind: Literal["AlertCondition"]
    spec: ConditionSpec


class TargetObject(_Object):
    """Somebody that policies refer to."""

    kind: Literal["AlertNotificationTarget"]
    spec: TargetSpec


class ServiceObject(_Object):
    """A service that SLOs name."""

    kind: Literal["Service"]
    spec: ServiceSpec | None = None


KINDS: dict[str, type[_Object]] = {
    "SLO": SloObject,
    "SLI": SliObject,
    "DataSource": DataSourceObject,
    "AlertPolicy": PolicyObject,
    "AlertCondition": ConditionObject,
    "AlertNotificationTarget": TargetObject,
    "Service": ServiceObject,
}
