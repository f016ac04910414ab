package server

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
)

// newRequestID returns what a person can read to support and an operator can
// find in the log. Ids that clients send are not taken over: they could be
// anything. It opens nothing and only has to be another one each time: the
// random numbers of the runtime (ChaCha8, seeded by the system) do, which cost no
// system call.
func newRequestID() string {
	var b [8]byte
	var text [2 * len(b)]byte
	binary.BigEndian.PutUint64(b[:], rand.Uint64())
	hex.Encode(text[:], b[:])
	return string(text[:])
}
