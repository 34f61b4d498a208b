"""From a reserved attempt to the order the switch gets. Pure."""

from __future__ import annotations

from typing import Final

from accounts.model import CampaignSettings, Reservation
from agent_gateway.floor_events import CallTerms
from dialer.asterisk.settings import MachineDetection
from dialer.call_actor import CallLimits
from domain.phone import PhoneNumber
from domain.telephony import Origination, Treatment

NO_PRERECORDED_FALLBACK: Final = "NO_PRERECORDED_FALLBACK"
POST_DIAL_LIMIT_S: Final = 15.0
"""A carrier that says nothing for this long has lost the call."""
MIN_RING_S: Final = 15.0
"""16 CFR 310.4(b)(4)(iii): at least 15 seconds or four rings; kept for every purpose."""

VERDICT_LAG_S: Final = (MachineDetection().after_greeting_silence + 50) / 1000
"""From the end of "hello?" to the verdict: the silence that detection waits for, and a frame or two to notice it."""
LEAST_PATIENCE_S: Final = 0.2
"""Whatever a campaign asks for: an agent who is free needs a moment to be joined."""


def verdict_lag_s(settings: CampaignSettings) -> float:
    """How much of the time until an agent must be there has passed when the switch says that it is a person."""
    return VERDICT_LAG_S if settings.detect_machine else 0.0


def patience_s(settings: CampaignSettings) -> float:
    """What is left of it then. 16 CFR 310.4(b)(4)(iii) counts from the end of the greeting, not from the verdict."""
    return max(LEAST_PATIENCE_S, settings.connect_within_s - verdict_lag_s(settings))


def order_for(
    settings: CampaignSettings, reservation: Reservation, to: PhoneNumber, caller_id: PhoneNumber, trunk: str
) -> Origination:
    """The order for one attempt.

    A recorded message is replaced by a plain hang-up where the gate forbids any for this call.
    """
    treatment = settings.treatment
    if treatment is Treatment.MESSAGE and NO_PRERECORDED_FALLBACK in reservation.flags:
        treatment = Treatment.HANGUP
    return Origination(
        attempt=reservation.attempt,
        to=to,
        caller_id=caller_id,
        trunk=trunk,
        detect_machine=settings.detect_machine,
        connect_within_s=patience_s(settings),
        treatment=treatment,
        late_agent_s=settings.late_agent_s,
        message=settings.message,
        recording=settings.recording,
        setup_timeout_s=settings.setup_timeout_s,
    )


def limits_for(settings: CampaignSettings) -> CallLimits:
    """The times the engine keeps for each call of a campaign."""
    return CallLimits(
        ring_s=max(MIN_RING_S, settings.ring_timeout_s),
        post_dial_s=POST_DIAL_LIMIT_S,
        abandon_s=patience_s(settings),
        late_agent_s=settings.late_agent_s,
    )


def terms_for(settings: CampaignSettings) -> CallTerms:
    """What calls of a campaign ask of an agent."""
    return CallTerms(skills=frozenset(settings.skills), wrap_up_s=settings.wrap_up_s, preview_s=settings.preview_s)
