"""A reference for this host's network: its default gateway and its resolvers, as they are configured."""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
from collections.abc import Callable
from pathlib import Path

TIMEOUT_S = 1.0
ROUTES = Path("/proc/net/route")
RESOLVERS = Path("/etc/resolv.conf")
DNS_PORT = 53
# One question for the name servers of the root, recursion desired: every resolver answers something.
QUESTION = struct.pack(">HHHHHH", 0x526C, 0x0100, 1, 0, 0, 0) + b"\x00" + struct.pack(">HH", 2, 1)


class Reference:
    """Asks the gateway and the resolvers. Calling it gives True if any answers, False if none does, None if there is nothing to ask.

    A gateway or resolver that was configured once and no longer is (an interface that went down takes its routes along) does not answer.
    """

    def __init__(
        self,
        *,
        gateways: Callable[[], list[str]] | None = None,
        resolvers: Callable[[], list[str]] | None = None,
        asks_gateway: Callable[[str], bool | None] | None = None,
        asks_resolver: Callable[[str], bool | None] | None = None,
    ) -> None:
        self._gateways = gateways or default_gateways
        self._resolvers = resolvers or configured_resolvers
        self._asks_gateway = asks_gateway or gateway_answers
        self._asks_resolver = asks_resolver or resolver_answers
        self._had_any = bool(self._gateways() or self._resolvers())

    def __call__(self) -> bool | None:
        gateways, resolvers = self._gateways(), self._resolvers()
        if not gateways and not resolvers:
            return False if self._had_any else None
        self._had_any = True
        said: list[bool | None] = []
        for ask, names in ((self._asks_gateway, gateways), (self._asks_resolver, resolvers)):
            for name in names:
                said.append(ask(name))
                if said[-1]:
                    return True
        return False if False in said else None


def default_gateways(routes: Path = ROUTES) -> list[str]:
    """The IPv4 addresses of the default routes' gateways (Linux). An address is little-endian hexadecimal there."""
    found = []
    for line in _lines(routes)[1:]:
        fields = line.split()
        if len(fields) > 3 and fields[1] == "00000000" and fields[2] != "00000000" and int(fields[3], 16) & 1:
            found.append(str(ipaddress.IPv4Address(struct.pack("<I", int(fields[2], 16)))))
    return found


def configured_resolvers(configured: Path = RESOLVERS) -> list[str]:
    """The name servers that are not on this host: a local one answers whether the network is there or not."""
    found = []
    for line in _lines(configured):
        fields = line.split()
        if len(fields) > 1 and fields[0] == "nameserver":
            try:
                address = ipaddress.ip_address(fields[1].partition("%")[0])
            except ValueError:
                continue
            if not address.is_loopback:
                found.append(fields[1])
    return found


def gateway_answers(address: str) -> bool | None:
    """Whether a gateway answers a connection, if only by refusing it. None: it is silent, as gateways behind a firewall are."""
    try:
        socket.create_connection((address, DNS_PORT), TIMEOUT_S).close()
    except ConnectionRefusedError:
        return True
    except OSError as error:
        return False if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN) else None
    return True


def resolver_answers(address: str, port: int = DNS_PORT) -> bool | None:
    """Whether a resolver answers a question, whatever it says."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.settimeout(TIMEOUT_S)
            asking.connect((address, port))
            asking.send(QUESTION)
            asking.recv(512)
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return True


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
