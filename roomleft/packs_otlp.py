"""The `otlp:` section of a pack: which OpenTelemetry services are the platform's, and which of their attributes say who a call is for."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator

from roomleft.packs_fields import Strict

Attribute = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:/\-]{0,199}$")]
Named = Annotated[str, Field(min_length=1, max_length=200)]


class OtlpAttributes(Strict):
    """Attributes of spans and resources by what they tell; the first that is there counts, before the usual ones. One name or a list."""

    user_id: list[Attribute] = []
    tier: list[Attribute] = []
    team: list[Attribute] = []
    feature: list[Attribute] = []
    project: list[Attribute] = []
    environment: list[Attribute] = []
    cost_centre: list[Attribute] = []
    request_type: list[Attribute] = []
    component: list[Attribute] = []
    session: list[Attribute] = []

    @field_validator("*", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


class OtlpSpec(Strict):
    """`services`: `service.name` or `service.namespace` of whatever is the platform's, beside its slug. `metrics_only`: its AI calls send no
    spans, so its token metrics are its usage."""

    services: list[Named] = []
    attributes: OtlpAttributes = OtlpAttributes()
    metrics_only: bool = False
