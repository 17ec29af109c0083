"""Alembic's entry: applies the migrations on the connection, and inside the transaction, that StateDb hands over."""

from __future__ import annotations

from alembic import context

from warehouse.state.models import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, transactional_ddl=True, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
