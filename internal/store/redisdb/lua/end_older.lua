-- ARGV: epoch.All, epoch.User, id to keep, reason, now, keep, then ids. Ends
-- those begun before the epoch, whatever is in them if it cannot be read; the
-- kept one moves on to the epoch, unless somebody else has ended it (kept in
-- common.lua). Returns how many were alive.
local all, own, stays = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local reason, now, keep = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local ended = 0
for i = 7, #ARGV do
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
return ended
