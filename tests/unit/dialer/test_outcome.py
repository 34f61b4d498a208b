"""One table: what the engine knows of a call, and what became of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.call import CallRecord
from dialer.outcome import NEVER_SENT, outcome_of
from domain.outcomes import Outcome, Verdict

pytestmark = pytest.mark.unit

ENDED = CallRecord(sent_at=0.0, ended_at=30.0, cause=16)
SILENT = replace(ENDED, cause=0)
RANG = replace(ENDED, rang_at=1.0, was_ringing=True)
ANSWERED = replace(RANG, answered_at=9.0, was_ringing=False)
PERSON = replace(ANSWERED, verdict=Verdict.HUMAN, judged_at=10.0)
JOINED = replace(PERSON, joined_at=10.1)


@pytest.mark.parametrize(
    ("call", "outcome"),
    [
        pytest.param(CallRecord(), Outcome.UNKNOWN, id="lost by the engine"),
        pytest.param(replace(ENDED, cause=None), Outcome.UNKNOWN, id="ended, and nobody knows how"),
        pytest.param(replace(ANSWERED, ended_at=None), Outcome.UNKNOWN, id="answered, then lost"),
        pytest.param(SILENT, Outcome.UNKNOWN, id="gone without a cause"),
        pytest.param(replace(ENDED, cause=127, sip_status=488), Outcome.UNKNOWN, id="a status of no row"),
        # answered
        pytest.param(JOINED, Outcome.CONVERSATION, id="joined"),
        pytest.param(replace(JOINED, treated_at=10.05), Outcome.CONVERSATION, id="joined late, a conversation too"),
        pytest.param(replace(JOINED, released_by_us=True), Outcome.CONVERSATION, id="joined after a late answer"),
        pytest.param(replace(PERSON, treated_at=12.0), Outcome.ABANDONED, id="a person without an agent"),
        pytest.param(
            replace(PERSON, verdict=Verdict.UNCERTAIN, treated_at=12.0),
            Outcome.ABANDONED,
            id="perhaps a person, treated",
        ),
        pytest.param(replace(PERSON, released_by_us=True), Outcome.ABANDONED, id="a person we took down"),
        pytest.param(replace(ANSWERED, released_by_us=True), Outcome.ABANDONED, id="answered as we let go"),
        pytest.param(PERSON, Outcome.LIVE_HANGUP, id="hung up before the limit"),
        pytest.param(ANSWERED, Outcome.LIVE_HANGUP, id="hung up while detection listened"),
        pytest.param(replace(ANSWERED, verdict=Verdict.MACHINE), Outcome.MACHINE, id="machine"),
        pytest.param(replace(ANSWERED, verdict=Verdict.FAX), Outcome.FAX, id="fax"),
        pytest.param(replace(ANSWERED, verdict=Verdict.SIT), Outcome.SIT, id="an intercept after the answer"),
        # not answered, ours
        pytest.param(replace(RANG, released_by_us=True), Outcome.CANCELLED, id="released while ringing"),
        pytest.param(replace(ENDED, released_by_us=True), Outcome.CANCELLED, id="released before it rang"),
        pytest.param(
            replace(RANG, released_by_us=True, cause=17, sip_status=486),
            Outcome.BUSY,
            id="busy came before our release",
        ),
        pytest.param(
            replace(RANG, released_by_us=True, cause=19, sip_status=480), Outcome.CANCELLED, id="our release as 480"
        ),
        pytest.param(replace(RANG, cause=19, sip_status=480), Outcome.NO_ANSWER, id="the switch's own time-out"),
        pytest.param(replace(ENDED, cause=19, sip_status=480), Outcome.NO_ANSWER, id="time-out without any ringing"),
        # not answered, the carrier's
        pytest.param(replace(RANG, cause=18, sip_status=408), Outcome.NO_ANSWER, id="408"),
        pytest.param(replace(ENDED, cause=17, sip_status=486), Outcome.BUSY, id="486"),
        pytest.param(replace(RANG, cause=17, sip_status=600), Outcome.BUSY, id="600 after ringing"),
        pytest.param(replace(ENDED, cause=1, sip_status=404), Outcome.SIT, id="404"),
        pytest.param(replace(RANG, cause=1, sip_status=404), Outcome.SIT, id="SIT as early media, then 404"),
        pytest.param(replace(ENDED, cause=22, sip_status=410), Outcome.SIT, id="410"),
        pytest.param(replace(ENDED, cause=28, sip_status=484), Outcome.SIT, id="484"),
        pytest.param(replace(ENDED, cause=1, sip_status=604), Outcome.SIT, id="604"),
        pytest.param(replace(ENDED, cause=21, sip_status=403), Outcome.CARRIER_BLOCKED, id="403"),
        pytest.param(replace(RANG, cause=21, sip_status=603), Outcome.CARRIER_BLOCKED, id="603 after ringing"),
        pytest.param(replace(ENDED, cause=21, sip_status=607), Outcome.CARRIER_BLOCKED, id="607"),
        pytest.param(replace(ENDED, cause=21, sip_status=608), Outcome.CARRIER_BLOCKED, id="608"),
        pytest.param(replace(ENDED, cause=38, sip_status=500), Outcome.FAILED, id="500"),
        pytest.param(replace(ENDED, cause=38, sip_status=502), Outcome.FAILED, id="502"),
        pytest.param(replace(ENDED, cause=34, sip_status=503), Outcome.FAILED, id="503"),
        pytest.param(replace(ENDED, cause=38, sip_status=504), Outcome.FAILED, id="504"),
        pytest.param(replace(RANG, cause=34, sip_status=503), Outcome.NO_ANSWER, id="503 after 18x is a ringing call"),
        # no status
        pytest.param(replace(ENDED, cause=17), Outcome.BUSY, id="cause 17"),
        pytest.param(replace(ENDED, cause=19), Outcome.NO_ANSWER, id="cause 19"),
        pytest.param(replace(ENDED, cause=1), Outcome.SIT, id="cause 1"),
        pytest.param(replace(ENDED, cause=21), Outcome.CARRIER_BLOCKED, id="cause 21"),
        pytest.param(replace(ENDED, cause=34), Outcome.FAILED, id="cause 34"),
        pytest.param(replace(ENDED, cause=NEVER_SENT), Outcome.FAILED, id="no channel could be made"),
        pytest.param(RANG, Outcome.NO_ANSWER, id="rang and went away"),
        pytest.param(replace(ENDED, rang_at=1.0), Outcome.NO_ANSWER, id="183 only, then down"),
        pytest.param(ENDED, Outcome.UNKNOWN, id="never rang, cleared by nobody we know"),
    ],
)
def test_what_became_of_a_call(call: CallRecord, outcome: Outcome) -> None:
    assert outcome_of(call) is outcome


def test_a_call_released_for_having_rung_long_enough_was_not_answered() -> None:
    assert outcome_of(replace(RANG, released_by_us=True), ring_limit_reached=True) is Outcome.NO_ANSWER


RECORDS = st.builds(
    CallRecord,
    rang_at=st.none() | st.just(1.0),
    answered_at=st.none() | st.just(2.0),
    verdict=st.none() | st.sampled_from(Verdict),
    treated_at=st.none() | st.just(4.0),
    joined_at=st.none() | st.just(5.0),
    ended_at=st.none() | st.just(6.0),
    released_by_us=st.booleans(),
    cause=st.none() | st.integers(0, 127),
    sip_status=st.none() | st.integers(300, 699),
    was_ringing=st.booleans(),
)


@given(RECORDS)
def test_what_rang_or_was_answered_counts_unless_the_carrier_denied_it_plainly(call: CallRecord) -> None:
    outcome = outcome_of(call)
    plainly_denied = call.sip_status in {486, 600, 404, 410, 484, 604} or (
        call.sip_status is None and call.cause in {17, 1, 22, 28}
    )
    touched = call.rang_at is not None or call.was_ringing or call.answered_at is not None

    assert outcome.counts_toward_caps or not touched or plainly_denied or call.verdict is Verdict.SIT


@given(RECORDS)
def test_a_person_who_was_treated_and_never_joined_is_abandoned(call: CallRecord) -> None:
    person = replace(call, answered_at=2.0, verdict=Verdict.HUMAN, treated_at=4.0, joined_at=None)

    assert outcome_of(person) is Outcome.ABANDONED
