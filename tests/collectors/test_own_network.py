"""This host losing its own network is told apart from everything being down."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from collectors.network_reference import Reference, configured_resolvers, default_gateways, gateway_answers, resolver_answers
from collectors.own_network import (
    Host,
    Networked,
    OwnNetwork,
    Unreachable,
    is_this_host,
    is_unreachable,
    lost_since,
    reaches_port,
)
from collectors.taken import Position, Taken
from roomleft.errors import CollectError

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def host(answered: float | None = None, failing: float | None = None) -> Host:
    return Host(1, None if answered is None else at(answered), None if failing is None else at(failing))


@pytest.mark.parametrize(
    ("hosts", "reference", "since"),
    [
        ([], None, None),
        ([], False, None),
        ([host(answered=0)], False, None),
        ([host(answered=0, failing=30)], None, None),
        ([host(answered=0, failing=30)], True, None),
        ([host(answered=0, failing=30)], False, 30),
        ([host(failing=30)], False, 30),
        ([host(answered=0, failing=30), host(answered=10, failing=45)], None, 30),
        ([host(answered=0, failing=30), host(answered=10, failing=45)], True, 30),
        ([host(failing=30), host(failing=45)], None, 30),
        ([host(answered=0, failing=30), host(answered=40)], False, None),
        ([host(answered=0, failing=30), host(answered=40, failing=45)], None, None),
        ([host(answered=0, failing=30), host(answered=40, failing=45)], False, 45),
        ([host(answered=0, failing=30), host(answered=30)], False, None),
        ([host(answered=0, failing=30), host(answered=0, failing=30 + 121)], None, None),
        ([host(answered=0, failing=30), host(answered=0, failing=30 + 120)], None, 30),
        ([host(answered=0, failing=30), host(answered=0, failing=400), host(answered=0, failing=420)], None, 400),
        ([host(answered=0, failing=30), host(answered=40, failing=50), host(answered=40, failing=60)], None, 50),
    ],
    ids=[
        "nothing was looked at",
        "nothing but a failing reference",
        "the only host answers",
        "one host alone, no reference",
        "one host alone, the reference answers",
        "one host alone, the reference fails",
        "one host that never answered, the reference fails",
        "two hosts within the span",
        "two hosts, whatever the reference says",
        "two hosts that never answered",
        "one silent, one answered after",
        "the second fell silent after answering: the first was down before",
        "the same with a failing reference: since the second",
        "an answer at the same instant is an answer",
        "two hosts just beyond the span",
        "two hosts at the edge of the span",
        "three hosts, two of them together",
        "one was down before, the other two together",
    ],
)
def test_since_when_the_network_is_lost(hosts: list[Host], reference: bool | None, since: float | None) -> None:
    named = {f"h{number}": one for number, one in enumerate(hosts)}
    assert lost_since(named, reference) == (None if since is None else at(since))


class Surroundings:
    """A network to be turned off: which hosts answer a second opinion, and what the reference says."""

    def __init__(self) -> None:
        self.reachable = {"db", "cache", "site"}
        self.reference: bool | None = True
        self.asked: list[str] = []

    def network(self) -> OwnNetwork:
        return OwnNetwork(
            reference=lambda: self.reference,
            reaches=lambda name, port: (self.asked.append(name), name in self.reachable)[1],
            is_here=lambda name: name == "here",
        )


def test_a_lost_network_is_unknown_at_the_first_failure_and_recovers_by_itself() -> None:
    around = Surroundings()
    network = around.network()
    for name in ("db", "cache"):
        network.answered(name, 1, at(0))
    around.reachable.clear()
    words = network.unreached("db", 1, at(30))
    assert words == "this host has lost its network since 2026-11-20 12:00:30 UTC: cache, db cannot be reached"
    assert around.asked == ["cache"]
    assert network.unreached("cache", 1, at(33)).startswith("this host has lost its network since 2026-11-20 12:00:30")
    assert network.unreached("db", 1, at(3600)) != ""
    network.answered("cache", 1, at(3610))
    around.reachable = {"cache"}
    # It is back; what still fails now is down.
    assert network.unreached("db", 1, at(3620)) == ""


def test_one_host_that_is_down_is_down_while_another_answers() -> None:
    around = Surroundings()
    network = around.network()
    network.answered("cache", 1, at(0))
    assert network.unreached("db", 1, at(30)) == ""
    assert around.asked == ["cache"]
    # The answer has been noted: nobody is asked again until there is news.
    assert network.unreached("db", 1, at(60)) == ""
    assert around.asked == ["cache"]


def test_a_lonely_host_is_judged_by_the_reference() -> None:
    around = Surroundings()
    network = around.network()
    network.answered("db", 1, at(0))
    assert network.unreached("db", 1, at(30)) == ""
    network.answered("db", 1, at(60))
    around.reference = False
    assert "since 2026-11-20 12:01:30" in network.unreached("db", 1, at(90))
    around.reference = True
    assert network.unreached("db", 1, at(120)) == ""


def test_a_reference_that_fails_while_hosts_answer_is_no_evidence() -> None:
    around = Surroundings()
    around.reference = False
    network = around.network()
    network.answered("db", 1, at(0))
    assert network.unreached("db", 1, at(30)) == ""


def test_what_runs_on_this_host_proves_nothing() -> None:
    around = Surroundings()
    around.reference = None
    network = around.network()
    around.reachable.clear()
    network.answered("db", 1, at(0))
    network.answered("cache", 1, at(0))
    assert network.unreached("here", 1, at(20)) == ""
    assert network.unreached("db", 1, at(30)) != ""
    network.answered("here", 1, at(40))
    assert network.unreached("cache", 1, at(50)) != ""


def caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.ENETUNREACH, "Network is unreachable"), True),
        (OSError(errno.EHOSTUNREACH, "No route to host"), True),
        (OSError(errno.ETIMEDOUT, "Connection timed out"), True),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), True),
        (Unreachable("it cannot be reached"), True),
        (caused(CollectError("could not connect"), httpx.ConnectTimeout("timed out")), True),
        (caused(CollectError("x"), caused(httpx.ConnectError("x"), OSError(errno.ENETUNREACH, "x"))), True),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), False),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), False),
        (ConnectionResetError(errno.ECONNRESET, "reset"), False),
        (caused(CollectError("slow"), caused(httpx.ReadTimeout("x"), TimeoutError("timed out"))), False),
        (CollectError("the source answered 500"), False),
    ],
    ids=lambda value: "" if isinstance(value, bool) else f"{type(value).__name__} {value}"[:40],
)
def test_which_errors_are_the_networks(error: BaseException, expected: bool) -> None:
    assert is_unreachable(error) is expected


class Scripted:
    """A taker that gives what it is told to."""

    platform, source, component, kind, interval = "arena", "arena.p", "metrics", "prometheus-server", timedelta(minutes=1)

    def __init__(self) -> None:
        self.error: CollectError | None = None

    def take(self, now: datetime, position: Position | None) -> Taken:
        return Taken(error=self.error)


def test_any_taker_can_be_told_apart_from_the_network() -> None:
    around = Surroundings()
    network, inner = around.network(), Scripted()
    watched = Networked(inner, "https://site/metrics", network)
    assert (watched.platform, watched.source, watched.component, watched.kind) == (
        "arena",
        "arena.p",
        "metrics",
        "prometheus-server",
    )
    assert watched.take(at(0), None) == Taken()
    inner.error = CollectError("answered 500")
    assert watched.take(at(30), None).error is inner.error
    inner.error = Unreachable("no answer")
    assert watched.take(at(60), None).error is inner.error
    around.reference = False
    taken = watched.take(at(90), None)
    assert taken.error is None
    assert taken.unknown.startswith("this host has lost its network")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("db.localhost", True),
        ("", True),
        ("192.0.2.7", False),
        ("ü" * 80, False),
    ],
)
def test_which_hosts_are_this_one(name: str, expected: bool) -> None:
    assert is_this_host(name) is expected


def test_this_hosts_own_name_is_this_host() -> None:
    assert is_this_host(socket.gethostname())


def test_a_port_that_refuses_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert reaches_port("127.0.0.1", port)
    assert reaches_port("127.0.0.1", port)


@pytest.mark.parametrize(
    ("gateways", "resolvers", "gateway_says", "resolver_says", "expected"),
    [
        ([], [], None, None, None),
        (["10.0.0.1"], [], True, None, True),
        (["10.0.0.1"], [], False, None, False),
        (["10.0.0.1"], [], None, None, None),
        (["10.0.0.1"], ["10.0.0.2"], None, True, True),
        (["10.0.0.1"], ["10.0.0.2"], None, False, False),
        (["10.0.0.1"], ["10.0.0.2"], False, True, True),
        ([], ["10.0.0.2"], None, False, False),
    ],
)
def test_what_the_reference_says(
    gateways: list[str], resolvers: list[str], gateway_says: bool | None, resolver_says: bool | None, expected: bool | None
) -> None:
    reference = Reference(
        gateways=lambda: gateways,
        resolvers=lambda: resolvers,
        asks_gateway=lambda _: gateway_says,
        asks_resolver=lambda _: resolver_says,
    )
    assert reference() is expected


def test_a_gateway_that_went_with_its_interface_fails() -> None:
    routes = ["10.0.0.1"]
    reference = Reference(gateways=lambda: routes, resolvers=list, asks_gateway=lambda _: True)
    assert reference() is True
    routes.clear()
    assert reference() is False


def test_gateways_and_resolvers_are_read_as_the_system_configures_them(tmp_path: Path) -> None:
    routes, resolvers = tmp_path / "route", tmp_path / "resolv.conf"
    routes.write_text(
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
        "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\n"
        "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\n"
        "eth1\t00000000\t0100A8C0\t0002\t0\t0\t0\t00000000\n"
    )
    resolvers.write_text(
        "# made by hand\nnameserver 127.0.0.53\nnameserver 10.1.1.1\nnameserver fe80::1%eth0\nsearch x\nnameserver junk\n"
    )
    assert default_gateways(routes) == ["192.0.2.1"]
    assert configured_resolvers(resolvers) == ["10.1.1.1", "fe80::1%eth0"]
    assert default_gateways(tmp_path / "missing") == []


def test_a_resolver_that_answers_anything_answers() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as resolver:
        resolver.bind(("127.0.0.1", 0))
        resolver.settimeout(5)
        port = resolver.getsockname()[1]
        answers: Callable[[], None] = lambda: resolver.sendto(b"anything", resolver.recvfrom(512)[1])  # noqa: E731
        import threading

        answering = threading.Thread(target=answers)
        answering.start()
        assert resolver_answers("127.0.0.1", port) is True
        answering.join()
    assert gateway_answers("127.0.0.1") in (True, None)
