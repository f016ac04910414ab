package server

import (
	"crypto/rand"
	"encoding/hex"
)

// newRequestID returns what a person can read to support and an operator can
// find in the log. Ids that clients send are not taken over: they could be
// anything.
func newRequestID() string {
	var b [8]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return string(hex.AppendEncode(make([]byte, 0, 2*len(b)), b[:]))
}
