package redisdb

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
)

// OpenPaused is Open with pause called in front of every command that goes to
// the server, before the time that the command may take begins to run.
func OpenPaused(url string, longest time.Duration, pause func(step string)) *Store {
	if strings.HasPrefix(url, clusterScheme) {
		c := newCluster(url, longest)
		c.wrap = func(addr string, conn redis.Conn) redis.Conn { return pausedConn{conn, pause, addr} }
		return onCluster(c)
	}
	d := pausedDialer{dialerFor(url), pause}
	return onServer(d, longest)
}

// LoadScripts makes the server know every script, so that none is run by its
// text and no command is sent twice.
func (s *Store) LoadScripts(ctx context.Context) error {
	load := func(c boundConn) error {
		for _, text := range scriptText {
			if _, err := c.Do("SCRIPT", "LOAD", text); err != nil {
				return err
			}
		}
		return nil
	}
	return patiently(ctx, func() error {
		if s.cluster == nil {
			return s.client.do(ctx, load)
		}
		all, err := s.cluster.all(ctx)
		for _, one := range all {
			err = errors.Join(err, one.client.do(ctx, load))
		}
		return err
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
	return pausedConn{conn, d.pause, ""}, nil
}

type pausedConn struct {
	redis.Conn
	pause func(string)
	addr  string // in a cluster
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
		step := stepOf(cmd, args)
		if c.addr != "" {
			step += " @" + c.addr + tagIn(cmd, args)
		}
		c.pause(step)
	}
}

func isScript(cmd string) bool { return cmd == evalCommand || cmd == lookCommand }

// stepOf returns a name for a command that has no ids in it.
func stepOf(cmd string, args []any) string {
	if isScript(cmd) {
		return scriptNames[args[0].(string)]
	}
	if len(args) > 0 {
		if key, ok := args[0].(string); ok && strings.Contains(key, ":") {
			return cmd + " " + key[:strings.Index(key, ":")+1]
		}
	}
	return cmd
}

// tagIn returns " " and the tag of the shard that a command is about, if it is about
// one.
func tagIn(cmd string, args []any) string {
	for i, arg := range args {
		text, _ := arg.(string)
		open, end := strings.IndexByte(text, '{'), strings.IndexByte(text, '}')
		if isScript(cmd) && (i != 2 || args[1] != 1) {
			continue
		}
		if open >= 0 && end > open && (i == 0 || i == 2) && cmd != "SCAN" {
			return " " + text[open:end+1]
		}
	}
	return ""
}

// scriptNames is the name of the file of each script, by its hash.
var scriptNames = func() map[string]string {
	files, err := luaFiles.ReadDir("lua")
	if err != nil {
		panic(err)
	}
	names := map[string]string{}
	for s, text := range scriptText {
		for _, file := range files {
			if strings.HasSuffix(text, source(strings.TrimSuffix(file.Name(), ".lua"))) {
				names[s.Hash()] = file.Name()
			}
		}
	}
	return names
}()
