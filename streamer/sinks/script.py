"""The one thing Streamer asks of Redis when it writes: replace a document only by a newer one."""

from __future__ import annotations

from hashlib import sha1
from typing import Final

COMPARE_AND_SET: Final = """
-- KEYS  document, guard (one Cluster slot)
-- ARGV  outbox offset, document ('' = tombstone), when both may go: the document (ms since 1970, '' = never), and
--       how much longer the guard stays (ms)
-- Returns 1 if the document was replaced, 0 if what is there is as new.
-- A document lost to eviction or a failover is restored by the same offset.
local stored = tonumber(redis.pcall('GET', KEYS[2]))
local offset = tonumber(ARGV[1])
if stored and (offset < stored or (offset == stored and (ARGV[2] == '' or redis.call('EXISTS', KEYS[1]) == 1))) then
  return 0
end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
  redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[4])
  return 1
end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('SET', KEYS[2], ARGV[1])
if ARGV[3] ~= '' then
  redis.call('PEXPIREAT', KEYS[1], ARGV[3])
  redis.call('PEXPIREAT', KEYS[2], string.format('%.0f', tonumber(ARGV[3]) + tonumber(ARGV[4])))
end
return 1
"""

SHA: Final = sha1(COMPARE_AND_SET.encode(), usedforsecurity=False).hexdigest()
"""What Redis knows the script by, once it has seen it."""
