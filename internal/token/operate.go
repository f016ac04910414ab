package token

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Rotation says how [Rotate] goes about it.
type Rotation struct {
	// Hurry has the key sign as soon as every node has read of it, rather than
	// after [Announce].
	Hurry bool
	// NewSecret seals it with another secret than the key before. Nodes that
	// do not have that secret cannot sign by it.
	NewSecret bool
}

// Rotate adds the key that signs next, for the same algorithm as the one before.
// ErrSealed, if it would be sealed with another secret and r does not say so.
func Rotate(ctx context.Context, keys Keys, sealer *Sealer, r Rotation, now time.Time) (Key, error) {
	from := now.Add(Announce)
	if r.Hurry {
		from = now.Add(soon)
	}
	for range maxTries {
		list, err := keys.List(ctx)
		if err != nil {
			return Key{}, err
		}
		k, err := addAfter(ctx, keys, list, sealer, r.NewSecret, now, from)
		if err == nil && r.NewSecret {
			_, err = withdraw(ctx, keys, Schedule(list, now), func(one Key) bool { return opens(sealer, one) == nil })
		}
		if !errors.Is(err, ErrKeyTaken) {
			return k, err
		}
	}
	return Key{}, fmt.Errorf("%w, %d times", ErrKeyTaken, maxTries)
}

// addAfter adds the key that signs from then on. ErrSealed, if that would be
// with another secret than the last key's: no other node could sign by it.
func addAfter(ctx context.Context, keys Keys, list []Key, sealer *Sealer, newSecret bool, now, from time.Time) (Key, error) {
	alg := EdDSA
	if all := Schedule(list, now); len(all) > 0 {
		last := all[len(all)-1].Key
		if err := opens(sealer, last); err != nil && !newSecret {
			return Key{}, err
		}
		if a, known := ParseAlgorithm(string(last.Alg)); known {
			alg = a
		}
	}
	k, err := newKey(alg, sealer, nextSeq(list), now, from)
	if err != nil {
		return Key{}, err
	}
	return k, keys.Add(ctx, k)
}

func opens(sealer *Sealer, k Key) error {
	_, err := sealer.open(k)
	return err
}

// withdraw removes announced keys that do not open, and returns how many. They
// have signed nothing, and would keep the nodes from signing when their time
// comes.
func withdraw(ctx context.Context, keys Keys, list []Scheduled, opens func(Key) bool) (int, error) {
	n := 0
	for _, k := range list {
		if k.State != Announced || opens(k.Key) {
			continue
		}
		if _, err := keys.Delete(ctx, k.ID); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// Revoke removes the key of that id, and with it every token that it has
// signed. If it is the one that signs, another is added first that signs at
// once; Revoke returns it, or else the zero Key. ErrNoKey; ErrSealed, as [Rotate],
// and then nothing is removed.
func Revoke(ctx context.Context, keys Keys, sealer *Sealer, id string, now time.Time) (Key, error) {
	next, err := replace(ctx, keys, sealer, id, now)
	if err != nil {
		return Key{}, err
	}
	was, err := keys.Delete(ctx, id)
	if err == nil && !was {
		err = ErrNoKey
	}
	return next, err
}

// replace adds a key that signs at once if the one of that id signs.
func replace(ctx context.Context, keys Keys, sealer *Sealer, id string, now time.Time) (Key, error) {
	for range maxTries {
		list, err := keys.List(ctx)
		if err != nil {
			return Key{}, err
		}
		if k, ok := signing(Schedule(list, now)); !ok || k.ID != id {
			return Key{}, nil
		}
		k, err := addAfter(ctx, keys, list, sealer, false, now, now)
		if !errors.Is(err, ErrKeyTaken) {
			return k, err
		}
	}
	return Key{}, fmt.Errorf("%w, %d times", ErrKeyTaken, maxTries)
}
