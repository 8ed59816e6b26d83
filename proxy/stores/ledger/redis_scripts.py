"""What Redis itself does for the ledger, in its own language.

The rule: each script does all or nothing, takes the time from Redis, and does nothing at all where
the epoch is not the one that its caller knows; numbers are written as text, so that no sum goes
through a float.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from proxy.stores.ledger.sliding import PARTS

# `slide` gives the bucket of now, the sum that counts, and the oldest bucket; what no longer counts
# is forgotten. A clock that goes back counts into the newest bucket there is.
_COMMON = f"""
local PARTS = {PARTS}
local function whole(n) return string.format('%.0f', n) end
local function clock()
  local t = redis.call('TIME'); return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function slide(key, width, now)
  local number = math.floor(now * PARTS / (width * 1000))
  local v = redis.call('HMGET', key, 't', 'o', 'n')
  local total, oldest, newest = tonumber(v[1]) or 0, tonumber(v[2]), tonumber(v[3])
  if not oldest then return number, 0, number end
  local first = number - PARTS
  if newest < first then redis.call('DEL', key); return number, 0, number end
  if oldest < first then
    while oldest < first do
      local c = redis.call('HGET', key, whole(oldest))
      if c then total = total - tonumber(c); redis.call('HDEL', key, whole(oldest)) end
      oldest = oldest + 1
    end
    redis.call('HSET', key, 't', whole(total), 'o', whole(oldest))
  end
  return math.max(number, newest), total, oldest
end
local function over(from, count, limits, amount)
  for i = 1, count do
    local limit = ARGV[limits + i]
    if limit ~= '' then
      local v = redis.call('HMGET', KEYS[from + i], 's', 'h')
      local held = tonumber(v[2]) or 0
      local used = (tonumber(v[1]) or 0) + held
      limit = tonumber(limit)
      if used + amount > limit or used >= limit then
        return '0 0 ' .. (i - 1) .. ' ' .. whole(math.max(0, limit - used)) .. ' ' .. whole(used)
          .. ' ' .. whole(held)
      end
    end
  end
end
"""

# KEYS: epoch, leases, hold, accounts…, rates…, slots…
# ARGV: epoch, id, lease in ms, amount, tail of its record, number of accounts, of rates, of slots,
#       limit of each account (or ''), limit and cost and width of each rate, limit of each slot
_RESERVE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return '-1' end
local id, lease, amount = ARGV[2], tonumber(ARGV[3]), ARGV[4]
local nA, nR, nS = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local now = clock()
local known = redis.call('EXISTS', KEYS[3]) == 1
if not known then
  local refused = over(3, nA, 8, tonumber(amount))
  if refused then return refused end
end
local rates, answer = {}, '1'
for i = 1, nR do
  local key, a = KEYS[3 + nA + i], 8 + nA + 3 * i
  local limit, cost, width = tonumber(ARGV[a - 2]), tonumber(ARGV[a - 1]), tonumber(ARGV[a])
  local number, total, oldest = slide(key, width, now)
  if known then cost = 0
  elseif total + cost > limit then
    local need, at, wait = total + cost - limit, oldest, width * 1000
    while at <= number do
      need = need - (tonumber(redis.call('HGET', key, whole(at))) or 0)
      if need <= 0 then wait = math.max(1, (at + PARTS + 1) * width * 1000 / PARTS - now); break end
      at = at + 1
    end
    return '0 1 ' .. (i - 1) .. ' ' .. whole(math.max(0, limit - total)) .. ' ' .. whole(total)
      .. ' ' .. whole(wait)
  end
  rates[i] = {key, number, total + cost, oldest, width, cost}
  answer = answer .. ' ' .. whole(math.max(0, limit - total - cost))
end
if known then return answer end
for i = 1, nS do
  local key = KEYS[3 + nA + nR + i]
  redis.call('ZREMRANGEBYSCORE', key, '-inf', whole(now))
  local running = redis.call('ZCARD', key)
  if running >= tonumber(ARGV[8 + nA + 3 * nR + i]) then
    return '0 2 ' .. (i - 1) .. ' 0 ' .. running .. ' 1000'
  end
end
local names, numbers = {}, {}
for i = 1, nA do
  names[i] = KEYS[3 + i]; redis.call('HINCRBY', KEYS[3 + i], 'h', amount)
end
for i, rate in ipairs(rates) do
  numbers[i] = whole(rate[2])
  redis.call('HINCRBY', rate[1], numbers[i], whole(rate[6]))
  redis.call('HSET', rate[1], 't', whole(rate[3]), 'o', whole(rate[4]), 'n', numbers[i])
  redis.call('EXPIRE', rate[1], 2 * rate[5])
end
for i = 1, nS do
  local key = KEYS[3 + nA + nR + i]
  redis.call('ZADD', key, whole(now + lease), id); redis.call('PEXPIRE', key, 2 * lease)
end
redis.call('HSET', KEYS[3], 'a', amount, 'k', table.concat(names, '\\n'),
  'b', table.concat(numbers, ' '), 'r', ARGV[5])
redis.call('ZADD', KEYS[2], whole(now + lease), id)
return answer
"""

