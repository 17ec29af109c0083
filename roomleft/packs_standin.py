"""The `standin:` section of a pack: the shape of the platform that the stand-in server plays.

A shape holds rates, shares and distributions, never records. The server makes the records as a pure function of
(seed, shape, fault log). Times in a shape are `days_ago`: days before the instant the server calls "now" when it starts.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from roomleft.packs_standin_faults import FaultShape, Strict

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$")]

URGENCIES = ("low", "normal", "high")
STREAMS = ("usage", "samples", "health-history", "deploys")


class RhythmShape(Strict):
    """How traffic moves with the hour (UTC) and the weekday (Monday first); only the proportions count."""

    hours: list[Positive] = Field(min_length=24, max_length=24)
    weekdays: list[Positive] = Field(min_length=7, max_length=7)


class LaunchShape(Strict):
    """A launch: more requests per user at once, decaying to a higher plateau, and more users over the days after it."""

    days_ago: Positive
    step: NotNegative = Field(description="requests per user, added on the day: 0.5 is half as many again")
    plateau: NotNegative = Field(description="what remains of the step in the end")
    half_life_days: Positive
    users_added: NotNegative = Field(description="users gained in the end, as a share of those before")


class TierShape(Strict):
    """A price tier. A tier may convert: a user moves to `converts_to` at `conversion_per_month` (a rate, 0.03 = 3 % a month)."""

    name: Name
    price_usd_per_month: Decimal = Field(ge=0)
    satisfaction: float = Field(ge=1, le=5)
    converts_to: Name | None = None
    conversion_per_month: Share = 0.0


class PersonaShape(Strict):
    """A hidden kind of user: never emitted, to be found again from the usage."""

    name: Name
    share: Share
    active_share: Share = Field(description="chance of being active on a day")
    requests_per_day: Positive = Field(description="mean on an active day")
    spread: NotNegative = Field(0.5, description="variation between users of the persona: standard deviation over mean")
    requests: dict[Name, Share] = Field(description="share of each request type")
    tiers: dict[Name, Share] = Field(description="share of users that begin in each tier")
    images_per_request: float = Field(1.0, ge=1)

    @model_validator(mode="after")
    def _shares_add_up(self) -> Self:
        for what, shares in (("requests", self.requests), ("tiers", self.tiers)):
            _whole(f"persona {self.name}: {what}", shares.values())
        return self


class Lognormal(Strict):
    """A lognormal distribution by its median (in the unit of the field's name) and the sigma of the logarithm."""

    median: Positive
    sigma: NotNegative = 0.5


class RequestTypeShape(Strict):
    """One kind of AI request: what it asks for, how heavy and how urgent it is. Image and voice requests carry no tokens."""

    name: Name
    component: Name
    operation: Name
    feature: Name
    complexity: tuple[Positive, Positive] = Field(description="alpha and beta of a beta distribution")
    urgency: tuple[Share, Share, Share] = Field(description="shares of low, normal and high")
    input_tokens: Lognormal | None = None
    output_tokens: Lognormal | None = None
    makes_images: bool = False
    characters: Lognormal | None = Field(None, description="of a voice request: characters that are spoken")
    audio_seconds: Lognormal | None = Field(None, description="of a request that is priced by the second of audio")

    @model_validator(mode="after")
    def _one_quantity(self) -> Self:
        _whole(f"request type {self.name}: urgency", self.urgency)
        has_tokens = self.input_tokens is not None and self.output_tokens is not None
        if [has_tokens, self.makes_images, self.characters is not None, self.audio_seconds is not None].count(True) != 1:
            todo = "input_tokens and output_tokens, makes_images: true, characters, or audio_seconds"
            raise ValueError(f"request type {self.name}: give exactly one of {todo}")
        return self


class ModelShape(Strict):
    """A provider's model: how fast it is and how often it fails."""

    name: Name
    provider: Name
    latency_ms: Lognormal
    first_token_share: Share | None = Field(None, description="first token's part of the latency; absent: not streamed")
    error_share: Share = 0.0
    timeout_share: Share = 0.0
    refused_share: Share = 0.0
    cached_share: Share = Field(0.0, description="mean share of the input tokens read from the provider's cache")
    hint_usd: NotNegative = Field(0.0, description="dollars a token (an image, for image models) in the source's own cost hint")


class RouteShape(Strict):
    """One routing rule; the first whose conditions all hold decides. A condition left out always holds."""

    model: Name
    request_types: list[Name] | None = None
    urgencies: list[Literal["low", "normal", "high"]] | None = None
    tiers: list[Name] | None = None
    complexity_below: Share | None = None
    share: Share = Field(1.0, description="chance that the rule is considered at all")
    quota_images_per_day: int | None = Field(None, gt=0, description="per user and UTC day; a failed attempt uses none")
    fallback: Name | None = Field(None, description="model asked next when this one fails")


class LatenessShape(Strict):
    """When a record is committed after it happened: mostly `usual_s`, for `share` of them between `min_s` and `max_s`."""

    usual_s: NotNegative = 1.0
    share: Share = 0.0
    min_s: NotNegative = 120.0
    max_s: NotNegative = 172_800.0


class UsageShape(Strict):
    """AI usage: who asks for what and which model answers."""

    environment: Name = "production"
    request_types: list[RequestTypeShape]
    models: list[ModelShape]
    routing: list[RouteShape]
    lateness: LatenessShape = LatenessShape()


class VariantShape(Strict):
    """One label set of a series, with its own base or weight where it differs."""

    labels: dict[Name, str]
    base: float | None = None


class SeriesShape(Strict):
    """A gauge or a counter.

    A gauge reads `base x growth x (1 + load_gain x (load - 1)) x (1 + daily_amplitude x cos) x noise`, in [min, max]; load is
    traffic over its mean now. A counter grows by `base` a second x load, or by `base` of each increment of `share_of`.
    """

    name: Name
    component: Name
    help: str
    kind: Literal["gauge", "counter"] = "gauge"
    base: NotNegative
    load_gain: float = 0.0
    daily_amplitude: Share = 0.0
    daily_peak_hour: float = Field(20.0, ge=0, lt=24)
    growth_per_day: float = Field(0.0, gt=-0.5, lt=0.5)
    noise: NotNegative = 0.0
    min: float = 0.0
    max: float | None = None
    decimals: int = Field(3, ge=0, le=9)
    fills_daily: bool = Field(False, description="grows from 0 at midnight UTC to `base` at the end of an average day")
    share_of: Name | None = None
    variants: list[VariantShape] = Field(default_factory=list)

    @model_validator(mode="after")
    def _counters_are_counters(self) -> Self:
        if (self.kind == "counter") != self.name.endswith("_total"):
            raise ValueError(f"series {self.name}: a counter's name ends in _total, a gauge's does not")
        if self.share_of and self.kind != "counter":
            raise ValueError(f"series {self.name}: share_of is for counters")
        return self


class CheckShape(Strict):
    """A health check over a gauge (or gauge / gauge): pass, warn and fail by two thresholds, with words."""

    check: Name
    component: Name
    series: Name
    labels: dict[Name, str] = Field(default_factory=dict)
    divide_by: Name | None = None
    unit: str
    warn: float
    fail: float
    words: str = Field(description="the issue in words; {value} and {unit} are filled in")

    @property
    def worse_above(self) -> bool:
        """Whether high values are the bad ones."""
        return self.fail >= self.warn


class DeployShape(Strict):
    """A deploy at a known time. `resets_counters` restarts the counters of its component at 0."""

    days_ago: Positive
    component: Name
    version: str
    title: str
    kind: Literal["deploy", "launch", "rollback"] = "deploy"
    resets_counters: bool = False


class DeploysShape(Strict):
    """Known deploys, and routine ones every `every_days` that take the components in turn."""

    every_days: int = Field(7, gt=0)
    hour: float = Field(10.0, ge=0, lt=24)
    components: list[Name] = Field(min_length=1)
    major: int = Field(1, ge=0)
    known: list[DeployShape] = Field(default_factory=list)


class IncidentShape(Strict):
    """A named fault that was on in the past for `minutes`."""

    fault: Name
    days_ago: Positive
    minutes: Positive


class StandinShape(Strict):
    """The whole shape of a stand-in platform."""

    version: str
    users: int = Field(gt=0, description="users there are now")
    growth_per_month: float = Field(0.0, gt=-0.9, description="growth of the number of users: 0.06 is 6 % a month")
    rhythm: RhythmShape
    launch: LaunchShape | None = None
    tiers: list[TierShape] = Field(min_length=1)
    personas: list[PersonaShape] = Field(min_length=1)
    usage: UsageShape
    sample_lateness: LatenessShape = LatenessShape()
    series: list[SeriesShape]
    checks: list[CheckShape]
    deploys: DeploysShape
    incidents: list[IncidentShape] = Field(default_factory=list)
    faults: dict[Name, FaultShape] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        _whole("personas: share", [p.share for p in self.personas])
        tiers = {t.name for t in self.tiers}
        types = {t.name for t in self.usage.request_types}
        models = {m.name for m in self.usage.models}
        series = {s.name for s in self.series}
        providers = {m.provider for m in self.usage.models}
        components = {s.component for s in self.series} | {c.component for c in self.checks}
        gauges = {s.name for s in self.series if s.kind == "gauge"}
        for tier in self.tiers:
            _known(f"tiers.{tier.name}.converts_to", [tier.converts_to], tiers)
        for persona in self.personas:
            _known(f"personas.{persona.name}.requests", persona.requests, types)
            _known(f"personas.{persona.name}.tiers", persona.tiers, tiers)
        for number, route in enumerate(self.usage.routing):
            where = f"usage.routing[{number}]"
            _known(f"{where}.model", [route.model, route.fallback], models)
            _known(f"{where}.request_types", route.request_types or (), types)
            _known(f"{where}.tiers", route.tiers or (), tiers)
        if not self.usage.routing or self.usage.routing[-1] != RouteShape(model=self.usage.routing[-1].model):
            raise ValueError("usage.routing: the last rule must hold for every request (model only)")
        earlier: set[str] = set()
        for one in self.series:
            if one.name in earlier:
                raise ValueError(f"series {one.name}: defined twice")
            _known(f"series.{one.name}.share_of (a counter above it)", [one.share_of], earlier - gauges)
            earlier.add(one.name)
        for check in self.checks:
            _known(f"checks.{check.component}.{check.check}", [check.series, check.divide_by], gauges)
        for name, fault in self.faults.items():
            _known(f"faults.{name}: series", fault.series_names(), series)
            _known(f"faults.{name}: providers and models", fault.service_names(), models | providers)
            _known(f"faults.{name}: request types", fault.request_type_names(), types)
            _known(f"faults.{name}: components", fault.component_names(), components)
            for effect in fault.effects:
                if effect.series and set(effect.series.names) - gauges and not effect.series.keeps_counters_monotone:
                    raise ValueError(f"faults.{name}: a counter takes multiply >= 0 and add >= 0, never set")
        for incident in self.incidents:
            _known("incidents.fault", [incident.fault], set(self.faults))
        return self


def _whole(where: str, shares: Iterable[float]) -> None:
    total = sum(shares)
    if abs(total - 1) > 1e-6:
        raise ValueError(f"{where}: shares add up to {total:g}, not 1")


def _known(where: str, names: Iterable[str | None], known: set[str]) -> None:
    unknown = sorted({n for n in names if n is not None} - known)
    if unknown:
        raise ValueError(f"{where}: unknown {', '.join(unknown)}; known: {', '.join(sorted(known))}")
