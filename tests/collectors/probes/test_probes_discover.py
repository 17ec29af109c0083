"""What `connect` finds at an address, and that its proposals load and measure."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from collectors.probes import discover as discover_probe
from collectors.probes.discover import discover
from roomleft.clock import FixedClock
from roomleft.errors import CollectError
from roomleft.limits import State
from roomleft.packs_sources import ProbeSource
from tests.collectors.proposed import measured, pack_of
from tests.collectors.scripted import http, scripted


def entry(url: str) -> dict[str, Any]:
    return {"kind": "probe", "name": "site", "component": "web", "url": url, "timeout": "3s"}


@pytest.mark.parametrize(("status", "down"), [(200, 0), (500, 1)])
def test_the_proposals_load_and_measure_to_real_room_left(clock: FixedClock, tmp_path: Path, status: int, down: int) -> None:
    with scripted(http(b"hello", status)) as server:
        given = entry(server.url)
        found = discover(ProbeSource.model_validate(given), None, clock.now())
        rows = measured(pack_of(tmp_path, given, found), clock)
    said = found.warnings if down else found.lines
    assert said[0].startswith(f"answers: answers {status}")
    assert rows.keys() == {"site_availability", "site_response"}
    assert {name: row.reason for name, row in rows.items() if row.state is State.UNKNOWN} == {}
    availability = rows["site_availability"]
    assert (availability.amount, availability.used) == (Decimal("43.2"), down)
    assert rows["site_response"].amount == 1000
    assert 0 < float(rows["site_response"].used or 0) < 1000


def test_an_address_that_is_slow_today_begins_with_twice_what_it_takes(
    clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(connection: Any, line: str) -> None:
        time.sleep(0.2)
        http(b"hello")(connection, line)

    monkeypatch.setattr(discover_probe, "USUAL_MS", 100)
    with scripted(slow) as server:
        found = discover(ProbeSource.model_validate(entry(server.url)), None, clock.now())
    (response,) = [limit for limit in found.limits if limit["id"] == "site_response"]
    assert response["amount"] in (500, 1000)


def test_a_certificate_gets_its_floor(clock: FixedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    from collectors.probes.source import Probe
    from collectors.probes.tls import Certificate

    holds = Certificate(clock.now() - timedelta(days=1), clock.now() + timedelta(days=60), False)
    monkeypatch.setattr(Probe, "_examined", lambda *_: holds)
    given = entry("tls://127.0.0.1:8443") | {"expires_within": "14d"}
    found = discover(ProbeSource.model_validate(given), None, clock.now())
    rows = measured(pack_of(tmp_path, given, found), clock)
    assert (rows["site_certificate"].amount, rows["site_certificate"].state) == (14, State.OK)
    assert float(rows["site_certificate"].used or 0) == pytest.approx(60, abs=0.01)


def test_an_address_that_is_none_is_an_error(clock: FixedClock) -> None:
    with pytest.raises(CollectError, match="names no host and port"):
        discover(ProbeSource.model_validate(entry("tcp://127.0.0.1")), None, clock.now())
