-- ARGV: id, generation, hash, hash of the successor, nonce, now, grace. Does what
-- session.Refresh.Use decides, to a session that lives: the two say the same.
-- Returns a word; after 'ok', which is the first use or a retry within the grace,
-- and 'reuse' the record as it is then.
-- Repeating a use whose answer was lost is harmless: it is a retry.
local id, generation, hash = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local successor_hash, nonce, now, grace = ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local rec = get(id)
if not rec then return {'ended'} end
local h = head(rec)
if not h then return {'unreadable'} end
if h.ends <= now then return {'ended'} end

-- What record.go says of refresh tokens: 92 bytes, the last before the data.
local flags_at, at = 30 + #h.user, h.offset - 91
if flags_at >= at or bit.band(string.byte(rec, flags_at), 4) == 0 then return {'token'} end
local current, rotated, current_hash, previous_hash = struct.unpack('>I4I8c32c32', rec, at)

if generation > current then return {'token'} end
if generation == current and hash == current_hash then
  local seen = math.max(h.seen, now)
  local ends = math.min(seen + h.idle, h.deadline)
  rec = string.sub(seen_at(rec, seen), 1, at - 1) ..
    struct.pack('>I4I8', current + 1, now) .. successor_hash .. current_hash .. nonce ..
    string.sub(rec, h.offset + 1)
  keep_alive(id, h, rec, ends)
  return {'ok', rec}
end
if generation + 1 == current and hash == previous_hash and now < rotated + grace then return {'ok', rec} end
return {'reuse', rec}
