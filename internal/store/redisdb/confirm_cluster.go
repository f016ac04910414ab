package redisdb

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
)

// In a cluster a node listens to one master, and hears from it what is published on
// any: the servers pass it on to each other, in order between each two and in none
// between three. So a question is published on every master, and a node answers when
// it has got it from all: then it has got all news that was published before it.

// dial opens a connection to any master that is in good standing.
func (c *cluster) dial(ctx context.Context) (redis.Conn, error) {
	all, err := c.all(ctx)
	if err != nil {
		return nil, err
	}
	err = errNoCluster
	for _, i := range rand.Perm(len(all)) {
		var conn redis.Conn
		if conn, err = (member{c, all[i].addr}).dial(ctx); err != nil {
			continue
		}
		var info string
		if info, err = redis.String(boundTo(ctx, conn).Do("CLUSTER", "INFO")); err == nil && field(info, "cluster_state") == "ok" {
			return conn, nil
		}
		conn.Close()
		err = errors.Join(err, errNoCluster)
	}
	return nil, err
}

// put asks the nodes that listen to channel, on every master, and returns how many
// they are.
func (c *cluster) put(ctx context.Context, channel, question string) (asked int, err error) {
	_ = c.refresh(ctx, time.Now().Add(-clusterMemory)) // a master that has been replaced is not asked
	all, err := c.all(ctx)
	if err != nil {
		return 0, err
	}
	for _, addr := range c.everybody() {
		n, err := c.listeners(ctx, addr, channel)
		if err != nil {
			continue // nobody can listen there who would be told anything
		}
		asked += n
	}
	for i, s := range all {
		err := s.raw.do(ctx, func(b boundConn) error {
			_, err := b.Do("PUBLISH", channel, part(question, i, len(all)))
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	return asked, nil
}

// everybody returns the addresses of masters and replicas.
func (c *cluster) everybody() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string{}, c.members...)
}

// listeners returns how many listen to channel on one server.
func (c *cluster) listeners(ctx context.Context, addr, channel string) (n int, err error) {
	c.mu.Lock()
	s := c.server(addr)
	c.mu.Unlock()
	err = s.raw.do(ctx, func(b boundConn) error {
		reply, err := redis.Values(b.Do("PUBSUB", "NUMSUB", channel))
		if err == nil {
			_, err = redis.Scan(reply, new(string), &n)
		}
		return err
	})
	return n, err
}

// part is the ith of n parts of a question.
func part(question string, i, n int) string { return fmt.Sprintf("%s %d/%d", question, i, n) }

// parts collects the parts of questions.
type parts map[string]map[int]bool

// add returns the question if text is its last part, or all of it.
func (p parts) add(text string) (question string, whole bool) {
	question, place, inParts := strings.Cut(text, " ")
	if !inParts {
		return text, true
	}
	i, n, _ := strings.Cut(place, "/")
	number, err1 := strconv.Atoi(i)
	of, err2 := strconv.Atoi(n)
	if err1 != nil || err2 != nil || number < 0 || number >= of {
		return "", false
	}
	if len(p) >= maxQuestions && p[question] == nil {
		clear(p) // nobody waits for so long
	}
	if p[question] == nil {
		p[question] = map[int]bool{}
	}
	if p[question][number] = true; len(p[question]) < of {
		return "", false
	}
	delete(p, question)
	return question, true
}

// any returns the way past the gate to any server that answers.
func (c *cluster) any(ctx context.Context, f func(boundConn) error) error {
	all, err := c.all(ctx)
	if err != nil {
		return err
	}
	err = errNoCluster
	for _, i := range rand.Perm(len(all)) {
		if err = all[i].raw.do(ctx, f); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

func isUnavailable(err error) bool { return errors.Is(err, session.ErrUnavailable) }
