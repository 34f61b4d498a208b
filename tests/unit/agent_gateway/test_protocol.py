"""The messages of an agent's screen: what is refused, then what is understood."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_gateway.agent import Agent, AgentState, Wish
from agent_gateway.disposition import COLLECTIONS, Details
from agent_gateway.protocol import (
    Bye,
    DispositionRequest,
    Line,
    ProtocolError,
    SignInRequest,
    StateMessage,
    disposition_choices,
    read_reply,
    read_request,
)
from domain.ids import AgentId
from domain.money import Money

pytestmark = pytest.mark.unit

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
SIGN_IN = {"type": "sign_in", "version": 1, "agent": "ann", "secret": "s"}


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "{",
        "null",
        "[]",
        b'{"type": "ready"}',
        '{"type": "reboot"}',
        '{"type": "ready", "now": true}',
        '{"type": "pause"}',
        '{"type": "pause", "reason": "a;b"}',
        '{"type": "disposition", "code": "<b>"}',
        '{"type": "disposition", "code": "promise", "promise_amount": 50.0}',
        '{"type": "disposition", "code": "promise", "promise_on": "soon"}',
        '{"type": "disposition", "code": "callback", "callback_at": "2026-03-11T10:00:00"}',
        json.dumps({"type": "disposition", "code": "spoke", "note": "x" * 2001}),
        json.dumps({"type": "ready", "ref": "x" * 41}),
        json.dumps(SIGN_IN | {"version": 2}),
        json.dumps(SIGN_IN | {"agent": "../ann"}),
        json.dumps(SIGN_IN | {"agent": "ann\r\nAction: Hangup"}),
        json.dumps(SIGN_IN | {"secret": ""}),
    ],
)
def test_what_is_no_request_is_refused_in_one_short_line(frame: str | bytes) -> None:
    with pytest.raises(ProtocolError) as refused:
        read_request(frame)
    assert len(str(refused.value)) <= 200
    assert "\n" not in str(refused.value)


@given(st.text(max_size=200))
def test_any_text_is_understood_or_refused(frame: str) -> None:
    with pytest.raises(ProtocolError):
        read_request(frame)


def test_an_amount_that_is_no_money_is_refused() -> None:
    request = read_request('{"type": "disposition", "code": "promise", "promise_amount": "ten"}')
    assert isinstance(request, DispositionRequest)
    with pytest.raises(ProtocolError, match="promise_amount"):
        request.details()


def test_a_secret_is_not_in_what_is_logged_of_a_request() -> None:
    request = read_request(json.dumps(SIGN_IN | {"secret": "hunter2"}))
    assert isinstance(request, SignInRequest)
    assert "hunter2" not in repr(request)


def test_a_disposition_with_everything() -> None:
    request = read_request(
        json.dumps(
            {
                "type": "disposition",
                "ref": "7",
                "code": "promise",
                "promise_amount": "50.00",
                "promise_on": "2026-03-20",
                "callback_at": "2026-03-11T10:00:00+00:00",
                "note": "will pay",
            }
        )
    )
    assert isinstance(request, DispositionRequest)
    assert request.details() == Details(
        Money(5000), date(2026, 3, 20), datetime(2026, 3, 11, 10, tzinfo=UTC), "will pay"
    )


def test_a_state_counts_its_seconds() -> None:
    agent = Agent(AgentId("ann"), AgentState.PAUSED, since=10.0, reason="lunch", wish=Wish.READY)
    message = StateMessage.of(agent, 12.5, NOON)
    assert (message.elapsed_s, message.reason, message.wish) == (2.5, "lunch", Wish.READY)


def test_what_the_gateway_sends_its_clients_understand() -> None:
    for message in (StateMessage.of(Agent(AgentId("ann")), 0.0, NOON), Bye(reason="expired")):
        assert read_reply(message.model_dump_json()) == message
    with pytest.raises(ProtocolError, match="another version"):
        read_reply('{"type": "dance"}')


def test_markup_in_a_text_is_carried_as_text() -> None:
    assert json.loads(Line(label="<b>", text="<script>").model_dump_json()) == {"label": "<b>", "text": "<script>"}


def test_every_disposition_is_offered_with_its_keys() -> None:
    choices = disposition_choices(COLLECTIONS)
    assert [choice.code for choice in choices] == [item.code for item in COLLECTIONS.dispositions]
