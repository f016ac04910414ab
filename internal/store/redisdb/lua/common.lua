-- Functions that the scripts which write share. See record.go for the layout of a
-- record. Times are Unix milliseconds.

-- The server's own clock: the one that expires keys.
local function server_now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- The record of a session; nil if there is none, '' if the key holds something
-- that is not a string.
local function get(id)
  -- One that a server had from before and has kept through a move (cluster.go).
  if tag ~= '' and redis.call('EXISTS', stone_key(id)) == 1 then
    redis.call('DEL', session_key(id))
    return nil
  end
  local rec = redis.pcall('GET', session_key(id))
  if type(rec) == 'table' then return '' end
  return rec or nil
end

-- The head of a record, or nil if this version cannot read it.
local function head(rec)
  if #rec < 29 or string.byte(rec, 1) ~= 2 then return nil end
  local all, own, seen, idle, deadline, offset = struct.unpack('>I4I4I6I5I6I2', rec, 2)
  local n = string.byte(rec, 29)
  if offset > #rec or 29 + n > offset then return nil end
  return {
    all = all, own = own, seen = seen, idle = idle, deadline = deadline,
    offset = offset, user = string.sub(rec, 30, 29 + n),
    ends = math.min(seen + idle, deadline),
  }
end

local function epoch(key)
  return tonumber(redis.call('GET', key) or '0')
end

-- The record with the time of the latest sight in it.
local function seen_at(rec, seen)
  return string.sub(rec, 1, 9) .. struct.pack('>I6', seen) .. string.sub(rec, 16)
end

-- The score of what ends at ms: whole seconds, rounded up, take half the room.
local function score(ms) return math.ceil(ms / 1000) end

-- Drops from the index of a user what the server has expired already.
local function drop_expired(user)
  redis.call('ZREMRANGEBYSCORE', index_key(user), '-inf', math.floor(server_now() / 1000))
end

-- Adds a session to its user's index, which lives as long as its longest
-- session can.
local function index(user, id, ends, deadline)
  local key = index_key(user)
  drop_expired(user)
  redis.call('ZADD', key, score(ends), id)
  redis.call('PEXPIREAT', key, deadline, 'NX')
  redis.call('PEXPIREAT', key, deadline, 'GT')
end

-- Writes the record of a session that lives on.
local function keep_alive(id, h, rec, ends)
  redis.call('SET', session_key(id), rec, 'XX', 'PXAT', ends)
  redis.call('ZADD', index_key(h.user), 'XX', 'GT', score(ends), id)
end

-- Ends a session whose record is rec: tombstone, record, index, in the order in
-- which a half-replicated step does least harm. Returns 1 if it was alive. An
-- unreadable record counts as alive and leaves a tombstone for keep ms. Whoever
-- listens is told the id and why, without what a renewal put after it.
local function kill(id, rec, reason, now, keep)
  local h = head(rec)
  local alive, till = 1, nil
  if h then
    till = h.deadline
    if h.ends <= now then alive, reason = 0, 'expired' end
  else
    till = server_now() + keep
  end
  redis.call('SET', stone_key(id), reason, 'PXAT', till)
  redis.call('DEL', session_key(id))
  if h then redis.call('ZREM', index_key(h.user), id) end
  redis.call('PUBLISH', 'ended', string.match(reason, '^%a*') .. ' ' .. id)
  return alive
end

-- The tombstone of a session that is over with nothing to come after it. Plain
-- 'replaced' is that of one whose renewal the ledger knows and which is still to
-- come here (replay.lua): the renewal takes it as no end, and must not take for
-- one a session in whose place another log-in has come.
local function for_good(reason)
  if reason == 'replaced' then return 'replaced:' end
  return reason
end

-- The id that a session without a record goes by since its renewal, or nil. If
-- the renewal is still under way and only the ledger's word of it has got here,
-- it is told for what reason it comes too late.
local function successor(id, reason)
  local stone = redis.call('GET', stone_key(id))
  if stone == 'replaced' then redis.call('SET', stone_key(id), for_good(reason), 'KEEPTTL') end
  if stone and #stone > 9 and string.sub(stone, 1, 9) == 'replaced:' then return string.sub(stone, 10) end
end

-- Whether a session that is to survive an end of its user, which raised
-- the user's epoch to own, lived until then: it has to be of the epoch just before.
-- One that is older was ended by another raise, which may be carried out later.
local function kept(h, own) return h.own >= own - 1 end

-- Moves a kept session on to its user's new epoch.
local function move_on(id, h, own)
  redis.call('SETRANGE', session_key(id), 5, struct.pack('>I4', math.max(h.own, own)))
end

