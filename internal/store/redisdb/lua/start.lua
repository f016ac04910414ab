-- ARGV: id, record. Create-only, and only while no newer epoch is known (I1, I4).
-- Repeating a start whose answer was lost is harmless: the same record is there.
local id, rec = ARGV[1], ARGV[2]
local there = get(id)
if there == rec then return 'ok' end
if there or redis.call('EXISTS', 'x:' .. id) == 1 then return 'exists' end
local h = head(rec)
if epoch('e') > h.all or epoch('e:' .. h.user) > h.own then return 'epoch' end
index(h.user, id, h.ends, h.deadline)
redis.call('SET', 's:' .. id, rec, 'NX', 'PXAT', h.ends)
return 'ok'
