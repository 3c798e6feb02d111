"""Scripts that Redis runs, and the most important one: replace a document only by a newer one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha1
from typing import Final, NamedTuple, TypeAlias

from redis.exceptions import NoScriptError

from streamer.sinks.connection import AsyncClient

Word: TypeAlias = str | bytes | int


class Script:
    """A script of Redis, called by its hash, once Redis has seen it.

    Args:
        text: in Lua; with its keys and arguments at its head.
    """

    def __init__(self, text: str) -> None:
        self.text: Final = text
        self.sha: Final = sha1(text.encode(), usedforsecurity=False).hexdigest()

    def call(self, keys: Sequence[str], arguments: Iterable[Word]) -> Call:
        """It, with what it is to run on."""
        return Call(self, ("EVALSHA", self.sha, len(keys), *keys, *arguments))


class Call(NamedTuple):
    """A script with its keys and arguments.

    Attributes:
        script: what to load if Redis does not know it.
        words: of the command.
    """

    script: Script
    words: tuple[Word, ...]


async def run(client: AsyncClient, calls: Sequence[Call]) -> list[object]:
    """Runs scripts in their order, in one round trip, two if Redis has to learn one; errors are among the answers.

    Raises:
        RedisError, RedisClusterException, OSError: there is no answer.
    """
    answers = await _run(client, calls)
    unknown = [at for at, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
    if unknown:
        for script in {calls[at].script for at in unknown}:
            await client.script_load(script.text)
        for at, answer in zip(unknown, await _run(client, [calls[at] for at in unknown]), strict=True):
            answers[at] = answer
    return answers


async def _run(client: AsyncClient, calls: Sequence[Call]) -> list[object]:
    async with client.pipeline(transaction=False) as pipe:
        for call in calls:
            # As a raw command, because a Cluster pipeline blocks the method `evalsha`, though it can run one.
            pipe.execute_command(*call.words)
        answers: list[object] = await pipe.execute(raise_on_error=False)
        return answers


COMPARE_AND_SET: Final = Script(
    """
-- KEYS  document, guard (one Cluster slot)
-- ARGV  document ('' = tombstone), its position in the outbox: term (0 = not known), partition, offset; when it may
--       go (ms since 1970, '' = never), and how much longer its guard stays (ms)
-- Returns 1 if the document was replaced, 0 if what is there is as new.
-- A document lost to eviction or a failover is restored by the same record.
local term, partition, offset = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local guard = redis.pcall('GET', KEYS[2])
if type(guard) == 'string' then
  local l, p, o = string.match(guard, '^(%d+)/(%d+)/(%d+)$')
  if not l then -- from before there were terms: an offset alone
    l, p, o = '0', ARGV[3], guard
  end
  local stored = {tonumber(l), tonumber(p), tonumber(o)}
  if term == '0' and partition == stored[2] then -- its worker is from before: it counts as of the guard's
    term = l
  end
  for at, ours in ipairs({tonumber(term), partition, offset}) do
    if not stored[at] or ours > stored[at] then
      break
    end
    if ours < stored[at] or (at == 3 and (ARGV[1] == '' or redis.call('EXISTS', KEYS[1]) == 1)) then
      return 0
    end
  end
end
guard = term .. '/' .. ARGV[3] .. '/' .. ARGV[4]
if ARGV[1] == '' then
  redis.call('DEL', KEYS[1])
  redis.call('SET', KEYS[2], guard, 'PX', ARGV[6])
  return 1
end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('SET', KEYS[2], guard)
if ARGV[5] ~= '' then
  redis.call('PEXPIREAT', KEYS[1], ARGV[5])
  redis.call('PEXPIREAT', KEYS[2], string.format('%.0f', tonumber(ARGV[5]) + tonumber(ARGV[6])))
end
return 1
"""
)
