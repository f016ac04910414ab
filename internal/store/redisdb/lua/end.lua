-- ARGV: reason, now, keep, then ids. Ends each. Returns how many were alive,
-- then the ids that renewed sessions go by now.
local reason, now, keep = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local reply = {0}
for i = 4, #ARGV do
  local id = ARGV[i]
  local rec = get(id)
  if rec then
    reply[1] = reply[1] + kill(id, rec, for_good(reason), now, keep)
  else
    reply[#reply + 1] = successor(id, reason)
  end
end
return reply
