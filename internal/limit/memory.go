package limit

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// MaxKeys is how many keys [Memory] remembers unless told otherwise: some
// 10 MB.
const MaxKeys = 50_000

// Memory is the limiter of one process. It is safe for use by several
// goroutines.
//
// It is written out because throttled's memory store does not fit: under
// contention it gives up after ten attempts, and when full it forgets the key
// unseen for longest, so that a stranger could wash away a drained bucket by
// trying many keys. Memory forgets the bucket that is soonest full again.
type Memory struct {
	now     func() time.Time
	maxKeys int

	mu      sync.Mutex
	buckets map[string]*bucket
	drained drained
}

// bucket is the state of GCRA for one key.
type bucket struct {
	key string
	// full is GCRA's theoretical arrival time: when the whole burst will be
	// available again. From then on the bucket says nothing.
	full time.Time
	at   int // index in the heap
}

// NewMemory returns a Memory that remembers at most maxKeys keys (0: MaxKeys)
// by the clock now.
func NewMemory(maxKeys int, now func() time.Time) *Memory {
	if maxKeys <= 0 {
		maxKeys = MaxKeys
	}
	return &Memory{now: now, maxKeys: maxKeys, buckets: map[string]*bucket{}}
}

var _ Limiter = (*Memory)(nil)

// Take implements [Limiter]. Its only error is the context's.
func (m *Memory) Take(ctx context.Context, r Rule, key string) (time.Duration, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	key = r.Name + "\x00" + key
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.forgetFull(now)

	b := m.buckets[key]
	full := now
	if b != nil && b.full.After(now) {
		full = b.full
	}
	full = full.Add(r.Every)
	if wait := full.Sub(now) - time.Duration(r.Burst)*r.Every; wait > 0 {
		return wait, nil
	}
	if b == nil {
		m.add(&bucket{key: key, full: full})
	} else {
		b.full = full
		heap.Fix(&m.drained, b.at)
	}
	return 0, nil
}

func (m *Memory) forgetFull(now time.Time) {
	for len(m.drained) > 0 && !m.drained[0].full.After(now) {
		m.forgetFirst()
	}
}

func (m *Memory) add(b *bucket) {
	if len(m.drained) >= m.maxKeys {
		m.forgetFirst()
	}
	m.buckets[b.key] = b
	heap.Push(&m.drained, b)
}

func (m *Memory) forgetFirst() {
	b := heap.Pop(&m.drained).(*bucket)
	delete(m.buckets, b.key)
}

// drained is a heap of buckets, the one that is full again soonest first.
type drained []*bucket

func (d drained) Len() int           { return len(d) }
func (d drained) Less(i, j int) bool { return d[i].full.Before(d[j].full) }
func (d drained) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].at, d[j].at = i, j
}

func (d *drained) Push(x any) {
	b := x.(*bucket)
	b.at = len(*d)
	*d = append(*d, b)
}

func (d *drained) Pop() any {
	last := len(*d) - 1
	b := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	return b
}
