package redisdb

import (
	"context"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
)

// Rotate implements session.Store.
func (s *Store) Rotate(ctx context.Context, x session.Rotate) (found session.Session, err error) {
	s = s.home(x.ID.Shard())
	var verdict error // on the token, which is no trouble with the server
	err = s.onMaster(ctx, x.ID, func(c boundConn) error {
		verdict = nil
		words, err := redis.ByteSlices(c.eval(rotateScript, packID(x.ID), x.Generation, x.Hash[:], x.Next[:], x.Nonce[:],
			x.Now.UnixMilli(), x.Grace.Milliseconds()))
		if err != nil {
			return err
		}
		switch string(words[0]) {
		case "ended":
			return errEnded
		case "unreadable":
			return session.ErrUnreadable
		case "token":
			verdict = session.ErrToken
			return nil
		case "reuse":
			verdict = session.ErrReuse
		}
		found, err = decodeRecord(x.ID, words[1])
		return err
	})
	if err != nil {
		return session.Session{}, err
	}
	return found, verdict
}
