"""A first look at an address from outside: whether it answers, how fast, and how long its certificate holds."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from collectors.discover_draft import Draft
from collectors.found import Found
from collectors.own_network import OwnNetwork
from collectors.probes.source import Probe
from roomleft.packs_sources import ProbeSource

USUAL_MS = 1000
STEP_MS = 500


def discover(entry: ProbeSource, secret: str | None, now: datetime) -> Found:
    """What there is to watch at `entry`. An address that does not answer gets its limits all the same, and a warning. Raises CollectError."""
    draft = Draft(entry)
    taken = Probe("", entry, secret, OwnNetwork(reference=lambda: None)).take(now, None)
    if taken.error is not None:
        raise taken.error
    for row in taken.health.to_pylist() if taken.health is not None else ():
        what = row["check_name"].rsplit(".", 1)[1]
        (draft.line if row["status"] == "pass" else draft.warning)(f"{what}: {row['words']}")
    read = {(row["name"], dict(row["labels"]).get("phase")): row["value"] for row in taken.samples.to_pylist()}
    availability = draft.limit(
        "availability",
        "slo",
        f"Availability of {draft.name} 99.9 %",
        draft.failing("down_minutes", f"{entry.name}.answers"),
        "Find the cause before the next release",
        objective_percent="99.9",
        window={"rolling": "30d"},
    )
    draft.signal("Answers", "probe_success", "ratio", limit=availability, live=True)
    meter = draft.gauge("response_ms", "probe_duration_ms", "ms", labels={"phase": "total"})
    measured_ms = read.get(("probe_duration_ms", "total"), 0.0)
    # An address that is slower than usual today begins with twice what it takes.
    amount = USUAL_MS if measured_ms <= USUAL_MS else math.ceil(2 * measured_ms / STEP_MS) * STEP_MS
    title = f"Response of {draft.name} ≤ {amount / 1000:g} s"
    slow = draft.limit("response", "slo", title, meter, "See which phase of the answer takes long", amount=amount)
    draft.signal("Response time", "probe_duration_ms", "ms", labels={"phase": "total"}, limit=slow, live=True)
    draft.signal("Response time by phase", "probe_duration_ms", "ms", by="phase")
    if ("probe_tls_days_left", None) in read:
        days = math.ceil(entry.expires_within / timedelta(days=1))
        holds = draft.limit(
            "certificate",
            "capacity",
            f"Certificate of {draft.name} ≥ {days} days",
            draft.gauge("certificate_days", "probe_tls_days_left", "days", over_time="last"),
            "Renew the certificate",
            amount=days,
            direction="at_least",
        )
        draft.signal("Certificate holds for", "probe_tls_days_left", "days", limit=holds)
    return draft.found()
