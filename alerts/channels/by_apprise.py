"""Any other service, by apprise: its address is the secret. Apprise says only whether it worked, so what failed is tried again."""

from __future__ import annotations

import logging

from alerts.channels.answer import Answer, Means, Outcome
from alerts.channels.words import as_text, headline, shortened
from alerts.notice import Kind, Notice
from roomleft.alerting import AppriseChannel

TYPES = {Kind.RESOLVED: "success", Kind.ACKNOWLEDGED: "info", Kind.TEST: "info", Kind.CHANGE: "info"}
SEVERITIES = {"critical": "failure", "warning": "warning"}


def send(notice: Notice, channel: AppriseChannel, means: Means) -> Answer:
    """Hand the notice to the service behind the address."""
    # Here, because it takes a third of a second and few need it.
    from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType
    from apprise.result import AppriseResultStatus

    # Its log quotes addresses, and with them their secrets.
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    url = means.variables.need(channel.url_env)
    service = Apprise(asset=AppriseAsset(app_id="Roomleft", app_desc="Roomleft", secure_logging=True))
    if not service.add(url):
        return Answer(Outcome.REFUSED, reason=f"apprise knows no service with the address in {channel.url_env}")
    kind = TYPES.get(notice.kind) or SEVERITIES.get(notice.severity, "info")
    result = service.notify(
        body=as_text(notice),
        title=shortened(headline(notice), 250),
        notify_type=NotifyType(kind),
        body_format=NotifyFormat.TEXT,
        timeout=means.timeout_s,
    )
    if result.status is AppriseResultStatus.SUCCESS:
        return Answer(Outcome.DELIVERED, answer="apprise delivered it")
    if result.status is AppriseResultStatus.TIMEOUT:
        return Answer(Outcome.UNKNOWN, reason=f"no answer within {means.timeout_s:g} s: it may have been taken")
    return Answer(Outcome.RETRY, reason="apprise could not deliver it")
