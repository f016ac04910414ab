package redisdb

import (
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
)

// positionsOf asks the server behind c how far it is with each shard of all that is
// in on. Of one that is missing in the answer it does not have all, or none.
func positionsOf(c redis.Conn, all []*Store, on shardSet) (map[session.Shard]position, error) {
	if all[0].keys == "" {
		p, err := positionOf(c, "")
		return map[session.Shard]position{0: p}, err
	}
	_, found, err := standingOf(c, on)
	return found, err
}

// standingOf asks a server of a cluster who it is, and how far with which shards of
// those in on.
func standingOf(c redis.Conn, on shardSet) (server string, found map[session.Shard]position, err error) {
	b, ok := c.(boundConn)
	if !ok {
		b = boundConn{Conn: c, deadline: time.Now().Add(opTimeout)}
	}
	b.tag = "" // the script is about all of them
	var args []any
	for shard, tag := range tags {
		if on.has(setOf(session.Shard(shard))) {
			args = append(args, string(tag))
		}
	}
	reply, err := redis.Values(b.eval(positionsScript, args...))
	if err != nil {
		return "", nil, err
	}
	if server, err = redis.String(reply[0], nil); err != nil {
		return "", nil, err
	}
	found = map[session.Shard]position{}
	for i, tag := range args {
		three, err := redis.Values(reply[i+1], nil)
		if err != nil {
			return "", nil, err
		}
		if len(three) > 0 {
			if found[shardOfTag[keys(tag.(string))]], err = scanPosition(three); err != nil {
				return "", nil, err
			}
		}
	}
	return server, found, nil
}
