"""The fault log: which named faults were on, and when. Past incidents of the shape are its first entries."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from collectors.standin.instants import DAY, MINUTE
from roomleft.errors import InputError
from roomleft.packs_standin_faults import FaultEffect, FaultShape, HttpEffect

FOREVER = 2**62


@dataclass(frozen=True, slots=True)
class Window:
    """A fault was on in [from_us, to_us); `to_us` is FOREVER while it is on."""

    name: str
    from_us: int
    to_us: int = FOREVER


@dataclass(frozen=True, slots=True)
class ActiveEffect:
    """One effect of a fault and the window in which it holds."""

    from_us: int
    to_us: int
    effect: FaultEffect


class FaultLog:
    """Windows of named faults, in memory. Switching acts from that instant on: what was before never changes."""

    def __init__(self, shapes: Mapping[str, FaultShape], incidents: tuple[Window, ...] = ()) -> None:
        self.shapes = dict(shapes)
        self.forgettings = 0  # how often cursors were forgotten
        self.changed: Callable[[], None] = lambda: None  # told after every switch
        self._incidents = len(incidents)
        self._windows = list(incidents)
        self._lock = threading.Lock()

    def switch(self, name: str, on: bool, now_us: int) -> None:
        """Turn a fault on or off at `now_us`. Saying twice the same changes nothing. Raises InputError for an unknown name."""
        if name not in self.shapes:
            raise InputError(f"unknown fault {name!r}", "faults", f"known: {', '.join(sorted(self.shapes))}")
        with self._lock:
            current = next((i for i, w in enumerate(self._windows) if w.name == name and w.to_us == FOREVER), None)
            if on and current is None:
                self._windows.append(Window(name, now_us))
                self.forgettings += any(e.cursors for e in self.shapes[name].effects)
            elif not on and current is not None:
                self._windows[current] = Window(name, self._windows[current].from_us, now_us)

        self.changed()

    def restore(self, window: Window) -> None:
        """Take up a window of an earlier run."""
        with self._lock:
            self._windows.append(window)
            self.forgettings += any(e.cursors for e in self.shapes[window.name].effects)

    def switched(self) -> tuple[Window, ...]:
        """The windows that somebody switched, without the incidents of the shape."""
        return tuple(self._windows[self._incidents :])

    def is_on(self, name: str, at_us: int) -> bool:
        """Whether the fault is on at the instant."""
        return any(w.name == name and w.from_us <= at_us < w.to_us for w in tuple(self._windows))

    def windows(self, from_us: int = -FOREVER, to_us: int = FOREVER) -> tuple[Window, ...]:
        """Windows that meet [from_us, to_us), in the order they were opened. Equal tuples mean equal records."""
        return tuple(w for w in tuple(self._windows) if w.from_us < to_us and w.to_us > from_us and w.from_us < w.to_us)

    def effects(self, from_us: int = -FOREVER, to_us: int = FOREVER) -> Iterator[ActiveEffect]:
        """Effects that hold somewhere in [from_us, to_us)."""
        for window in self.windows(from_us, to_us):
            for effect in self.shapes[window.name].effects:
                yield ActiveEffect(window.from_us, window.to_us, effect)

    def http_effects(self, route: str, at_us: int) -> list[HttpEffect]:
        """How answers of a route are changed at this instant."""
        found = (a.effect.http for a in self.effects(at_us, at_us + 1))
        return [h for h in found if h and (h.routes is None or route in h.routes)]


def skew_us(log: FaultLog, at_us: int) -> int:
    """How far the platform's own clock is ahead at a true instant, in microseconds."""
    return sum(int(a.effect.clock.skew_s * 1e6) for a in log.effects(at_us, at_us + 1) if a.effect.clock)


def past_windows(incidents: tuple[tuple[str, float, float], ...], origin_us: int) -> tuple[Window, ...]:
    """Windows of (fault, days before origin, minutes), on whole minutes."""
    windows = []
    for name, days_ago, minutes in incidents:
        start = (origin_us - int(days_ago * DAY)) // MINUTE * MINUTE
        windows.append(Window(name, start, min(start + int(minutes * MINUTE), origin_us)))
    return tuple(windows)
