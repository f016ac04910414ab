-- ARGV: tags. Returns the name of the server, as serverOf in dial.go has it, and how
-- far each of these shards is: three values, or none for one that is not here, or
-- not all of it. Only reads.
-- A key that is named by the tag alone never exists. So in a slot that is being
-- moved Redis does not say that it is missing, but that it may be elsewhere.
local info = redis.call('INFO', 'server', 'replication')
local reply = {string.match(info, 'run_id:(%w+)') .. string.match(info, 'master_replid:(%w+)') ..
  '/' .. string.match(redis.call('CLUSTER', 'INFO'), 'cluster_my_epoch:(%d+)')}
for i, t in ipairs(ARGV) do
  local p = {}
  if type(redis.pcall('EXISTS', t)) == 'number' then
    for j, name in ipairs({'seq', 'ledger', 'ending'}) do
      p[j] = redis.call('GET', name .. t) or ''
    end
  end
  reply[i + 1] = p
end
return reply
