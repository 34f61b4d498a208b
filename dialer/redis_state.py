"""The shared state in Redis (or Valkey): what `dialer.shared_state` says, for several engines.

All keys of a campaign carry one hash tag, so that they stay together in a cluster. Everything expires by Redis' own
clock. An answer that does not come in a quarter of a second counts as none: nobody waits for Redis.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from dialer.shared_state import Holder, SharedStateError, added_up, engines_by_agent
from domain.ids import AgentId, CampaignId

ANSWER_S: Final = 0.25
_PRESENT: Final = "fairdial:{agents}:present"

_HOLD: Final = """
local engine, fence = unpack(redis.call('HMGET', KEYS[1], 'engine', 'fence'))
local mine = tonumber(ARGV[2])
if engine and (tonumber(fence) > mine or (tonumber(fence) == mine and engine ~= ARGV[1])) then
  return {engine, fence}
end
redis.call('HSET', KEYS[1], 'engine', ARGV[1], 'fence', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {ARGV[1], ARGV[2]}
"""
_LET_GO: Final = """
local engine, fence = unpack(redis.call('HMGET', KEYS[1], 'engine', 'fence'))
if engine == ARGV[1] and fence == ARGV[2] then redis.call('DEL', KEYS[1]) end
"""
# A hash whose fields end by themselves: each value begins with the millisecond of its end and a colon.
_PUT: Final = """
local time = redis.call('TIME')
local ends = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[3]
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f:%s', ends, ARGV[2]))
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
"""
_LIVE: Final = """
local time, live = redis.call('TIME'), {}
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local ends, value = string.match(all[i + 1], '^(%d+):(.*)$')
  if tonumber(ends) > now then
    live[#live + 1] = all[i]
    live[#live + 1] = value
  else
    redis.call('HDEL', KEYS[1], all[i])
  end
end
return live
"""


class RedisState:
    """One Redis as a SharedState. Connects when first asked; a connection that broke is made again.

    Args:
        url: `redis://host:port/0`, `rediss://...` or `unix://path`.
        prefix: put before every key, so that several installations share a server.
        answer_s: an answer that takes longer is none.

    Raises:
        SharedStateError: the address cannot be read.
    """

    def __init__(self, url: str, prefix: str = "", answer_s: float = ANSWER_S) -> None:
        self._prefix = prefix
        self._answer_s = answer_s
        with self._clear_errors():
            self._redis: Redis = Redis.from_url(
                url,
                decode_responses=True,
                socket_timeout=answer_s,
                socket_connect_timeout=answer_s,
                retry=Retry(NoBackoff(), 0),
            )

    async def hold(self, campaign: CampaignId, holder: Holder, ttl_s: float) -> Holder:
        answer = await self._run(_HOLD, _key(campaign, "holder"), holder.engine, holder.fence, _ms(ttl_s))
        return Holder(str(answer[0]), int(answer[1]))

    async def holder(self, campaign: CampaignId) -> Holder | None:
        with self._clear_errors():
            command = self._redis.hmget(self._prefix + _key(campaign, "holder"), ["engine", "fence"])
            engine, fence = await cast("Awaitable[list[str | None]]", command)
        return None if engine is None or fence is None else Holder(engine, int(fence))

    async def let_go(self, campaign: CampaignId, holder: Holder) -> None:
        await self._run(_LET_GO, _key(campaign, "holder"), holder.engine, holder.fence)

    async def present(self, engine: str, agents: Collection[AgentId], ttl_s: float) -> None:
        await self._run(_PUT, _PRESENT, engine, json.dumps(sorted(agents)), _ms(ttl_s))

    async def whereabouts(self) -> Mapping[AgentId, frozenset[str]]:
        live = await self._live(_PRESENT)
        return engines_by_agent({engine: [AgentId(agent) for agent in agents] for engine, agents in live.items()})

    async def report(self, campaign: CampaignId, engine: str, counts: Mapping[str, int], ttl_s: float) -> None:
        await self._run(_PUT, _key(campaign, "counts"), engine, json.dumps(dict(counts)), _ms(ttl_s))

    async def totals(self, campaign: CampaignId) -> Mapping[str, int]:
        return added_up((await self._live(_key(campaign, "counts"))).values())

    async def aclose(self) -> None:
        await self._redis.aclose()

    async def _live(self, key: str) -> dict[str, Any]:
        flat = await self._run(_LIVE, key)
        return {str(field): json.loads(value) for field, value in zip(flat[::2], flat[1::2], strict=True)}

    async def _run(self, script: str, key: str, *arguments: str | int) -> Sequence[Any]:
        with self._clear_errors():
            command = self._redis.eval(script, 1, self._prefix + key, *(str(each) for each in arguments))
            return cast("Sequence[Any]", await cast("Awaitable[object]", command))

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except RedisTimeoutError as error:
            raise SharedStateError(f"Redis has not answered in {self._answer_s:g} s") from error
        except (RedisConnectionError, OSError) as error:
            raise SharedStateError("Redis cannot be reached; start it, or correct [redis] url") from error
        except RedisError as error:
            raise SharedStateError(f"Redis refuses ({type(error).__name__}); 6.2 or newer is needed") from error
        except ValueError as error:
            raise SharedStateError("[redis] url, or what stands behind it, is no Redis; correct it") from error


def _key(campaign: CampaignId, what: str) -> str:
    return f"fairdial:{{campaign-{campaign}}}:{what}"


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))
