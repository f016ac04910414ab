package redisdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/internal/session"
)

// hearing is what a node knows of its ledger: the same for all servers that it
// holds against it.
type hearing struct {
	ledger session.Ledger
	name   string        // of the ledger, with layout; a server that follows another one is refused
	lease  time.Duration // how long head may be trusted without the ledger's word
	log    *slog.Logger

	mu    sync.Mutex
	head  int64     // newest entry of the ledger that this node knows of
	asked time.Time // when the ledger last told
	// silent: it did not answer when it was asked last.
	silent bool
	// due is the newest entry that was known one comparison ago. What came after
	// is being carried out at this moment: to do it a second time would be
	// harmless, but the one who does it would find it done, and say so.
	due     int64
	refused error // a server and the ledger do not belong together

	// turned counts what turnAway has turned away.
	turned atomic.Uint64

	// open is until when known has no objection, after started.
	open atomic.Int64
}

// notAhead refuses a server that has applied what the ledger does not know. A
// ledger that has only grown since we asked it, or does not answer now, is no
// reason. Of one that is silent the comparison every half second learns when it
// answers again; were each operation to ask, all would wait as long as it is away.
func (h *hearing) notAhead(ctx context.Context, p position) error {
	head, err := h.known()
	if err != nil || p.seq <= head || h.isSilent() {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, aheadTimeout)
	defer cancel()
	head, err = h.ask(ctx)
	switch {
	case errors.Is(err, ErrLedgerOlder):
		return err
	case err == nil && p.seq > head:
		return h.refuse(fmt.Errorf("%w: Redis has applied end %d, the database knows %d", ErrLedgerOlder, p.seq, head))
	}
	return nil
}

func (h *hearing) isSilent() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.silent
}

// ask asks the ledger how long it is.
func (h *hearing) ask(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, headTimeout)
	defer cancel()
	h.mu.Lock()
	before := h.head
	h.mu.Unlock()
	began := time.Now() // what the answer says was true then
	head, err := h.ledger.Head(ctx)
	h.mu.Lock()
	h.silent = err != nil
	h.mu.Unlock()
	if err != nil {
		return before, err
	}
	if head < before { // it only grows, unless an older copy has taken its place
		return before, h.refuse(fmt.Errorf("%w: it knows end %d, and has known %d", ErrLedgerOlder, head, before))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if began.After(h.asked) {
		h.asked = began
	}
	if h.refused == nil {
		h.open.Store(int64(h.asked.Add(h.lease).Sub(started)))
	}
	h.head = max(h.head, head)
	return h.head, nil
}

// known returns the newest entry this node knows of, or why nothing may be
// served.
func (h *hearing) known() (int64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.refused != nil:
		return 0, h.refused
	case time.Since(h.asked) > h.lease:
		return 0, errLease
	}
	return h.head, nil
}

// knows is known for those who come often: as a rule one number decides.
func (h *hearing) knows(now time.Time) error {
	if int64(now.Sub(started)) < h.open.Load() {
		return nil
	}
	_, err := h.known()
	return err
}

// refuse shuts the gate until the program is started again: which of the two is
// right is the operator's to say.
func (h *hearing) refuse(err error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refused == nil {
		h.refused = err
		h.open.Store(0)
		h.log.Error("no session can be checked until this is settled and the program restarted", "error", err.Error())
	}
	return err
}
