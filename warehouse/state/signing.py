"""The key with which an installation signs what it hands out and later must know again."""

from __future__ import annotations

import secrets

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from warehouse.state.archive import OWN
from warehouse.state.database import StateDb
from warehouse.state.models_reports import ReportFileRow

SIGNING_KEY = "signing-key"
"""The name of the file of no report that holds the key."""
KEY_BYTES = 32


def signing_key(db: StateDb) -> bytes:
    """Made once, the same for every server of the installation. Each use signs a text that begins with its own word."""
    wanted = select(ReportFileRow.content).where(ReportFileRow.report_key == OWN, ReportFileRow.name == SIGNING_KEY)
    with db.read() as connection:
        found: bytes | None = connection.execute(wanted).scalar_one_or_none()
    if found is not None:
        return bytes(found)
    values = {"report_key": OWN, "name": SIGNING_KEY, "media_type": "application/octet-stream", "content_id": ""}
    try:
        with db.write() as connection:
            connection.execute(insert(ReportFileRow).values(**values, content=secrets.token_bytes(KEY_BYTES)))
    except IntegrityError:  # another server was first
        pass
    with db.read() as connection:
        return bytes(connection.execute(wanted).scalar_one())
