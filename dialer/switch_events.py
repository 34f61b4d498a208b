"""Asterisk's events in, the project's events out. No I/O and no clock: `at` comes with the event.

Channels are told apart by their names: `PJSIP/<trunk>-...` is a person (its Uniqueid is the attempt), any other
`PJSIP/<agent>-...` an agent's leg. What is kept per channel is little: whether it rang, was answered, and in which
bridge it is.

A further INVITE of an attempt has a channel id of its own (`domain.ids.channel_of`). In here channels go by their own
ids; in every event that goes out, and in what `adopt` returns, they go by their attempt's.

An end is never lost. A call for which no channel could be made has no Hangup; its OriginateResponse says `Failure`,
but so it does for a busy line, before or after the Hangup, for the two take different ways through Asterisk. So a
failure is noted, and only if no Hangup has come `NO_CHANNEL_AFTER_S` later is it the end (`overdue`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import structlog

from dialer.ami.codec import AmiMessage
from dialer.outcome import NEVER_SENT
from domain.ids import AgentId, AttemptId, LegId, attempt_of, is_call_id
from domain.outcomes import Verdict
from domain.phone import PhoneNumber, PhoneNumberError
from domain.telephony import (
    Answered,
    Ended,
    InboundBegan,
    InboundEnded,
    Joined,
    Judged,
    KeyPressed,
    LegEnded,
    LegUp,
    LiveChannel,
    Parted,
    Rang,
    SwitchEvent,
    Treated,
    Treatment,
)

_log = structlog.get_logger(__name__)

WANTED_EVENTS: Final = frozenset(
    {"OriginateResponse", "Hangup", "HangupRequest", "UserEvent", "DialState", "BridgeEnter", "BridgeLeave", "DTMFEnd"}
)
"""All that is read of Asterisk's events; the codec skips the rest."""

STUCK_AFTER_S: Final = 0.25
"""From a far end's goodbye to the Hangup, which takes milliseconds. Asterisk loses a goodbye that comes while a bridge
plays a file to the channel (22.10: the player consumes it and its result is not looked at); the channel would stay."""
NO_CHANNEL_AFTER_S: Final = 2.0
"""From a failed OriginateResponse to the conclusion that there never was a channel; a Hangup takes milliseconds."""

VERDICTS: Final = {
    "HUMAN": Verdict.HUMAN,
    "MACHINE": Verdict.MACHINE,
    "FAX": Verdict.FAX,
    "SIT": Verdict.SIT,
    "NOTSURE": Verdict.UNCERTAIN,
    "OFF": Verdict.UNCERTAIN,
}
"""The dialplan's words; any other is taken as uncertain."""
_HUNG_UP_WHILE_LISTENING: Final = "HANGUP"


@dataclass(slots=True)
class _Channel:
    """What must be remembered of an attempt or a leg until it ends.

    Attributes:
        agent: whose leg it is; None for a person.
        exists: Asterisk is known to have made the channel, so a Hangup will come.
        rang: which of RINGING and PROGRESS were seen.
    """

    agent: AgentId | None = None
    exists: bool = False
    rang: set[str] = field(default_factory=set)
    answered: bool = False


