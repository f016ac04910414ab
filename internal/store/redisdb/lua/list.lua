-- ARGV: user, most entries, most bytes of records. Reads only. Returns 'list', the
-- user and 1, then the ids in the user's index, each with its record, false if it
-- has none that counts; or 0 and nothing else if that were too much for one answer
-- on a connection on which others wait behind it. Such an answer never has two
-- parts: that is what a check in a cluster gets (question.go).
local user, most, room = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local ids = redis.call('ZRANGE', index_key(user), 0, most) -- one more than most
local n = #ids
if n > most then return {'list', user, 0} end
local answer = {'list', user, 1}
if n == 0 then return answer end
local names = {}
for i, id in ipairs(ids) do
  names[i] = session_key(id)
  -- A record beside its tombstone has been kept through a move (cluster.go).
  if tag ~= '' then names[n + i] = stone_key(id) end
end
local values = redis.call('MGET', unpack(names))
for i, id in ipairs(ids) do
  local rec = values[i]
  if values[n + i] then rec = false end
  answer[2 + 2 * i], answer[3 + 2 * i] = id, rec
  room = room - (rec and #rec or 0)
end
if room < 0 then return {'list', user, 0} end
return answer
