"""One contract for what engines tell each other, on a real Redis and on the twin inside one process."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from itertools import count

import pytest
import pytest_asyncio

from dialer.redis_state import RedisState
from dialer.shared_state import Holder, MemoryState, SharedState, SharedStateError
from dialer.testing.redis_server import Server, program
from domain.clock import SystemClock
from domain.ids import AgentId, CampaignId

pytestmark = pytest.mark.store

SEVEN, EIGHT = CampaignId(7), CampaignId(8)
PATIENT = 10.0  # a busy machine is not what these tests are about
LONG, SHORT = 60.0, 0.05
AMIRA, BRUNO = AgentId("amira"), AgentId("bruno")
PREFIXES = count()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    found = program()
    if found is None:
        pytest.skip("no Redis is installed (Debian: apt install redis-tools)")
    server = Server(found)
    server.start()
    yield server
    server.remove()


@pytest_asyncio.fixture(params=["memory", "redis"])
async def state(request: pytest.FixtureRequest) -> AsyncIterator[SharedState]:
    made = MemoryState(SystemClock()) if request.param == "memory" else _in_redis(request)
    yield made
    await made.aclose()


def _in_redis(request: pytest.FixtureRequest) -> RedisState:
    return RedisState(request.getfixturevalue("server").url, prefix=f"{next(PREFIXES)}:", answer_s=PATIENT)


async def eventually(ask):
    """Ask until there is an answer."""
    async with asyncio.timeout(10):
        while True:
            with suppress(SharedStateError):
                return await ask()


async def forgotten(ask, nothing):
    """Wait until what was said is forgotten."""
    async with asyncio.timeout(10):
        while await ask() != nothing:
            await asyncio.sleep(SHORT)


async def test_a_campaign_nobody_holds_has_no_holder(state):
    assert await state.holder(SEVEN) is None


async def test_who_came_first_holds_it_against_an_equal_number(state):
    first = Holder("one", 1)
    assert await state.hold(SEVEN, first, LONG) == first
    assert await state.hold(SEVEN, Holder("two", 1), LONG) == first
    assert await state.holder(SEVEN) == first


async def test_the_higher_number_wins_and_the_lower_does_not_come_back(state):
    await state.hold(SEVEN, Holder("one", 1), LONG)
    later = Holder("two", 2)
    assert await state.hold(SEVEN, later, LONG) == later
    assert await state.hold(SEVEN, Holder("one", 1), LONG) == later


async def test_numbers_are_compared_as_numbers(state):
    await state.hold(SEVEN, Holder("one", 9), LONG)
    assert await state.hold(SEVEN, Holder("two", 10), LONG) == Holder("two", 10)


async def test_an_engine_may_repeat_itself_with_a_new_number(state):
    await state.hold(SEVEN, Holder("one", 1), SHORT)
    assert await state.hold(SEVEN, Holder("one", 3), LONG) == Holder("one", 3)


async def test_a_word_that_is_not_repeated_is_forgotten(state):
    await state.hold(SEVEN, Holder("one", 5), SHORT)
    await forgotten(lambda: state.holder(SEVEN), None)
    assert await state.hold(SEVEN, Holder("two", 1), LONG) == Holder("two", 1)


async def test_only_the_holder_takes_its_word_back(state):
    await state.hold(SEVEN, Holder("one", 1), LONG)
    await state.let_go(SEVEN, Holder("two", 1))
    assert await state.holder(SEVEN) == Holder("one", 1)
    await state.let_go(SEVEN, Holder("one", 1))
    assert await state.holder(SEVEN) is None


async def test_campaigns_do_not_mix(state):
    await state.hold(SEVEN, Holder("one", 1), LONG)
    await state.report(SEVEN, "one", {"talking": 1}, LONG)
    assert await state.holder(EIGHT) is None
    assert await state.totals(EIGHT) == {}


async def test_of_many_engines_at_once_one_holds(state):
    words = [Holder(f"engine{index}", 4) for index in range(20)]
    answers = await asyncio.gather(*(state.hold(SEVEN, word, LONG) for word in words))
    assert len(set(answers)) == 1


async def test_an_agent_is_where_it_signed_in(state):
    await state.present("one", [AMIRA], LONG)
    await state.present("two", [AMIRA, BRUNO], LONG)
    assert await state.whereabouts() == {AMIRA: frozenset({"one", "two"}), BRUNO: frozenset({"two"})}
    await state.present("two", [BRUNO], LONG)
    assert await state.whereabouts() == {AMIRA: frozenset({"one"}), BRUNO: frozenset({"two"})}


async def test_agents_of_an_engine_that_is_silent_are_forgotten(state):
    await state.present("one", [AMIRA], SHORT)
    await state.present("two", [BRUNO], LONG)
    await forgotten(state.whereabouts, {BRUNO: frozenset({"two"})})


async def test_figures_of_all_engines_add_up_and_those_of_a_silent_one_go(state):
    await state.report(SEVEN, "one", {"talking": 2, "ringing": 5}, LONG)
    await state.report(SEVEN, "one", {"talking": 3}, LONG)
    await state.report(SEVEN, "two", {"talking": 1, "ringing": 1}, SHORT)
    await forgotten(lambda: state.totals(SEVEN), {"talking": 3})


@pytest.fixture
def own_server() -> Iterator[Server]:
    found = program()
    if found is None:
        pytest.skip("no Redis is installed (Debian: apt install redis-tools)")
    server = Server(found)
    yield server
    server.remove()


async def test_a_redis_that_is_not_there_is_one_clear_error(own_server):
    state = RedisState(own_server.url)
    with pytest.raises(SharedStateError, match="cannot be reached; start it"):
        await state.holder(SEVEN)
    await state.aclose()


async def test_a_redis_that_hangs_is_not_waited_for(own_server):
    own_server.start()
    state = RedisState(own_server.url)
    await state.hold(SEVEN, Holder("one", 1), LONG)
    own_server.signal(signal.SIGSTOP)
    with pytest.raises(SharedStateError, match=r"not answered in 0\.25 s"):
        await state.hold(SEVEN, Holder("one", 1), LONG)
    own_server.signal(signal.SIGCONT)
    await eventually(lambda: state.hold(SEVEN, Holder("one", 1), LONG))
    await state.aclose()


async def test_after_a_restart_it_goes_on_by_itself(own_server):
    own_server.start()
    state = RedisState(own_server.url)
    await state.hold(SEVEN, Holder("one", 1), LONG)
    own_server.kill()
    with pytest.raises(SharedStateError):
        await state.hold(SEVEN, Holder("one", 1), LONG)
    own_server.start()
    await eventually(lambda: state.hold(SEVEN, Holder("one", 1), LONG))
    await state.aclose()


@pytest.mark.parametrize("url", ["nonsense", "http://127.0.0.1:6379"])
def test_an_address_that_cannot_be_read_is_one_clear_error(url):
    with pytest.raises(SharedStateError, match="is no Redis; correct it"):
        RedisState(url)


async def test_what_is_no_redis_is_one_clear_error(own_server):
    async def babble(_reader, writer):
        writer.write(b"hello\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(babble, own_server.socket)
    state = RedisState(own_server.url)
    with pytest.raises(SharedStateError):
        await state.hold(SEVEN, Holder("one", 1), LONG)
    await state.aclose()
    server.close()
