"""Alembic's entry: migrations run on the connection, and in the transaction, that `accounts.schema` hands over."""

from alembic import context

from accounts.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
