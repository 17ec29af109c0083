"""The tables of the state database: who may do what, who holds which work, what ran. Every instant is aware and in UTC.

SQLite keeps instants as text of one width, PostgreSQL as `timestamptz`; both compare and sort the same way.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Index, Integer, MetaData, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from roomleft.timespan import utc
from warehouse.state.names import key_of

BigId = BigInteger().with_variant(Integer(), "sqlite")
"""64 bits on both: SQLite counts by itself only in a column it calls INTEGER."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant in UTC. A naive one is refused with InputError before it reaches the database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        instant = utc(value)
        return instant.replace(tzinfo=None) if dialect.name == "sqlite" else instant

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        instant: datetime = value
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


class Base(DeclarativeBase):
    """All state tables. Constraint names are fixed so that a later migration can name what it changes."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime, str: Text, int: BigId}  # noqa: RUF012 — SQLAlchemy's own hook


def _own_key(context: Any) -> str:
    return key_of(context.get_current_parameters()["name"])


class UserRow(Base):
    """A person who may sign in, and the role that decides their scopes and landing page. `name_key` is the name without case: no two may differ
    in that alone. `source` is how they come (`local`, `oidc`, `proxy`), `issuer` and `subject` who vouches for them and under which name there;
    null for local people and until the first arrival. `password_hash` is argon2id's own text."""

    __tablename__ = "users"
    __table_args__ = (Index("ix_users_issuer_subject", "issuer", "subject", unique=True),)
    name: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    created_at: Mapped[datetime]
    name_key: Mapped[str] = mapped_column(unique=True, default=_own_key)
    display_name: Mapped[str] = mapped_column(default="")
    email: Mapped[str] = mapped_column(default="")
    password_hash: Mapped[str | None]
    password_set_at: Mapped[datetime | None]
    source: Mapped[str] = mapped_column(default="local")
    issuer: Mapped[str | None]
    subject: Mapped[str | None]
    created_by: Mapped[str] = mapped_column(default="")
    disabled_at: Mapped[datetime | None]
    last_seen_at: Mapped[datetime | None]


class TokenRow(Base):
    """A machine's token. Only its SHA-256 is kept; `prefix` lets a person recognise it. A name is used once, ever."""

    __tablename__ = "tokens"
    name: Mapped[str] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(unique=True)
    prefix: Mapped[str]
    scopes: Mapped[str]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class SignInLinkRow(Base):
    """A link that signs its bearer in once: `used_at` is set by the one redemption that wins. With a `user_name` its scopes are those of that
    person's role, whatever it is by then."""

    __tablename__ = "sign_in_links"
    hash: Mapped[str] = mapped_column(primary_key=True)
    principal: Mapped[str]
    scopes: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    user_name: Mapped[str | None]


class SessionRow(Base):
    """A signed-in browser. The CSRF secret is derived from the session's own secret, so it is stored nowhere. With a `user_name` the scopes that
    count are those of that person's role now. `session_id` is by which people list and end it; `how` is `password`, `link` or `oidc`."""

    __tablename__ = "sessions"
    hash: Mapped[str] = mapped_column(primary_key=True)
    principal: Mapped[str] = mapped_column(index=True)
    scopes: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    session_id: Mapped[str] = mapped_column(unique=True)
    user_name: Mapped[str | None] = mapped_column(index=True)
    how: Mapped[str] = mapped_column(default="link")
    user_agent: Mapped[str] = mapped_column(default="")
    address: Mapped[str] = mapped_column(default="")
    last_seen_at: Mapped[datetime | None]


class AuditRow(Base):
    """One thing somebody did. `detail` is a JSON object."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(index=True)
    who: Mapped[str]
    what: Mapped[str]
    detail: Mapped[str]


class LeaseRow(Base):
    """Who holds a piece of work until when. `turn` counts takings, so a holder can tell that it was overtaken."""

    __tablename__ = "leases"
    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    expires_at: Mapped[datetime]
    turn: Mapped[int]


class JobRunRow(Base):
    """One run of a job. `outcome` is `started` until it is `ok`, `failed`, `skipped` or `interrupted`."""

    __tablename__ = "job_runs"
    __table_args__ = (Index("ix_job_runs_job_id", "job", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    job: Mapped[str]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    outcome: Mapped[str]
    words: Mapped[str]
    rows: Mapped[int | None]
    holder: Mapped[str]


class PseudonymRow(Base):
    """A person as the platform names them, and the random id that stands for them everywhere else."""

    __tablename__ = "pseudonyms"
    person: Mapped[str] = mapped_column(primary_key=True)
    pseudonym: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]


class TermRow(Base):
    """One thing somebody decided, and from when to when it holds. `content` is a JSON object whose shape belongs to `kind`."""

    __tablename__ = "terms"
    __table_args__ = (Index("ix_terms_kind_subject", "kind", "subject"),)
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    kind: Mapped[str]
    subject: Mapped[str]
    platform: Mapped[str]
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    content: Mapped[str]
    note: Mapped[str]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    withdrawn_by: Mapped[str | None]
    withdrawn_at: Mapped[datetime | None]


class ClosedPeriodRow(Base):
    """A stretch of a platform's books ('' for all platforms) in which no cost may change any more."""

    __tablename__ = "closed_periods"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    platform: Mapped[str]
    since: Mapped[datetime]
    until: Mapped[datetime]
    note: Mapped[str]
    closed_by: Mapped[str]
    closed_at: Mapped[datetime]
    reopened_by: Mapped[str | None]
    reopened_at: Mapped[datetime | None]
