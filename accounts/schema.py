"""Bringing a database to this version's schema with Alembic, at start, inside one transaction."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from accounts.errors import WrongSchemaError

_FOLDER: Final = Path(__file__).parent / "migrations"


def upgrade(tx: Connection) -> None:
    """Run the migrations that are missing.

    Raises:
        WrongSchemaError: the database was written by a newer version, or holds something else.
    """
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = tx
    scripts = ScriptDirectory.from_config(config)
    present = MigrationContext.configure(tx).get_current_revision()
    known = {script.revision for script in scripts.walk_revisions()}
    if present is not None and present not in known:
        raise WrongSchemaError(
            f"the account store has schema {present}, which this version does not know; "
            "install the version that wrote it, or a newer one"
        )
    if present is None and inspect(tx).get_table_names():
        raise WrongSchemaError("the database holds tables that are not an account store; give an empty one")
    if present != scripts.get_current_head():
        command.upgrade(config, "head")
