"""A word before a silence ends that hides alerts which fire: to whoever will be told of them then. It pages nobody."""

from __future__ import annotations

from hashlib import sha256
from zoneinfo import ZoneInfo

from alerts.alert import Alert
from alerts.inhibit import RANK
from alerts.look import Look
from alerts.notice import Kind, Notice, Why
from alerts.outbox import enqueue
from alerts.silences import ENDS_SOON, Silence
from roomleft.matchers import matches
from roomleft.wording import date_text


def tell_ending(look: Look) -> None:
    """Tell of silences that end soon and hide something, once for each end that they are given. Short ones are remembered without it."""
    for silence in look.silences:
        if silence.kind != "silence" or silence.recurring is not None or silence.stretch(look.now) is None:
            continue
        assert silence.starts_at is not None, "what is made here has a start"
        assert silence.ends_at is not None, "and an end"
        if silence.ends_at - look.now > ENDS_SOON or silence.ends_at - silence.starts_at < 2 * ENDS_SOON:
            continue
        receivers: dict[str, list[Alert]] = {}
        for alert in look.firing():
            if matches(silence.matchers, alert.labels):
                for aim in look.routes.aims(alert.labels):
                    receivers.setdefault(aim.receiver, []).append(alert)
        for receiver, hidden in receivers.items():
            notice = _notice(look, silence, receiver, hidden)
            look.made += enqueue(look.connection, notice, look.routes.receivers[receiver], "", look.wall)


def _notice(look: Look, silence: Silence, receiver: str, hidden: list[Alert]) -> Notice:
    assert silence.ends_at is not None, "the caller asks for those with an end"
    first = min(hidden, key=lambda each: (-RANK[each.severity], each.key))
    zone = look.words.zone_of(first.platform)
    when = f"{date_text(silence.ends_at, look.now, ZoneInfo(zone))} {silence.ends_at.astimezone(ZoneInfo(zone)).tzname()}"
    hides = "1 alert that it hides still fires" if len(hidden) == 1 else f"{len(hidden):,} alerts that it hides still fire"
    thread = f"roomleft-{sha256(f'{receiver}/silence/{silence.id}'.encode()).hexdigest()[:32]}"
    return Notice(
        notice_id=f"{thread}.{int(silence.ends_at.timestamp()):x}",
        receiver=receiver,
        kind=Kind.CHANGE,
        why=Why.SILENCE_ENDS,
        thread=thread,
        group_labels={},
        platform=first.platform,
        platform_title=look.words.platform_title(first.platform),
        severity=first.severity.value,
        title=f"{silence.words} ends {when}; {hides}",
        zone=zone,
        made_at=look.now,
        alerts=tuple(look.words.told(alert, look.now, look.taken.get(alert.episode)) for alert in hidden[:3]),
        firing=len(hidden),
        resolved=0,
        count=len(hidden),
        demo=look.words.demo,
    )
