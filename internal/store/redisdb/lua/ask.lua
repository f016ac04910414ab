-- ARGV: question. Asks the nodes of the ledger that this database follows, and
-- returns how many have been asked.
return redis.call('PUBLISH', 'ended:' .. (redis.call('GET', one_key('ledger')) or ''), ARGV[1])
