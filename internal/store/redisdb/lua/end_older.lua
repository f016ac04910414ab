-- ARGV: epoch.All, epoch.User, id to keep, reason, now, keep, key of a count or
-- '', ms to remember that, then ids. Ends those begun before the epoch, whatever
-- is in them if it cannot be read; the kept one moves on to the epoch, unless
-- somebody else has ended it (kept in common.lua). Returns how many were alive,
-- with a count what that has grown to: if an answer is lost, the next has it all.
local all, own, stays = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local reason, now, keep = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local count, remember = ARGV[7], ARGV[8]
local ended = 0
for i = 9, #ARGV do
  local id = ARGV[i]
  local rec = get(id)
  if rec then
    local h = head(rec)
    if h and id == stays and h.all >= all and kept(h, own) then
      move_on(id, h, own)
    elseif not h or h.all < all or h.own < own then
      ended = ended + kill(id, rec, for_good(reason), now, keep)
    end
  end
end
if count == '' then return ended end
local total = redis.call('INCRBY', count, ended)
redis.call('PEXPIRE', count, remember)
return total
