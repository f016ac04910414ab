package token

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// KeyringConfig says how a [Keyring] treats its keys. All fields are needed but
// Sealer and Replace.
type KeyringConfig struct {
	Keys   Keys
	Sealer *Sealer
	// Alg is what new keys are for. Older ones of another algorithm go on
	// until they are retired.
	Alg Algorithm
	// Rotation is how long a key signs.
	Rotation time.Duration
	// Replace says what to do at the start if the signing key is sealed with
	// another secret: make a new one rather than fail. It is right where no
	// other node could be using that key.
	Replace bool
	Log     *slog.Logger
	Now     func() time.Time
}

// Keyring holds the keys of one node and keeps them up to date. Its methods are
// safe for concurrent use.
type Keyring struct {
	c       KeyringConfig
	set     atomic.Pointer[keySet]
	last    atomic.Pointer[attempt]
	reloads singleflight.Group
}

// attempt is the last time that the list was asked for.
type attempt struct {
	at  time.Time
	err error
}

// NewKeyring returns a Keyring that knows no key yet: see [Keyring.Start].
func NewKeyring(c KeyringConfig) *Keyring {
	k := &Keyring{c: c}
	k.set.Store(&keySet{})
	k.last.Store(&attempt{})
	return k
}

// maxTries bounds how often the list is read again because others add to it.
const maxTries = 10

// Start reads the keys, and makes the first one if there is none: of any number
// of nodes that start at once, one does. It asks patient, which leads to the
// same keys but may take its time. ErrSealed, unless Replace; ErrUnavailable.
func (k *Keyring) Start(ctx context.Context, patient Keys) error {
	for range maxTries {
		if err := k.load(ctx, patient); err != nil {
			return err
		}
		set, now := k.set.Load(), k.now()
		if k.c.Replace {
			n, err := withdraw(ctx, patient, Schedule(set.keys, now), func(one Key) bool { return set.private[one.ID] != nil })
			if err != nil {
				return err
			}
			if n > 0 {
				continue
			}
		}
		from, why, err := k.missingAtStart(now)
		if err != nil || why == "" {
			return err
		}
		if err := k.add(ctx, patient, from, why); err != nil && !errors.Is(err, ErrKeyTaken) {
			return err
		}
	}
	return fmt.Errorf("%w, %d times", ErrKeyTaken, maxTries)
}

// Run keeps the keys up to date until ctx ends: it reads the list, announces
// the next key when it is time, and removes those that are past.
func (k *Keyring) Run(ctx context.Context) {
	tick := time.NewTicker(ReloadEvery)
	defer tick.Stop()
	failing := false // said once
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := k.Maintain(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			k.c.Log.Warn("signing keys could not be looked after; verifying goes on with those known", "error", err.Error())
		case err == nil && failing:
			k.c.Log.Info("signing keys are looked after again")
		}
		failing = err != nil
	}
}

// Maintain is one round of [Keyring.Run].
func (k *Keyring) Maintain(ctx context.Context) error {
	if err := k.Reload(ctx); err != nil {
		return err
	}
	now := k.now()
	for _, one := range Schedule(k.set.Load().keys, now) {
		if one.State != Past {
			continue
		}
		gone, err := k.c.Keys.Delete(ctx, one.ID)
		if err != nil {
			return err
		}
		if gone {
			k.c.Log.Info("signing key removed: its last token has expired", "kid", one.ID)
		}
	}
	if from, why := k.missing(now); why != "" {
		if err := k.add(ctx, k.c.Keys, from, why); err != nil && !errors.Is(err, ErrKeyTaken) {
			return err
		}
		return k.Reload(ctx)
	}
	return nil
}

// missing returns whether a key is missing: why (nothing: it is not) and from
// when the new one has to sign.
func (k *Keyring) missing(now time.Time) (from time.Time, why string) {
	keys := Schedule(k.set.Load().keys, now)
	if len(keys) == 0 {
		return now, "there is none"
	}
	announced := now.Add(Announce)
	if newest := keys[len(keys)-1]; !newest.Signs.Add(k.c.Rotation).After(announced) {
		return announced, "rotation"
	}
	return time.Time{}, ""
}

// missingAtStart is missing, and compares besides what the keys are like with
// what this node is told they should be like. Only the start does: nodes that
// are told different things would add keys against each other for ever.
func (k *Keyring) missingAtStart(now time.Time) (from time.Time, why string, err error) {
	if from, why = k.missing(now); why != "" {
		return from, why, nil
	}
	set := k.set.Load()
	keys := Schedule(set.keys, now)
	newest := keys[len(keys)-1]
	switch signing, _ := signing(keys); {
	case k.c.Replace && (set.private[newest.ID] == nil || set.private[signing.ID] == nil):
		return now, "this node cannot open the one that signs", nil
	case set.private[newest.ID] == nil:
		return now, "", fmt.Errorf("%w (key %s)", ErrSealed, newest.ID)
	case newest.Alg != k.c.Alg:
		return now.Add(Announce), "another algorithm is set", nil
	case !newest.isSealed() && k.c.Sealer != nil:
		return now.Add(Announce), "the one there is is not sealed", nil
	}
	return now, "", nil
}

func (k *Keyring) add(ctx context.Context, keys Keys, from time.Time, why string) error {
	now := k.now()
	key, err := newKey(k.c.Alg, k.c.Sealer, nextSeq(k.set.Load().list), now, from)
	if err != nil {
		return err
	}
	if err := keys.Add(ctx, key); err != nil {
		return err
	}
	k.c.Log.Info("signing key made", "kid", key.ID, "alg", string(key.Alg), "signs", key.Signs.UTC(), "why", why)
	return nil
}

// Reload reads the list of keys. Callers that come while it is being read get
// the same answer. After an error the known keys stay.
func (k *Keyring) Reload(ctx context.Context) error {
	// The first caller reads for the others, so its going away ends nothing;
	// the store has a time limit of its own.
	c := k.reloads.DoChan("", func() (any, error) { return nil, k.load(context.WithoutCancel(ctx), k.c.Keys) })
	select {
	case r := <-c:
		return r.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (k *Keyring) load(ctx context.Context, keys Keys) error {
	asked := k.now()
	list, err := keys.List(ctx)
	k.last.Store(&attempt{asked, err})
	if err != nil {
		return err
	}
	k.set.Store(newKeySet(list, k.set.Load(), k.c.Sealer, asked, k.c.Log))
	return nil
}

// askAgainAfter bounds how often strangers with invented key ids make a node
// ask the database.
const askAgainAfter = time.Second

// find returns the key of that id if it verifies now. An unknown one may be
// new, so the list is read once more, unless that has just been done. A
// RefusedError, or ErrUnavailable if the list could not be read: then nobody
// can tell.
func (k *Keyring) find(ctx context.Context, id string) (*public, error) {
	if p := k.known(id); p != nil {
		return p, nil
	}
	if age := k.now().Sub(k.last.Load().at); age < 0 || age >= askAgainAfter {
		if err := k.Reload(ctx); err != nil {
			return nil, err
		}
		if p := k.known(id); p != nil {
			return p, nil
		}
	} else if err := k.last.Load().err; err != nil {
		return nil, err
	}
	return nil, refused("no such key")
}

func (k *Keyring) known(id string) *public { return k.set.Load().known(id, k.now()) }

func (k *Keyring) now() time.Time { return k.c.Now() }
