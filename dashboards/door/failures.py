"""Sign-ins that failed, for the audit: summed up, so that whoever floods the door does not flood the book too."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from warehouse.state import Audit

WINDOW_S = 600.0
KINDS = 50
"""How many summaries of one name are open at once; its failures beyond are summed up as one. All who are nobody count as one name."""
FAILED = "sign-in failed"
ELSEWHERE = "many addresses"
NOBODYS = "somebody"


@dataclass(slots=True)
class _Open:
    began: float
    untold: int = 0


class Failures:
    """The first failure of a name from an address is noted at once, the others of the next ten minutes as one number. A name that is nobody's is
    never written down: it may be a password in the wrong field."""

    def __init__(self, audit: Audit, monotonic: Callable[[], float]) -> None:
        self._audit = audit
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str, str], _Open] = {}

    def failed(self, name: str | None, how: str, address: str) -> None:
        """Note one. `name` is a person's own, None if there is no such person or the sign-in names none."""
        self.tell(over_only=True)
        whose = name or NOBODYS
        key = (whose, how, address)
        with self._lock:
            if key not in self._open and sum(each[0] == whose for each in self._open) >= KINDS:
                key = (whose, how, ELSEWHERE)
            found = self._open.get(key)
            if found is not None:
                found.untold += 1
                return
            self._open[key] = _Open(self._monotonic())
        self._note(key, 1)

    def tell(self, *, over_only: bool = False) -> None:
        """Note what was only counted so far: of windows that are over, or of all."""
        now = self._monotonic()
        with self._lock:
            over = [key for key, kept in self._open.items() if not over_only or now - kept.began >= WINDOW_S]
            untold = [(key, self._open.pop(key).untold) for key in over]
        for key, tries in untold:
            if tries:
                self._note(key, tries)

    def _note(self, key: tuple[str, str, str], tries: int) -> None:
        name, how, address = key
        self._audit.add(name, FAILED, {"how": how, "address": address, "tries": tries})
