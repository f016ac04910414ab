-- ARGV: ms. Notes for so long that the end of everyone is being carried out, on
-- this server and this history of its data: a copy of the note, on a replica or
-- in a snapshot, is worth nothing. See serverOf in dial.go.
local info = redis.call('INFO', 'server', 'replication')
local server = string.match(info, 'run_id:(%w+)') .. string.match(info, 'master_replid:(%w+)')
redis.call('SET', one_key('ending'), server, 'PX', ARGV[1])
return 1
