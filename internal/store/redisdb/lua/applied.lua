-- ARGV: first, last. Notes that the ledger's entries first to last have been
-- applied, if all before them have been. Returns the last entry applied.
local seq = tonumber(redis.call('GET', one_key('seq')) or '0')
local first, last = tonumber(ARGV[1]), tonumber(ARGV[2])
if first <= seq + 1 and last > seq then
  redis.call('SET', one_key('seq'), ARGV[2])
  seq = last
end
return seq