# KEYS: epoch, hold, accounts…   ARGV: epoch, amount, limit of each account
_EXTEND = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return '-1' end
local v = redis.call('HMGET', KEYS[2], 'a', 'st')
if not v[1] or v[2] then return '0 0 0 0 0' end
local refused = over(2, #KEYS - 2, 2, tonumber(ARGV[2]))
if refused then return refused end
for i = 3, #KEYS do redis.call('HINCRBY', KEYS[i], 'h', ARGV[2]) end
redis.call('HINCRBY', KEYS[2], 'a', ARGV[2])
return '1'
"""

# KEYS: epoch, leases, hold, unwritten, accounts…, rates…, slots…
# ARGV: epoch, id, cost ('' gives the hold back), seconds to remember it, record for the books or
#       '', number of accounts, of rates, width and difference of each rate
# States of a hold: none while it stands, D settled, O settled in full for the dead, V given back.
_SETTLE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return '-1' end
local id, cost, back = ARGV[2], ARGV[3], ARGV[3] == ''
local v = redis.call('HMGET', KEYS[3], 'a', 'st', 'b')
local amount, state = v[1], v[2]
if state == 'D' or (back and state) then return '0' end
local nA, nR = tonumber(ARGV[6]), tonumber(ARGV[7])
for i = 5, 4 + nA do
  if amount and not state then redis.call('HINCRBY', KEYS[i], 'h', '-' .. amount) end
  if state == 'O' then redis.call('HINCRBY', KEYS[i], 's', whole(cost - amount))
  elseif not back then redis.call('HINCRBY', KEYS[i], 's', cost) end
end
if amount and not state then
  local i = 0
  for number in string.gmatch(v[3], '%d+') do
    i = i + 1
    local key, change = KEYS[4 + nA + i], tonumber(ARGV[7 + 2 * i])
    local there = change ~= 0 and redis.call('HGET', key, number)
    if there then
      change = whole(math.max(change, -tonumber(there)))
      redis.call('HINCRBY', key, number, change); redis.call('HINCRBY', key, 't', change)
    end
  end
  for j = 5 + nA + nR, #KEYS do redis.call('ZREM', KEYS[j], id) end
end
redis.call('ZREM', KEYS[2], id)
redis.call('DEL', KEYS[3])
redis.call('HSET', KEYS[3], 'st', back and 'V' or 'D'); redis.call('EXPIRE', KEYS[3], ARGV[4])
if ARGV[5] ~= '' then redis.call('HSET', KEYS[4], id, ARGV[5]) end
return '1'
"""

# KEYS: leases, slots…   ARGV: lease in ms, id
_RENEW = """
local deadline = whole(clock() + tonumber(ARGV[1]))
redis.call('ZADD', KEYS[1], 'XX', deadline, ARGV[2])
for i = 2, #KEYS do
  redis.call('ZADD', KEYS[i], 'XX', deadline, ARGV[2])
  redis.call('PEXPIRE', KEYS[i], 2 * tonumber(ARGV[1]))
end
return '1'
"""

# KEYS: epoch, leases, unwritten   ARGV: epoch, start of a hold's key, how many, seconds to remember
_REAP = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return '-1' end
local count = 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', whole(clock()),
    'LIMIT', 0, ARGV[3])) do
  local key = ARGV[2] .. id
  local v = redis.call('HMGET', key, 'a', 'st', 'k', 'r')
  if v[1] and not v[2] then
    for account in string.gmatch(v[3], '[^\\n]+') do
      redis.call('HINCRBY', account, 'h', '-' .. v[1]); redis.call('HINCRBY', account, 's', v[1])
    end
    redis.call('HSET', key, 'st', 'O'); redis.call('EXPIRE', key, ARGV[4])
    redis.call('HSET', KEYS[3], id, '{"cost":' .. v[1] .. ',"state":2,' .. v[4] .. '}')
    count = count + 1
  end
  redis.call('ZREM', KEYS[2], id)
end
return whole(count)
"""

# KEYS: epoch, account, unwritten   ARGV: epoch, sum, id, tail of its record
_SET = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return '-1' end
local change = whole(tonumber(ARGV[2]) - (tonumber(redis.call('HGET', KEYS[2], 's')) or 0))
redis.call('HINCRBY', KEYS[2], 's', change)
redis.call('HSET', KEYS[3], ARGV[3], '{"cost":' .. change .. ',"state":0,' .. ARGV[4] .. '}')
return '1'
"""

# KEYS: unwritten   ARGV: id and record of each that the books have; a newer record stays
_FORGET = """
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    redis.call('HDEL', KEYS[1], ARGV[i])
  end
end
return '1'
"""

# KEYS: rates…   ARGV: their widths
_USED = """
local now, answer = clock(), {}
for i, key in ipairs(KEYS) do
  local _, total = slide(key, tonumber(ARGV[i]), now); answer[i] = whole(total)
end
return table.concat(answer, ' ')
"""

SCRIPTS: Mapping[str, bytes] = MappingProxyType(
    {
        name: (_COMMON + text).encode()
        for name, text in (
            ("reserve", _RESERVE),
            ("extend", _EXTEND),
            ("settle", _SETTLE),
            ("renew", _RENEW),
            ("reap", _REAP),
            ("set", _SET),
            ("forget", _FORGET),
            ("used", _USED),
        )
    }
)
