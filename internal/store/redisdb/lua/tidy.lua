-- ARGV: user, then ids seen in the index without a record. Drops from the index
-- those that still have none.
for i = 2, #ARGV do
  if redis.call('EXISTS', session_key(ARGV[i])) == 0 then
    redis.call('ZREM', index_key(ARGV[1]), ARGV[i])
  end
end
return 0
