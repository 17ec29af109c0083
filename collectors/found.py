"""What a first look at a source found, for `connect`: words for a person, and the parts of a pack that would watch it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to watch. `meters`, `limits` and `signals` are plain data in the form a pack writes them.

    `warnings` say what could not be seen, each with the grant, setting or statement that would show it.
    """

    lines: tuple[str, ...]
    meters: dict[str, dict[str, Any]] = field(default_factory=dict)
    limits: tuple[dict[str, Any], ...] = ()
    signals: tuple[dict[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()
