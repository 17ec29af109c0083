"""The links by which recipients end their mail: a recipient's number, signed with a key that only the installation's servers have."""

from __future__ import annotations

import hashlib
import hmac

from warehouse.state.database import StateDb
from warehouse.state.signing import signing_key

SHOWN = 32


class Unsubscribing:
    """Signs and reads the words of those links."""

    def __init__(self, db: StateDb) -> None:
        self._db = db

    def word(self, recipient_id: int) -> str:
        """`17-5f3c…`: HMAC-SHA256 of the number, 128 bits of it. The same each time."""
        said = hmac.new(signing_key(self._db), f"unsubscribe {recipient_id}".encode(), hashlib.sha256).hexdigest()[:SHOWN]
        return f"{recipient_id}-{said}"

    def recipient_of(self, word: str) -> int | None:
        """Whose word it is; None for one that we did not write."""
        number, _, _ = word.partition("-")
        if not (number.isascii() and number.isdecimal()) or len(number) > 18:
            return None
        return int(number) if hmac.compare_digest(self.word(int(number)).encode(), word.encode()) else None
