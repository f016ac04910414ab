package oauth

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

var at = time.Date(2026, 11, 21, 8, 4, 0, 123456789, time.UTC)

// one is a store of one client, or one that is away.
type one struct {
	Client
	err   error
	asked *int
}

func (o one) ByID(_ context.Context, id string) (Client, error) {
	*o.asked++
	if o.err == nil && id != o.ID {
		return Client{}, ErrNotFound
	}
	return o.Client, o.err
}

func (one) Add(context.Context, Client) error            { panic("not asked for") }
func (one) List(context.Context) ([]Client, error)       { panic("not asked for") }
func (one) Delete(context.Context, string) (bool, error) { panic("not asked for") }

func TestNewClientMakesADifferentSecretEachTime(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		c, secret, err := NewClient("reports", at)
		if err != nil || c.ID != "reports" || !c.Created.Equal(at.Truncate(time.Millisecond)) {
			t.Fatalf("%+v, %v", c, err)
		}
		if len(secret) != secretChars || seen[secret] || strings.Contains(string(c.Hash[:]), secret) {
			t.Fatalf("secret %q", secret)
		}
		seen[secret] = true
	}
}

func TestIDs(t *testing.T) {
	for _, id := range []string{"a", "7", "reports", "api.example.com", "a-b_c.d", strings.Repeat("a", MaxID)} {
		if _, _, err := NewClient(id, at); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	for _, id := range []string{"", "A", "-a", "a-", ".a", "a b", "a:b", "a/b", "a%62", "ä", "а", "a\n", "a\x00", strings.Repeat("a", MaxID+1)} {
		if _, _, err := NewClient(id, at); !errors.Is(err, ErrID) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestAuthenticate(t *testing.T) {
	c, secret, err := NewClient("reports", at)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	s := one{Client: c, asked: &asked}
	if got, err := Authenticate(t.Context(), s, "reports", secret); err != nil || got != c {
		t.Errorf("%+v, %v", got, err)
	}
	_, other, err := NewClient("reports", at)
	if err != nil {
		t.Fatal(err)
	}
	for id, secret := range map[string]string{"reports": other, "Reports": secret, "others": secret, "": secret, "reports ": secret} {
		if _, err := Authenticate(t.Context(), s, id, secret); !errors.Is(err, ErrCredentials) {
			t.Errorf("%q: %v", id, err)
		}
	}
	// What cannot be right costs the database nothing.
	asked = 0
	for _, secret := range []string{"", secret + "A", secret[1:], strings.Repeat("A", 1<<20)} {
		if _, err := Authenticate(t.Context(), s, "reports", secret); !errors.Is(err, ErrCredentials) {
			t.Errorf("a secret of %d characters: %v", len(secret), err)
		}
	}
	if asked != 0 {
		t.Errorf("the store was asked %d times for what cannot be right", asked)
	}
	// Away is not wrong.
	s.err = ErrUnavailable
	if _, err := Authenticate(t.Context(), s, "reports", secret); !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrCredentials) {
		t.Errorf("store away: %v", err)
	}
}
