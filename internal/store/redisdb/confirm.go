package redisdb

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
)

// A node confirms what it has heard when it is asked to. The question goes to a
// channel that it listens to on the same connection as the news, so that it gets
// the question after all news before. Who asks learns from Redis how many have
// got the question, which is how many nodes there are, and counts the answers.
//
// Counts are those of one server (of a cluster: confirm_cluster.go): a node that
// still hangs on the master of before a failover is neither asked nor counted, and
// anybody else who subscribes to the channel is counted and never answers.

const (
	// questionChannel, with the name of the ledger behind it, is where nodes
	// are asked: channels belong to the whole server, which others may use too.
	questionChannel = endedChannel + ":"
	// answerChannel, with the question behind it, is where they answer.
	answerChannel = endedChannel + ":heard:"
	// confirmWithin bounds the wait for answers.
	confirmWithin = 250 * time.Millisecond
	// maxQuestions is how many a node has waiting; it ignores more.
	maxQuestions = 64
)

// questions returns the channel on which the nodes of this store are asked.
func (s *Store) questions() string {
	return questionChannel + s.follows
}

// Confirm implements session.Store.
func (s *Store) Confirm(ctx context.Context) (nodes session.Nodes, err error) {
	ctx, cancel := context.WithTimeout(ctx, confirmWithin)
	defer cancel()
	conn, err := s.dialer.dial(ctx)
	if err != nil {
		return nodes, err
	}
	defer conn.Close()
	question := rand.Text()
	answers := redis.PubSubConn{Conn: conn}
	if err := answers.Subscribe(answerChannel + question); err != nil {
		return nodes, err
	}
	deadline, _ := ctx.Deadline()
	if err, failed := answers.ReceiveWithTimeout(time.Until(deadline)).(error); failed {
		return nodes, err
	}
	if nodes.Live, err = s.put(ctx, question); err != nil {
		return session.Nodes{}, err
	}
	heard := map[string]struct{}{} // a question may be put twice
	for len(heard) < nodes.Live {
		left := time.Until(deadline)
		if left <= 0 {
			break
		}
		answer, ok := answers.ReceiveWithTimeout(left).(redis.Message)
		if !ok {
			break
		}
		heard[string(answer.Data)] = struct{}{}
	}
	nodes.Confirmed = len(heard)
	return nodes, nil
}

// put asks the nodes and returns how many they are.
func (s *Store) put(ctx context.Context, question string) (asked int, err error) {
	if s.cluster == nil {
		err = s.client.do(ctx, func(c boundConn) (err error) {
			asked, err = redis.Int(c.eval(askScript, question))
			return err
		})
		return asked, err
	}
	name, err := s.cluster.ledgerName(ctx) // a command follows none itself
	if err != nil {
		return 0, err
	}
	return s.cluster.put(ctx, questionChannel+name, question)
}

// answering answers questions, beside the one who listens, whom a slow answer
// must not keep from the news.
type answering struct {
	questions chan string
	done      sync.WaitGroup
}

// answering begins to answer for one subscription. The way is past the gate, as
// for the news.
func (s *Store) answering(ctx context.Context) *answering {
	a := &answering{questions: make(chan string, maxQuestions)}
	do, name := s.pastGate(), rand.Text()
	a.done.Go(func() {
		for question := range a.questions {
			_ = do(ctx, func(c boundConn) error { // who asks does not wait for ever
				_, err := c.Do("PUBLISH", answerChannel+question, name)
				return err
			})
		}
	})
	return a
}

// give answers question in its turn.
func (a *answering) give(question string) {
	select {
	case a.questions <- question:
	default:
	}
}

// stop returns when nothing is answered any more.
func (a *answering) stop() {
	close(a.questions)
	a.done.Wait()
}
