"""A Redis server's INFO: memory, clients, hits, evictions, persistence and replication, by one short connection at every look.

Needs a user that may run INFO; PING, and CONFIG GET on servers before Redis 7, are asked for where they are allowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from time import perf_counter
from typing import Any
from urllib.parse import unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from collectors.look import Look
from collectors.own_network import OwnNetwork, Unreachable, is_unreachable, reaches_port
from collectors.redis.readings import Hits, bounds, checks, readings
from collectors.taken import Position, Taken
from roomleft.errors import CollectError
from roomleft.packs_sources import RedisSource

TLS_PORT_HINT = "see that the port speaks TLS; a certificate of your own goes into SSL_CERT_FILE"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is and who asks, without the password."""

    host: str
    port: int
    user: str
    is_tls: bool

    @property
    def instance(self) -> str:
        """`host:port`, as it stands in labels."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def where(self) -> str:
        """What errors name."""
        return f"{'rediss' if self.is_tls else 'redis'}://{self.instance}"


def address_of(url: str) -> Address:
    """The parts of a URL. Raises CollectError, which never repeats the URL: a password may stand in it."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "localhost", parts.port or 6379
    except ValueError:
        raise CollectError(
            "the address is not one of a Redis server",
            "url",
            "write redis://HOST:PORT or rediss://USER@HOST:PORT",
            retryable=False,
        ) from None
    return Address(host, port, unquote(parts.username or "") or "default", parts.scheme == "rediss")


class Redis:
    """Looks at one Redis server. Between looks it remembers hits and misses, for the share since the last one."""

    kind = "redis"

    def __init__(self, slug: str, entry: RedisSource, secret: str | None, network: OwnNetwork | None = None) -> None:
        self.platform, self.component = slug, entry.component
        self.source = f"{slug}.{entry.name}"
        self.interval = entry.interval
        self._entry, self._secret = entry, secret
        self._network = network or OwnNetwork()
        self._hits: Hits | None = None

    def take(self, now: datetime, position: Position | None) -> Taken:
        """Look once. A server that is loading its data has no readings worth keeping yet."""
        try:
            address = address_of(self._entry.url)
        except CollectError as error:
            return Taken(error=error)
        look = Look(self.platform, self.component, {"source": self._entry.name, "instance": address.instance}, now)
        failure: CollectError | None = None
        try:
            with client(self._entry, self._secret, address) as server:
                info = asked(server)
                if info.get("loading"):
                    raise loading(info, address)
                self._hits = readings(look, info, self._hits)
                bounds(look, info, configured(server, info))
                checks(look, info, self._entry.name)
                look.read("redis_response_ms", round_trip_ms(server))
        except CollectError as error:
            failure = error
        lost = ""
        if failure is not None and is_unreachable(failure):
            lost = self._network.unreached(address.host, address.port, now)
        else:
            self._network.answered(address.host, address.port, now)
        taken = Taken(look.samples(), look.health(), error=failure)
        return replace(taken, error=None, unknown=lost) if lost else taken


@contextmanager
def client(entry: RedisSource, secret: str | None, address: Address) -> Iterator[redis.Redis]:
    """A client with one connection that tries once. Raises CollectError for whatever the server or the network refuses."""
    timeout_s = entry.timeout.total_seconds()
    given: dict[str, Any] = {"password": secret} if secret else {}
    try:
        server = redis.Redis.from_url(
            entry.url,
            protocol=2,  # the third needs HELLO, which a user with few rights may not run
            driver_info=None,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            decode_responses=True,
            single_connection_client=False,
            **given,
        )
    except (ValueError, redis.RedisError):
        raise CollectError(
            "the address is not one of a Redis server",
            address.where,
            "write redis://HOST:PORT or rediss://USER@HOST:PORT",
            retryable=False,
        ) from None
    try:
        yield server
    except redis.RedisError as error:
        raise explained(error, address, entry.password_env, bool(secret)) from error
    finally:
        with suppress(redis.RedisError, OSError):
            server.close()


def asked(server: redis.Redis) -> Mapping[str, Any]:
    """INFO as redis-py parses it: numbers as numbers, lists of fields as maps."""
    info: Mapping[str, Any] = server.info()
    return info


def configured(server: redis.Redis, info: Mapping[str, Any]) -> Mapping[str, str]:
    """`maxclients` and `maxmemory` from the configuration, where INFO does not tell them and asking is allowed."""
    found: dict[str, str] = {}
    for name in ("maxclients", "maxmemory"):
        if name not in info:
            with suppress(redis.ResponseError):
                found.update((str(key), str(value)) for key, value in server.config_get(name).items())
    return found


