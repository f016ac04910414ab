-- ARGV: id, record, limit or 0. Create-only, only while no newer epoch is known
-- (I1, I4), and only while fewer than limit sessions of the user live. Returns
-- a word; after 'limit' the ids that would have to end, oldest first.
-- Repeating a start whose answer was lost is harmless: the same record is there.
local id, rec, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
local there = get(id)
if there == rec then return {'ok'} end
if there or redis.call('EXISTS', stone_key(id)) == 1 then return {'exists'} end
local h = head(rec)
if epoch(one_key('e')) > h.all or epoch(epoch_key(h.user)) > h.own then return {'epoch'} end

-- The sessions of the user that live at now, the one seen longest ago first.
local function living(user, now)
  local list = {}
  for _, one in ipairs(redis.call('ZRANGE', index_key(user), 0, -1)) do
    local r = get(one)
    local o = r and head(r)
    if o and o.ends > now then list[#list + 1] = {id = one, seen = o.seen} end
  end
  table.sort(list, function(a, b)
    if a.seen ~= b.seen then return a.seen < b.seen end
    return a.id > b.id -- as session.LastSeenFirst, from the other end
  end)
  return list
end

if limit > 0 then
  drop_expired(h.user)
  -- The index lacks nobody: if it is short there is nobody to count.
  local list = redis.call('ZCARD', index_key(h.user)) >= limit and living(h.user, h.seen) or {}
  if #list >= limit then
    local reply = {'limit'}
    for i = 1, #list - limit + 1 do reply[#reply + 1] = list[i].id end
    return reply
  end
end
index(h.user, id, h.ends, h.deadline)
redis.call('SET', session_key(id), rec, 'NX', 'PXAT', h.ends)
return {'ok'}
