"""Reads `alerting.yaml`. Every fault of it is told at once, with its path, line and nearest valid name; secrets are never repeated."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from roomleft.alerting import Alerting, Escalation, Inhibition, OutboxChannel, Receiver, Route
from roomleft.errors import InputError
from roomleft.findings import Severity
from roomleft.matchers import Matcher, parse_matcher
from roomleft.packs_faults import note_validation_errors
from roomleft.packs_yaml import Document, Place, Problem, nearest, read_yaml

DEMO = Alerting(
    receivers=[
        Receiver(name="on_call", channels=[OutboxChannel(kind="outbox")]),
        Receiver(name="lead", channels=[OutboxChannel(kind="outbox")]),
        Receiver(name="team", channels=[OutboxChannel(kind="outbox")]),
    ],
    routes=[
        Route(
            match=["severity=critical"],
            receiver="on_call",
            group_by=["platform", "component"],
            escalate=[Escalation(after=timedelta(minutes=15), receiver="lead")],
        ),
        Route(receiver="team", group_by=["platform", "component"]),
    ],
    inhibit=[Inhibition(source=["severity=critical"], target=["severity!=critical"], equal=["platform", "component"])],
)
"""What a demo tells, and whom: everybody on screen, nobody outside."""
SECRETS = ("password", "secret", "token", "routing_key", "api_key", "url")
"""Keys that people write a secret under, where only the name of a variable may stand."""
M = TypeVar("M", bound=BaseModel)


def load_alerting(path: Path) -> Alerting:
    """What the file says; nothing at all where there is no file. Raises PackFaults, or PackError if it cannot be read."""
    if not path.exists():
        return Alerting()
    document = read_yaml(path)
    if not isinstance(document.data, dict):
        document.add("alerting.yaml is a map of sections", (), "begin with receivers:")
        document.refuse()
    data: dict[str, Any] = document.data  # type: ignore[assignment]
    alerting: Alerting | None = None
    try:
        alerting = Alerting.model_validate(data)
    except ValidationError as error:
        note_validation_errors(document, Alerting, error)
        document.problems[:] = [_discreet(one) for one in document.problems]
    _Check(document, data).all()
    document.refuse()
    assert alerting is not None, "a file that did not validate has faults"
    return alerting


def _discreet(problem: Problem) -> Problem:
    """The fault without what was written where only the name of a variable, or no secret, may stand."""
    key = str(problem.place[-1]) if problem.place else ""
    if problem.what.startswith("unknown key"):
        named = next((secret for secret in SECRETS if secret in key), None)
        if named is not None:
            return Problem(f"'{key}' would be a secret in this file", problem.place, f"{key}_env names a variable", problem.line)
    elif key.endswith("_env") and not problem.what.endswith("is missing"):
        return Problem(f"{key} is not the name of a variable", problem.place, "write for example PAGERDUTY_KEY", problem.line)
    elif key == "url":
        return Problem("this is not an http address", problem.place, "write https://…", problem.line)
    return problem


class _Check:
    """What no section alone can tell. Works on what was written, so that one wrong section does not hide the faults of the others."""

    def __init__(self, document: Document, data: dict[str, Any]) -> None:
        self.document, self.data = document, data
        self.kinds: dict[str, list[object]] = {}
        """The kinds of each receiver's channels."""

    def all(self) -> None:
        """Add every fault."""
        self._receivers()
        self._routes()
        self._inhibitions()
        self._maintenance()
        self._smtp()
        for section in ("heartbeat", "pagerduty_webhook"):
            self._address(self.data.get(section), (section,))

    def _items(self, section: str) -> Iterator[tuple[int, dict[str, Any]]]:
        items = self.data.get(section)
        for number, item in enumerate(items if isinstance(items, list) else ()):
            if isinstance(item, dict):
                yield number, item

    def _receivers(self) -> None:
        for number, item in self._items("receivers"):
            name = item.get("name")
            if isinstance(name, str) and name in self.kinds:
                self.document.add(f"receiver '{name}' is taken", ("receivers", number, "name"), "every one needs its own name")
            channels = item.get("channels")
            known = channels if isinstance(channels, list) else []
            if isinstance(name, str):
                self.kinds.setdefault(name, [channel.get("kind") for channel in known if isinstance(channel, dict)])
            for index, channel in enumerate(known):
                place = ("receivers", number, "channels", index)
                if isinstance(channel, dict) and channel.get("kind") == "email" and self.data.get("smtp") is None:
                    self.document.add("mail needs a server", place, "add an smtp section")
                self._address(channel, place)

    def _address(self, entry: object, place: Place) -> None:
        url = entry.get("url") if isinstance(entry, dict) else None
        if not isinstance(url, str):
            return
        try:
            parts = urlsplit(url)
            named = parts.username or parts.password
        except ValueError:
            self.document.add("this is not an http address", (*place, "url"), "write https://…")
            return
        if named:
            self.document.add(
                "the address holds a user or password", (*place, "url"), "put it in a variable, and name it as url_env"
            )

    def _receiver(self, name: object, place: Place) -> None:
        if isinstance(name, str) and name not in self.kinds:
            self.document.add(f"unknown receiver '{name}'", place, nearest(name, self.kinds, "receivers"))

    def _routes(self) -> None:
        closed: int | None = None
        for number, item in self._items("routes"):
            place: Place = ("routes", number)
            if closed is not None:
                line = self.document.line_of(("routes", closed))
                self.document.add(
                    "no alert gets here", place, f"the route on line {line} takes all: put it last, or continue: true"
                )
                closed = None
            self._receiver(item.get("receiver"), (*place, "receiver"))
            matchers = self._matchers(item.get("match"), (*place, "match"))
            if matchers == () and item.get("match") in (None, []) and item.get("continue") is not True:
                closed = number
            self._escalations(item, place)

    def _escalations(self, route: dict[str, Any], place: Place) -> None:
        steps = _each(Escalation, route.get("escalate"))
        if steps and self.kinds.get(str(route.get("receiver"))) and set(self.kinds[str(route["receiver"])]) == {"pagerduty"}:
            self.document.add(
                "PagerDuty owns escalation on this route", (*place, "escalate"), "leave escalate out, and set it up there"
            )
        earlier: timedelta | None = None
        for number, step in steps:
            at = (*place, "escalate", number)
            self._receiver(step.receiver, (*at, "receiver"))
            if earlier is not None and step.after <= earlier:
                self.document.add("this step is not later than the one before", (*at, "after"), "put them in order")
            if step.receiver == route.get("receiver"):
                self.document.add(f"'{step.receiver}' was told already", (*at, "receiver"), "name somebody else")
            earlier = step.after

    def _inhibitions(self) -> None:
        for number, item in self._items("inhibit"):
            for key in ("source", "target"):
                self._matchers(item.get(key), ("inhibit", number, key))

    def _maintenance(self) -> None:
        seen: dict[str, int] = {}
        for number, item in self._items("maintenance"):
            matchers = self._matchers(item.get("match"), ("maintenance", number, "match"))
            if matchers and all(matcher.is_wide for matcher in matchers):
                self.document.add(
                    "this window silences everything", ("maintenance", number, "match"), "name a platform or component"
                )
            name = item.get("name")
            if isinstance(name, str) and name in seen:
                self.document.add(f"window '{name}' is taken", ("maintenance", number, "name"), f"by maintenance[{seen[name]}]")
            seen.setdefault(str(name), number)

    def _matchers(self, texts: object, place: Place) -> tuple[Matcher, ...] | None:
        """The matchers, None if one of them is wrong."""
        found: list[Matcher] = []
        for number, text in enumerate(texts if isinstance(texts, list) else ()):
            if not isinstance(text, str):
                return None
            at = (*place, number)
            try:
                matcher = parse_matcher(text)
            except InputError as error:
                if not any(problem.place == at for problem in self.document.problems):
                    self.document.add(error.what, at, error.hint)
                return None
            if matcher.name == "severity" and matcher.op in ("=", "!=") and matcher.value not in tuple(Severity):
                self.document.add(f"no alert has the severity '{matcher.value}'", at, nearest(matcher.value, list(Severity)))
            found.append(matcher)
        for matcher in found:
            if matcher.op == "=" and any(one.name == matcher.name and not one.accepts(matcher.value) for one in found):
                self.document.add("no alert matches all of these", place, f"look at {matcher.name}")
                break
        return tuple(found)

    def _smtp(self) -> None:
        smtp = self.data.get("smtp")
        if not isinstance(smtp, dict):
            return
        if smtp.get("security") == "none" and not _is_here(str(smtp.get("host", ""))):
            self.document.add("mail would leave this machine in clear", ("smtp", "security"), "starttls, or tls on port 465")
        for given, absent in (("user", "password_env"), ("password_env", "user")):
            if smtp.get(given) is not None and smtp.get(absent) is None:
                self.document.add(f"{given} without {absent}", ("smtp", given), f"add {absent}")


def _each(model: type[M], items: object) -> list[tuple[int, M]]:
    """The items of a list that are right, with their numbers."""
    found = []
    for number, item in enumerate(items if isinstance(items, list) else ()):
        try:
            found.append((number, model.model_validate(item)))
        except ValidationError:
            continue
    return found


def _is_here(host: str) -> bool:
    """Whether a host is this machine by its name alone."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
