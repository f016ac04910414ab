-- ARGV: user, then ids seen in the index without a record. Drops from the index
-- those that still have none.
for i = 2, #ARGV do
  if redis.call('EXISTS', 's:' .. ARGV[i]) == 0 then
    redis.call('ZREM', 'u:' .. ARGV[1], ARGV[i])
  end
end
return 0
