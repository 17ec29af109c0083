"""What the door remembers for a while: who was just verified, and who keeps failing. Bounded, in this process only."""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from collections.abc import Callable

from warehouse.state import Principal

VERIFIED_FOR_S = 5.0
"""A revoked session or token may still work for this long."""
GOOD_FOR_S = 3600.0
WINDOW_S = 60.0
FAILURES = 10
REMEMBERED = 4096


class Verified:
    """Secrets verified lately, by hash, so that a live page does not ask the database at every callback."""

    def __init__(self, monotonic: Callable[[], float], turn: Callable[[], int] = lambda: 0) -> None:
        self._monotonic = monotonic
        self.turn = turn
        self._seen: OrderedDict[bytes, tuple[Principal, float, int]] = OrderedDict()

    def principal(self, secret: str) -> Principal | None:
        """Who it was, if verified within the last seconds, and nothing about who may do what has been changed here since."""
        found = self._seen.get(_key(secret))
        fresh = found and self._monotonic() - found[1] < VERIFIED_FOR_S and found[2] == self.turn()
        return found[0] if found and fresh else None

    def is_known(self, secret: str) -> bool:
        """Whether it was good within the hour: such a bearer is not held back by a neighbour who fails."""
        found = self._seen.get(_key(secret))
        return found is not None and self._monotonic() - found[1] < GOOD_FOR_S

    def remember(self, secret: str, principal: Principal | None, turn: int | None = None) -> None:
        """Keep the answer; a refusal (None) forgets the secret. `turn` is the one at which it was asked for: an answer that was overtaken is none."""
        self._seen.pop(_key(secret), None)
        if principal is not None:
            self._seen[_key(secret)] = (principal, self._monotonic(), self.turn() if turn is None else turn)
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)


class Attempts:
    """Failures by whoever makes them: at most `most` within `WINDOW_S`, then a pause."""

    def __init__(self, monotonic: Callable[[], float], most: int = FAILURES) -> None:
        self._monotonic = monotonic
        self._most = most
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def pause_s(self, who: str) -> float:
        """How long `who` must wait before the next try; 0 if not at all."""
        now = self._monotonic()
        times = self._failures.get(who)
        if not times or len(times) < self._most:
            return 0.0
        return max(0.0, times[0] + WINDOW_S - now)

    def failed(self, who: str) -> None:
        """Count one failure."""
        times = self._failures.setdefault(who, deque(maxlen=self._most))
        times.append(self._monotonic())
        self._failures.move_to_end(who)
        if len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def taken_back(self, who: str) -> None:
        """The newest failure was none."""
        if times := self._failures.get(who):
            times.pop()


def _key(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
