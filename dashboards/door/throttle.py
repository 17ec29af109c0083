"""How guessing is slowed down without locking anybody out.

Three counts, each in this process only and bounded:

- by address (an IPv6 /64 is one): ten failures a minute, then a pause. One machine cannot try many names.
- by name, whether there is such a person or not: five tries are free, then each wait is twice the last, up to a quarter of an hour. Who spreads
  over many addresses gets about a hundred guesses a day at one name, which a password of twelve characters stands for ever.
- by browser: one that its person has signed in with carries a signed word. It is held back by neither of the others, only by its own failures, so
  that whoever floods a name or shares an address keeps out no one who has been here before.

A try counts when it begins, so that a thousand at the same moment are not a thousand free ones; a right password takes its own back. Waiting
is all that happens: a sign-in link is never held back by a name's count, and opens the door meanwhile.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable

from dashboards.door.memory import Attempts
from warehouse.state.names import key_of

FREE = 5
LONGEST_PAUSE_S = 900.0
FORGOTTEN_AFTER_S = 21_600.0
REMEMBERED = 65_536
"""More names than somebody could make us try in an hour: nobody pushes a name's count out by failing elsewhere."""


class Growing:
    """Tries by key: FREE of them, then a wait that doubles each time, up to LONGEST_PAUSE_S. Forgotten after hours without a try."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._tries: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def pause_s(self, key: str) -> float:
        """How long until the next try; 0 if it may be made now."""
        tries, last = self._tries.get(key, (0, 0.0))
        elapsed = self._monotonic() - last
        if tries < FREE or elapsed >= FORGOTTEN_AFTER_S:
            return 0.0
        return max(0.0, min(LONGEST_PAUSE_S, 2.0 ** min(tries - FREE, 20)) - elapsed)

    def tried(self, key: str) -> None:
        """Count a try that begins."""
        now = self._monotonic()
        tries, last = self._tries.pop(key, (0, now))
        self._tries[key] = (tries + 1 if now - last < FORGOTTEN_AFTER_S else 1, now)
        if len(self._tries) > REMEMBERED:
            self._tries.popitem(last=False)

    def succeeded(self, key: str) -> None:
        """The right password: nothing counts any more."""
        self._tries.pop(key, None)


class Throttle:
    """The three counts of password sign-in."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._addresses = Attempts(monotonic)
        self._names = Growing(monotonic)
        self._browsers = Growing(monotonic)

    def pause_s(self, name: str, address: str, browser: str) -> float:
        """How long this sender must wait before another try at this name. `browser` is the known browser's id, or nothing."""
        if browser:
            return self._browsers.pause_s(_key(name, browser))
        return max(self._addresses.pause_s(address), self._names.pause_s(_key(name)))

    def tried(self, name: str, address: str, browser: str) -> None:
        """Count a try that begins."""
        if browser:
            self._browsers.tried(_key(name, browser))
        else:
            self._addresses.failed(address)
            self._names.tried(_key(name))

    def succeeded(self, name: str, address: str, browser: str) -> None:
        """The password was right."""
        if browser:
            self._browsers.succeeded(_key(name, browser))
        else:
            self._addresses.taken_back(address)
            self._names.succeeded(_key(name))


def known_word(key: bytes, name: str, browser: str = "") -> str:
    """What a browser carries that `name` has signed in with: a random id, signed together with the name, which it does not tell."""
    browser = browser or secrets.token_hex(8)
    return f"{browser}.{_signed(key, name, browser)}"


def known_browser(key: bytes, name: str, word: str) -> str:
    """The id of a browser that `name` has signed in with; nothing for any other."""
    browser, _, signed = word.partition(".")
    fits = len(browser) == 16 and hmac.compare_digest(_signed(key, name, browser).encode(), signed.encode("utf-8", "replace"))
    return browser if fits else ""


def _signed(key: bytes, name: str, browser: str) -> str:
    return hmac.new(key, f"known browser\n{browser}\n{key_of(name)}".encode(), hashlib.sha256).hexdigest()[:32]


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(key_of(part) for part in parts).encode("utf-8", "replace")).hexdigest()
