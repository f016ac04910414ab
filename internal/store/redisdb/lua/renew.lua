-- ARGV: old id, new id, new record, now. Puts the new session in the place of
-- the old one in one step; the tombstone of the old points to the new, so that
-- an end aimed at the old still finds its target.
local old, id, rec, now = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local there = get(id)
if there == rec then return 'ok' end
local was = get(old)
local w = was and head(was)
if not w or w.ends <= now then return 'ended' end
if there or redis.call('EXISTS', 'x:' .. id) == 1 then return 'exists' end
local h = head(rec)
if epoch('e') > h.all or epoch('e:' .. h.user) > h.own then return 'epoch' end
kill(old, was, 'replaced:' .. id, now, 0)
index(h.user, id, h.ends, h.deadline)
redis.call('SET', 's:' .. id, rec, 'NX', 'PXAT', h.ends)
return 'ok'
