"""What the doctor looks at so that pages can arrive: the address people open, each receiver's variables, the mail server, clock and state."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from roomleft.alerting import Alerting, PagerdutyChannel
from roomleft.alerting_file import DEMO, load_alerting
from roomleft.clock import Clock
from roomleft.credentials import Credentials
from roomleft.datadir import KIND_FILE
from roomleft.errors import RoomleftError
from roomleft.settings import Settings

CLOCK_OFF = timedelta(seconds=2)
"""How far the state database's clock and ours may be apart."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the doctor looked at."""

    subject: str
    ok: bool
    words: str
    to_do: str = ""


def look_at_alerting(settings: Settings) -> list[Finding]:
    """Everything; a look that cannot be made is a finding too."""
    try:
        alerting = alerting_of(settings)
    except RoomleftError as error:
        return [Finding("alerting", False, str(error.what), f"{error.hint} ({error.where})"), *_state(settings)]
    return [_public_url(settings, alerting), *_receivers(settings, alerting), *_mail(settings, alerting), *_state(settings)]


def alerting_of(settings: Settings) -> Alerting:
    """Who is told, as a server over this data folder would have it. Raises PackError for a file with faults."""
    mark = settings.data_dir / KIND_FILE
    if settings.demo or (mark.exists() and mark.read_text(encoding="utf-8", errors="replace").strip() == "demo"):
        return DEMO
    return load_alerting(settings.alerting_file)


def leaves(alerting: Alerting) -> bool:
    """Whether anybody is told outside of this server's own pages."""
    return any(channel.kind != "outbox" for receiver in alerting.receivers for channel in receiver.channels)


def _public_url(settings: Settings, alerting: Alerting) -> Finding:
    url, hint = settings.public_url, "set public_url (ROOMLEFT_PUBLIC_URL) to the address at which people open this server"
    if not leaves(alerting):
        return Finding("public URL", True, url or "none, and nobody outside is told")
    if not url:
        return Finding("public URL", False, "missing: pages and mail would carry no links", hint)
    try:
        parts = urlsplit(url)
        host, sound = parts.hostname or "", parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:
        host, sound = "", False
    if not host or not sound:
        return Finding("public URL", False, f"{url[:200]} is no http address", hint)
    if _is_this_machine(host):
        return Finding("public URL", False, f"{url[:200]} leads every reader to their own machine", hint)
    from dashboards.door.rules import hosts_for

    known = hosts_for(settings.host, settings.allowed_hosts)
    if known is not None and host.lower() not in {name.lower() for name in known}:
        return Finding("public URL", False, f"this server does not answer to the name {host}", f"add {host} to allowed_hosts")
    return Finding("public URL", True, url)


def _is_this_machine(host: str) -> bool:
    if host.lower() == "localhost" or host.lower().endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _receivers(settings: Settings, alerting: Alerting) -> list[Finding]:
    get = Credentials(settings.data_dir).get
    found = []
    for receiver in alerting.receivers:
        wrong, to_do = [], []
        for channel in receiver.channels:
            for name in variables_of(channel):
                if not (get(name) or "").strip():
                    wrong.append(f"{channel.kind}: the variable {name} is not set")
                    to_do.append(f"set {name} for the server")
            if isinstance(channel, PagerdutyChannel):
                key = (get(channel.routing_key_env) or "").strip()
                if key and len(key) != 32:
                    wrong.append(f"pagerduty: the routing key in {channel.routing_key_env} has {len(key)} characters, not 32")
                    to_do.append("copy the integration key of an Events API v2 integration")
            if channel.kind == "email" and alerting.smtp is None:
                wrong.append("email: there is no smtp section")
                to_do.append("add smtp to alerting.yaml")
        words = ", ".join(channel.kind for channel in receiver.channels)
        found.append(Finding(f"receiver {receiver.name}", not wrong, "; ".join(wrong) or words, "; ".join(to_do)))
    for subject, section in (("heartbeat", alerting.heartbeat), ("pagerduty webhook", alerting.pagerduty_webhook)):
        missing = [name for name in variables_of(section) if not (get(name) or "").strip()]
        if section is not None:
            words = f"the variable {missing[0]} is not set" if missing else "configured"
            found.append(Finding(subject, not missing, words, f"set {missing[0]} for the server" if missing else ""))
    return found


def variables_of(section: Any) -> list[str]:
    """The variables that a channel or another section names."""
    return [value for name, value in section if name.endswith("_env") and value] if section is not None else []


def _mail(settings: Settings, alerting: Alerting) -> list[Finding]:
    if alerting.smtp is None:
        return []
    from alerts.channels.answer import Means, Outcome
    from alerts.channels.mail import reach
    from alerts.channels.sending import guarded
    from alerts.channels.variables import Variables
    from alerts.trial import trial_notice

    smtp, now = alerting.smtp, Clock().now()
    nothing = trial_notice("doctor", now)
    means = Means(Variables(Credentials(settings.data_dir).get), now, nothing, smtp)
    answer = guarded(lambda: reach(means), "email", means)
    where = f"{smtp.host}:{smtp.port}, {smtp.security}"
    if answer.outcome is not Outcome.DELIVERED:
        words = " ".join(part for part in (answer.reason, answer.answer) if part)
        return [Finding("mail server", False, f"{where}: {words}", "check smtp in alerting.yaml, and the network between")]
    open_ = smtp.security == "none" and not _is_this_machine(smtp.host)
    hint = "use starttls or tls: in clear everybody on the way reads along" if open_ else ""
    return [Finding("mail server", not open_, f"{where}: reached", hint)]


def _state(settings: Settings) -> list[Finding]:
    """The state database, and whether its clock and what is stored agree with ours."""
    from sqlalchemy import func, make_url, select, text

    from warehouse.state import StateDb
    from warehouse.state.models_alerting import DeliveryRow, OutboxRow

    url = make_url(settings.state_url)
    shown = url.render_as_string(hide_password=True)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        return [Finding("state", True, f"not made yet: {shown}")]
    wall = Clock()
    try:
        state = StateDb.open(settings.state_url, wall)
    except RoomleftError as error:
        return [Finding("state", False, f"{error.where}: {error.what}", error.hint)]
    try:
        with state.read() as connection:
            waiting = connection.execute(select(func.count()).where(OutboxRow.state.in_(("waiting", "sending")))).scalar_one()
            asked = (select(func.max(OutboxRow.made_at)), select(func.max(DeliveryRow.at)))
            newest: list[datetime] = [at for at in (connection.execute(each).scalar_one() for each in asked) if at]
            theirs = None if state.is_sqlite else connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    except RoomleftError as error:
        return [Finding("state", False, f"{error.where}: {error.what}", error.hint)]
    finally:
        state.close()
    return [Finding("state", True, f"{shown}, {waiting} notices wait"), _clock(wall.now(), newest, theirs)]


def _clock(now: datetime, newest: Sequence[datetime], theirs: datetime | None) -> Finding:
    shown = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    ahead = max((at - now for at in newest), default=timedelta(0))
    if ahead > CLOCK_OFF:
        return Finding(
            "clock", False, f"{shown}, {ahead.total_seconds():.0f} s behind what is stored already", "let NTP set the clock"
        )
    if theirs is not None and abs(theirs - now) > CLOCK_OFF:
        off_s = (now - theirs).total_seconds()
        return Finding("clock", False, f"{shown}, {off_s:+.0f} s from the state database's", "let NTP set both clocks")
    return Finding("clock", True, shown)
