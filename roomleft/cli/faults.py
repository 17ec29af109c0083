"""`fault`: what is wrong with a demo's platforms, switched on and off while it runs."""

from __future__ import annotations

from typing import Any

from roomleft.cli.ask import located
from roomleft.cli.client import Client
from roomleft.cli.output import err, out, print_table
from roomleft.datadir import running
from roomleft.demo import STAND_IN_FILE, DemoPlan, kept_plan
from roomleft.errors import InputError, RoomleftError
from roomleft.packs_yaml import nearest


def run_fault(name: str | None, off: bool, platform: str | None) -> None:
    """Switch the fault of every platform that has it, or of one (`--platform`, or `platform:name`); without a name, list them all."""
    settings, _ = located()
    stand_in = running(settings.data_dir, name=STAND_IN_FILE)
    if stand_in is None:
        raise RoomleftError("no demo is running", str(settings.data_dir), "start one with `bin/roomleft demo`")
    plan: DemoPlan = kept_plan(settings.data_dir)
    client = Client(stand_in)
    if name is not None and ":" in name:
        prefix, _, name = name.partition(":")
        if platform not in (None, prefix):
            raise InputError(f"{prefix}:{name} is not of {platform}", "--platform", "name the platform once")
        platform = prefix
    if platform is not None and platform not in plan.packs:
        raise InputError(f"the demo does not play {platform!r}", "--platform", f"it plays {', '.join(plan.packs)}")
    found: dict[str, list[dict[str, Any]]] = {
        slug: client.get(f"/{slug}/faults") for slug in plan.packs if platform in (None, slug)
    }
    if name is None:
        _list(found)
        return
    having = [slug for slug, faults in found.items() if any(fault["name"] == name for fault in faults)]
    if not having:
        known = {str(fault["name"]) for faults in found.values() for fault in faults}
        raise InputError(f"no platform has the fault {name!r}", "fault", nearest(name, known, "known"))
    for slug in having:
        client.put(f"/{slug}/faults/{name}", json={"on": not off})
        err.print(f"{slug}: {name} is {'off' if off else 'on'}", soft_wrap=True)


def _list(found: dict[str, list[dict[str, Any]]]) -> None:
    """A table for each platform, what is on first; on a pipe one table of all."""
    rows = {
        slug: sorted(
            ((slug, fault["name"], "on" if fault["on"] else "off", fault["description"]) for fault in faults),
            key=lambda row: row[2] != "on",
        )
        for slug, faults in found.items()
    }
    if not out.is_terminal:
        print_table(("platform", "fault", "now", "what it does"), [row for each in rows.values() for row in each])
        return
    for slug, each in rows.items():
        on = sum(row[2] == "on" for row in each)
        out.print(f"\n[bold]{slug}[/bold]: {len(each)} faults, {on or 'none'} on")
        print_table(("fault", "now", "what it does"), [row[1:] for row in each])
