"""The `sources:` section of a pack: what is read besides the platform's own API. Each kind is one model; `jobs` read them.

No secret stands in a pack: `password_env` and `token_env` name a variable, which is looked up in the environment and then in the secrets
that `connect` keeps in the data folder.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from roomleft.packs_fields import Service, Slug, Span, Strict

HttpUrl = Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=2000)]
Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$", max_length=100)]


class _Source(Strict):
    """`name` is the source's own within the pack; readings of it belong to `component`."""

    name: Slug
    component: Service


class PrometheusSource(_Source):
    """A page in the Prometheus text format or OpenMetrics, scraped. Past `max_series` or `max_bytes` the scrape is refused."""

    kind: Literal["prometheus"]
    url: HttpUrl
    interval: Span = timedelta(minutes=1)
    timeout: Span = timedelta(seconds=10)
    labels: dict[str, str] = {}
    honor_labels: bool = False
    honor_timestamps: bool = True
    token_env: Variable | None = None
    max_series: Annotated[int, Field(ge=1, le=1_000_000)] = 50_000
    max_bytes: Annotated[int, Field(ge=1_000, le=1_000_000_000)] = 32_000_000


class PrometheusServerSource(_Source):
    """A Prometheus server whose answers to the pack's `promql` meters are read, with what it still keeps of the past."""

    kind: Literal["prometheus-server"]
    url: HttpUrl
    interval: Span = timedelta(minutes=1)
    timeout: Span = timedelta(seconds=30)
    back_fill: Span = timedelta(days=90)
    token_env: Variable | None = None


class PostgresReplica(Strict):
    """A streaming replica of a PostgreSQL server."""

    name: Slug
    url: Annotated[str, Field(pattern=r"^postgres(ql)?://[^\s]+$", max_length=2000)]


class PostgresSource(_Source):
    """A PostgreSQL server's own statistics: connections, slow statements, replication lag, cache hits, sizes."""

    kind: Literal["postgres"]
    url: Annotated[str, Field(pattern=r"^postgres(ql)?://[^\s]+$", max_length=2000)]
    interval: Span = timedelta(seconds=30)
    timeout: Span = timedelta(seconds=10)
    slow_ms: Annotated[int, Field(ge=1)] = 100
    replicas: list[PostgresReplica] = []
    password_env: Variable | None = None


class RedisSource(_Source):
    """A Redis server's INFO."""

    kind: Literal["redis"]
    url: Annotated[str, Field(pattern=r"^rediss?://[^\s]+$", max_length=2000)]
    interval: Span = timedelta(seconds=30)
    timeout: Span = timedelta(seconds=5)
    password_env: Variable | None = None


class ProbeSource(_Source):
    """A look from outside: an HTTP request, a TCP connection, or how long a TLS certificate holds. Addresses: http(s)://…, tcp://HOST:PORT,
    tls://HOST:PORT."""

    kind: Literal["probe"]
    url: Annotated[str, Field(pattern=r"^(https?|tcp|tls)://[^\s]+$", max_length=2000)]
    interval: Span = timedelta(seconds=30)
    timeout: Span = timedelta(seconds=10)
    expect_status: Annotated[list[Annotated[int, Field(ge=100, le=599)]], Field(min_length=1)] | None = None
    expect_text: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    expires_within: Span = timedelta(days=21)


class LitellmSource(_Source):
    """A LiteLLM proxy whose spend logs are read over HTTP. Calls are read again until they are `overlap` old: logs are written late."""

    kind: Literal["litellm"]
    url: HttpUrl
    interval: Span = timedelta(minutes=1)
    timeout: Span = timedelta(seconds=30)
    back_fill: Span = timedelta(days=90)
    overlap: Span = timedelta(hours=1)
    token_env: Variable | None = None


class LitellmPostgresSource(_Source):
    """The PostgreSQL database of a LiteLLM proxy: its table of spend logs. Calls are read again until they are `overlap` old."""

    kind: Literal["litellm-postgres"]
    url: Annotated[str, Field(pattern=r"^postgres(ql)?://[^\s]+$", max_length=2000)]
    interval: Span = timedelta(minutes=1)
    timeout: Span = timedelta(seconds=30)
    back_fill: Span = timedelta(days=90)
    overlap: Span = timedelta(hours=1)
    password_env: Variable | None = None


class _ProviderReports(_Source):
    """A provider's reports of an organisation's use and bill. Days are read again until they are `overlap` old, since reports are revised.

    `counts: comparison` keeps use only beside the bill, `usage` makes it calls, bucket by bucket once one ended `settled_after` ago: only
    where nothing else tells of them.
    """

    interval: Span = timedelta(minutes=15)
    timeout: Span = timedelta(seconds=60)
    back_fill: Span = timedelta(days=90)
    overlap: Span = timedelta(days=4)
    settled_after: Span = timedelta(hours=24)
    counts: Literal["usage", "comparison"] = "comparison"
    token_env: Variable

    @model_validator(mode="after")
    def _settled_before_it_is_read_no_more(self) -> Self:
        if self.overlap < self.settled_after + timedelta(days=1):
            raise ValueError("overlap must be a day longer than settled_after, or late buckets would never become usage")
        return self


class OpenaiUsageSource(_ProviderReports):
    """OpenAI's usage and costs, with an admin key."""

    kind: Literal["openai-usage"]
    url: HttpUrl = "https://api.openai.com"


class AnthropicUsageSource(_ProviderReports):
    """Anthropic's usage and cost report, with an admin key."""

    kind: Literal["anthropic-usage"]
    url: HttpUrl = "https://api.anthropic.com"


class ElevenlabsUsageSource(_ProviderReports):
    """ElevenLabs' workspace usage."""

    kind: Literal["elevenlabs-usage"]
    url: HttpUrl = "https://api.elevenlabs.io"


SourceEntry = Annotated[
    PrometheusSource
    | PrometheusServerSource
    | PostgresSource
    | RedisSource
    | ProbeSource
    | LitellmSource
    | LitellmPostgresSource
    | OpenaiUsageSource
    | AnthropicUsageSource
    | ElevenlabsUsageSource,
    Field(discriminator="kind"),
]
