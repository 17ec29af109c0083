"""Telling this host's own loss of its network from everything else being down.

When looks at other hosts fail because nothing could be reached (no route, no name, no answer to a connection), and nobody else answered
since, the fault is ours: what was looked at is then `unknown`, not down. A refused connection, an HTTP error or a wrong password is an answer:
the network carried it. What runs on this host proves nothing about the network.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from urllib.parse import urlsplit

import httpcore
import httpx

from collectors.network_reference import Reference
from collectors.taken import Position, Taken, Taker
from roomleft.errors import CollectError

SPAN = timedelta(minutes=2)
"""Hosts that were lost to one fault of ours fall silent within this time of each other."""
TRUST_EVERY = timedelta(minutes=10)
OPINIONS = 2
DISCARD_PORT = 9
OPINION_TIMEOUT_S = 1.0
UNREACHABLE = frozenset(
    {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.ETIMEDOUT, errno.EADDRNOTAVAIL, errno.ENONET}
)
NO_SUCH_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


class Unreachable(CollectError):
    """A source that could not be reached: no route, no name, no answer to a connection. Whose fault that is, `OwnNetwork` tells."""


@dataclass(frozen=True, slots=True)
class Host:
    """What looks at one other host gave: its last answer, and the first failure after it. `port` is one that it was looked at on."""

    port: int
    answered_at: datetime | None = None
    failing_since: datetime | None = None


def lost_since(hosts: Mapping[str, Host], reference: bool | None, *, span: timedelta = SPAN) -> datetime | None:
    """Since when this host is without its network, as far as looks at other hosts tell; None if it is not, or if it cannot be told.

    Only hosts that fell silent after the last answer from anywhere count. Two of them within `span` are enough. One alone needs a failing
    `reference` (True: the gateway or resolver answers, False: it does not, None: there is none to ask).
    """
    last_answer = max((host.answered_at for host in hosts.values() if host.answered_at), default=None)
    silent = sorted(
        host.failing_since
        for host in hosts.values()
        if host.failing_since and (last_answer is None or host.failing_since > last_answer)
    )
    for earlier, later in pairwise(silent):
        if later - earlier <= span:
            return earlier
    return silent[-1] if silent and reference is False else None


class OwnNetwork:
    """What is known of this host's network from looks at other hosts. Shared by all takers; safe to use from any thread."""

    def __init__(
        self,
        *,
        reference: Callable[[], bool | None] | None = None,
        reaches: Callable[[str, int], bool] | None = None,
        is_here: Callable[[str], bool] | None = None,
        span: timedelta = SPAN,
    ) -> None:
        self._reference = reference or Reference()
        self._reaches = reaches or reaches_port
        self._is_here = is_here or is_this_host
        self._span = span
        self._hosts: dict[str, Host] = {}
        self._trusted = True
        self._trust_judged_at: datetime | None = None
        self._here: dict[str, bool] = {}
        self._guard = threading.Lock()

    def answered(self, host: str, port: int, at: datetime) -> None:
        """Note that a host answered, if only with a refusal."""
        if host not in self._here:
            # Judged while names can be resolved: later, without a network, that could take long and say nothing.
            self._here[host] = self._is_here(host)
        if self._here[host]:
            return
        with self._guard:
            self._note_answer(host, port, at)
            due = self._trust_judged_at is None or not timedelta(0) <= at - self._trust_judged_at < TRUST_EVERY
            if due:
                self._trust_judged_at = at
        if due:
            # A gateway or resolver that is silent while hosts answer (a firewall, an old setting) is no evidence later.
            self._trusted = self._reference() is not False

    def unreached(self, host: str, port: int, at: datetime) -> str:
        """Note that a host could not be reached. Words if this host has lost its own network, which makes the look unknown; else ''."""
        if self._here[host] if host in self._here else self._is_here(host):
            return ""
        with self._guard:
            known = self._hosts.get(host, Host(port))
            self._hosts[host] = replace(known, failing_since=known.failing_since or at)
            since = lost_since(self._hosts, None, span=self._span)
            others = self._others(host) if since is None and self._is_newest_news(host) else []
        for name, other_port in others:
            # Ask another host at once, so that the first look after a loss is not taken for an outage.
            reached = self._reaches(name, other_port)
            with self._guard:
                if reached:
                    self._note_answer(name, other_port, at)
                else:
                    self._hosts[name] = replace(self._hosts[name], failing_since=self._hosts[name].failing_since or at)
        with self._guard:
            since = lost_since(self._hosts, None, span=self._span)
            alone = since is None and self._is_newest_news(host)
        if alone and self._trusted and self._reference() is False:
            with self._guard:
                since = lost_since(self._hosts, False, span=self._span)
        if since is None:
            return ""
        with self._guard:
            names = sorted(name for name, one in self._hosts.items() if one.failing_since)
        return f"this host has lost its network since {since:%Y-%m-%d %H:%M:%S} UTC: {_listed(names)} cannot be reached"

    def _note_answer(self, host: str, port: int, at: datetime) -> None:
        known = self._hosts.get(host)
        newest = max(at, known.answered_at) if known and known.answered_at else at
        self._hosts[host] = Host(port, newest)

    def _is_newest_news(self, host: str) -> bool:
        """Whether nobody has answered since the host fell silent."""
        since = self._hosts[host].failing_since
        return since is not None and all(one.answered_at is None or one.answered_at < since for one in self._hosts.values())

    def _others(self, host: str) -> list[tuple[str, int]]:
        """Other hosts that answered when last looked at, the latest first."""
        well = [(one.answered_at, name, one.port) for name, one in self._hosts.items() if name != host and not one.failing_since]
        return [(name, port) for _, name, port in sorted(well, key=lambda one: str(one[0]), reverse=True)[:OPINIONS]]


