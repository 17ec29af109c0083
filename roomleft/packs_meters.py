"""The `meters:` section of a pack: named questions to the warehouse. Each kind is one model; `analytics.meters` answers them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from roomleft.packs_fields import Exact, Ident, Service, Span, Strict, Unit, Words


def _some(value: object) -> object:
    return [value] if isinstance(value, str) else value


Some = Annotated[list[Service], BeforeValidator(_some), Field(min_length=1)]
"""One name or a list of them; a row matches if it has any."""


SomeNames = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")]],
    BeforeValidator(_some),
    Field(min_length=1, max_length=200),
]
"""One name or a list of them, as people write them, spaces and all."""
BY_USER = ("provider", "model", "request_type", "tier", "status", "user")
"""What is known of a user's use of a day, which is what budgets of users are counted from."""


class Where(Strict):
    """Which usage rows count: every key given must match. By user only those of BY_USER are known.

    `api_key` is the hash of a key, as the platform sends it; `user` a pseudonym, as the pages show it.
    """

    component: Some | None = None
    provider: Some | None = None
    model: Some | None = None
    request_type: Some | None = None
    tier: Some | None = None
    status: Some | None = None
    feature: SomeNames | None = None
    team: SomeNames | None = None
    project: SomeNames | None = None
    environment: SomeNames | None = None
    cost_centre: SomeNames | None = None
    api_key: SomeNames | None = None
    user: SomeNames | None = None

    def given(self) -> dict[str, list[str]]:
        """Only the columns that were given."""
        return {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}


class _Meter(Strict):
    title: Words | None = None
    unit: Unit
    stale_after: Span | None = None


class _Accumulating(_Meter):
    """Adds up over a window. `over` measures the last so much instead of the limit's own window."""

    over: Span | None = None


class CostMeter(_Accumulating):
    """What the priced usage cost."""

    kind: Literal["cost"]
    where: Where = Where()


class CountMeter(_Accumulating):
    """How many requests, images, tokens, characters or seconds of audio were used."""

    kind: Literal["count"]
    of: Literal["requests", "images", "tokens", "characters", "audio_seconds"]
    where: Where = Where()


class DistinctUsersMeter(_Accumulating):
    """How many users made at least one request, on whole days of the window's zone."""

    kind: Literal["distinct_users"]
    where: Where = Where()


class InfrastructureCostMeter(_Accumulating):
    """The pack's own infrastructure items, month's price spread evenly over the month. `parts` picks some."""

    kind: Literal["infrastructure_cost"]
    parts: Annotated[list[Ident], Field(min_length=1)] | None = None


class IncreaseMeter(_Accumulating):
    """How far a counter rose, resets allowed for, over all its series that carry `labels`. From whole hours at the window's start."""

    kind: Literal["increase"]
    series: Service
    component: Service | None = None
    labels: dict[str, str] = {}


class FailingMinutesMeter(_Accumulating):
    """Minutes in which a health check of `components` (of `checks`, if given) failed. Each answer stands for `every`."""

    kind: Literal["failing_minutes"]
    components: Annotated[list[Service], Field(min_length=1)]
    checks: Annotated[list[Service], Field(min_length=1)] | None = None
    every: Span = timedelta(minutes=1)


class SqlMeter(_Accumulating):
    """One row with `value` (and, if it can tell, `observed_at`) from a query file beside the pack, read-only and limited."""

    kind: Literal["sql"]
    file: Annotated[str, Field(pattern=r"^[a-z0-9_]+\.sql$")]


class BusinessMeter(_Accumulating):
    """What business days say: sums over the window's whole days of `revenue`, `new_users`, `returning_users` and `converted_users`;
    `daily_users` is the mean of active users a day, `satisfaction` the mean weighted by them."""

    kind: Literal["business"]
    of: Literal["revenue", "new_users", "returning_users", "converted_users", "daily_users", "satisfaction"]
    tiers: Some | None = None


class GaugeMeter(_Meter):
    """A reading: within each series the `over_time` of the last `over`, then `across` the series; times `scale`."""

    kind: Literal["gauge"]
    series: Service
    component: Service | None = None
    labels: dict[str, str] = {}
    over: Span = timedelta(minutes=5)
    over_time: Literal["last", "mean", "max", "min"] = "mean"
    across: Literal["sum", "mean", "max", "min"] = "mean"
    scale: Exact | None = None


class PromqlMeter(_Meter):
    """A PromQL query that a connected Prometheus server evaluates, every `step`, back to its retention; read as a gauge's series are.

    Its answers are stored as the series `promql:METER`, with the labels of the result.
    """

    kind: Literal["promql"]
    source: Service
    query: Annotated[str, Field(min_length=1, max_length=4000)]
    component: Service | None = None
    step: Span = timedelta(minutes=1)
    over: Span = timedelta(minutes=5)
    over_time: Literal["last", "mean", "max", "min"] = "mean"
    across: Literal["sum", "mean", "max", "min"] = "mean"
    scale: Exact | None = None


class PercentileMeter(_Meter):
    """A percentile of AI call latency in ms, within 1 %."""

    kind: Literal["percentile"]
    percent: Annotated[Exact, Field(gt=0, lt=100)]
    over: Span = timedelta(minutes=5)
    provider: Service | None = None
    model: Service | None = None


class RatioMeter(_Meter):
    """One meter over another, `scale` times (100 for per cent). Without a whole there is no ratio."""

    kind: Literal["ratio"]
    part: Ident
    whole: Ident
    scale: Exact | None = None


class TotalMeter(_Meter):
    """The sum of other meters of the same unit."""

    kind: Literal["total"]
    of: Annotated[list[Ident], Field(min_length=2)]


class DifferenceMeter(_Meter):
    """One meter less another of the same unit."""

    kind: Literal["difference"]
    part: Ident
    less: Ident


class GrowthMeter(_Meter):
    """By how many per cent a meter over the last `over` is above the same over the `over` before."""

    kind: Literal["growth"]
    of: Ident
    over: Span


Meter = Annotated[
    CostMeter
    | CountMeter
    | DistinctUsersMeter
    | InfrastructureCostMeter
    | IncreaseMeter
    | FailingMinutesMeter
    | SqlMeter
    | BusinessMeter
    | GaugeMeter
    | PromqlMeter
    | PercentileMeter
    | RatioMeter
    | TotalMeter
    | DifferenceMeter
    | GrowthMeter,
    Field(discriminator="kind"),
]

ACCUMULATING = ("cost", "count", "distinct_users", "infrastructure_cost", "increase", "failing_minutes", "sql", "business")
"""Kinds that need a window: the limit's, or their own `over`."""
PER_USER = ("cost", "count")
"""Kinds that a per-user limit may use."""
COMPOSED = ("ratio", "total", "difference", "growth")
"""Kinds made of other meters."""
