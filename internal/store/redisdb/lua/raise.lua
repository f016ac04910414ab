-- ARGV: user or '', epoch, ms to remember it. Raises the epoch of the user, or
-- everyone's, and returns the ids in the user's index: from here on no session
-- with a smaller epoch can join them.
local user, n = ARGV[1], tonumber(ARGV[2])
if user == '' then
  if epoch(one_key('e')) < n then redis.call('SET', one_key('e'), ARGV[2]) end
  return {}
end
local key = epoch_key(user)
if epoch(key) < n then redis.call('SET', key, ARGV[2], 'PX', ARGV[3]) end
return redis.call('ZRANGE', index_key(user), 0, -1)
