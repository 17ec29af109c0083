"""`fault`: what is wrong with a demo's platforms, switched on and off while it runs."""

from __future__ import annotations

from typing import Any

from roomleft.cli.ask import located
from roomleft.cli.client import Client
from roomleft.cli.output import err, print_table
from roomleft.datadir import running
from roomleft.demo import STAND_IN_FILE, DemoPlan, kept_plan
from roomleft.errors import InputError, RoomleftError


def run_fault(name: str | None, off: bool, platform: str | None) -> None:
    """Switch the fault of every platform that has it, or of one; without a name, list them all."""
    settings, _ = located()
    stand_in = running(settings.data_dir, name=STAND_IN_FILE)
    if stand_in is None:
        raise RoomleftError("no demo is running", str(settings.data_dir), "start one with `bin/roomleft demo`")
    plan: DemoPlan = kept_plan(settings.data_dir)
    client = Client(stand_in)
    if platform is not None and platform not in plan.packs:
        raise InputError(f"the demo does not play {platform!r}", "--platform", f"it plays {', '.join(plan.packs)}")
    found: dict[str, list[dict[str, Any]]] = {
        slug: client.get(f"/{slug}/faults") for slug in plan.packs if platform in (None, slug)
    }
    if name is None:
        rows = [
            (slug, fault["name"], "on" if fault["on"] else "off", fault["description"])
            for slug, faults in found.items()
            for fault in faults
        ]
        print_table(("platform", "fault", "now", "what it does"), rows)
        return
    having = [slug for slug, faults in found.items() if any(fault["name"] == name for fault in faults)]
    if not having:
        known = sorted({fault["name"] for faults in found.values() for fault in faults})
        raise InputError(f"no platform has the fault {name!r}", "fault", f"known: {', '.join(known)}")
    for slug in having:
        client.put(f"/{slug}/faults/{name}", json={"on": not off})
        err.print(f"{slug}: {name} is {'off' if off else 'on'}", soft_wrap=True)
