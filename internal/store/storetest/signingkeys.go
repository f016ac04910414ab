package storetest

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/session"
	"gatehouse/internal/token"
	"gatehouse/internal/user"
)

// RunSigningKeys holds a backend to the contract of token.Keys. open is called
// once per test and returns an empty store and the same by way of another node.
func RunSigningKeys(t *testing.T, open func(t *testing.T) (here, there token.Keys)) {
	for name, test := range map[string]func(*testing.T, token.Keys, token.Keys){
		"KeysComeBack":               keysComeBack,
		"OneOfManyAddsTheNextKey":    oneAddsTheNextKey,
		"NodesThatStartAtOnceAgree":  nodesAgree,
		"NodesRotateOnce":            nodesRotateOnce,
		"RevokedIsGone":              revokedIsGone,
		"StrangeIDsAreNoKeysOfAnyID": strangeIDs,
	} {
		t.Run(name, func(t *testing.T) {
			here, there := open(t)
			test(t, here, there)
		})
	}
}

func someKey(id string, seq int64) token.Key {
	return token.Key{ID: id, Seq: seq, Alg: token.ES256, Public: []byte{0, 255, byte(seq)}, Private: []byte{1, 0, byte(seq)},
		Created: at, Signs: at.Add(5 * time.Minute)}
}

func keysComeBack(t *testing.T, here, there token.Keys) {
	ctx := context.Background()
	none, err := here.List(ctx)
	must(t, err)
	if len(none) != 0 {
		t.Errorf("an empty store has %d keys", len(none))
	}
	want := []token.Key{someKey("b", 1), someKey("a", 2)}
	for _, k := range []token.Key{want[1], want[0]} {
		must(t, here.Add(ctx, k))
	}
	for _, k := range []token.Key{someKey("c", 2), someKey("a", 3)} { // a number, an id that are in use
		if err := there.Add(ctx, k); !errors.Is(err, token.ErrKeyTaken) {
			t.Errorf("%s, %d: %v", k.ID, k.Seq, err)
		}
	}
	got, err := there.List(ctx)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func oneAddsTheNextKey(t *testing.T, here, there token.Keys) {
	const n = 20
	added := 0
	for _, err := range race(n, func(i int) error {
		return []token.Keys{here, there}[i%2].Add(context.Background(), someKey(string(rune('a'+i)), 1))
	}) {
		switch {
		case err == nil:
			added++
		case !errors.Is(err, token.ErrKeyTaken):
			t.Error(err)
		}
	}
	list, err := here.List(context.Background())
	must(t, err)
	if added != 1 || len(list) != 1 {
		t.Errorf("%d of %d added, %d are there", added, n, len(list))
	}
}

// ring is a node's.
func ring(keys token.Keys, now func() time.Time) *token.Keyring {
	return token.NewKeyring(token.KeyringConfig{Keys: keys, Alg: token.EdDSA, Rotation: 30 * 24 * time.Hour, Log: slog.New(slog.DiscardHandler), Now: now})
}

func nodesAgree(t *testing.T, here, there token.Keys) {
	ctx := context.Background()
	const n = 12
	nodes := make([]*token.Keyring, n)
	for _, err := range race(n, func(i int) error {
		keys := []token.Keys{here, there}[i%2]
		nodes[i] = ring(keys, func() time.Time { return at })
		return nodes[i].Start(ctx, keys)
	}) {
		must(t, err)
	}
	list, err := here.List(ctx)
	must(t, err)
	if len(list) != 1 {
		t.Fatalf("%d keys after %d nodes have started at once", len(list), n)
	}
	parties := token.Parties{Issuer: "https://id.example", Audience: "https://api.example"}
	issuer, err := token.NewIssuer(nodes[0], parties, time.Minute)
	must(t, err)
	s := session.Session{ID: session.IDOf("x"), User: user.NewID(), Role: user.RoleUser, Deadline: at.Add(time.Hour)}
	text, _, err := issuer.Issue(s)
	must(t, err)
	for i, node := range nodes {
		verifier, err := token.NewVerifier(node, parties, 0)
		must(t, err)
		if c, err := verifier.Verify(ctx, text); err != nil || c.Session != s.ID || c.User != s.User {
			t.Errorf("node %d: %+v, %v", i, c, err)
		}
	}
}

func nodesRotateOnce(t *testing.T, here, there token.Keys) {
	ctx := context.Background()
	now := at
	nodes := []*token.Keyring{ring(here, func() time.Time { return now }), ring(there, func() time.Time { return now })}
	for _, n := range nodes {
		must(t, n.Start(ctx, here))
	}
	now = at.Add(30 * 24 * time.Hour)
	for _, err := range race(8, func(i int) error { return nodes[i%2].Maintain(ctx) }) {
		must(t, err)
	}
	list, err := here.List(ctx)
	must(t, err)
	if len(list) != 2 {
		t.Errorf("%d keys after a rotation, want 2", len(list))
	}
}

func revokedIsGone(t *testing.T, here, there token.Keys) {
	ctx := context.Background()
	must(t, ring(here, func() time.Time { return at }).Start(ctx, here))
	before, err := here.List(ctx)
	must(t, err)
	next, err := token.Revoke(ctx, there, nil, before[0].ID, at)
	must(t, err)
	after, err := here.List(ctx)
	must(t, err)
	if len(after) != 1 || after[0].ID != next.ID || next.ID == before[0].ID {
		t.Errorf("after revoking %s there are %d keys, the next is %s", before[0].ID, len(after), next.ID)
	}
	if _, err := token.Revoke(ctx, here, nil, before[0].ID, at); !errors.Is(err, token.ErrNoKey) {
		t.Errorf("revoked again: %v", err)
	}
}

func strangeIDs(t *testing.T, here, _ token.Keys) {
	ctx := context.Background()
	must(t, here.Add(ctx, someKey("a", 1)))
	for _, id := range []string{"", "A", "a ", "a\x00", "\xff", "' OR '1'='1", "%", "_"} {
		if gone, err := here.Delete(ctx, id); gone || err != nil {
			t.Errorf("%q: %t, %v", id, gone, err)
		}
	}
	if gone, err := here.Delete(ctx, "a"); !gone || err != nil {
		t.Errorf("a: %t, %v", gone, err)
	}
	if gone, err := here.Delete(ctx, "a"); gone || err != nil {
		t.Errorf("a again: %t, %v", gone, err)
	}
}
