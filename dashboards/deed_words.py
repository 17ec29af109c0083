"""The audit in words: what each deed was, for people, and the group it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from warehouse.state import AuditEntry

Detail = Mapping[str, Any]
GROUPS: Mapping[str, tuple[str, ...]] = {
    "Signing in": ("signed in", "signed out", "sign-in failed", "issued a sign-in link", "ended a session", "ended all sessions"),
    "People and tokens": (
        "added a user", "changed a user", "changed a role", "disabled a user", "enabled a user", "removed a user", "first arrival",
        "set a password", "reset a password", "added a token", "revoked a token", "forgot a user",
    ),
    "Money": (
        "set limit", "withdraw limit", "set credit", "withdraw credit", "set contract", "withdraw contract", "set mapping", "withdraw mapping",
        "close books", "reopen books", "reprice",
    ),
    "Alerts": (
        "acknowledge", "withdraw acknowledgement", "silence", "prolong silence", "end silence", "silence expired", "expect", "end expected event",
        "incident.acknowledged", "incident.unacknowledged", "incident.resolved",
    ),
    "Reports and status pages": ("add recipient", "end recipient", "send reports", "publish status page", "revoke status page"),
    "Running it": ("reload", "start over", "resubmit", "switch fault"),
}  # fmt: skip
"""Kinds of deeds by what they touch; one that stands nowhere is told by its own word."""
HOW = {"password": "with a password", "link": "by a sign-in link", "oidc": "through a provider"}


def deed_words(entry: AuditEntry) -> str:
    """The deed as a sentence without its doer: `gave ada the role finance, before viewer`."""
    told = _WORDS.get(entry.what)
    if told is not None:
        return told(entry.detail)
    for verb, words in (("set ", "decided on the"), ("withdraw ", "took back the")):
        if entry.what.startswith(verb):
            return _decision(words, entry.what.removeprefix(verb).replace("_", " "), entry.detail)
    return f"{entry.what.replace('_', ' ')}{_rest(entry.detail)}"


def group_of(what: str) -> str:
    """The group of a deed; `Other` for one that stands in none."""
    verb, _, kind = what.partition(" ")
    if verb in ("set", "withdraw") and kind not in ("acknowledgement",):
        return "Money" if what not in GROUPS["People and tokens"] else "People and tokens"
    return next((group for group, deeds in GROUPS.items() if what in deeds), "Other")


def deeds_in(group: str, known: Sequence[str]) -> list[str]:
    """Those of the `known` deeds that belong to a group."""
    return [what for what in known if group_of(what) == group]


def _rest(detail: Detail, *without: str) -> str:
    """What else is known, `: key value, key value`."""
    told = [
        f"{key.replace('_', ' ')} {_shown(value)}"
        for key, value in detail.items()
        if key not in without and value not in ("", None, [], {})
    ]
    return f": {', '.join(told)}" if told else ""


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(each) for each in value[:5]) + (f" and {len(value) - 5} more" if len(value) > 5 else "")
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(each)}" for key, each in value.items())
    text = str(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def _decision(words: str, kind: str, detail: Detail) -> str:
    subject, platform = detail.get("subject", ""), detail.get("platform", "")
    return f"{words} {kind} {subject}{f' of {platform}' if platform else ''}{_rest(detail, 'subject', 'platform', 'id')}"


def _where(detail: Detail) -> str:
    told = [part for part in (detail.get("browser"), f"from {detail['address']}" if detail.get("address") else "") if part]
    return f" ({', '.join(told)})" if told else ""


def _failed(detail: Detail) -> str:
    tries = int(detail.get("tries", 1))
    count = "" if tries == 1 else f" {tries:,} times in ten minutes"
    return f"could not sign in {HOW.get(str(detail.get('how')), '')}{count}{_where(detail)}".replace("  ", " ")


_WORDS: Mapping[str, Callable[[Detail], str]] = {
    "signed in": lambda d: (
        f"signed in {HOW.get(str(d.get('how')), '')}{_where(d)}".replace("  ", " ").replace(" (", " (").strip()
    ),
    "signed out": lambda _: "signed out",
    "sign-in failed": _failed,
    "issued a sign-in link": lambda d: f"made a one-time sign-in link for {d.get('name')}{_rest(d, 'name')}",
    "ended a session": lambda d: f"ended a session of {d.get('name')}{_where(d)}",
    "ended all sessions": lambda d: (
        f"ended {d.get('sessions')} sessions of {d.get('name')}" + (f" and {d['links']} unused links" if d.get("links") else "")
    ),
    "added a user": lambda d: f"added {d.get('name')} with the role {d.get('role')}{_rest(d, 'name', 'role')}",
    "changed a user": lambda d: f"changed the account of {d.get('name')}{_rest(d, 'name')}",
    "changed a role": lambda d: f"gave {d.get('name')} the role {d.get('role')}, before {d.get('before')}",
    "disabled a user": lambda d: f"disabled the account of {d.get('name')}",
    "enabled a user": lambda d: f"enabled the account of {d.get('name')} again",
    "removed a user": lambda d: f"removed the account of {d.get('name')}",
    "first arrival": lambda d: f"vouched for {d.get('name')} for the first time",
    "set a password": lambda d: f"set the password of {d.get('name')}; {d.get('sessions_ended', 0)} sessions ended",
    "reset a password": lambda d: f"reset the password of {d.get('name')}, ended their sessions and made a one-time link",
    "added a token": lambda d: f"made the token {d.get('name')} with the scopes {d.get('scopes')}",
    "revoked a token": lambda d: f"revoked the token {d.get('name')}",
    "forgot a user": lambda _: "erased who a user of a platform is",
    "acknowledge": lambda d: f"took on an alert{_rest(d)}",
    "withdraw acknowledgement": lambda d: f"gave an alert back{_rest(d)}",
    "silence": lambda d: f"silenced alerts{_rest(d)}",
    "prolong silence": lambda d: f"let silence {d.get('id')} last until {d.get('ends_at')}, before {d.get('before')}",
    "end silence": lambda d: f"ended silence {d.get('id')}",
    "silence expired": lambda d: f"let silence {d.get('id')} end by itself",
    "expect": lambda d: f"announced an event{_rest(d, 'id')}",
    "end expected event": lambda d: f"ended the announced event {d.get('id')}{_rest(d, 'id')}",
    "add recipient": lambda d: (
        f"sends {d.get('report', 'the weekly report')} to {d.get('address')}{_rest(d, 'id', 'address', 'report')}"
    ),
    "end recipient": lambda d: f"ended the {d.get('report', 'weekly')} report to {d.get('address')}",
    "send reports": lambda d: f"sent reports, {d.get('copies')} copies{_rest(d, 'copies')}",
    "publish status page": lambda d: f"published the status page of {d.get('platform')}{_rest(d, 'platform')}",
    "revoke status page": lambda d: f"took back the status page of {d.get('platform')}{_rest(d, 'platform')}",
    "close books": lambda d: f"closed the books of {d.get('platform') or 'all platforms'}{_rest(d, 'platform', 'id')}",
    "reopen books": lambda d: f"opened closed books again{_rest(d)}",
    "reprice": lambda d: f"priced past calls anew{_rest(d)}",
    "reload": lambda d: f"put edited files in force{_rest(d)}",
    "start over": lambda d: f"had {d.get('stream')} of {d.get('platform')} read again from its beginning",
    "resubmit": lambda d: f"sent corrected rows again{_rest(d)}",
    "switch fault": lambda d: (
        f"switched the demo's fault {d.get('fault')} of {d.get('platform')} {'on' if d.get('on') else 'off'}"
    ),
}
