"""Leases: never two holders, never a dead one for longer than its time."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from roomleft.clock import FixedClock
from warehouse.state import PROCESS, Leases, StateDb

TTL = timedelta(seconds=30)


def test_one_holds_and_the_other_waits(db: StateDb) -> None:
    ours, theirs = Leases(db, "us"), Leases(db, "them")
    lease = ours.take("roll_up", TTL)
    assert lease
    assert not theirs.take("roll_up", TTL)
    assert not ours.take("roll_up", TTL), "the same holder's second try must not work beside the first"
    assert theirs.take("measure", TTL)
    assert ours.is_held("roll_up")
    lease.release()
    assert not lease
    assert not ours.is_held("roll_up")
    assert theirs.take("roll_up", TTL)


def test_a_lapsed_lease_is_taken_over_and_its_holder_learns_it(db: StateDb, clock: FixedClock) -> None:
    slow = Leases(db, "us").take("roll_up", TTL)
    clock.advance(TTL - timedelta(microseconds=1))
    assert not Leases(db, "them").take("roll_up", TTL)
    clock.advance(timedelta(microseconds=1))
    quick = Leases(db, "them").take("roll_up", TTL)
    assert quick
    assert not slow.renew()
    assert not slow
    slow.release()
    assert quick.renew(), "giving back a lost lease must not take it from its new holder"
    assert Leases(db, "us").is_held("roll_up")


def test_a_lapsed_lease_nobody_took_can_still_be_renewed(db: StateDb, clock: FixedClock) -> None:
    lease = Leases(db, "us").take("roll_up", TTL)
    clock.advance(TTL * 2)
    assert lease.renew()
    assert not Leases(db, "them").take("roll_up", TTL)


def test_renewing_moves_the_end(db: StateDb, clock: FixedClock) -> None:
    lease = Leases(db, "us").take("roll_up", TTL)
    for _ in range(5):
        clock.advance(TTL - timedelta(seconds=1))
        assert lease.renew()
        assert not Leases(db, "them").take("roll_up", TTL)


def test_a_lease_taken_again_by_the_same_holder_is_another_turn(db: StateDb, clock: FixedClock) -> None:
    leases = Leases(db, "us")
    first = leases.take("roll_up", TTL)
    clock.advance(TTL)
    second = leases.take("roll_up", TTL)
    assert second
    assert not first.renew()
    assert second.renew()


def test_many_threads_never_hold_together(open_db: Callable[[], StateDb]) -> None:
    databases = [open_db() for _ in range(2)]
    inside, most, taken = 0, 0, 0
    guard = threading.Lock()
    gate = threading.Barrier(6)

    def work(number: int) -> None:
        nonlocal inside, most, taken
        leases = Leases(databases[number % 2], f"holder {number}")
        gate.wait(10)
        for _ in range(15):
            lease = leases.take("roll_up", TTL)
            if not lease:
                continue
            with guard:
                inside += 1
                taken += 1
                most = max(most, inside)
            with guard:
                inside -= 1
            lease.release()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert most == 1
    assert taken >= 1


def test_of_many_takers_of_a_lapsed_lease_one_wins(open_db: Callable[[], StateDb], clock: FixedClock) -> None:
    databases = [open_db() for _ in range(4)]
    for _ in range(5):
        gate = threading.Barrier(len(databases))

        def take(number: int, gate: threading.Barrier = gate) -> bool:
            gate.wait(10)
            return bool(Leases(databases[number], f"holder {number}").take("roll_up", TTL))

        with ThreadPoolExecutor(len(databases)) as pool:
            assert sum(pool.map(take, range(len(databases)))) == 1
        clock.advance(TTL)


def test_holding_renews_in_the_background_and_gives_back(db: StateDb, clock: FixedClock) -> None:
    renewed = threading.Event()
    leases = Leases(db, "us")

    def at_once(_ttl: timedelta) -> float:
        renewed.set()
        return 0.01

    with leases.hold("roll_up", TTL, at_once) as lease:
        assert lease
        assert renewed.wait(10)
        with Leases(db, "them").hold("roll_up", TTL) as other:
            assert not other
    assert not leases.is_held("roll_up")


def test_holding_gives_back_after_an_error(db: StateDb) -> None:
    leases = Leases(db, "us")
    try:
        with leases.hold("roll_up", TTL):
            raise RuntimeError
    except RuntimeError:
        pass
    assert not leases.is_held("roll_up")


def test_a_dead_process_of_this_machine_is_not_waited_for(db: StateDb) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait(30)
    holders = {
        "gone": f"{socket.gethostname()}:{gone.pid}:0badcafe",
        "earlier process of our number": f"{socket.gethostname()}:{os.getpid()}:0badcafe",
        "alive": f"{socket.gethostname()}:{os.getppid()}:0badcafe",
        "elsewhere": f"another.host:{gone.pid}:0badcafe",
        "ourselves": PROCESS,
        "in words": "server one",
    }
    for name, holder in holders.items():
        assert Leases(db, holder).take(name, TTL)
    taken = {name for name in holders if Leases(db).take(name, TTL)}
    # On PostgreSQL a host's name proves nothing: containers may share one.
    assert taken == ({"gone", "earlier process of our number"} if db.is_sqlite else set())
