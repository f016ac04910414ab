package redisdb

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Warnings returns what about the server's set-up can log people out or bring
// ended sessions back, one sentence each; none if all is well.
func (s *Store) Warnings(ctx context.Context) (warnings []string, err error) {
	if s.cluster == nil {
		return warningsOf(ctx, s.client.do)
	}
	all, err := s.cluster.all(ctx)
	for _, one := range all {
		some, failed := warningsOf(ctx, one.client.do)
		err = errors.Join(err, failed)
		for _, w := range some {
			warnings = append(warnings, one.addr+": "+w)
		}
	}
	return warnings, err
}

// warningsOf is Warnings about one server.
func warningsOf(ctx context.Context, do func(context.Context, func(boundConn) error) error) (warnings []string, err error) {
	err = do(ctx, func(c boundConn) error {
		warnings = nil
		info, err := redis.String(c.Do("INFO"))
		if err != nil {
			return err
		}
		if policy := field(info, "maxmemory_policy"); policy != "noeviction" {
			warnings = append(warnings, "Redis may evict sessions when memory is short (maxmemory-policy "+policy+
				"): people would be logged out for no reason. Set maxmemory-policy noeviction.")
		}
		if field(info, "aof_enabled") != "1" {
			warnings = append(warnings, "Redis keeps no append-only file: a crash forgets recent log-ins and brings "+
				"back sessions that were ended since the last snapshot. Set appendonly yes.")
		}
		asked := time.Now()
		answer, err := redis.Int64s(c.Do("TIME")) // seconds, then microseconds
		if err != nil {
			return err
		}
		if w := clockWarning(time.Unix(answer[0], answer[1]*1000), asked, time.Now()); w != "" {
			warnings = append(warnings, w)
		}
		return nil
	})
	return warnings, err
}

// clocksAgree is how far apart clocks may be without a word.
const clocksAgree = 2 * time.Second

// clockWarning says that the clock of the server, which answered at some moment
// from asked to answered, is not that of this node; empty if it is near enough.
func clockWarning(server, asked, answered time.Time) string {
	off, side := asked.Sub(server), "ahead of"
	if late := server.Sub(answered); late > off {
		off, side = late, "behind"
	}
	if off <= clocksAgree {
		return ""
	}
	return "The clock of this node is " + off.Round(time.Second).String() + " " + side + " that of Redis: sessions may end " +
		"that much early or late. Set both by NTP."
}

// field returns the value of a line "name:value" of INFO.
func field(info, name string) string {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
