package redisdb

import (
	"context"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// Warnings returns what about the server's set-up can log people out or bring
// ended sessions back, one sentence each; none if all is well.
func (s *Store) Warnings(ctx context.Context) (warnings []string, err error) {
	err = s.client.do(ctx, func(c boundConn) error {
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
		return nil
	})
	return warnings, err
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
