package measure

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// Users makes n users, of whom nothing is stored.
func Users(n int) []user.User {
	users := make([]user.User, n)
	for i := range users {
		users[i] = user.User{ID: user.NewID(), Username: fmt.Sprintf("u%07d", i), Role: user.RoleUser}
	}
	return users
}

// NewToken returns a token as the product makes them.
func NewToken() string {
	var b [32]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Fill starts a session for each number below n as log-ins do, of the user
// that owner returns for it, and returns the tokens.
func Fill(store session.Store, n int, owner func(int) user.User) ([]string, error) {
	return fill(store, n, owner, false)
}

// FillRemembered is Fill for people who stay signed in: when such a session was last
// used is written down every few hours only, and so not while a bench goes on.
func FillRemembered(store session.Store, n int, owner func(int) user.User) ([]string, error) {
	return fill(store, n, owner, true)
}

func fill(store session.Store, n int, owner func(int) user.User, remember bool) ([]string, error) {
	m := session.NewManager(store, nil, Limits, time.Now) // starts write nothing to the ledger
	tokens := make([]string, n)
	return tokens, parallel(n, func(i int) error {
		tokens[i] = NewToken()
		return InsistOnStart(m, session.IDOf(tokens[i]), session.New{User: owner(i), IP: address(i), Device: Device, Remember: remember})
	})
}

// FillBearer starts a bearer session for each number below n, of the user that
// owner returns for it. m needs a refresh key.
func FillBearer(m *session.Manager, n int, owner func(int) user.User) ([]session.Session, error) {
	all := make([]session.Session, n)
	return all, parallel(n, func(i int) (err error) {
		for try := 0; ; try++ { // see InsistOnStart; what a late start leaves behind is nobody's
			all[i], _, err = m.StartBearer(context.Background(), session.New{User: owner(i), IP: address(i), Device: Device})
			if try == 20 || !errors.Is(err, session.ErrUnavailable) {
				return err
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
}

// address spreads log-ins over addresses.
func address(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{203, byte(i >> 16), byte(i >> 8), byte(i)})
}

// InsistOnStart starts a session also where a loaded machine needs more time
// than the product allows itself. What a start whose answer was late has left
// behind is that session.
func InsistOnStart(m *session.Manager, id session.ID, n session.New) error {
	for try := 0; ; try++ {
		_, err := m.Start(context.Background(), id, n, nil)
		switch {
		case try > 0 && errors.Is(err, session.ErrExists):
			return nil
		case try == 20 || !errors.Is(err, session.ErrUnavailable):
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// parallel calls f with 0 to n-1, a few at a time.
func parallel(n int, f func(int) error) error {
	var all errgroup.Group
	workers := 4 * runtime.NumCPU()
	for w := range workers {
		all.Go(func() error {
			for i := w; i < n; i += workers {
				if err := f(i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return all.Wait()
}
