"""A stage for the story: a test carrier, an Asterisk, one agent's telephone; each worker has its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dialer.asterisk.install import installed_root
from dialer.testing.stage import Stage, raised


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with raised(tmp_path, installed_root(), ["amira"]) as ready:
        yield ready
