-- ARGV: keep, ms to remember an epoch, then per entry of the ledger six: session, user, epoch, id to
-- keep, reason, at. Does again what the entries did, on whatever data there is.
-- Sessions that began after an entry are not touched by it. An end by renewal
-- does not reach the session that came after.
local keep, memory = tonumber(ARGV[1]), ARGV[2]

local function replay_session(id, reason, at)
  for _ = 1, 100 do -- more renewals of one session than its lifetime has room for
    local rec = get(id)
    if rec then
      kill(id, rec, reason, at, keep)
      return
    end
    local stone = redis.call('GET', 'x:' .. id)
    if reason == 'replaced' or not stone or string.sub(stone, 1, 9) ~= 'replaced:' then return end
    id = string.sub(stone, 10)
  end
end

local function replay_user(user, n, stays, reason, at)
  if epoch('e:' .. user) < n then redis.call('SET', 'e:' .. user, n, 'PX', memory) end
  for _, id in ipairs(redis.call('ZRANGE', 'u:' .. user, 0, -1)) do
    local rec = get(id)
    local h = rec and head(rec)
    if rec and h and id == stays then
      redis.call('SETRANGE', 's:' .. id, 5, struct.pack('>I4', math.max(h.own, n)))
    elseif rec and (not h or h.own < n) then
      kill(id, rec, reason, at, keep)
    end
  end
end

for i = 3, #ARGV, 6 do
  local id, user, n, stays, reason, at = unpack(ARGV, i, i + 5)
  if id ~= '' then
    replay_session(id, reason, tonumber(at))
  else
    replay_user(user, tonumber(n), stays, reason, tonumber(at))
  end
end
return (#ARGV - 2) / 6
