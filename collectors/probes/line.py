"""One connection of a probe, step by step and each step timed: the name, the connection, TLS. All of it ends by a deadline."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from collectors.own_network import Unreachable

Monotonic = Callable[[], float]


@dataclass
class Phases:
    """How long each phase took in ms; a phase of several requests adds up. `certificate` is the first that was shown, in DER."""

    ms: dict[str, float] = field(default_factory=dict)
    certificate: bytes = b""

    def add(self, phase: str, began: float, ended: float) -> None:
        """Add a phase that went from `began` to `ended`, in monotonic seconds."""
        self.ms[phase] = self.ms.get(phase, 0.0) + (ended - began) * 1000


class Deadline:
    """When a probe must be over. `guard` closes a socket at that time, so that a server that drips bytes cannot hold it."""

    def __init__(self, seconds: float, monotonic: Monotonic = time.monotonic) -> None:
        self.seconds, self._monotonic = seconds, monotonic
        self._at = monotonic() + seconds
        self._timers: list[threading.Timer] = []

    def left(self) -> float:
        """Seconds left. Raises TimeoutError when none are."""
        left = self._at - self._monotonic()
        if left <= 0:
            raise TimeoutError(f"not done within {self.seconds:g} s")
        return left

    @property
    def is_over(self) -> bool:
        """Whether the time has passed."""
        return self._monotonic() >= self._at

    def guard(self, line: socket.socket) -> None:
        """See to it that a socket is shut down at the deadline."""
        timer = threading.Timer(max(0.0, self._at - self._monotonic()), _shut, (line,))
        timer.daemon = True
        timer.start()
        self._timers.append(timer)

    def release(self) -> None:
        """Nothing needs guarding any more."""
        for timer in self._timers:
            timer.cancel()


def _shut(line: socket.socket) -> None:
    with suppress(OSError):
        # The plain socket's own: a TLS socket's would take its state away from under the thread that reads.
        socket.socket.shutdown(line, socket.SHUT_RDWR)


def resolved(host: str, port: int, deadline: Deadline, phases: Phases) -> list[tuple[int, tuple[object, ...]]]:
    """The addresses of a name, as (family, address). Raises socket.gaierror, and Unreachable when no resolver answers in time."""
    began = time.monotonic()
    found: list[tuple[int, tuple[object, ...]]] = []
    failed: list[OSError] = []

    def look_up() -> None:
        try:
            found.extend((int(one[0]), one[4]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError as error:
            failed.append(error)
        except UnicodeError:
            failed.append(socket.gaierror(socket.EAI_NONAME, "not a host name"))

    # The system's resolver knows no deadline, so it is waited for from outside.
    asking = threading.Thread(target=look_up, daemon=True)
    asking.start()
    asking.join(deadline.left())
    if failed:
        raise failed[0]
    if asking.is_alive():
        raise Unreachable(f"no resolver answers for {host}", host, "see this host's resolvers and its network")
    phases.add("dns", began, time.monotonic())
    return found


def connected(addresses: list[tuple[int, tuple[object, ...]]], deadline: Deadline, phases: Phases) -> socket.socket:
    """A TCP connection to the first address that takes one. Raises OSError of the last, Unreachable when none answers in time."""
    began = time.monotonic()
    last: OSError | None = None
    for place, (family, address) in enumerate(addresses):
        line = socket.socket(family, socket.SOCK_STREAM)
        try:
            # What is left is shared by the addresses still to be tried.
            line.settimeout(deadline.left() / (len(addresses) - place))
            line.connect(address)
        except TimeoutError as error:
            line.close()
            last = Unreached(str(address[0]), error)
        except OSError as error:
            line.close()
            last = error
        else:
            phases.add("connect", began, time.monotonic())
            line.settimeout(deadline.left())
            deadline.guard(line)
            return line
    if isinstance(last, Unreached):
        raise Unreachable("no answer to a connection", last.address, "see the address, and the firewalls on the way") from last
    raise last or OSError("the name has no address")


class Unreached(OSError):
    """An address that did not answer a connection in time."""

    def __init__(self, address: str, cause: OSError) -> None:
        super().__init__(str(cause))
        self.address = address


def secured(line: socket.socket, host: str, settings: ssl.SSLContext, deadline: Deadline, phases: Phases) -> ssl.SSLSocket:
    """The connection with TLS on it. Raises ssl.SSLError, TimeoutError."""
    began = time.monotonic()
    line.settimeout(deadline.left())
    wrapped = settings.wrap_socket(line, server_hostname=host)
    deadline.guard(wrapped)
    phases.add("tls", began, time.monotonic())
    phases.certificate = phases.certificate or wrapped.getpeercert(binary_form=True) or b""
    return wrapped
