-- ARGV: reason, now, keep, then ids. Ends each. Returns how many were alive,
-- then the ids that renewed sessions go by now.
local reason, now, keep = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local reply = {0}
for i = 4, #ARGV do
  local id = ARGV[i]
  local rec = get(id)
  if rec then
    reply[1] = reply[1] + kill(id, rec, reason, now, keep)
  else
    local stone = redis.call('GET', 'x:' .. id)
    if stone and string.sub(stone, 1, 9) == 'replaced:' then
      reply[#reply + 1] = string.sub(stone, 10)
    end
  end
end
return reply
