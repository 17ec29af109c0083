"""Named faults of a stand-in platform: what changes, from the moment the fault is switched on until it is switched off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Route = Literal["usage", "samples", "health-history", "deploys", "business", "health", "metrics"]


class Strict(BaseModel):
    """A frozen model that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SeriesEffect(Strict):
    """Changes the values of series: gauges by multiply, then add, then set; counters' growth by multiply, then add a second."""

    names: list[str] = Field(min_length=1)
    labels: dict[str, str] = Field(default_factory=dict, description="only the label sets that carry these")
    multiply: float = 1.0
    add: float = 0.0
    set: float | Literal["NaN", "+Inf", "-Inf"] | None = None

    @property
    def keeps_counters_monotone(self) -> bool:
        """Whether the effect may be put on a counter. Two faults that slow the same one must not be on at once."""
        return self.multiply >= 0 and self.add >= 0 and self.set is None


class UsageEffect(Strict):
    """Changes AI calls. `rate_multiply` touches every call; the rest only the providers, models and request types named."""

    providers: list[str] | None = None
    models: list[str] | None = None
    request_types: list[str] | None = None
    rate_multiply: Annotated[float, Field(ge=0, le=20)] = 1.0
    tokens_multiply: Annotated[float, Field(gt=0, le=100)] = 1.0
    media_multiply: Annotated[float, Field(ge=1, le=100, description="images and characters of speech that a call asks for")] = (
        1.0
    )
    complexity_multiply: Annotated[float, Field(gt=0, le=100)] = 1.0
    latency_multiply: Annotated[float, Field(gt=0, le=1000)] = 1.0
    failure_share: Annotated[float, Field(ge=0, le=1)] = 0.0


class BusinessEffect(Strict):
    """Changes what business days say, for the whole of each day that the fault meets."""

    revenue_multiply: Annotated[float, Field(ge=0, le=100)] = 1.0
    satisfaction_add: Annotated[float, Field(ge=-5, le=5)] = 0.0


class HttpEffect(Strict):
    """Changes how the server answers, on `routes` (all when absent)."""

    routes: list[Route] | None = None
    status: Annotated[int, Field(ge=400, le=599)] | None = None
    retry_after_s: Annotated[int, Field(ge=0)] | None = None
    slow_s: Annotated[float, Field(ge=0)] = Field(0.0, description="answers after so many seconds")
    hang: bool = Field(False, description="accepts the request and never answers while the fault is on")
    garbage: bool = Field(False, description="answers 200 with a body that is cut off and not what it claims to be")
    repeat: int = Field(0, ge=0, description="each page begins so many records before its cursor")


class HealthEffect(Strict):
    """Makes the checks of a component answer `status` with these words."""

    component: str
    check: str | None = None
    status: Literal["pass", "warn", "fail"]
    output: str


class SamplesEffect(Strict):
    """Readings stop: of `components`, or of all when absent."""

    components: list[str] | None = None
    gap: Literal[True]


class ClockEffect(Strict):
    """The platform's clock is off: times it writes are `skew_s` later than true (negative: earlier)."""

    skew_s: float


class FaultEffect(Strict):
    """Exactly one change."""

    series: SeriesEffect | None = None
    usage: UsageEffect | None = None
    business: BusinessEffect | None = None
    http: HttpEffect | None = None
    health: HealthEffect | None = None
    samples: SamplesEffect | None = None
    clock: ClockEffect | None = None
    cursors: Literal["forgotten"] | None = Field(None, description="cursors handed out before are unknown afterwards")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            kinds = ", ".join(type(self).model_fields)
            raise ValueError(f"an effect is exactly one of {kinds}; got {', '.join(given) or 'none'}")
        return self


class FaultShape(Strict):
    """A fault: words for people and the changes it makes.

    `shows_on` names the components whose checks turn worse while it is on; those that depend on them may follow, no other does.
    Empty for a fault of money or of the way the platform is read.
    """

    description: str
    effects: list[FaultEffect] = Field(min_length=1)
    shows_on: list[str] = Field(default_factory=list)

    def series_names(self) -> Iterator[str]:
        """Series that the fault changes."""
        for effect in self.effects:
            yield from effect.series.names if effect.series else ()

    def service_names(self) -> Iterator[str]:
        """Providers and models that the fault singles out."""
        for effect in self.effects:
            if effect.usage:
                yield from effect.usage.providers or ()
                yield from effect.usage.models or ()

    def request_type_names(self) -> Iterator[str]:
        """Request types that the fault singles out."""
        for effect in self.effects:
            yield from (effect.usage.request_types or ()) if effect.usage else ()

    def component_names(self) -> Iterator[str]:
        """Components whose health or samples the fault changes."""
        yield from self.shows_on
        for effect in self.effects:
            if effect.health:
                yield effect.health.component
            if effect.samples:
                yield from effect.samples.components or ()
