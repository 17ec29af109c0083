"""Reading what a look gave: samples by name and labels, checks by name."""

from __future__ import annotations

from collectors.taken import Taken

OWN = ("source", "instance")


def values(taken: Taken, name: str, **labels: str) -> dict[str, float | None]:
    """The readings of a name that carry `labels`, by the values of their other labels (joined by a comma); None: it has ended."""
    found = {}
    for row in taken.samples.to_pylist():
        carried = dict(row["labels"])
        if row["name"] == name and all(carried.get(key) == value for key, value in labels.items()):
            rest = [value for key, value in sorted(carried.items()) if key not in labels and key not in OWN]
            found[",".join(rest)] = row["value"]
    return found


def value(taken: Taken, name: str, **labels: str) -> float | None:
    """The one reading of a name with `labels`; None if there is none."""
    found = values(taken, name, **labels)
    assert len(found) <= 1, found
    return next(iter(found.values()), None)


def names(taken: Taken) -> set[str]:
    """The names of all readings."""
    return set(taken.samples.column("name").to_pylist())


def checks(taken: Taken) -> dict[str, tuple[str, str]]:
    """The checks' (status, words) by name."""
    rows = taken.health.to_pylist() if taken.health is not None else []
    return {row["check_name"]: (row["status"], row["words"]) for row in rows}
