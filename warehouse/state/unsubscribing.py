"""The links by which recipients end their mail: a recipient's number, signed with a key that only the installation's servers have."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from warehouse.state.archive import OWN
from warehouse.state.database import StateDb
from warehouse.state.models_reports import ReportFileRow

SIGNING_KEY = "signing-key"
"""The name of the file of no report that holds the key."""
KEY_BYTES, SHOWN = 32, 32


class Unsubscribing:
    """Signs and reads the words of those links."""

    def __init__(self, db: StateDb) -> None:
        self._db = db

    def word(self, recipient_id: int) -> str:
        """`17-5f3c…`: HMAC-SHA256 of the number, 128 bits of it. The same each time."""
        said = hmac.new(self._key(), f"unsubscribe {recipient_id}".encode(), hashlib.sha256).hexdigest()[:SHOWN]
        return f"{recipient_id}-{said}"

    def recipient_of(self, word: str) -> int | None:
        """Whose word it is; None for one that we did not write."""
        number, _, _ = word.partition("-")
        if not (number.isascii() and number.isdecimal()) or len(number) > 18:
            return None
        return int(number) if hmac.compare_digest(self.word(int(number)).encode(), word.encode()) else None

    def _key(self) -> bytes:
        """Made once, the same for every server of the installation."""
        wanted = select(ReportFileRow.content).where(ReportFileRow.report_key == OWN, ReportFileRow.name == SIGNING_KEY)
        with self._db.read() as connection:
            found: bytes | None = connection.execute(wanted).scalar_one_or_none()
        if found is not None:
            return bytes(found)
        values = {"report_key": OWN, "name": SIGNING_KEY, "media_type": "application/octet-stream", "content_id": ""}
        try:
            with self._db.write() as connection:
                connection.execute(insert(ReportFileRow).values(**values, content=secrets.token_bytes(KEY_BYTES)))
        except IntegrityError:  # another server was first
            pass
        with self._db.read() as connection:
            return bytes(connection.execute(wanted).scalar_one())
