package token

import "context"

// Keys keeps the signing keys of an installation. Every method may also return
// an error that wraps [ErrUnavailable] or the context's error.
type Keys interface {
	// List returns all keys, by Seq.
	List(ctx context.Context) ([]Key, error)
	// Add adds k unless a key of its Seq is there: of any number of callers
	// that have read the same list and add the next key, one succeeds.
	// ErrKeyTaken.
	Add(ctx context.Context, k Key) error
	// Delete removes the key for ever and reports whether it was there.
	Delete(ctx context.Context, id string) (bool, error)
}