class SwitchEvents:
    """The translation, with the little state it needs.

    Args:
        trunks: names of the trunks: channels of these endpoints are persons.

    Attributes:
        anomalies: events that made no sense and were passed over.
    """

    def __init__(self, trunks: Collection[str]) -> None:
        self._trunks = frozenset(trunks)
        self._channels: dict[str, _Channel] = {}
        self._inbound: dict[str, bool] = {}
        self._bridges: dict[str, list[str]] = {}
        self._joined: dict[AttemptId, tuple[LegId, str]] = {}
        self._further: dict[AttemptId, str] = {}
        self._failed: dict[str, float] = {}
        self._leaving: dict[str, float] = {}
        self._gap = True
        self.anomalies = 0

    # --- what the switch adapter tells -----------------------------------------------------------------------------

    def expect_call(self, channel: str) -> None:
        """An originate is about to be sent."""
        self._channels[channel] = _Channel()
        self._note_further(channel)

    def channel_of(self, attempt: AttemptId | LegId) -> str:
        """The id of the channel an attempt or a leg has now."""
        return self._further.get(AttemptId(attempt), attempt)

    def expect_leg(self, leg: LegId, agent: AgentId) -> None:
        """An agent is about to be called."""
        self._channels[leg] = _Channel(agent)

    def forget(self, channel: str) -> None:
        """The order was not carried out: no event will come."""
        self._drop(channel)

    def _note_further(self, channel: str) -> None:
        if (attempt := attempt_of(channel)) != channel:
            self._further[attempt] = channel

    def _drop(self, channel: str) -> _Channel | None:
        if self._further.get(attempt_of(channel)) == channel:
            del self._further[attempt_of(channel)]
        return self._channels.pop(channel, None)

    @property
    def due_at(self) -> float | None:
        """When `overdue` or `stuck` has something to say, unless a Hangup comes first."""
        return min([*self._failed.values(), *self._leaving.values()], default=None)

    def stuck(self, now: float) -> list[str]:
        """Channels whose far end has gone and that are still there: they have to be hung up. Each is named once."""
        late = [name for name, due in self._leaving.items() if due <= now]
        for name in late:
            del self._leaving[name]
        return late

    def overdue(self, now: float) -> list[SwitchEvent]:
        """The ends of orders that failed without ever having a channel."""
        ends: list[SwitchEvent] = []
        for name in [name for name, due in self._failed.items() if due <= now]:
            del self._failed[name]
            channel = self._drop(name)
            if channel is not None and channel.agent is not None:
                ends.append(LegEnded(LegId(name), channel.agent, now, NEVER_SENT))
            elif channel is not None:
                ends.append(Ended(attempt_of(name), now, NEVER_SENT, None, was_ringing=False))
        return ends

    def link_lost(self) -> None:
        """What Asterisk said of orders under way was not heard; `adopt` finds those that became channels."""
        self._channels = {name: channel for name, channel in self._channels.items() if channel.exists}
        self._failed.clear()
        self._leaving.clear()
        self._gap = True

    def adopt(self, listed: Sequence[AmiMessage]) -> list[LiveChannel]:
        """What CoreShowChannels lists. After a gap it is the truth: what is not listed is forgotten, the rest known.

        Without a gap the events alone are followed: the list overtakes those that still wait to be consumed. An order
        that has not become a channel yet is kept; its OriginateResponse tells.
        """
        if self._gap:
            self._gap = False
            self._start_from(listed)
        bridges = _bridges(listed)
        return [channel for item in listed if (channel := self._live(item, bridges)) is not None]

    def _start_from(self, listed: Sequence[AmiMessage]) -> None:
        self._bridges = _bridges(listed)
        self._joined.clear()
        present = {item.text("Uniqueid") for item in listed}
        self._channels = {n: c for n, c in self._channels.items() if n in present or not c.exists}
        self._further = {a: n for a, n in self._further.items() if n in self._channels}
        self._inbound = {channel: opted for channel, opted in self._inbound.items() if channel in present}
        for item in listed:
            unique, bridge = item.text("Uniqueid"), item.text("BridgeId")
            channel = self._known(unique, item)
            if channel is None:
                if _endpoint(item):
                    self._inbound.setdefault(unique, False)
                continue
            channel.exists, channel.answered = True, item.text("ChannelStateDesc") == "Up"
            if channel.agent is None and (other := _other(unique, self._bridges.get(bridge, []))):
                self._joined[AttemptId(unique)] = (LegId(other), bridge)

    def _live(self, item: AmiMessage, bridges: Mapping[str, list[str]]) -> LiveChannel | None:
        unique, endpoint = item.text("Uniqueid"), _endpoint(item)
        if not endpoint:
            return None
        other = _other(unique, bridges.get(item.text("BridgeId"), []))
        return LiveChannel(
            id=attempt_of(unique),
            agent=None if endpoint in self._trunks else AgentId(endpoint),
            answered=item.text("ChannelStateDesc") == "Up",
            joined_with=None if other is None else attempt_of(other),
        )

    def _known(self, unique: str, message: AmiMessage, prefix: str = "") -> _Channel | None:
        """The attempt or leg with that id, also one of before our time; None for what is neither."""
        channel = self._channels.get(unique)
        if channel is None:
            endpoint = _endpoint(message, prefix)
            if not endpoint or (endpoint in self._trunks and not is_call_id(unique)):
                return None
            channel = _Channel(None if endpoint in self._trunks else AgentId(endpoint))
            self._channels[unique] = channel
            self._note_further(unique)
        return channel

    # --- Asterisk's events -----------------------------------------------------------------------------------------

    def take(self, message: AmiMessage, at: float) -> list[SwitchEvent]:
        """What one event of Asterisk means; often nothing."""
        return [_under_attempt(event) for event in self._take(message, at)]

    def _take(self, message: AmiMessage, at: float) -> list[SwitchEvent]:
        match message.event_name:
            case "DialState":
                return self._dial_state(message, at)
            case "UserEvent":
                return self._user_event(message, at)
            case "BridgeEnter":
                return self._bridge_enter(message, at)
            case "BridgeLeave":
                return self._bridge_leave(message, at)
            case "DTMFEnd":
                return self._key(message, at)
            case "Hangup":
                return self._hangup(message, at)
            case "HangupRequest":
                self._leaving[message.text("Uniqueid")] = at + STUCK_AFTER_S
                return []
            case "OriginateResponse":
                self._originate_response(message, at)
                return []
            case _:
                return []

    def _dial_state(self, message: AmiMessage, at: float) -> list[SwitchEvent]:
        unique, status = message.text("DestUniqueid"), message.text("DialStatus")
        channel = self._known(unique, message, "Dest")
        if channel is None:
            return []
        channel.exists = True
        if status not in {"RINGING", "PROGRESS"} or status in channel.rang or channel.answered:
            return []
        channel.rang.add(status)
        return [Rang(AttemptId(unique), at, early_media=status == "PROGRESS")] if channel.agent is None else []

    def _user_event(self, message: AmiMessage, at: float) -> list[SwitchEvent]:
        unique = message.text("Uniqueid")
        attempt = AttemptId(message.text("Attempt") or unique)
        match message.text("UserEvent"):
            case "FairdialAnswered":
                channel = self._channels.setdefault(attempt, _Channel())
                channel.exists = channel.answered = True
                return [Answered(attempt, at)]
            case "FairdialVerdict":
                return self._verdict(attempt, message, at)
            case "FairdialTreatment":
                return self._treatment(attempt, message, at)
            case "FairdialKey":
                if attempt in self._inbound:
                    self._inbound[attempt] = True
                return [KeyPressed(attempt, at, message.text("Key"))]
            case "FairdialLegUp" | "FairdialSignIn":
                leg, agent = LegId(message.text("Leg") or unique), AgentId(message.text("Agent"))
                self._channels[leg] = _Channel(agent, exists=True, answered=True)
                return [LegUp(leg, agent, at)]
            case "FairdialInbound":
                return self._inbound_began(unique, message, at)
            case _:
                return []

    def _verdict(self, attempt: AttemptId, message: AmiMessage, at: float) -> list[SwitchEvent]:
        word, cause = message.text("Verdict"), message.text("Cause")
        if word == _HUNG_UP_WHILE_LISTENING:
            return []
        if word not in VERDICTS:
            _log.warning("machine detection said a word we do not know; taken as uncertain", word=word)
            self.anomalies += 1
        return [Judged(attempt, at, VERDICTS.get(word, Verdict.UNCERTAIN), "off" if word == "OFF" else cause)]

    def _treatment(self, attempt: AttemptId, message: AmiMessage, at: float) -> list[SwitchEvent]:
        word = message.text("Treatment")
        if word not in set(Treatment):
            # The person is being treated, whatever the dialplan calls it; the end of the line is the plainest of them.
            _log.warning("the dialplan named a treatment we do not know", word=word)
            self.anomalies += 1
            return [Treated(attempt, at, Treatment.HANGUP)]
        return [Treated(attempt, at, Treatment(word))]

    def _inbound_began(self, unique: str, message: AmiMessage, at: float) -> list[SwitchEvent]:
        called = _number(message.text("Called"))
        if called is None:
            _log.warning("a call came in for something that is no number")
            self.anomalies += 1
            return []
        self._inbound[unique] = False
        return [InboundBegan(unique, at, called, _number(message.text("Caller")))]

    def _bridge_enter(self, message: AmiMessage, at: float) -> list[SwitchEvent]:
        bridge, unique = message.text("BridgeUniqueid"), message.text("Uniqueid")
        inside = self._bridges.setdefault(bridge, [])
        if unique not in inside:
            inside.append(unique)
        self._known(unique, message)
        known = [(name, channel) for name in inside if (channel := self._channels.get(name)) is not None]
        attempts = [AttemptId(name) for name, channel in known if channel.agent is None]
        legs = [LegId(name) for name, channel in known if channel.agent is not None]
        if not attempts or not legs or attempts[0] in self._joined:
            return []
        self._joined[attempts[0]] = (legs[0], bridge)
        return [Joined(attempts[0], legs[0], at)]

    def _bridge_leave(self, message: AmiMessage, at: float) -> list[SwitchEvent]:
        bridge, unique = message.text("BridgeUniqueid"), message.text("Uniqueid")
        inside = self._bridges.get(bridge, [])
        if unique in inside:
            inside.remove(unique)
        if not inside:
            self._bridges.pop(bridge, None)
        return self._part(unique, bridge, at)

    def _part(self, unique: str, bridge: str | None, at: float) -> list[SwitchEvent]:
        """The pair that this channel was part of is one no longer."""
        for attempt, (leg, where) in self._joined.items():
            if unique in {attempt, leg} and bridge in {None, where}:
                del self._joined[attempt]
                return [Parted(attempt, leg, at)]
        return []

    def _key(self, message: AmiMessage, at: float) -> list[SwitchEvent]:
        leg = LegId(message.text("Uniqueid"))
        channel = self._known(leg, message)
        if channel is None or channel.agent is None or message.text("Direction") != "Received":
            return []
        return [KeyPressed(leg, at, message.text("Digit"))]

    def _hangup(self, message: AmiMessage, at: float) -> list[SwitchEvent]:
        unique = message.text("Uniqueid")
        self._leaving.pop(unique, None)
        parted = self._part(unique, None, at)
        cause = _integer(message.text("Cause")) or 0
        if unique in self._inbound:
            return [*parted, InboundEnded(unique, at, opted_out=self._inbound.pop(unique))]
        channel = self._known(unique, message)
        if channel is None:
            return parted
        self._drop(unique)
        self._failed.pop(unique, None)
        if channel.agent is not None:
            return [*parted, LegEnded(LegId(unique), channel.agent, at, cause)]
        rang = bool(channel.rang) and not channel.answered
        ringing = rang or message.text("ChannelStateDesc") == "Ringing"
        sip_status = status_in(message.text("TechCause"))
        return [*parted, Ended(AttemptId(unique), at, cause, sip_status, was_ringing=ringing)]

    def _originate_response(self, message: AmiMessage, at: float) -> None:
        channel = self._channels.get(message.reply_to)
        if message.text("Response") == "Failure" and channel is not None and not channel.exists:
            self._failed[message.reply_to] = at + NO_CHANNEL_AFTER_S


