# SPDX-License-Identifier: Apache-2.0
"""The Lua scripts: take and leave the lead of a county, and commit decisions. All keys of a call share one slot."""

LEAD = """
-- KEYS: leader, decisions, journal.  ARGV: node, ttl ms, our epoch (0: none yet), epoch floor, journal id.
-- -> {epoch, number of the last decision of this journal in the stream}, {holder}, or an error.
-- The lease only elects. The epoch it gives out is what fences: every entry of the stream carries it.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return {holder} end
local last = '0-0'
if redis.call('EXISTS', KEYS[2]) == 1 then
    local about = redis.call('XINFO', 'STREAM', KEYS[2])
    for i = 1, #about, 2 do
        if about[i] == 'last-generated-id' then last = about[i + 1] end
    end
end
local ms, seq = string.match(last, '(%d+)-(%d+)')
ms, seq = tonumber(ms), tonumber(seq)
local epoch = tonumber(ARGV[3])
if epoch == 0 then epoch = math.max(ms, tonumber(ARGV[4])) + 1 end
if ms > epoch then return {'epoch ' .. ms} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
-- Numbers count within one journal: remember which one writes here, and since which epoch.
local since, journal = string.match(redis.call('GET', KEYS[3]) or '', '(%d+) (.+)')
if journal ~= ARGV[5] then
    redis.call('SET', KEYS[3], epoch .. ' ' .. ARGV[5])
    seq = 0
elseif ms < tonumber(since) then
    seq = 0
end
return {epoch, seq}
"""

COMMIT = """
-- KEYS: decisions, queue, bell, journal, then the state hashes.
-- ARGV: stream length, keep s, then 7 for each decision:
--       id, type, data, index of its state key (0: none), last ('1'/'0'), queue member, score ('' takes out)
-- -> how many were new.  XADD first: when it refuses an id, nothing else of that decision happens.
-- A Redis that has lost its memory has lost the journal's name too: it must be asked first how far it has come.
if redis.call('EXISTS', KEYS[4]) == 0 then return redis.error_reply('FORGOTTEN nobody leads here') end
local new, top = 0, nil
for i = 3, #ARGV, 7 do
    local id, data, state = ARGV[i], ARGV[i + 2], tonumber(ARGV[i + 3])
    local added = redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], id, 'type', ARGV[i + 1], 'data', data)
    if type(added) == 'table' and added.err then
        local there = redis.call('XRANGE', KEYS[1], id, id)
        if not (#there == 1 and there[1][2][4] == data) then
            return redis.error_reply(added.err)
        end
    else
        new, top = new + 1, id
        if state > 0 then
            redis.call('HSET', KEYS[4 + state], 'data', data, 'id', id)
            if ARGV[i + 4] == '1' then redis.call('EXPIRE', KEYS[4 + state], ARGV[2]) end
        end
        if ARGV[i + 5] ~= '' then
            if ARGV[i + 6] == '' then redis.call('ZREM', KEYS[2], ARGV[i + 5])
            else redis.call('ZADD', KEYS[2], ARGV[i + 6], ARGV[i + 5]) end
        end
    end
end
if top then redis.call('PUBLISH', KEYS[3], top) end
return new
"""

LEAVE = """
-- KEYS: leader.  ARGV: node.  Give up the lease, if it is still ours.
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""

REFUSED_BY_ID = "equal or smaller"
"What XADD says of an id below the top: another leader has written here."
