-- ARGV: id, now, and for a save the new data; without it a touch.
-- Never creates, never revives: a session that is gone, unreadable or past a
-- deadline stays as it is.
local id, now, data = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local rec = get(id)
if not rec then return 0 end
local h = head(rec)
if not h or h.ends <= now then return 0 end
local seen = math.max(h.seen, now)
local ends = math.min(seen + h.idle, h.deadline)
rec = seen_at(rec, seen)
if data then rec = string.sub(rec, 1, h.offset) .. data end
keep_alive(id, h, rec, ends)
return 1
