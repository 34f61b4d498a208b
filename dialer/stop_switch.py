"""The kill switch: a file whose presence stops every originate. It needs no database, no network and no engine.

`dialer stop --now` creates it; the engine looks before each originate, so nothing is sent once it exists. It stays
until someone takes it away on purpose: an engine that restarts does not dial over a stop.
"""

from __future__ import annotations

from pathlib import Path

NAME = "STOP"


class StopSwitch:
    """The switch of one state directory."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / NAME

    @property
    def path(self) -> Path:
        return self._path

    def is_pulled(self) -> bool:
        """Whether dialing is stopped. An unreadable state directory counts as stopped."""
        try:
            return self._path.exists()
        except OSError:
            return True

    def pull(self) -> None:
        """Stop dialing now."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch(mode=0o600)

    def reset(self) -> None:
        """Allow dialing again."""
        self._path.unlink(missing_ok=True)
