package server

import (
	"context"
	"errors"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/internal/user"
)

// Without the pause a thousand programs that log in again at each refusal get as
// many answers as the node can give, and everybody else waits behind them.
func TestLingerHoldsBackOnlyWhatIsOneTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{Config: Config{Linger: time.Second}, lingering: make(chan struct{}, atOnceLingering)}
		for name, test := range map[string]struct {
			err  error
			held bool
		}{
			"too many":       {&tooManyError{wait: time.Minute}, true},
			"hasher is full": {user.ErrBusy, true},
			"wrong password": {&user.CredentialsError{}, false},
			"store away":     {user.ErrUnavailable, false},
			"let in":         {nil, false},
			"anything else":  {errors.New("x"), false},
		} {
			began := time.Now()
			if err := s.linger(httptest.NewRequest("POST", "/login", nil), test.err); !errors.Is(err, test.err) {
				t.Errorf("%s: %v", name, err)
			}
			took := time.Since(began)
			if test.held && (took < s.Linger/2 || took >= s.Linger*3/2) || !test.held && took != 0 {
				t.Errorf("%s: held back for %v", name, took)
			}
		}
		s.Linger = 0
		began := time.Now()
		s.linger(httptest.NewRequest("POST", "/login", nil), user.ErrBusy)
		if took := time.Since(began); took != 0 {
			t.Errorf("switched off: held back for %v", took)
		}
	})
}

// What is held back is bounded, does not wait for each other and ends with its
// client.
func TestLingerIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{Config: Config{Linger: time.Second}, lingering: make(chan struct{}, 3)}
		ctx, leave := context.WithCancel(t.Context())
		r := httptest.NewRequest("POST", "/login", nil)
		began := time.Now()
		var held sync.WaitGroup
		held.Go(func() {
			if err := s.linger(r.WithContext(ctx), user.ErrBusy); !errors.Is(err, context.Canceled) {
				t.Errorf("for a client that has gone: %v", err)
			}
		})
		held.Go(func() { s.linger(r, user.ErrBusy) })
		held.Go(func() { s.linger(r, user.ErrBusy) })
		synctest.Wait()
		s.linger(r, user.ErrBusy) // no place left: answered at once
		if took := time.Since(began); took != 0 {
			t.Errorf("beyond the bound: held back for %v", took)
		}
		leave()
		synctest.Wait()
		if n := len(s.lingering); n != 2 {
			t.Errorf("%d held back after one has left, want 2", n)
		}
		held.Wait()
		if took := time.Since(began); took >= s.Linger*3/2 {
			t.Errorf("two together took %v", took)
		}
	})
}

// Nobody gets a page who has gone: a flood that ends all at once would else cost
// as much in a moment as it has in a second.
func TestNothingIsRenderedForWhoHasGone(t *testing.T) {
	w := newWorld(t)
	gone, leave := context.WithCancel(t.Context())
	leave()
	for path, accept := range map[string]string{"/login": "text/html", "/api/v1/login": "application/json"} {
		rec := httptest.NewRecorder()
		r := httptest.NewRequest("POST", path, nil).WithContext(gone)
		r.Header.Set("Accept", accept)
		w.fail(rec, r, r.Context().Err())
		if rec.Code != statusClientGone || rec.Body.Len() > 0 {
			t.Errorf("%s: %d with %d bytes", path, rec.Code, rec.Body.Len())
		}
	}
}
