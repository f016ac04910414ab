-- ARGV: old id, new id, new record, now. Puts the new session in the place of
-- the old one in one step; the tombstone of the old points to the new, so that
-- an end aimed at the old still finds its target. The ledger knows of the renewal
-- first, so that the old may have been ended for it already: that is no end.
local old, id, rec, now = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local there = get(id)
if there == rec then return 'ok' end
local was = get(old)
local w = was and head(was)
if was and (not w or w.ends <= now) then return 'ended' end
if not was and redis.call('GET', stone_key(old)) ~= 'replaced' then return 'ended' end
if there or redis.call('EXISTS', stone_key(id)) == 1 then return 'exists' end
local h = head(rec)
if epoch(one_key('e')) > h.all or epoch(epoch_key(h.user)) > h.own then return 'epoch' end
if was then
  kill(old, was, 'replaced:' .. id, now, 0)
else
  redis.call('SET', stone_key(old), 'replaced:' .. id, 'KEEPTTL')
end
index(h.user, id, h.ends, h.deadline)
redis.call('SET', session_key(id), rec, 'NX', 'PXAT', h.ends)
return 'ok'
