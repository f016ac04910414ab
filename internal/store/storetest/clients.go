package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/oauth"
)

// RunClients holds a backend to the contract of oauth.Clients. open is called
// once per test and returns an empty store and the same by way of another node.
func RunClients(t *testing.T, open func(t *testing.T) (here, there oauth.Clients)) {
	for name, test := range map[string]func(*testing.T, oauth.Clients, oauth.Clients){
		"ClientsComeBack":        clientsComeBack,
		"OneOfManyGetsTheID":     oneGetsTheID,
		"DeletedClientsAreOut":   deletedClientsAreOut,
		"StrangeIDsAreNoClients": strangeClients,
	} {
		t.Run(name, func(t *testing.T) {
			here, there := open(t)
			test(t, here, there)
		})
	}
}

// newClient returns a client with what opens it.
func newClient(t *testing.T, id string) (oauth.Client, string) {
	t.Helper()
	c, secret, err := oauth.NewClient(id, at.Add(123*time.Millisecond))
	must(t, err)
	return c, secret
}

func clientsComeBack(t *testing.T, here, there oauth.Clients) {
	ctx := context.Background()
	none, err := here.List(ctx)
	must(t, err)
	if len(none) != 0 {
		t.Errorf("an empty store has %d clients", len(none))
	}
	b, secret := newClient(t, "b.example")
	a, _ := newClient(t, "a_2")
	must(t, here.Add(ctx, b))
	must(t, there.Add(ctx, a))
	got, err := there.List(ctx)
	must(t, err)
	if diff := cmp.Diff([]oauth.Client{a, b}, got); diff != "" {
		t.Error(diff)
	}
	one, err := there.ByID(ctx, "b.example")
	must(t, err)
	if diff := cmp.Diff(b, one); diff != "" {
		t.Error(diff)
	}
	if _, err := oauth.Authenticate(ctx, there, b.ID, secret); err != nil {
		t.Errorf("its own secret: %v", err)
	}
	if _, err := oauth.Authenticate(ctx, there, a.ID, secret); !errors.Is(err, oauth.ErrCredentials) {
		t.Errorf("another one's secret: %v", err)
	}
}

func oneGetsTheID(t *testing.T, here, there oauth.Clients) {
	ctx := context.Background()
	const n = 12
	all := make([]oauth.Client, n)
	for i := range all {
		all[i], _ = newClient(t, "reports")
	}
	added := -1
	for i, err := range race(n, func(i int) error { return []oauth.Clients{here, there}[i%2].Add(ctx, all[i]) }) {
		switch {
		case err == nil && added < 0:
			added = i
		case !errors.Is(err, oauth.ErrTaken):
			t.Errorf("%d: %v, and %d was added", i, err, added)
		}
	}
	got, err := there.List(ctx)
	must(t, err)
	if added < 0 || len(got) != 1 || got[0] != all[added] {
		t.Errorf("%d was added, the store has %v", added, got)
	}
}

func deletedClientsAreOut(t *testing.T, here, there oauth.Clients) {
	ctx := context.Background()
	c, secret := newClient(t, "reports")
	must(t, here.Add(ctx, c))
	gone, err := here.Delete(ctx, c.ID)
	must(t, err)
	if !gone {
		t.Error("it was not there")
	}
	if _, err := oauth.Authenticate(ctx, there, c.ID, secret); !errors.Is(err, oauth.ErrCredentials) {
		t.Errorf("a deleted client: %v", err)
	}
	gone, err = there.Delete(ctx, c.ID)
	must(t, err)
	if gone {
		t.Error("deleted twice")
	}
	// The id is free again, and the old secret stays worthless.
	next, _ := newClient(t, c.ID)
	must(t, there.Add(ctx, next))
	if _, err := oauth.Authenticate(ctx, here, c.ID, secret); !errors.Is(err, oauth.ErrCredentials) {
		t.Errorf("the secret before: %v", err)
	}
}

func strangeClients(t *testing.T, here, _ oauth.Clients) {
	ctx := context.Background()
	c, _ := newClient(t, "a")
	must(t, here.Add(ctx, c))
	for _, id := range []string{"", "A", "a ", "a\x00", "\xff", "' OR '1'='1", "%", "_"} {
		if _, err := here.ByID(ctx, id); !errors.Is(err, oauth.ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
		if gone, err := here.Delete(ctx, id); gone || err != nil {
			t.Errorf("delete %q: %t, %v", id, gone, err)
		}
	}
}
