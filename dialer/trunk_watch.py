"""How each trunk stands with its carrier, asked of Asterisk every few seconds: registered, and answering.

A trunk that is known not to work takes no calls; the next one of the campaign does. What could not be found out is no
trouble: an INVITE tells soon enough.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from dialer.ami.actions import DeviceState, ShowRegistrations
from dialer.ami.client import AmiClient
from dialer.ami.errors import ActionRefusedError, AmiError
from dialer.asterisk.settings import SipTrunk
from dialer.trunks import Trunk

_log = structlog.get_logger(__name__)

EVERY_S: Final = 3.0
DEADLINE_S: Final = 5.0
REGISTERED: Final = "Registered"
UNREACHABLE: Final = frozenset({"UNAVAILABLE", "INVALID"})


def trouble_of(trunk: SipTrunk, registration: str | None, device: str) -> str:
    """Why a trunk cannot be used, in words with what to do; empty when it can.

    Args:
        registration: Asterisk's word for it; None where Asterisk has no registration for this trunk.
        device: Asterisk's word for the endpoint's state; empty when unknown.
    """
    place = f"{trunk.host}:{trunk.port}"
    if trunk.registration is not None and registration != REGISTERED:
        if registration is None:
            return "Asterisk does not know it; stop and start Asterisk, so that it reads the settings again"
        if registration == "Rejected":
            return f"{place} refuses the registration; check username and secret"
        return f"not registered with {place}; check host, port and the network"
    if device in UNREACHABLE:
        return f"{place} does not answer; check host, port and the network"
    return ""


class TrunkWatch:
    """Keeps `Trunk.trouble` up to date."""

    def __init__(self, client: AmiClient, trunks: Sequence[tuple[SipTrunk, Trunk]]) -> None:
        self._client = client
        self._trunks = trunks

    async def run(self) -> None:
        """Look from time to time until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Ask once; without a connection everything stays as it was."""
        try:
            registrations = await self._registrations()
            for sip, trunk in self._trunks:
                state = await self._client.ask(DeviceState(sip.name), DEADLINE_S)
                self._note(trunk, trouble_of(sip, registrations.get(sip.name), state.response.text("Value")))
        except AmiError as error:
            _log.info("the trunks could not be looked at", error=str(error))

    async def _registrations(self) -> Mapping[str, str]:
        try:
            reply = await self._client.ask(ShowRegistrations(), DEADLINE_S)
        except ActionRefusedError:  # what Asterisk says when there is none
            return {}
        return {item.text("ObjectName"): item.text("Status") for item in reply.items}

    @staticmethod
    def _note(trunk: Trunk, trouble: str) -> None:
        if trouble != trunk.trouble:
            _log.warning("trunk", trunk=trunk.limits.name, trouble=trouble or "none")
            trunk.trouble = trouble
