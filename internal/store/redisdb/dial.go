package redisdb

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// dialer opens connections to the server that keeps the sessions now: always
// the one that a URL names, or the master of the moment.
type dialer interface {
	dial(ctx context.Context) (redis.Conn, error)
	// onChange has f called when connections from here on lead elsewhere.
	onChange(f func())
	// confirm makes sure that any such change up to now has been noticed, and
	// returns an error if one is about to come.
	confirm(ctx context.Context) error
}

func dialerFor(url string) dialer {
	if strings.HasPrefix(url, sentinelScheme) {
		return newSentinels(url)
	}
	return oneServer(url)
}

// oneServer is the URL of a server that stays where it is.
type oneServer string

func (raw oneServer) dial(ctx context.Context) (redis.Conn, error) {
	u, err := url.Parse(string(raw))
	if err != nil {
		return nil, errURL
	}
	wire := wireDialer{}
	if u.Scheme == "rediss" {
		u.Scheme, wire.secure = "redis", true
	}
	return wire.wired(redis.DialURLContext(ctx, u.String(), dialWithin(redis.DialContextFunc(wire.dial))...))
}

func (oneServer) onChange(func()) {}

func (oneServer) confirm(context.Context) error { return nil }

// dialWithin bounds what a connection may take where the operation does not.
func dialWithin(more ...redis.DialOption) []redis.DialOption {
	return append(more,
		redis.DialReadTimeout(opTimeout),
		redis.DialWriteTimeout(opTimeout))
}

// errReplica: the server only copies another one. What it is told it refuses,
// and what it says may be old.
var errReplica = errors.New("redisdb: the server is not a master")

// ErrOldRedis: the server lacks commands and options that the program needs (PEXPIREAT
// with GT and NX, EVALSHA_RO, PEXPIRETIME).
var ErrOldRedis = errors.New("redisdb: Redis 7.0 or newer is needed")

const oldestRedis = 7

// newEnough returns ErrOldRedis if INFO names an older version. What names none,
// or nothing like a version, is tried. Valkey names the version of Redis that it
// stands for.
func newEnough(info string) error {
	version := field(info, "redis_version")
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err != nil || n >= oldestRedis {
		return nil
	}
	return fmt.Errorf("%w: this is %s", ErrOldRedis, version)
}

// oldAt adds to an ErrOldRedis which server it is.
func oldAt(addr string, err error) error {
	if errors.Is(err, ErrOldRedis) {
		return fmt.Errorf("%w, at %s", err, addr)
	}
	return err
}

// serverOf names the server behind c and the history of its data: another name
// means that ends it once knew may be missing. errReplica if it is no master,
// ErrOldRedis if it cannot be used, which costs no question of its own. In a
// cluster the name is another one also when a shard has left the server and come
// back: whoever takes over a slot has a greater epoch than the one before.
func serverOf(c redis.Conn) (string, error) {
	info, err := redis.String(c.Do("INFO", "server", "replication"))
	if err != nil && strings.HasPrefix(err.Error(), "ERR syntax error") { // an old one tells one section at a time
		if one, failed := redis.String(c.Do("INFO", "server")); failed == nil && newEnough(one) != nil {
			err = newEnough(one)
		}
	}
	if err == nil {
		err = newEnough(info)
	}
	if err != nil {
		return "", err
	}
	if field(info, "role") != "master" {
		return "", errReplica
	}
	server := field(info, "run_id") + field(info, "master_replid")
	if field(info, "redis_mode") != "cluster" {
		return server, nil
	}
	if info, err = redis.String(c.Do("CLUSTER", "INFO")); err != nil {
		return "", err
	}
	return server + "/" + field(info, "cluster_my_epoch"), nil
}

// processOf takes from the name of a server what a note about an end of everyone
// has of it.
func processOf(server string) string {
	process, _, _ := strings.Cut(server, "/")
	return process
}
