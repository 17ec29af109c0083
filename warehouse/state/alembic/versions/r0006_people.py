"""People: who they are, how they come, their password; sessions that can be told apart and ended one by one."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

from warehouse.state.models import UtcDateTime
from warehouse.state.names import key_of

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


RENAMED = (("oncall", "sre"), ("oncall", "on_call"), ("viewer", "reader"))
"""Roles now, and what they were called."""


def upgrade() -> None:
    """Widen users, sessions and links; what is there keeps working."""
    connection = op.get_bind()
    with op.batch_alter_table("users") as users:
        users.add_column(sa.Column("name_key", sa.Text(), nullable=True))
        for name in ("display_name", "email", "created_by"):
            users.add_column(sa.Column(name, sa.Text(), nullable=False, server_default=""))
        users.add_column(sa.Column("source", sa.Text(), nullable=False, server_default="local"))
        for name in ("password_hash", "issuer", "subject"):
            users.add_column(sa.Column(name, sa.Text(), nullable=True))
        for name in ("password_set_at", "disabled_at", "last_seen_at"):
            users.add_column(sa.Column(name, UtcDateTime(), nullable=True))
    for role, before in RENAMED:
        connection.execute(sa.text("UPDATE users SET role = :role WHERE role = :before"), {"role": role, "before": before})
    # What was no role then is given the least now, so that it may be read at all.
    connection.execute(sa.text("UPDATE users SET role = 'viewer' WHERE role NOT IN ('viewer', 'oncall', 'finance', 'admin')"))
    taken: set[str] = set()
    for (name,) in connection.execute(sa.text("SELECT name FROM users ORDER BY created_at, name")).all():
        key = key_of(name)
        while key in taken:  # Of two that differ in case alone the later gets a key of its own: a migration throws nobody out.
            key += "'"
        taken.add(key)
        connection.execute(sa.text("UPDATE users SET name_key = :key WHERE name = :name"), {"key": key, "name": name})
    with op.batch_alter_table("users") as users:
        users.alter_column("name_key", existing_type=sa.Text(), nullable=False)
        users.create_unique_constraint("uq_users_name_key", ["name_key"])
        for name in ("display_name", "email", "created_by", "source"):
            users.alter_column(name, existing_type=sa.Text(), server_default=None)
    op.create_index("ix_users_issuer_subject", "users", ["issuer", "subject"], unique=True)
    with op.batch_alter_table("sign_in_links") as links:
        links.add_column(sa.Column("user_name", sa.Text(), nullable=True))
    with op.batch_alter_table("sessions") as sessions:
        for name in ("session_id", "user_name"):
            sessions.add_column(sa.Column(name, sa.Text(), nullable=True))
        sessions.add_column(sa.Column("how", sa.Text(), nullable=False, server_default="link"))
        for name in ("user_agent", "address"):
            sessions.add_column(sa.Column(name, sa.Text(), nullable=False, server_default=""))
        sessions.add_column(sa.Column("last_seen_at", UtcDateTime(), nullable=True))
    for (kept,) in connection.execute(sa.text("SELECT hash FROM sessions")).all():
        values = {"id": f"s_{secrets.token_hex(8)}", "hash": kept}
        connection.execute(sa.text("UPDATE sessions SET session_id = :id WHERE hash = :hash"), values)
    with op.batch_alter_table("sessions") as sessions:
        sessions.alter_column("session_id", existing_type=sa.Text(), nullable=False)
        sessions.create_unique_constraint("uq_sessions_session_id", ["session_id"])
        for name in ("how", "user_agent", "address"):
            sessions.alter_column(name, existing_type=sa.Text(), server_default=None)
    op.create_index("ix_sessions_user_name", "sessions", ["user_name"])
