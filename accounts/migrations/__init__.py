"""Schema migrations (Alembic), run at start by `accounts.schema`."""
