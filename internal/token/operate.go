package token

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Rotate adds the key that signs next: after [Announce], or if hurry as soon as
// every node has read of it. It is for the same algorithm as the one before. It
// need not be able to open that, so it is also the way to another secret.
func Rotate(ctx context.Context, keys Keys, sealer *Sealer, hurry bool, now time.Time) (Key, error) {
	from := now.Add(Announce)
	if hurry {
		from = now.Add(soon)
	}
	for range maxTries {
		list, err := keys.List(ctx)
		if err != nil {
			return Key{}, err
		}
		k, err := addAfter(ctx, keys, Schedule(list, now), sealer, now, from)
		if !errors.Is(err, ErrKeyTaken) {
			return k, err
		}
	}
	return Key{}, fmt.Errorf("%w, %d times", ErrKeyTaken, maxTries)
}

func addAfter(ctx context.Context, keys Keys, list []Scheduled, sealer *Sealer, now, from time.Time) (Key, error) {
	alg := EdDSA
	if len(list) > 0 {
		if a, known := ParseAlgorithm(string(list[len(list)-1].Alg)); known {
			alg = a
		}
	}
	k, err := newKey(alg, sealer, nextSeq(list), now, from)
	if err != nil {
		return Key{}, err
	}
	return k, keys.Add(ctx, k)
}

// Revoke removes the key of that id, and with it every token that it has
// signed. If it is the one that signs, another is added first that signs at
// once; Revoke returns it, or else the zero Key. ErrNoKey.
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
		all := Schedule(list, now)
		if k, ok := signing(all); !ok || k.ID != id {
			return Key{}, nil
		}
		k, err := addAfter(ctx, keys, all, sealer, now, now)
		if !errors.Is(err, ErrKeyTaken) {
			return k, err
		}
	}
	return Key{}, fmt.Errorf("%w, %d times", ErrKeyTaken, maxTries)
}
