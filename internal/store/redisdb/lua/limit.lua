-- ARGV: key, now, ms per try, burst. The generic cell rate algorithm (GCRA): one
-- number per key, the theoretical arrival time of the next conforming try.
-- Returns 0 and reserves the try, or the ms to wait and changes nothing.
local key, now = 'r:' .. tag .. ARGV[1], tonumber(ARGV[2])
local every, burst = tonumber(ARGV[3]), tonumber(ARGV[4])
local tat = math.max(tonumber(redis.call('GET', key) or '0'), now)
local wait = tat - every * (burst - 1) - now
if wait > 0 then return math.ceil(wait) end
redis.call('SET', key, string.format('%.0f', tat + every), 'PX', math.ceil(tat + every - now))
return 0
