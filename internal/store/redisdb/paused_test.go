package redisdb

import (
	"context"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
)

// OpenPaused is Open with pause called in front of every command that goes to
// the server, before the time that the command may take begins to run.
func OpenPaused(url string, longest time.Duration, pause func(step string)) *Store {
	d := pausedDialer{dialerFor(url), pause}
	return onServer(d, longest)
}

// LoadScripts makes the server know every script, so that none is run by its
// text and no command is sent twice.
func (s *Store) LoadScripts(ctx context.Context) error {
	return patiently(ctx, func() error {
		return s.client.do(ctx, func(c boundConn) error {
			for _, text := range scriptText {
				if _, err := c.Do("SCRIPT", "LOAD", text); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

type pausedDialer struct {
	dialer
	pause func(string)
}

func (d pausedDialer) dial(ctx context.Context) (redis.Conn, error) {
	conn, err := d.dialer.dial(ctx)
	if err != nil {
		return nil, err
	}
	return pausedConn{conn, d.pause}, nil
}

type pausedConn struct {
	redis.Conn
	pause func(string)
}

// Do implements redis.Conn.
func (c pausedConn) Do(cmd string, args ...any) (any, error) {
	c.wait(cmd, args)
	return c.Conn.Do(cmd, args...)
}

// DoWithTimeout implements redis.ConnWithTimeout.
func (c pausedConn) DoWithTimeout(d time.Duration, cmd string, args ...any) (any, error) {
	c.wait(cmd, args)
	return redis.DoWithTimeout(c.Conn, d, cmd, args...)
}

// ReceiveWithTimeout implements redis.ConnWithTimeout.
func (c pausedConn) ReceiveWithTimeout(d time.Duration) (any, error) {
	return redis.ReceiveWithTimeout(c.Conn, d)
}

// wait pauses in front of a command.
func (c pausedConn) wait(cmd string, args []any) {
	if cmd != "" { // flush on Close
		c.pause(stepOf(cmd, args))
	}
}

// stepOf returns a name for a command that has no ids in it.
func stepOf(cmd string, args []any) string {
	if cmd == "EVALSHA" {
		return scriptNames[args[0].(string)]
	}
	if len(args) > 0 {
		if key, ok := args[0].(string); ok && strings.Contains(key, ":") {
			return cmd + " " + key[:strings.Index(key, ":")+1]
		}
	}
	return cmd
}

// scriptNames is the name of the file of each script, by its hash.
var scriptNames = func() map[string]string {
	files, err := luaFiles.ReadDir("lua")
	if err != nil {
		panic(err)
	}
	names := map[string]string{}
	for _, file := range files {
		name := strings.TrimSuffix(file.Name(), ".lua")
		if name != "common" {
			names[redis.NewScript(0, source("common")+source(name)).Hash()] = name + ".lua"
		}
	}
	return names
}()
