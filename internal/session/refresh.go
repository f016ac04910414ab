package session

import (
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"time"
)

// Refresh is what the record of a bearer session says of its refresh tokens:
// enough to recognise the current one and the one before it, and to make
// neither. It is zero for a session in a cookie.
type Refresh struct {
	Generation uint32    // of the current token; the first is 1
	Rotated    time.Time // when the current token took the place of the one before
	Hash       [32]byte  // SHA-256 of the secret in the current token
	Previous   [32]byte  // the same of the one before; zeroes for the first
	Nonce      [16]byte  // of the latest rotation: tells, to who has the token before, the current one
}

// RefreshGrace is how long the refresh token just spent may be shown again, by
// a client whose answer was lost or that asked several times at once. It gets
// the same successor.
const RefreshGrace = 10 * time.Second

// Rotate is the use of a refresh token.
type Rotate struct {
	ID         ID
	Generation uint32   // of the token shown
	Hash       [32]byte // SHA-256 of the secret in it
	Next       [32]byte // the same of its successor, if this use is the first
	Nonce      [16]byte // from which the successor was made
	Now        time.Time
	Grace      time.Duration
}

// Use decides what the use of a token does to r. If it is the first use of the
// current token, next is what r becomes and rotated is true. If it is a retry of
// the one before within the grace, next is r. ErrReuse if the token was spent
// before that. ErrToken if the session has no refresh tokens, or none yet of
// that generation: then the store has forgotten a rotation, and the token cannot
// be told from one that somebody made who has the key but not the secret.
func (r Refresh) Use(x Rotate) (next Refresh, rotated bool, err error) {
	switch {
	case r.Generation == 0 || x.Generation > r.Generation:
		return r, false, ErrToken
	case x.Generation == r.Generation && sameHash(x.Hash, r.Hash):
		return Refresh{
			Generation: r.Generation + 1,
			Rotated:    x.Now,
			Hash:       x.Next,
			Previous:   r.Hash,
			Nonce:      x.Nonce,
		}, true, nil
	case x.Generation+1 == r.Generation && sameHash(x.Hash, r.Previous) && x.Now.Before(r.Rotated.Add(x.Grace)):
		return r, false, nil
	}
	return r, false, ErrReuse
}

func sameHash(a, b [32]byte) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }

// RefreshSize is how many bytes AppendRefresh writes.
const RefreshSize = 4 + 8 + 32 + 32 + 16

// AppendRefresh appends r as records keep it: the fields in their order,
// integers big-endian, times as Unix milliseconds.
func AppendRefresh(b []byte, r Refresh) []byte {
	b = binary.BigEndian.AppendUint32(b, r.Generation)
	b = binary.BigEndian.AppendUint64(b, uint64(r.Rotated.UnixMilli()))
	b = append(b, r.Hash[:]...)
	b = append(b, r.Previous[:]...)
	return append(b, r.Nonce[:]...)
}

// DecodeRefresh is the inverse. ErrUnreadable.
func DecodeRefresh(b []byte) (Refresh, error) {
	if len(b) != RefreshSize {
		return Refresh{}, fmt.Errorf("%w: refresh state of %d bytes", ErrUnreadable, len(b))
	}
	r := Refresh{
		Generation: binary.BigEndian.Uint32(b),
		Rotated:    time.UnixMilli(int64(binary.BigEndian.Uint64(b[4:]))),
		Hash:       [32]byte(b[12:]),
		Previous:   [32]byte(b[44:]),
		Nonce:      [16]byte(b[76:]),
	}
	if r.Generation == 0 {
		return Refresh{}, fmt.Errorf("%w: refresh state without a token", ErrUnreadable)
	}
	return r, nil
}