def _under_attempt(event: SwitchEvent) -> SwitchEvent:
    """The same event under its attempt's id, where the channel's is that of a further INVITE."""
    match event:
        case Rang() | Answered() | Judged() | Treated() | Joined() | Parted() | Ended():
            attempt = attempt_of(event.attempt)
            return event if attempt == event.attempt else replace(event, attempt=attempt)
        case KeyPressed(source=source) if attempt_of(source) != source:
            return replace(event, source=attempt_of(source))
        case _:
            return event


def _bridges(listed: Sequence[AmiMessage]) -> dict[str, list[str]]:
    """Who is in which bridge, by CoreShowChannels."""
    bridges: dict[str, list[str]] = {}
    for item in listed:
        if bridge := item.text("BridgeId"):
            bridges.setdefault(bridge, []).append(item.text("Uniqueid"))
    return bridges


def _other(unique: str, inside: Sequence[str]) -> str | None:
    return next((channel for channel in inside if channel != unique), None)


def _endpoint(message: AmiMessage, prefix: str = "") -> str:
    """The endpoint in a channel's name: `carrier` of `PJSIP/carrier-0000002a`; empty for other technologies."""
    technology, slash, rest = message.text(f"{prefix}Channel").partition("/")
    return rest.rpartition("-")[0] if slash and technology == "PJSIP" else ""


def _number(digits: str) -> PhoneNumber | None:
    try:
        return PhoneNumber("+" + digits.removeprefix("+"))
    except PhoneNumberError:
        return None


def _integer(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


def status_in(tech_cause: str) -> int | None:
    """The SIP status in Hangup's TechCause: `486`, or `SIP 486 Busy Here`."""
    status = next((n for word in tech_cause.split() if (n := _integer(word)) is not None), None)
    return status if status is not None and 300 <= status <= 699 else None
