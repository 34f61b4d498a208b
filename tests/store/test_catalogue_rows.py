"""The catalogue of recordings as rows, on each of the two databases."""

from __future__ import annotations

import asyncio
from math import inf

import pytest
from sqlalchemy import text

from accounts.async_store import AsyncStore
from accounts.model import Reservation
from accounts.store import Store
from dialer.catalogue import StoreCatalogue
from domain.clock import SystemClock
from domain.ids import AttemptId, RecordingId
from domain.outcomes import Outcome
from recordings.audio import Party
from recordings.catalogue import CatalogueError, CatalogueRow
from recordings.lifecycle import RecordingState

from .conftest import Floor
from .constants import NOON

pytestmark = pytest.mark.store


def row_of(attempt: AttemptId, level: float) -> CatalogueRow:
    return CatalogueRow(
        recording=RecordingId("0" * 32),
        attempt=attempt,
        state=RecordingState.CHECKED,
        key="2026/12/01/x.wav",
        sha256="0" * 64,
        seconds=3.0,
        size=96_044,
        channels=2,
        announced=False,
        bridged_s=3.0,
        made_at=NOON,
        level_dbfs={Party.CUSTOMER: level, Party.AGENT: -20.0},
    )


def ended_attempt(store: Store) -> AttemptId:
    floor = Floor.on(store)
    floor.account(1)
    made = floor.reserve(floor.claims()[0])
    assert isinstance(made, Reservation)
    floor.end(made, Outcome.CONVERSATION)
    return made.attempt


async def written_and_found(store: Store, row: CatalogueRow) -> CatalogueRow | None:
    catalogue = StoreCatalogue(AsyncStore(store), SystemClock(), lambda _row: None)
    await catalogue.write(row)
    return await catalogue.find(row.attempt)


def test_a_row_the_database_refuses_is_the_catalogues_own_error(store: Store) -> None:
    store.write(lambda tx: tx.execute(text("ALTER TABLE recordings RENAME TO elsewhere")))
    with pytest.raises(CatalogueError, match="refuses the row"):
        asyncio.run(written_and_found(store, row_of(AttemptId("1" * 32), -20.0)))


@pytest.mark.parametrize("level", [-inf, -30.5])
def test_digital_silence_is_kept_as_any_other_level(store: Store, level: float) -> None:
    row = row_of(ended_attempt(store), level)
    assert asyncio.run(written_and_found(store, row)) == row
