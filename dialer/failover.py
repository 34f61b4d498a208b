"""Another trunk for a call that the first one refused: when that is allowed, and by which.

One attempt may cause several INVITEs, never two telephones that ring: the table in `dialer.call` and `refused_early`
let another INVITE follow only where the first was refused before any sign of ringing, with a status that speaks of the
carrier and not of the called person, or where no channel could be made at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import structlog

from accounts import invites
from accounts.async_store import AsyncStore
from accounts.errors import StoreError
from accounts.facts import Facts
from accounts.invites import FurtherInvite
from accounts.model import Ruling
from dialer.call import CallRecord, CallState, RefusedInvite
from dialer.outcome import NEVER_SENT
from dialer.trunks import Trunk, take_first
from domain.clock import Clock
from domain.ids import MAX_INVITES, channel_of
from domain.telephony import Ended, Origination

_log = structlog.get_logger(__name__)

CARRIERS_FAULT: Final = frozenset({500, 502, 503, 504})
OVERLOADED: Final = 503


def refused_early(record: CallRecord, ended: Ended) -> bool:
    """Whether nobody's telephone can have rung, and another carrier may do better."""
    if record.state not in {CallState.RESERVED, CallState.SENT} or record.released_by_us:
        return False
    silent = record.rang_at is None and record.answered_at is None and not ended.was_ringing
    if not silent:
        return False
    return ended.sip_status in CARRIERS_FAULT or (ended.sip_status is None and ended.cause == NEVER_SENT)


class Failover:
    """Finds the next trunk and has the further INVITE allowed and written down."""

    def __init__(
        self, store: AsyncStore, trunks: Mapping[str, Trunk], clock: Clock, decide: Callable[[Facts], Ruling]
    ) -> None:
        self._store = store
        self._trunks = trunks
        self._clock = clock
        self._decide = decide

    async def next_order(
        self, order: Origination, refused: tuple[RefusedInvite, ...], names: tuple[str, ...]
    ) -> Origination | None:
        """The order for the next trunk, which is taken and may be sent; None when the attempt is over.

        Args:
            order: what was refused last.
            refused: all refusals of the attempt.
            names: the campaign's trunks, best first.
        """
        tried = {one.trunk for one in refused}
        left = [self._trunks[name] for name in names if name in self._trunks and name not in tried]
        if len(refused) >= MAX_INVITES:
            return None
        trunk = take_first(left, self._clock.monotonic())
        if trunk is None:
            return None
        further = replace(order, trunk=trunk.limits.name, invite=order.invite + 1)
        allowed = False
        try:
            allowed = await self._allowed(further, refused[-1])
        finally:
            if not allowed:
                trunk.give_back()
        return further if allowed else None

    async def _allowed(self, further: Origination, last: RefusedInvite) -> bool:
        invite = FurtherInvite(
            attempt=further.attempt,
            channel=channel_of(further.attempt, further.invite),
            trunk=further.trunk,
            refused_channel=channel_of(further.attempt, last.invite),
            refused_trunk=last.trunk,
            sip_status=last.sip_status,
            cause=last.cause,
        )
        try:
            return await self._store.write(invites.allow_further, invite, self._clock.now(), self._decide)
        except StoreError as error:
            _log.error("no other trunk is tried: it cannot be written down", attempt=further.attempt, error=str(error))
            return False
