package measure

import (
	"context"
	"time"

	"github.com/alexedwards/scs/redisstore"
	"github.com/alexedwards/scs/v2"
	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/user"
)

// Stock returns a session manager as the documentation of scs and redisstore
// shows it, on the Redis at url, and what closes its connections. An idle of 0
// is no IdleTimeout.
func Stock(url string, idle time.Duration) (*scs.SessionManager, func() error) {
	pool := &redis.Pool{
		MaxIdle: 10,
		Dial:    func() (redis.Conn, error) { return redis.DialURL(url) },
	}
	sessions := scs.New()
	sessions.Store = redisstore.New(pool)
	sessions.IdleTimeout = idle
	sessions.Lifetime = Limits.Lifetime
	return sessions, pool.Close
}

// PutLogin keeps of a log-in of u what Gatehouse's record holds, without its
// times.
func PutLogin(ctx context.Context, sessions *scs.SessionManager, u user.User) {
	sessions.Put(ctx, "user", string(u.ID))
	sessions.Put(ctx, "username", u.Username)
	sessions.Put(ctx, "role", string(u.Role))
	sessions.Put(ctx, "ip", ClientIP.String())
	sessions.Put(ctx, "device", Device.String())
}

// FillStock starts a session for each number below n, of the user that owner
// returns for it, and returns the tokens.
func FillStock(sessions *scs.SessionManager, n int, owner func(int) user.User) ([]string, error) {
	tokens := make([]string, n)
	return tokens, parallel(n, func(i int) error {
		ctx, err := sessions.Load(context.Background(), "")
		if err != nil {
			return err
		}
		PutLogin(ctx, sessions, owner(i))
		tokens[i], _, err = sessions.Commit(ctx)
		return err
	})
}
