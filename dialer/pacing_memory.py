"""What pacing has learned, kept across restarts: one small file a campaign, replaced whole.

The files hold counts and weights by class of account, and agents' sign-in names; no people. A file that is missing, of
another version or damaged is no trouble: pacing then starts from its priors.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import structlog

from domain.ids import CampaignId
from pacing.floor import Pacer
from pacing.persistence import StateError, from_json, to_json
from pacing.settings import PacingSettings

_log = structlog.get_logger(__name__)

LARGEST: Final = 16 * 2**20
"""Bytes; a larger file is not one of ours."""


class PacingMemory:
    """The files of one engine.

    Args:
        folder: where they are; made when needed. None keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    async def recall(self, campaign: CampaignId, settings: PacingSettings) -> Pacer:
        """What was learned on a campaign before, or the priors."""
        if self._folder is None:
            return Pacer(settings)
        return await asyncio.to_thread(_read, self._file(self._folder, campaign), campaign, settings)

    async def keep(self, campaign: CampaignId, learned: Pacer) -> None:
        """Write down what is known now."""
        if self._folder is not None:
            text = to_json(learned)  # here, so that nothing changes while it is read
            await asyncio.to_thread(_write, self._file(self._folder, campaign), campaign, text)

    def keep_now(self, campaign: CampaignId, learned: Pacer) -> None:
        """The same, when there is no time left to wait for it."""
        if self._folder is not None:
            _write(self._file(self._folder, campaign), campaign, to_json(learned))

    @staticmethod
    def _file(folder: Path, campaign: CampaignId) -> Path:
        return folder / f"{int(campaign)}.json"


def _read(file: Path, campaign: CampaignId, settings: PacingSettings) -> Pacer:
    try:
        if file.stat().st_size > LARGEST:
            raise StateError("the saved pacing state is too large: remove it, and pacing learns anew")
        return from_json(file.read_text(encoding="utf-8"), settings)
    except FileNotFoundError:
        return Pacer(settings)
    except (OSError, UnicodeDecodeError, StateError) as error:
        _log.warning("what pacing had learned cannot be used; it starts anew", campaign=campaign, error=str(error))
        return Pacer(settings)


def _write(file: Path, campaign: CampaignId, text: str) -> None:
    part = file.with_suffix(".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.chmod(0o600)
        part.replace(file)
    except OSError as error:
        _log.error("what pacing has learned cannot be kept", campaign=campaign, error=str(error))
