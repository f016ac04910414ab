package user

import (
	"crypto/rand"
	"encoding/base64"
	"time"
)

// ID names an account for ever: 16 random bytes, base64url, 22 characters.
// It is random and not a counter so that an id is never given twice, not even
// by a database restored from a backup, to which a session store could still
// hold sessions of accounts made since.
type ID string

// NewID makes an ID nobody has had before.
func NewID() ID {
	var b [idBytes]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return IDOfBytes(b)
}

const idBytes = 16

// idEncoding is how ids are written.
var idEncoding = base64.RawURLEncoding.Strict()

// IDOfBytes returns the ID that b is written as.
func IDOfBytes(b [idBytes]byte) ID {
	return ID(idEncoding.EncodeToString(b[:]))
}

// Bytes returns what the id is written of, for stores that keep it in fewer
// bytes; false if NewID cannot have made it.
func (id ID) Bytes() (b [idBytes]byte, ok bool) {
	if len(id) != idEncoding.EncodedLen(idBytes) {
		return b, false
	}
	n, err := idEncoding.Decode(b[:], []byte(id))
	return b, err == nil && n == len(b)
}

// Role says what an account may do.
type Role string

// The roles.
const (
	RoleUser  Role = "user"
	RoleAdmin Role = "admin"
)

// ParseRole returns the role named s and whether there is one.
func ParseRole(s string) (Role, bool) {
	switch r := Role(s); r {
	case RoleUser, RoleAdmin:
		return r, true
	}
	return "", false
}

// Epoch orders a user's sessions against ends: raising a part ends every
// session begun with a smaller one. User is the account's own number, All the
// number that everybody shares (raised when everyone is put out). Both only
// grow.
type Epoch struct {
	All  uint32
	User uint32
}

// Before reports whether a session begun at e was begun before o, that is,
// whether o ends it.
func (e Epoch) Before(o Epoch) bool { return e.All < o.All || e.User < o.User }

// User is an account.
type User struct {
	ID       ID
	Username string // log-in id: lower-case ASCII, unique, never changes
	Name     string // display name in any script; may be empty
	Email    string // as typed; may be empty; unique without regard to case
	Role     Role
	// PasswordHash is a PHC string (argon2id). It never leaves user and store.
	PasswordHash string
	Epoch        Epoch // as read together with the rest of the row
	CreatedAt    time.Time
	DisabledAt   time.Time // zero while the account may log in
}

// Disabled reports whether the account has been shut.
func (u User) Disabled() bool { return !u.DisabledAt.IsZero() }

// IsAdmin reports whether the account may use the administrator's pages.
func (u User) IsAdmin() bool { return u.Role == RoleAdmin }
