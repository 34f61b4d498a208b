"""What the store's tests agree on."""

from datetime import UTC, datetime
from typing import Final

NOON: Final = datetime(2026, 12, 1, 15, tzinfo=UTC)
