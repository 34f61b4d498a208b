"""Asterisk's events become the project's: each test is a piece of a stream as a real Asterisk 22 sends it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.ami.codec import AmiMessage
from dialer.outcome import NEVER_SENT
from dialer.switch_events import NO_CHANNEL_AFTER_S, WANTED_EVENTS, SwitchEvents
from dialer.testing.ami_peer import block
from domain.ids import AgentId, AttemptId, LegId
from domain.outcomes import Verdict
from domain.phone import PhoneNumber
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

pytestmark = pytest.mark.unit

A = AttemptId("a" * 32)
L = LegId("1" * 32)
ALICE = AgentId("alice")
PERSON = {"Channel": "PJSIP/carrier-00000001", "Uniqueid": A}
LEG = {"Channel": "PJSIP/alice-00000002", "Uniqueid": L}


def message(event: str, **headers: str) -> AmiMessage:
    return AmiMessage.from_block(block([("Event", event), *headers.items()]).removesuffix(b"\r\n\r\n"))


def user_event(name: str, channel: dict[str, str], **headers: str) -> AmiMessage:
    return message("UserEvent", **channel, UserEvent=name, **headers)


def dial_state(status: str) -> AmiMessage:
    return message("DialState", DestChannel=PERSON["Channel"], DestUniqueid=A, DialStatus=status)


def hangup(channel: dict[str, str], cause: int = 16, state: str = "Up", **headers: str) -> AmiMessage:
    return message("Hangup", **channel, ChannelStateDesc=state, Cause=str(cause), **headers)


def bridge(event: str, channel: dict[str, str], name: str = "b1") -> AmiMessage:
    return message(event, BridgeUniqueid=name, **channel)


def fresh(*, attempt: bool = True, leg: bool = True) -> SwitchEvents:
    translation = SwitchEvents(["carrier"])
    if attempt:
        translation.expect_call(A)
    if leg:
        translation.expect_leg(L, ALICE)
    return translation


def take(translation: SwitchEvents, *messages: AmiMessage) -> list[SwitchEvent]:
    """Everything the messages mean, the n-th at n seconds."""
    return [event for at, each in enumerate(messages, 1) for event in translation.take(each, float(at))]


# --- an end is never lost ----------------------------------------


FAILURE = message("OriginateResponse", ActionID=A, Response="Failure", Reason="0", Uniqueid=A)


def test_an_order_without_a_channel_ends_when_no_hangup_comes() -> None:
    translation = fresh()

    assert take(translation, FAILURE) == []
    assert translation.due_at == 1.0 + NO_CHANNEL_AFTER_S
    assert translation.overdue(2.9) == []
    assert translation.overdue(3.0) == [Ended(A, 3.0, NEVER_SENT, None, was_ringing=False)]
    assert translation.overdue(9.0) == []
    assert translation.due_at is None


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["response first", "hang-up first"])
def test_a_busy_line_ends_once_with_its_own_cause(order: tuple[int, int]) -> None:
    translation = fresh()
    both = (FAILURE, hangup(PERSON, 17, "Down", TechCause="486"))

    events = take(translation, *(both[index] for index in order))

    assert [(type(event), getattr(event, "cause", None)) for event in events] == [(Ended, 17)]
    assert translation.overdue(99.0) == []


def test_an_agents_phone_that_is_not_registered_ends_its_leg() -> None:
    translation = fresh()
    take(translation, message("OriginateResponse", ActionID=L, Response="Failure", Reason="0"))

    assert translation.overdue(9.0) == [LegEnded(L, ALICE, 9.0, NEVER_SENT)]


def test_an_order_that_was_not_sent_has_no_end() -> None:
    translation = fresh()
    translation.forget(A)

    take(translation, FAILURE)

    assert translation.overdue(9.0) == []


@pytest.mark.parametrize(
    ("tech_cause", "status"),
    [("486", 486), ("SIP 603 Declined", 603), ("", None), ("x", None), ("12", None), ("²", None)],
)
def test_the_sip_status_is_read_from_the_tech_cause(tech_cause: str, status: int | None) -> None:
    assert take(fresh(), hangup(PERSON, 17, "Down", TechCause=tech_cause)) == [
        Ended(A, 1.0, 17, status, was_ringing=False)
    ]


def test_taken_down_while_it_rang() -> None:
    events = take(fresh(), dial_state("RINGING"), hangup(PERSON, 16, "Ringing"))

    assert events == [Rang(A, 1.0, early_media=False), Ended(A, 2.0, 16, None, was_ringing=True)]


def test_taken_down_after_early_media_counts_as_ringing() -> None:
    events = take(fresh(), dial_state("PROGRESS"), hangup(PERSON, 16, "Down"))

    assert events == [Rang(A, 1.0, early_media=True), Ended(A, 2.0, 16, None, was_ringing=True)]


def test_a_channel_of_before_a_restart_ends_like_any_other() -> None:
    translation = fresh(attempt=False, leg=False)

    assert take(translation, hangup(PERSON), hangup(LEG)) == [
        Ended(A, 1.0, 16, None, was_ringing=False),
        LegEnded(L, ALICE, 2.0, 16),
    ]


def test_what_is_no_channel_of_ours_is_passed_over() -> None:
    translation = fresh()
    local = {"Channel": "Local/s@fd-hold-00000001;1", "Uniqueid": "1700000000.7"}
    odd = {"Channel": "PJSIP/carrier-0000000f", "Uniqueid": "1700000000.8"}

    assert take(translation, hangup(local), hangup(odd), bridge("BridgeEnter", local), message("Newstate")) == []


# --- a call -----------------------------------------------------------------------------------------------------------


def test_a_call_from_ringing_to_the_end() -> None:
    events = take(
        fresh(),
        dial_state("RINGING"),
        dial_state("RINGING"),
        message("OriginateResponse", ActionID=A, Response="Success", Reason="4", Uniqueid=A),
        user_event("FairdialAnswered", PERSON, Attempt=A),
        user_event("FairdialVerdict", PERSON, Attempt=A, Verdict="HUMAN", Cause="HUMAN-819-800"),
        bridge("BridgeEnter", LEG),
        bridge("BridgeEnter", PERSON),
        bridge("BridgeLeave", PERSON),
        bridge("BridgeLeave", LEG),
        hangup(PERSON),
    )

    assert events == [
        Rang(A, 1.0, early_media=False),
        Answered(A, 4.0),
        Judged(A, 5.0, Verdict.HUMAN, "HUMAN-819-800"),
        Joined(A, L, 7.0),
        Parted(A, L, 8.0),
        Ended(A, 10.0, 16, None, was_ringing=False),
    ]


@pytest.mark.parametrize(
    ("word", "verdict", "cause"),
    [
        ("MACHINE", Verdict.MACHINE, "why"),
        ("FAX", Verdict.FAX, "why"),
        ("SIT", Verdict.SIT, "why"),
        ("NOTSURE", Verdict.UNCERTAIN, "why"),
        ("OFF", Verdict.UNCERTAIN, "off"),
        ("GIBBERISH", Verdict.UNCERTAIN, "why"),
    ],
)
def test_the_verdict_in_our_words(word: str, verdict: Verdict, cause: str) -> None:
    assert take(fresh(), user_event("FairdialVerdict", PERSON, Attempt=A, Verdict=word, Cause="why")) == [
        Judged(A, 1.0, verdict, cause)
    ]


def test_a_hang_up_during_detection_is_no_verdict() -> None:
    assert take(fresh(), user_event("FairdialVerdict", PERSON, Attempt=A, Verdict="HANGUP", Cause="")) == []


@pytest.mark.parametrize("treatment", Treatment)
def test_a_treatment_begins(treatment: Treatment) -> None:
    event = user_event("FairdialTreatment", PERSON, Attempt=A, Treatment=treatment.value)

    assert take(fresh(), event) == [Treated(A, 1.0, treatment)]


def test_a_treatment_of_unknown_name_is_still_one() -> None:
    translation = fresh()

    assert take(translation, user_event("FairdialTreatment", PERSON, Attempt=A, Treatment="song")) == [
        Treated(A, 1.0, Treatment.HANGUP)
    ]
    assert translation.anomalies == 1


def test_a_channel_that_dies_in_the_bridge_parts_first() -> None:
    events = take(fresh(), bridge("BridgeEnter", PERSON), bridge("BridgeEnter", LEG), hangup(LEG, 44))

    assert events == [Joined(A, L, 2.0), Parted(A, L, 3.0), LegEnded(L, ALICE, 3.0, 44)]


def test_a_pair_parts_once_and_may_join_again() -> None:
    events = take(
        fresh(),
        bridge("BridgeEnter", PERSON),
        bridge("BridgeEnter", LEG),
        bridge("BridgeEnter", LEG),
        bridge("BridgeLeave", LEG),
        bridge("BridgeLeave", PERSON),
        bridge("BridgeEnter", LEG, "b2"),
        bridge("BridgeEnter", PERSON, "b2"),
    )

    assert events == [Joined(A, L, 2.0), Parted(A, L, 4.0), Joined(A, L, 7.0)]


def test_two_persons_in_one_bridge_are_not_joined() -> None:
    other = {"Channel": "PJSIP/carrier-00000009", "Uniqueid": "b" * 32}

    assert take(fresh(), bridge("BridgeEnter", PERSON), bridge("BridgeEnter", other)) == []


# --- agents -----------------------------------------------------------------------------------------------------------


def test_an_agents_leg_from_answer_to_end() -> None:
    events = take(
        fresh(),
        user_event("FairdialLegUp", LEG, Leg=L, Agent=ALICE),
        message("DTMFEnd", **LEG, Digit="5", Direction="Received"),
        message("DTMFEnd", **LEG, Digit="5", Direction="Sent"),
        message("DTMFEnd", **PERSON, Digit="9", Direction="Received"),
        hangup(LEG),
    )

    assert events == [LegUp(L, ALICE, 1.0), KeyPressed(L, 2.0, "5"), LegEnded(L, ALICE, 5.0, 16)]


def test_a_phone_that_dials_in_signs_its_agent_in() -> None:
    leg = {"Channel": "PJSIP/alice-00000002", "Uniqueid": "1700000000.12"}

    events = take(fresh(leg=False), user_event("FairdialSignIn", leg, Leg=leg["Uniqueid"], Agent=ALICE), hangup(leg))

    assert events == [LegUp(LegId("1700000000.12"), ALICE, 1.0), LegEnded(LegId("1700000000.12"), ALICE, 2.0, 16)]


# --- calls that come in -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pressed", "opted_out"), [(("9",), True), ((), False)])
def test_a_call_that_comes_in(pressed: tuple[str, ...], opted_out: bool) -> None:
    channel = {"Channel": "PJSIP/carrier-00000003", "Uniqueid": "1700000000.3"}

    events = take(
        fresh(),
        message("UserEvent", **channel, UserEvent="FairdialInbound", Called="12025550100", Caller="+12125550132"),
        *(user_event("FairdialKey", channel, Attempt=channel["Uniqueid"], Key=key) for key in pressed),
        hangup(channel),
    )

    assert events[0] == InboundBegan("1700000000.3", 1.0, PhoneNumber("+12025550100"), PhoneNumber("+12125550132"))
    assert events[-1] == InboundEnded("1700000000.3", len(pressed) + 2.0, opted_out=opted_out)


@pytest.mark.parametrize("caller", ["", "anonymous", "0", "1" * 40])
def test_a_caller_without_a_number_is_nobody(caller: str) -> None:
    channel = {"Channel": "PJSIP/carrier-00000003", "Uniqueid": "1700000000.3"}

    [event] = take(fresh(), user_event("FairdialInbound", channel, Called="12025550100", Caller=caller))

    assert event == InboundBegan("1700000000.3", 1.0, PhoneNumber("+12025550100"), None)


def test_key_nine_during_the_message() -> None:
    assert take(fresh(), user_event("FairdialKey", PERSON, Attempt=A, Key="9")) == [KeyPressed(A, 1.0, "9")]


# --- after a gap ----------------------------------------


def listed(channel: dict[str, str], state: str = "Up", bridge_id: str = "") -> AmiMessage:
    return message("CoreShowChannel", **channel, ChannelStateDesc=state, BridgeId=bridge_id)


def test_what_exists_is_told_and_known_from_then_on() -> None:
    translation = fresh(attempt=False, leg=False)
    local = {"Channel": "Local/x@y-00000001;1", "Uniqueid": "1700000000.7"}
    inbound = {"Channel": "PJSIP/carrier-00000005", "Uniqueid": "1700000000.5"}

    channels = translation.adopt(
        [listed(PERSON, bridge_id="b1"), listed(LEG, bridge_id="b1"), listed(local), listed(inbound, "Ring")]
    )

    assert channels == [
        LiveChannel(A, agent=None, answered=True, joined_with=L),
        LiveChannel(L, agent=ALICE, answered=True, joined_with=A),
        LiveChannel("1700000000.5", agent=None, answered=False, joined_with=None),
    ]
    assert take(translation, bridge("BridgeLeave", LEG), hangup(inbound)) == [
        Parted(A, L, 1.0),
        InboundEnded("1700000000.5", 2.0, opted_out=False),
    ]


def test_a_ringing_call_that_was_adopted_still_rings_and_ends() -> None:
    translation = fresh(attempt=False)
    translation.adopt([listed(PERSON, "Ringing")])

    assert take(translation, hangup(PERSON, 19, "Ringing", TechCause="480")) == [
        Ended(A, 1.0, 19, 480, was_ringing=True)
    ]


def test_what_is_gone_after_a_gap_is_forgotten() -> None:
    translation = fresh()
    take(translation, dial_state("RINGING"), bridge("BridgeEnter", PERSON), bridge("BridgeEnter", LEG))
    translation.link_lost()

    assert translation.adopt([]) == []
    assert take(translation, FAILURE) == []
    assert translation.overdue(99.0) == []


def test_without_a_gap_the_list_changes_nothing() -> None:
    translation = fresh()
    translation.adopt([])
    take(translation, bridge("BridgeEnter", PERSON))

    channels = translation.adopt([listed(PERSON, bridge_id="b1"), listed(LEG, bridge_id="b1")])

    assert [channel.joined_with for channel in channels] == [L, A]
    assert take(translation, bridge("BridgeEnter", LEG)) == [Joined(A, L, 1.0)]


def test_an_order_sent_before_the_list_came_is_not_forgotten() -> None:
    translation = fresh()
    translation.adopt([])

    take(translation, FAILURE)

    assert [type(event) for event in translation.overdue(99.0)] == [Ended]


# --- anything ----------------------------------------

VALUES = (
    st.sampled_from(["", A, L, "alice", "PJSIP/carrier-1", "PJSIP/alice-1", "PJSIP", "b1", "9", "Up", "OFF"])
    | st.text()
)
MESSAGES = st.builds(
    lambda event, headers: AmiMessage(
        {key.lower(): (key, value) for key, value in {"Event": event, **headers}.items()}
    ),
    st.sampled_from([*sorted(WANTED_EVENTS), "Other"]),
    st.dictionaries(
        st.sampled_from(
            [
                "Uniqueid",
                "DestUniqueid",
                "Channel",
                "DestChannel",
                "BridgeUniqueid",
                "UserEvent",
                "Attempt",
                "Leg",
                "Agent",
                "Verdict",
                "Treatment",
                "Key",
                "Called",
                "Caller",
                "Digit",
                "Direction",
                "Cause",
                "TechCause",
                "ChannelStateDesc",
                "Response",
                "ActionID",
                "DialStatus",
            ]
        ),
        VALUES | st.sampled_from(["FairdialInbound", "FairdialSignIn", "FairdialVerdict", "Failure", "Received"]),
    ),
)


@given(st.lists(MESSAGES, max_size=30))
def test_no_stream_raises_and_nobody_is_joined_twice(messages: list[AmiMessage]) -> None:
    translation = fresh()
    joined: set[str] = set()

    for event in take(translation, *messages):
        match event:
            case Joined(attempt=attempt):
                assert attempt not in joined
                joined.add(attempt)
            case Parted(attempt=attempt):
                joined.discard(attempt)
            case _:
                pass
