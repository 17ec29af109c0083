"""Links that publish a platform's status page: made, listed, revoked. Only the hash of a link's secret is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update

from roomleft.errors import InputError
from warehouse.state import StateDb
from warehouse.state.audit import record
from warehouse.state.models_alerting import StatusLinkRow
from warehouse.state.principals import hashed, new_secret

PREFIX = 16
"""How much of a secret may be shown, so that people know which link is which."""
NOTE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class StatusLink:
    """One link, without its secret."""

    prefix: str
    platform: str
    note: str
    made_by: str
    made_at: datetime
    revoked_by: str | None
    revoked_at: datetime | None


class StatusLinks:
    """The links of one installation. Each deed stands in the audit."""

    def __init__(self, state: StateDb) -> None:
        self._state = state

    def add(self, platform: str, *, who: str, note: str = "") -> str:
        """A new link's secret, which nobody can be told again."""
        secret = new_secret("status")
        now = self._state.clock.now()
        values = {"platform": platform, "note": note.strip()[:NOTE_LENGTH], "made_by": who, "made_at": now}
        with self._state.write() as connection:
            connection.execute(insert(StatusLinkRow).values(hash=hashed(secret), prefix=secret[:PREFIX], **values))
            record(connection, now, who, "publish status page", platform=platform, prefix=secret[:PREFIX])
        return secret

    def of(self, platform: str | None = None) -> list[StatusLink]:
        """The links of a platform (None: of all), newest first, those revoked too."""
        names = StatusLink.__dataclass_fields__
        wanted = select(*(getattr(StatusLinkRow, name) for name in names)).order_by(StatusLinkRow.made_at.desc())
        if platform is not None:
            wanted = wanted.where(StatusLinkRow.platform == platform)
        with self._state.read() as connection:
            return [StatusLink(**row) for row in connection.execute(wanted).mappings()]

    def platform_of(self, secret: str) -> str | None:
        """The platform that a link shows; None for one that is unknown or was revoked."""
        wanted = select(StatusLinkRow.platform).where(StatusLinkRow.hash == hashed(secret), StatusLinkRow.revoked_at.is_(None))
        with self._state.read() as connection:
            found: str | None = connection.execute(wanted).scalar_one_or_none()
        return found

    def revoke(self, prefix: str, *, who: str) -> str:
        """End a link at once and for good; its platform. Raises InputError where there is none."""
        now = self._state.clock.now()
        live = (StatusLinkRow.prefix == prefix) & StatusLinkRow.revoked_at.is_(None)
        with self._state.write() as connection:
            platform = connection.execute(select(StatusLinkRow.platform).where(live)).scalar()
            if platform is None:
                raise InputError(
                    f"there is no status link {prefix[:40]!r} to revoke", "status links", "it may be revoked already"
                )
            connection.execute(update(StatusLinkRow).where(live).values(revoked_by=who, revoked_at=now))
            record(connection, now, who, "revoke status page", platform=platform, prefix=prefix)
        return str(platform)