def round_trip_ms(server: redis.Redis) -> float | None:
    """How long a PING takes, in ms; None where it is not allowed."""
    began = perf_counter()
    try:
        server.ping()
    except redis.ResponseError:
        return None
    return (perf_counter() - began) * 1000


def loading(info: Mapping[str, Any], address: Address) -> CollectError:
    """A server that reads its data set back into memory: it answers INFO, and nothing else."""
    left = info.get("loading_eta_seconds")
    done = info.get("loading_loaded_perc")
    how_far = f", {done:.0f} % done" if isinstance(done, int | float) else ""
    wait = f"wait; it says {left} s" if isinstance(left, int | float) and left >= 0 else "wait"
    return CollectError(f"it is loading its data set (LOADING){how_far}", address.where, wait)


def explained(error: redis.RedisError, address: Address, password_env: str | None, has_password: bool) -> CollectError:
    """What a refusal means, and what would lift it: an ACL rule, a password, a setting."""
    said, where = " ".join(str(error).split())[:300], address.where
    variable = password_env or "a variable named by password_env"
    if isinstance(error, redis.exceptions.NoPermissionError):
        return CollectError(
            f"user {address.user} may not run {_command(said)} (NOPERM)",
            where,
            f"ACL SETUSER {address.user} +{_command(said)} +ping",
            retryable=False,
        )
    if isinstance(error, redis.exceptions.AuthenticationError):
        if "required" in said.lower():
            rule = f"set {variable}; a user that may only be watched with: ACL SETUSER roomleft on >PASSWORD +info +ping"
            return CollectError("it asks for a password (NOAUTH)", where, rule, retryable=False)
        if not has_password:
            return CollectError(
                f"it does not let {address.user} in without a password", where, f"set {variable}", retryable=False
            )
        if "without any password configured" in said:
            return CollectError("it has no password, and one was sent", where, f"leave {variable} out", retryable=False)
        return CollectError(
            f"user or password is wrong for {address.user}, or the user is off (WRONGPASS)",
            where,
            f"correct {variable}, or ACL SETUSER {address.user} on >PASSWORD +info +ping",
            retryable=False,
        )
    if isinstance(error, redis.exceptions.BusyLoadingError):
        return CollectError("it is loading its data set (LOADING)", where, "wait")
    if "protected mode" in said:
        return CollectError(
            "it is in protected mode and lets in this host only", where, "set a password, or a user with one", retryable=False
        )
    if "Connection not ready" in said:
        # The server spoke before it was asked, which it does only to turn a client away; the library drops the words.
        hint = "raise maxclients or close clients; in protected mode set a password"
        return CollectError("it turns the connection away: maxclients is reached, or it lets in its own host only", where, hint)
    if "max number of clients" in said:
        return CollectError("it turns the connection away: maxclients is reached", where, "raise maxclients, or close clients")
    if "unknown command" in said.lower():
        return CollectError("it does not know INFO: the command was renamed", where, "take its rename-command line out")
    if isinstance(error, redis.TimeoutError):
        if "connecting" not in said.lower():
            return CollectError("it took the connection and does not answer", where, "a longer timeout, or see what blocks it")
        if address.is_tls and reaches_port(address.host, address.port):
            return CollectError("the TLS handshake is not answered", where, TLS_PORT_HINT)
        return Unreachable(
            "it cannot be reached: no answer to a connection", where, "see the address, and the firewalls on the way"
        )
    if isinstance(error, redis.ConnectionError):
        if "refused" in said.lower():
            return CollectError(
                "it refuses the connection: nothing listens there", where, "start the server, or correct the address"
            )
        if "certificate" in said.lower() or "ssl" in said.lower():
            return CollectError(f"TLS failed: {said}", where, TLS_PORT_HINT)
        if is_unreachable(error):
            return Unreachable(f"it cannot be reached: {said}", where, "see the address, and the firewalls on the way")
        return CollectError(f"the connection broke: {said}", where, "see the server's log")
    return CollectError(f"it refused: {said}", where, "see the server's log")


def _command(said: str) -> str:
    """The command that NOPERM names, as an ACL rule spells it."""
    quoted = said.split("'")
    return quoted[1].lower() if len(quoted) > 2 else "info"
