package user

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// errHash: the stored text is no argon2id hash that this program will compute.
var errHash = errors.New("user: stored password hash is not usable")

// Params are the costs of argon2id.
type Params struct {
	Memory  uint32 // KiB
	Time    uint32 // passes over the memory
	Threads uint8  // lanes
	SaltLen uint32 // bytes
	KeyLen  uint32 // bytes
}

// DefaultParams are OWASP's first choice: 19 MiB, two passes, one lane.
var DefaultParams = Params{Memory: 19 * 1024, Time: 2, Threads: 1, SaltLen: 16, KeyLen: 32}

// Bounds on what is read from a store: a row that somebody could write must
// not make the server allocate gigabytes or compute for minutes.
const (
	maxMemory  = 256 * 1024 // KiB
	maxTime    = 16
	maxThreads = 16
	minSalt    = 8
	minKey     = 16
	maxBytes   = 64  // of salt and of key
	maxPHC     = 256 // characters of the whole text
)

// Usable reports whether p is within the bounds in which this program computes
// hashes: 8 KiB a lane to 256 MiB, 16 passes, 16 lanes, a salt of 8 to 64 bytes and a
// key of 16 to 64.
func (p Params) Usable() bool {
	return p.Memory >= 8*uint32(p.Threads) && p.Memory <= maxMemory &&
		p.Time >= 1 && p.Time <= maxTime &&
		p.Threads >= 1 && p.Threads <= maxThreads &&
		p.SaltLen >= minSalt && p.SaltLen <= maxBytes &&
		p.KeyLen >= minKey && p.KeyLen <= maxBytes
}

// lowerThan reports whether any cost of p is below that of q.
func (p Params) lowerThan(q Params) bool {
	return p.Memory < q.Memory || p.Time < q.Time || p.Threads < q.Threads ||
		p.SaltLen < q.SaltLen || p.KeyLen < q.KeyLen
}

// phc is a hash in the PHC string format:
// $argon2id$v=19$m=19456,t=2,p=1$salt$key, base64 without padding.
type phc struct {
	Params
	salt, key []byte
}

func (h phc) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		h.Memory, h.Time, h.Threads, b64.EncodeToString(h.salt), b64.EncodeToString(h.key))
}

// parsePHC returns errHash for anything that String would not have written, or
// whose costs are out of bounds.
func parsePHC(s string) (phc, error) {
	var h phc
	part := strings.Split(s, "$")
	if len(s) > maxPHC || len(part) != 6 {
		return phc{}, errHash
	}
	if _, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=%d", &h.Memory, &h.Time, &h.Threads); err != nil {
		return phc{}, errHash
	}
	var err error
	if h.salt, err = base64.RawStdEncoding.DecodeString(part[4]); err != nil {
		return phc{}, errHash
	}
	if h.key, err = base64.RawStdEncoding.DecodeString(part[5]); err != nil {
		return phc{}, errHash
	}
	h.SaltLen, h.KeyLen = uint32(len(h.salt)), uint32(len(h.key))
	if h.String() != s || !h.Usable() {
		return phc{}, errHash
	}
	return h, nil
}
