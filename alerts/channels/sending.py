"""Every kind of channel by its name, and the one way to send through any of them: no secret leaves, no fault of a channel goes further."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from alerts.channels import alertmanager, by_apprise, mail, on_screen, pagerduty, slack, webhook
from alerts.channels.answer import Answer, Means, Outcome
from alerts.channels.variables import MissingVariable
from alerts.notice import Notice
from roomleft.alerting import Channel

log = logging.getLogger(__name__)
SENDERS: Mapping[str, Callable[[Notice, Any, Means], Answer]] = {
    "pagerduty": pagerduty.send,
    "email": mail.send,
    "slack": slack.send,
    "webhook": webhook.send,
    "alertmanager": alertmanager.send,
    "apprise": by_apprise.send,
    "outbox": on_screen.send,
}


def send(notice: Notice, channel: Channel, means: Means) -> Answer:
    """Send a notice through a channel. Never raises; the answer carries no secret."""
    return guarded(lambda: SENDERS[channel.kind](notice, channel, means), channel.kind, means)


def guarded(sending: Callable[[], Answer], kind: str, means: Means) -> Answer:
    """What `sending` answers; a variable that says nothing is a refusal, a fault of ours is worth another attempt."""
    try:
        answer = sending()
    except MissingVariable as error:
        answer = Answer(Outcome.REFUSED, reason=f"the variable {error.name} is not set")
    except Exception as error:
        words = means.variables.strike(f"{type(error).__name__}: {error}")
        # Without its stack: what it quotes may hold the secret.
        log.error("the channel %s failed: %s", kind, words)
        answer = Answer(Outcome.RETRY, reason=f"the channel itself failed: {words}")
    return answer.struck(means.variables.strike)
