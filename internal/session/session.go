package session

import (
	"crypto/sha256"
	"encoding/base64"
	"net/netip"
	"time"

	"gatehouse/internal/user"
)

// ID names a session in stores, pages, logs and the ledger: base64url of the
// SHA-256 of its token, 43 characters. It opens nothing.
type ID string

const idLength = 43 // base64url without padding of 32 bytes

// encoding is how tokens and ids are written.
var encoding = base64.RawURLEncoding.Strict()

// IDOf returns the id of the session that token opens.
func IDOf(token string) ID {
	var in [idLength]byte // on the stack: every check does this
	return IDOfSum(sha256.Sum256(append(in[:0], token...)))
}

// IDOfSum returns the id that sum is written as.
func IDOfSum(sum [sha256.Size]byte) ID {
	var out [idLength]byte
	encoding.Encode(out[:], sum[:])
	return ID(out[:])
}

// Sum returns the hash that the id is written of, for stores that keep it in
// fewer bytes; false if the id is not one.
func (id ID) Sum() (sum [sha256.Size]byte, ok bool) {
	if len(id) != idLength {
		return sum, false
	}
	var in [idLength]byte // on the stack
	copy(in[:], id)
	n, err := encoding.Decode(sum[:], in[:])
	return sum, err == nil && n == len(sum)
}

// ParseID returns s as an ID, or ErrID if it cannot be one.
func ParseID(s string) (ID, error) {
	if !has32Bytes(s) {
		return "", ErrID
	}
	return ID(s), nil
}

// has32Bytes reports whether s is what 32 bytes are written as.
func has32Bytes(s string) bool {
	_, ok := ID(s).Sum()
	return ok
}

// Short returns the first eight characters, for logs.
func (id ID) Short() string { return string(id[:min(8, len(id))]) }

// Device is what a person needs to recognise a device in a list.
type Device struct {
	Browser string // "Chrome", "NAVER", …; empty if unknown
	OS      string // "Windows", "iOS", …; never a version; empty if unknown
}

// String returns "Chrome · Windows", or what is known of it.
func (d Device) String() string {
	switch {
	case d.Browser == "":
		return d.OS
	case d.OS == "":
		return d.Browser
	}
	return d.Browser + " · " + d.OS
}

// Session is the server-side record of one log-in on one device. Times have
// millisecond precision.
type Session struct {
	ID       ID
	User     user.ID
	Username string
	// Role is the account's role when the session began. It stays true: a
	// change of role ends the sessions of the account.
	Role     user.Role
	Epoch    user.Epoch
	Began    time.Time
	LastSeen time.Time     // moves in steps of Idle/20
	Idle     time.Duration // the session ends when unseen for this long
	Deadline time.Time     // absolute; set at log-in and never moved
	Remember bool          // "keep me signed in": the cookie outlives the browser
	IP       netip.Addr    // where the person logged in from
	Device   Device
	Carrier  Carrier
	Client   string  // name that an API client gave itself, at most 60 characters; may be empty
	Refresh  Refresh // of a bearer session
	// Data is what handlers keep in the session, encoded; opaque to stores.
	Data []byte
}

// Name returns what lists call the session: the name that its client gave
// itself, else its device. Empty if nothing is known.
func (s Session) Name() string {
	if s.Client != "" {
		return s.Client
	}
	return s.Device.String()
}

// IdleDeadline returns when the session ends unless it is seen again.
func (s Session) IdleDeadline() time.Time { return s.LastSeen.Add(s.Idle) }

// Ends returns the nearer of the two deadlines.
func (s Session) Ends() time.Time {
	if idle := s.IdleDeadline(); idle.Before(s.Deadline) {
		return idle
	}
	return s.Deadline
}

// ExpiredAt reports whether a deadline has passed at now.
func (s Session) ExpiredAt(now time.Time) bool { return !now.Before(s.Ends()) }

// TouchDue reports whether at now the idle deadline should move: at most once
// per Idle/20, so that checks stay reads.
func (s Session) TouchDue(now time.Time) bool {
	return now.Sub(s.LastSeen) >= s.Idle/20
}