class Networked:
    """A taker whose failures to reach its source are told apart from this host's own loss of its network."""

    def __init__(self, inner: Taker, url: str, network: OwnNetwork) -> None:
        self._inner, self._network = inner, network
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        self.platform, self.source, self.component = inner.platform, inner.source, inner.component
        self.kind, self.interval = inner.kind, inner.interval

    def take(self, now: datetime, position: Position | None) -> Taken:
        """As the taker's own; a look that failed with the network is `unknown`."""
        taken = self._inner.take(now, position)
        if taken.error is None or not is_unreachable(taken.error):
            self._network.answered(self._host, self._port, now)
            return taken
        words = self._network.unreached(self._host, self._port, now)
        return replace(taken, error=None, unknown=words) if words else taken


def is_unreachable(error: BaseException) -> bool:
    """Whether an error, or what caused it, says that the other side could not be reached: no route, no name, no answer to a connection.

    A read that took too long is none of these: the connection stood.
    """
    for one in _causes(error):
        if isinstance(one, Unreachable | httpx.ConnectTimeout | httpcore.ConnectTimeout):
            return True
        if isinstance(one, socket.gaierror):
            # A resolver that says there is no such name has answered; one that says nothing has not.
            return one.errno not in NO_SUCH_NAME
        if isinstance(one, OSError) and one.errno in UNREACHABLE:
            return True
    return False


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)


def is_this_host(host: str) -> bool:
    """Whether a name or address is of this very host. A name that cannot be resolved is another's."""
    if not host or host.startswith("/"):
        return True
    name = host.lower().rstrip(".").strip("[]")
    if name == "localhost" or name.endswith(".localhost") or name == socket.gethostname().lower():
        return True
    try:
        families = {(family, address) for family, _, _, _, address in socket.getaddrinfo(name, 0, type=socket.SOCK_DGRAM)}
    except (OSError, UnicodeError):
        return False
    return bool(families) and all(_is_own(family, address) for family, address in families)


def _is_own(family: int, address: tuple[object, ...]) -> bool:
    if ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback:
        return True
    # The way to an address of one's own begins at that address. Connecting a datagram socket sends nothing.
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as trial:
            trial.connect((address[0], DISCARD_PORT, *address[2:]))
            return bool(trial.getsockname()[0] == address[0])
    except OSError:
        return False


def reaches_port(host: str, port: int) -> bool:
    """Whether a connection to a port is answered within a second, if only by a refusal."""
    try:
        socket.create_connection((host, port), OPINION_TIMEOUT_S).close()
    except TimeoutError:
        return False
    except OSError as error:
        return not is_unreachable(error)
    return True


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
