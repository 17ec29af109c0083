"""`alerting.yaml`: who is told of what, how, and when nobody is. Secrets never stand in it: an `…_env` key names a variable.

Without the file alerts are shown in the app and nobody is told.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from roomleft.packs_fields import Address, Ident, Service, Span, Strict, Words, Zone

EnvName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
Url = Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=2000)]
MatcherText = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*(=|!=|=~|!~).*$", max_length=500)]
"""`severity=critical`, `component!=edge`, `alertname=~Replica.*`: as Alertmanager writes matchers; a pattern must match the whole value."""
Time = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")]
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class PagerdutyChannel(Strict):
    """PagerDuty Events API v2. There PagerDuty owns acknowledgement and escalation."""

    kind: Literal["pagerduty"]
    routing_key_env: EnvName
    url: Url = "https://events.pagerduty.com"


class EmailChannel(Strict):
    """Mail through the `smtp` server."""

    kind: Literal["email"]
    to: Annotated[list[Address], Field(min_length=1, max_length=50)]


class SlackChannel(Strict):
    """A Slack incoming webhook; its URL is a secret."""

    kind: Literal["slack"]
    url_env: EnvName


class WebhookChannel(Strict):
    """A JSON POST, signed with HMAC-SHA256 where `secret_env` is given (docs/alerting.md says how to check it)."""

    kind: Literal["webhook"]
    url: Url | None = None
    url_env: EnvName | None = None
    secret_env: EnvName | None = None

    @model_validator(mode="after")
    def _one_url(self) -> Self:
        if (self.url is None) == (self.url_env is None):
            raise PydanticCustomError("webhook", "a webhook has one address", {"todo": "give url, or url_env"})
        return self


class AlertmanagerChannel(Strict):
    """A Prometheus Alertmanager, API v2. It groups and routes itself, so each alert is sent to it apart, and kept alive."""

    kind: Literal["alertmanager"]
    url: Url
    token_env: EnvName | None = None


class AppriseChannel(Strict):
    """Any service that apprise knows; its URL is a secret."""

    kind: Literal["apprise"]
    url_env: EnvName


class OutboxChannel(Strict):
    """The Outbox page: notices are kept on screen and leave for nowhere. What a demo uses."""

    kind: Literal["outbox"]


Channel = Annotated[
    PagerdutyChannel | EmailChannel | SlackChannel | WebhookChannel | AlertmanagerChannel | AppriseChannel | OutboxChannel,
    Field(discriminator="kind"),
]


class Receiver(Strict):
    """Somebody who is told, through one channel or several."""

    name: Ident
    channels: Annotated[list[Channel], Field(min_length=1, max_length=10)]


class Escalation(Strict):
    """Whom to tell too when nobody has acknowledged for `after`."""

    after: Span
    receiver: Ident


class Route(Strict):
    """Alerts that match every matcher go to the receiver, grouped by the labels. The first route that matches is taken, those after a `continue: true` too.

    A new group waits `group_wait` for others; of a told one news are gathered for `group_interval`; what goes on firing is told again after
    `repeat_interval`. A resolve is told at the group's next look, at the latest `group_interval` after. `send_resolved: false` tells none.
    """

    match: Annotated[list[MatcherText], Field(max_length=20)] = []
    receiver: Ident
    group_by: Annotated[list[Service], Field(max_length=10)] = ["platform", "alertname"]
    group_wait: Span = timedelta(seconds=10)
    group_interval: Span = timedelta(minutes=5)
    repeat_interval: Span = timedelta(hours=4)
    send_resolved: bool = True
    escalate: Annotated[list[Escalation], Field(max_length=5)] = []
    proceed: bool = Field(default=False, alias="continue")


class Inhibition(Strict):
    """While an alert that matches `source` fires, those that match `target` and agree with it in the labels `equal` tell nobody.

    Components that depend on a failed one are inhibited without being listed here: the packs' `depends_on` says so.
    """

    source: Annotated[list[MatcherText], Field(min_length=1)]
    target: Annotated[list[MatcherText], Field(min_length=1)]
    equal: list[Service] = []


class RecurringSpec(Strict):
    """From one local time to another on some days of the week; past midnight when `until` is not after `since`. Local time skips and repeats
    with the zone's clocks: a time that is skipped is taken as the instant of the jump, one that comes twice from its first to its last."""

    days: Annotated[list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]], Field(min_length=1)] = list(DAYS)  # type: ignore[arg-type]
    since: Time
    until: Time
    zone: Zone


class Maintenance(Strict):
    """A window in which alerts that match tell nobody."""

    name: Words
    match: Annotated[list[MatcherText], Field(min_length=1)]
    recurring: RecurringSpec


class Smtp(Strict):
    """The mail server. `none` sends in clear: only for a server on this machine."""

    host: Service
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: Annotated[str, Field(max_length=254)] | None = None
    password_env: EnvName | None = None
    sender: Address = Field(alias="from")


class Heartbeat(Strict):
    """A dead man's switch: an outside service that raises the alarm when this stops calling it. It is called only while rules are evaluated in time."""

    url: Url | None = None
    url_env: EnvName | None = None
    every: Span = timedelta(minutes=1)

    @model_validator(mode="after")
    def _one_url(self) -> Self:
        if (self.url is None) == (self.url_env is None):
            raise PydanticCustomError("heartbeat", "a heartbeat has one address", {"todo": "give url, or url_env"})
        return self


class PagerdutyWebhook(Strict):
    """PagerDuty's webhooks v3 to `/api/v1/pagerduty`, whose signatures this secret checks: acknowledgements and resolves made there show here."""

    secret_env: EnvName


class Alerting(Strict):
    """The whole file."""

    receivers: list[Receiver] = []
    routes: list[Route] = []
    inhibit: list[Inhibition] = []
    maintenance: list[Maintenance] = []
    smtp: Smtp | None = None
    heartbeat: Heartbeat | None = None
    pagerduty_webhook: PagerdutyWebhook | None = None
