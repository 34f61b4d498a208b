"""Why nothing may be dialed, or nothing for one campaign: clock, name, law and disk, asked before each beat.

The gate would block each call too; here the reason is said once, no account is claimed and none is moved.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol
from zoneinfo import ZoneInfo

import compliance
from accounts.model import CampaignSettings
from compliance.facts import Purpose
from compliance.holds import holds
from dialer.clock_watch import ClockWatch
from dialer.room_watch import RoomWatch
from domain.clock import Clock
from domain.telephony import RecordingMode


class Holds(Protocol):
    """What the engine asks."""

    def everything(self) -> str:
        """Why no call at all may be placed; empty when nothing forbids it."""
        ...

    def campaign(self, settings: CampaignSettings) -> str:
        """Why no call of this campaign may be placed; empty when nothing forbids it."""
        ...

    def warning(self) -> str:
        """What should be mended although dialing goes on; empty when nothing."""
        ...


class NoHolds:
    """For scenarios that are about something else."""

    def everything(self) -> str:
        return ""

    def campaign(self, _settings: CampaignSettings) -> str:
        return ""

    def warning(self) -> str:
        return ""


class StandingHolds:
    """The clock's watch, the engine's name, the rules in force, and room for recordings."""

    def __init__(
        self,
        watch: ClockWatch,
        policy: compliance.Policy,
        clock: Clock,
        room: RoomWatch,
        name: Callable[[], str] = lambda: "",
    ) -> None:
        self._watch = watch
        self._room = room
        self._policy = policy
        self._clock = clock
        self._name = name

    def everything(self) -> str:
        return "; ".join(words for words in (self._watch.trouble, self._name()) if words)

    def campaign(self, settings: CampaignSettings) -> str:
        """The clock first, then each reason of the law, then the disk."""
        today = self._clock.now().astimezone(ZoneInfo(settings.zone)).date()
        found = holds(self._policy, settings.country, Purpose(settings.purpose), settings.national_dnc_file_date, today)
        room = "" if settings.recording is RecordingMode.OFF else self._room.trouble
        return "; ".join([words for words in (self._watch.trouble_for(settings.trunks), *found, room) if words])

    def warning(self) -> str:
        return self._watch.warning
