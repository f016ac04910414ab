package user

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"runtime"
	"sync/atomic"

	"golang.org/x/crypto/argon2"
)

// HasherConfig says how passwords are hashed. Zero fields mean the default.
type HasherConfig struct {
	Params     Params // default DefaultParams
	Concurrent int    // hashes computed at once; default one per two CPUs that Go may use, at least 1 and at most 4
	Waiting    int    // callers waiting for their turn before ErrBusy; default 64; negative: none
	Derive     Derive // where they are computed; default Argon2id, in this process
}

// Derive computes the argon2id key (RFC 9106) of password and salt at the costs p;
// of p.KeyLen bytes. It is called by several goroutines at once.
type Derive func(password, salt []byte, p Params) []byte

// Argon2id is the [Derive] that computes where it is called.
func Argon2id(password, salt []byte, p Params) []byte {
	return argon2.IDKey(password, salt, p.Time, p.Memory, p.Threads, p.KeyLen)
}

// Hasher computes and compares password hashes (argon2id), few at a time:
// each takes tens of milliseconds of a CPU and the memory of its Params, so
// without a bound a burst of log-ins would take the machine down. It is safe
// for use by several goroutines.
type Hasher struct {
	params  Params
	permits chan struct{}
	waiting atomic.Int64
	refused atomic.Uint64
	queue   int64
	decoy   phc
	derive  Derive
}

// NewHasher returns a Hasher. It refuses parameters that it would not accept
// from a store either.
func NewHasher(c HasherConfig) (*Hasher, error) {
	if c.Params == (Params{}) {
		c.Params = DefaultParams
	}
	if c.Concurrent <= 0 {
		// Half of the machine: a hash keeps a CPU busy for tens of milliseconds,
		// and who is signed in must not have to wait for one while strangers
		// log in. GOMAXPROCS knows of a container's limit, NumCPU does not.
		c.Concurrent = min(max(1, runtime.GOMAXPROCS(0)/2), 4)
	}
	if c.Waiting == 0 {
		c.Waiting = 64
	}
	if c.Derive == nil {
		c.Derive = Argon2id
	}
	if !c.Params.Usable() {
		return nil, errors.New("user: hash parameters are out of bounds")
	}
	return &Hasher{
		params:  c.Params,
		permits: make(chan struct{}, c.Concurrent),
		queue:   int64(max(c.Waiting, 0)),
		// A random key is as good as a computed one: no password leads to it.
		decoy:  phc{c.Params, randomBytes(c.Params.SaltLen), randomBytes(c.Params.KeyLen)},
		derive: c.Derive,
	}, nil
}

// Hash returns a new PHC string for password. ErrBusy, or the context's error
// if that ends before the turn comes.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	out := phc{Params: h.params, salt: randomBytes(h.params.SaltLen)}
	key, err := h.compute(ctx, password, out)
	if err != nil {
		return "", err
	}
	out.key = key
	return out.String(), nil
}

// Verify reports whether stored, a PHC string, is a hash of password. It
// computes exactly one hash, also when stored is not usable (then it returns
// an error besides) and when it is [Hasher.Decoy]. Otherwise errors are those
// of Hash.
func (h *Hasher) Verify(ctx context.Context, password, stored string) (bool, error) {
	want, bad := parsePHC(stored)
	if bad != nil {
		want = h.decoy
	}
	key, err := h.compute(ctx, password, want)
	if err != nil {
		return false, err
	}
	same := subtle.ConstantTimeCompare(key, want.key) == 1
	return same && bad == nil, bad
}

// Decoy returns a PHC string that no password matches and that costs as much
// to verify as any other: what to verify against when there is no account, so
// that the answer takes equally long.
func (h *Hasher) Decoy() string { return h.decoy.String() }

// NeedsRehash reports whether stored was computed at lower costs than those of
// today.
func (h *Hasher) NeedsRehash(stored string) bool {
	got, err := parsePHC(stored)
	return err == nil && got.lowerThan(h.params)
}

// HashQueue is what a Hasher has to do at one moment.
type HashQueue struct {
	Running int    // hashes being computed
	Waiting int    // callers waiting for their turn
	Refused uint64 // callers that got ErrBusy, since the start
}

// Queue returns what h has to do now.
func (h *Hasher) Queue() HashQueue {
	// Who is being refused counts as waiting for a moment.
	waiting := min(h.waiting.Load(), h.queue)
	return HashQueue{Running: len(h.permits), Waiting: int(waiting), Refused: h.refused.Load()}
}

// compute waits for its turn and computes. The permit is held until the work
// is done: argon2 cannot be interrupted, so giving the permit back when a
// client has gone would let another hash start beside this one.
func (h *Hasher) compute(ctx context.Context, password string, p phc) ([]byte, error) {
	if err := h.acquire(ctx); err != nil {
		return nil, err
	}
	defer func() { <-h.permits }()
	return h.derive([]byte(password), p.salt, p.Params), nil
}

func (h *Hasher) acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case h.permits <- struct{}{}:
		return nil
	default:
	}
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > h.queue {
		h.refused.Add(1)
		return ErrBusy
	}
	select {
	case h.permits <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func randomBytes(n uint32) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails (crypto/rand)
	return b
}
