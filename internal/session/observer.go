package session

import "time"

// Observer is told what becomes of ends, for the figures that an operator
// watches. Its methods are called while somebody waits for the answer.
type Observer interface {
	// Ended: this program has ended n sessions, at least one, for this reason.
	Ended(why Reason, n int)
	// Confirmed: the nodes were asked whether they have heard of an end, and
	// took is the time from the call of the end to the last answer, or until
	// waiting for more was given up.
	Confirmed(nodes Nodes, took time.Duration)
}

// WithObserver has o told of every end.
func WithObserver(o Observer) Option {
	return func(m *Manager) { m.observer = o }
}

// tellEnded tells the observer, if there is one.
func (m *Manager) tellEnded(why Reason, n int) {
	if m.observer != nil && n > 0 {
		m.observer.Ended(why, n)
	}
}
