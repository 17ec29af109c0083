"""What was settled of a conversation is found by its name: without an index each sending read the whole outbox."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Index the outbox by thread."""
    op.create_index("ix_outbox_thread", "outbox", ["thread", "id"])
