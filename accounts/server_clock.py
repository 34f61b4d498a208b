"""How far this machine's clock is from the database server's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from domain.clock import Clock


def offset(tx: Connection, clock: Clock) -> timedelta | None:
    """Server's time less ours, at the middle of the question's way there and back; None where there is no server.

    Half of the way is the error of the answer. An answer that took so long that it says nothing is left to the caller.
    """
    if tx.dialect.name != "postgresql":
        return None
    tx.execute(text("SELECT 1"))  # the first question of a connection waits for more than the answer
    asked, began = clock.now(), clock.monotonic()
    there: datetime = tx.execute(text("SELECT clock_timestamp()")).scalar_one()
    took = timedelta(seconds=clock.monotonic() - began)
    return there.astimezone(UTC) - (asked + took / 2)
