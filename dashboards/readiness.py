"""Whether the server has something true to show: back-fill read, rolled up, and every limit measured once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

Check = Callable[[], tuple[bool, str]]
"""Looks at one thing: whether it has happened, and how far it is, in words."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that must have happened, and how far it is, in words."""

    name: str
    done: bool
    words: str


class Readiness:
    """Answers /readyz. A step that was done once stays done: a late event does not make a running server unready."""

    def __init__(self, steps: dict[str, Check]) -> None:
        self._checks = steps
        self._done: dict[str, Step] = {}
        self._lock = Lock()

    def steps(self) -> list[Step]:
        """Every step in order. A step is looked at only when those before it are done."""
        with self._lock:
            found: list[Step] = []
            for name, check in self._checks.items():
                if name not in self._done:
                    if not all(step.done for step in found):
                        found.append(Step(name, False, "waits for the step before it"))
                        continue
                    done, words = check()
                    step = Step(name, done, words)
                    if done:
                        self._done[name] = step
                    found.append(step)
                else:
                    found.append(self._done[name])
            return found

    def ready(self) -> bool:
        """Whether every step is done."""
        return all(step.done for step in self.steps())
