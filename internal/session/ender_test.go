package session

import (
	"context"
	"testing"
	"time"
)

// pieces is a crowd that shares a database with its ledger, and notes how many
// end at once.
type pieces struct {
	*crowd
	sizes []int
}

func (p *pieces) Records(Ledger) bool { return true }
func (p *pieces) AtOnce() int         { return 7 }

func (p *pieces) EndRecorded(_ context.Context, ids []ID, _ Why, _ time.Time) (int, error) {
	p.sizes = append(p.sizes, len(ids))
	return len(ids), nil
}

func (p *pieces) RenewRecorded(context.Context, Session, Session, Why) error { return nil }

// Who ends very many does it in pieces as large as the store wants them: others
// wait for each.
func TestEndOfManyComesInPieces(t *testing.T) {
	p := &pieces{crowd: &crowd{n: 100}}
	m := NewManager(p, nil, Limits{}, time.Now)
	if _, err := m.EndWhere(t.Context(), Filter{Text: "u"}, Why{Reason: Forced}); err != nil {
		t.Fatal(err)
	}
	ended := 0
	for _, n := range p.sizes {
		if ended += n; n > p.AtOnce() {
			t.Fatalf("%d at once, want at most %d", n, p.AtOnce())
		}
	}
	if ended < p.n {
		t.Errorf("%d ended of %d", ended, p.n)
	}
}
