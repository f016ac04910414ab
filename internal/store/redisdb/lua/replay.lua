-- ARGV: keep, ms to remember an epoch, the position that the server should have,
-- the one that it gets, then per entry of the ledger six: session, user, epoch,
-- id to keep, reason, at. Does again what the entries did, on whatever data there
-- is. Sessions that began after an entry are not touched by it. An end by renewal
-- (with the id that comes after in the place of the one to keep) does not reach
-- the session that came after, nor one that is about to come.
-- Returns 0, and does nothing, if the position is another.
if (redis.call('GET', one_key('seq')) or '0') ~= ARGV[3] then return 0 end
local keep, memory = tonumber(ARGV[1]), ARGV[2]

local function replay_session(id, renewed, reason, at)
  for _ = 1, 100 do -- more renewals of one session than its lifetime has room for
    local rec = get(id)
    if rec then
      kill(id, rec, renewed and 'replaced' or for_good(reason), at, keep)
      return
    end
    if renewed then return end
    id = successor(id, reason)
    if not id then return end
  end
end

local function replay_user(user, n, stays, reason, at)
  if epoch(epoch_key(user)) < n then redis.call('SET', epoch_key(user), n, 'PX', memory) end
  for _, id in ipairs(redis.call('ZRANGE', index_key(user), 0, -1)) do
    local rec = get(id)
    local h = rec and head(rec)
    if h and id == stays and kept(h, n) then
      move_on(id, h, n)
    elseif rec and (not h or h.own < n) then
      kill(id, rec, for_good(reason), at, keep)
    end
  end
end

for i = 5, #ARGV, 6 do
  local id, user, n, stays, reason, at = unpack(ARGV, i, i + 5)
  if id ~= '' then
    replay_session(id, stays ~= '', reason, tonumber(at))
  else
    replay_user(user, tonumber(n), stays, reason, tonumber(at))
  end
end
redis.call('SET', one_key('seq'), ARGV[4])
return 1
