"""Many at once, or one alone: everybody who uses the engine goes together, and whoever replaces its file goes when nobody else is in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from roomleft.errors import StoreError


class Turns:
    """A gate for threads. Whoever waits to be alone comes before those who come after."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._changed = threading.Condition()
        self._inside = 0
        self._alone = False
        self._held = threading.local()

    @contextmanager
    def together(self) -> Iterator[None]:
        """With others. A thread that is inside already goes on, whoever waits to be alone."""
        depth: int = getattr(self._held, "depth", 0)
        if depth == 0:
            with self._changed:
                self._changed.wait_for(lambda: not self._alone)
                self._inside += 1
        self._held.depth = depth + 1
        try:
            yield
        finally:
            self._held.depth = depth
            if depth == 0:
                with self._changed:
                    self._inside -= 1
                    self._changed.notify_all()

    @contextmanager
    def alone(self, patience_s: float) -> Iterator[None]:
        """With nobody else. Raises StoreError when somebody stays inside for longer than `patience_s` seconds, or is this very thread."""
        if getattr(self._held, "depth", 0):
            raise StoreError("this work waits for itself to end", self._where)
        with self._changed:
            free = self._changed.wait_for(lambda: not self._alone, patience_s)
            if free:
                self._alone = True
                free = self._changed.wait_for(lambda: self._inside == 0, patience_s)
                if not free:
                    self._alone = False
                    self._changed.notify_all()
        if not free:
            raise StoreError(
                f"the warehouse stayed in use for {patience_s:g} s", self._where, "try again when no long question or report runs"
            )
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()
