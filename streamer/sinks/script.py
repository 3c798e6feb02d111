"""The one thing Streamer asks of Redis when it writes: replace a document only by a newer one."""

from __future__ import annotations

from hashlib import sha1
from typing import Final

COMPARE_AND_SET: Final = """
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

SHA: Final = sha1(COMPARE_AND_SET.encode(), usedforsecurity=False).hexdigest()
"""What Redis knows the script by, once it has seen it."""
