"""Bringing a database to this version's schema with Alembic, at start, inside one transaction.

Whether there is anything to do is seen without Alembic, which takes half a second to import: an engine that starts
again after a crash has nothing to migrate.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, column, inspect, select, table

from accounts.errors import WrongSchemaError

_FOLDER: Final = Path(__file__).parent / "migrations"
_VERSION: Final = table("alembic_version", column("version_num"))
_REVISION: Final = re.compile(r'^(revision|down_revision) = "([^"]+)"', re.MULTILINE)


def upgrade(tx: Connection) -> None:
    """Run the migrations that are missing.

    Raises:
        WrongSchemaError: the database was written by a newer version, or holds something else.
    """
    if inspect(tx).has_table(_VERSION.name) and tx.scalars(select(_VERSION.c.version_num)).all() == heads():
        return
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

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


def heads() -> list[str]:
    """Revisions that no other one builds on, read from the migrations' text; one, unless two branches were merged."""
    found: dict[str, set[str]] = {"revision": set(), "down_revision": set()}
    for file in (_FOLDER / "versions").glob("*.py"):
        for name, revision in _REVISION.findall(file.read_text("utf-8")):
            found[name].add(revision)
    return sorted(found["revision"] - found["down_revision"])
