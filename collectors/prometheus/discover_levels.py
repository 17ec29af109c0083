"""Limits that levels suggest: file systems, memory, load, and any pair of what is used and how much there may be."""

from __future__ import annotations

import re

from collectors.prometheus.discover_draft import Draft, Level, number

PSEUDO = frozenset(
    "tmpfs ramfs devtmpfs squashfs overlay iso9660 nsfs proc sysfs cgroup cgroup2 devpts mqueue tracefs autofs fuse.lxcfs".split()
)
MOST_MOUNTS = 6
MOST_OF_A_PAIR = 4
USED = frozenset("used usage open opened active allocated current inuse consumed entries connections size bytes".split())
MAXIMUM = ("max", "maximum", "limit", "capacity", "size", "total", "quota")
UNLIMITED = 2.0**60
"""Programs write the largest number there is where they mean no limit."""
UNITS = {
    "bytes": "bytes",
    "seconds": "seconds",
    "connections": "connections",
    "users": "users",
    "keys": "keys",
    "pods": "pods",
    "jobs": "jobs",
}


def filesystems(draft: Draft) -> None:
    """Room and inodes of each real file system of a node exporter, a device once."""
    sizes = [level for level in draft.series.get("node_filesystem_size_bytes", []) if _is_real(level)]
    devices: dict[str, Level] = {}
    for level in sorted(sizes, key=lambda each: len(each.labels.get("mountpoint", ""))):
        devices.setdefault(level.labels.get("device", ""), level)
    draft.take(name for name in draft.series if name.startswith("node_filesystem_"))
    for level in list(devices.values())[:MOST_MOUNTS]:
        mount = level.labels.get("mountpoint", "")
        named = mount.strip("/") or "root"
        _disk(draft, named, f"Disk space of {mount}", level)
        _share_used(
            draft, ("inodes", named), f"Inodes of {mount}", "node_filesystem_files", "node_filesystem_files_free", level, "keys"
        )
    if devices:
        draft.signal("node_filesystem_avail_bytes", "Disk space available", "bytes", by="mountpoint", across="min")
    if len(devices) > MOST_MOUNTS:
        draft.lines.append(f"{len(devices) - MOST_MOUNTS} more file systems: copy a limit of the pack to watch them")


def _disk(draft: Draft, named: str, title: str, level: Level) -> None:
    """A limit on what is used of what users may have, as `df` reckons it: blocks kept back for root count as neither."""
    names = [f"node_filesystem_{part}_bytes" for part in ("size", "free", "avail")]
    size, free, avail = (draft.value(name, level.labels) for name in names)
    if free is None:
        _share_used(draft, ("disk", named), title, names[0], names[2], level, "bytes")
        return
    if size is None or avail is None or size - free + avail <= 0:
        return
    ids = [
        draft.gauge(draft.ident("disk", named, part), name, "bytes", level.labels)
        for part, name in zip(("size", "free", "available"), names, strict=True)
    ]
    used = draft.rest(draft.ident("disk", named, "used"), ids[0], ids[1], "bytes")
    usable = draft.sum(draft.ident("disk", named, "usable"), (used, ids[2]), "bytes")
    draft.limit(draft.share(draft.ident("disk", named), used, usable, title), f"{title}, used", "90")
    share = 100 * (size - free) / (size - free + avail)
    draft.lines.append(f"{title}: {share:.1f} % of {number(size - free + avail)} used")


def memory(draft: Draft) -> None:
    """Memory of a node exporter's host."""
    draft.take(name for name in draft.series if name.startswith("node_memory_"))
    whole = draft.series.get("node_memory_MemTotal_bytes", [])
    if len(whole) == 1:
        _share_used(
            draft, ("memory",), "Memory", "node_memory_MemTotal_bytes", "node_memory_MemAvailable_bytes", whole[0], "bytes"
        )
        draft.signal("node_memory_MemAvailable_bytes", "Memory available", "bytes", across="min")


def load(draft: Draft) -> None:
    """The load of a node exporter's host, against its cores."""
    cores = {level.labels.get("cpu") for level in draft.series.get("node_cpu_seconds_total", [])} - {None}
    now = draft.value("node_load5")
    draft.take(("node_load1", "node_load5", "node_load15"))
    if now is None or not cores:
        return
    meter = draft.gauge(draft.ident("load"), "node_load5", "cores", {})
    draft.limit(meter, "Load of five minutes, against the cores", str(len(cores)), "cores")
    draft.signal("node_load5", "Load", "cores", limit=meter)
    draft.lines.append(f"load {now:.1f} on {len(cores)} cores")


def pairs(draft: Draft) -> None:
    """Pairs of series whose names differ in one word: what is used, and how much there may be (`pool_used`, `pool_max`)."""
    for name in sorted(draft.series):
        if draft.full or name in draft.taken or draft.types.get(name) in ("counter", "histogram", "summary"):
            continue
        whole = _whole_of(draft, name)
        if whole is None:
            continue
        draft.take((name, whole))
        matching = [
            (level, most)
            for level in draft.series[name]
            if (most := draft.value(whole, level.labels)) is not None and 0 < most < UNLIMITED
        ]
        for level, most in matching[:MOST_OF_A_PAIR]:
            _share(draft, name, whole, level, most)


def _whole_of(draft: Draft, name: str) -> str | None:
    words = name.split("_")
    for place, word in enumerate(words):
        if word not in USED:
            continue
        before, after = words[:place], words[place + 1 :]
        for maximum in MAXIMUM:
            # `x_used` and `x_max`; `x_entries` and `x_entries_limit`; `open_fds` and `max_fds`; `memory_used_bytes` and `memory_max_bytes`.
            for other in (
                (*before, maximum, *after),
                (*before, word, maximum, *after),
                (*before, maximum, word, *after),
                (*words, maximum),
            ):
                candidate = "_".join(other)
                if (
                    candidate != name
                    and candidate in draft.series
                    and candidate not in draft.taken
                    and draft.types.get(candidate) != "counter"
                ):
                    return candidate
    return None


def _share(draft: Draft, used: str, whole: str, level: Level, most: float) -> None:
    base = re.sub(r"_(bytes|total)$", "", used)
    told = ", ".join(f"{name} {value}" for name, value in sorted(level.labels.items()))
    words = (base, *(value for _, value in sorted(level.labels.items())))
    unit = _unit(used)
    part = draft.gauge(draft.ident(*words, "now"), used, unit, level.labels)
    limit = draft.gauge(draft.ident(*words, "most"), whole, unit, level.labels)
    title = base.replace("_", " ") + (f" ({told})" if told else "")
    meter = draft.share(draft.ident(*words), part, limit, title[:400])
    draft.limit(meter, f"{title} of {whole}", "90")
    draft.lines.append(f"{title}: {number(level.value)} of {number(most)}")


def _share_used(draft: Draft, words: tuple[str, ...], title: str, whole: str, free: str, level: Level, unit: str) -> None:
    """A limit on the share that is used, from the whole and what is free."""
    most, left = draft.value(whole, level.labels), draft.value(free, level.labels)
    if most is None or left is None or most <= 0:
        return
    whole_id = draft.gauge(draft.ident(*words, "whole"), whole, unit, level.labels)
    free_id = draft.gauge(draft.ident(*words, "free"), free, unit, level.labels)
    used_id = draft.rest(draft.ident(*words, "used"), whole_id, free_id, unit)
    meter = draft.share(draft.ident(*words), used_id, whole_id, title)
    draft.limit(meter, f"{title}, used", "90")
    draft.lines.append(f"{title}: {100 * (most - left) / most:.1f} % of {number(most)} used")


def _is_real(level: Level) -> bool:
    return level.labels.get("fstype") not in PSEUDO and level.value > 0


def _unit(name: str) -> str:
    return next((unit for word, unit in UNITS.items() if word in name.split("_")), "keys" if "keys" in name else "events")
