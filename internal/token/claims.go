package token

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// Claims is what an access token says. Nothing in it is personal: ids are
// random or hashes, and open nothing.
type Claims struct {
	ID      string // "jti": 16 random bytes, base64url; names this token in logs
	User    user.ID
	Session session.ID
	// Role is the session's. It stays true while the session lives: a change
	// of role ends the sessions of the account.
	Role    user.Role
	Issued  time.Time // whole seconds, like Expires
	Expires time.Time
}

// ClientID is the claim "client_id", which RFC 9068 2.2 demands. There is one
// client, whoever logs in at our own API with a password; none are registered.
const ClientID = "gatehouse"

// wire is the payload of a token. It has its own reading of JSON, because
// encoding/json lets pass what two readers could understand differently: members
// given twice, names in another case, numbers that are rounded.
type wire struct {
	Issuer   string           `json:"iss"`
	Audience jwt.ClaimStrings `json:"aud"`
	Subject  string           `json:"sub"`
	Client   string           `json:"client_id"`
	Session  string           `json:"sid"` // as in OpenID Connect Front-Channel Logout 1.0
	Role     string           `json:"role"`
	ID       string           `json:"jti"`
	Issued   int64            `json:"iat"`
	Expires  int64            `json:"exp"`
	// NotBefore is not issued, and minded if it is there. 0: it is not.
	NotBefore int64 `json:"nbf,omitempty"`
}

// UnmarshalJSON reads the payload strictly. What it does not know it ignores
// (RFC 7519 4), because a newer node may have more to say.
func (w *wire) UnmarshalJSON(data []byte) error {
	m, reason := members(data)
	if reason != "" {
		return refused("payload: " + reason)
	}
	var ok bool
	for _, one := range [...]struct {
		name  string
		field *string
	}{
		{"iss", &w.Issuer}, {"sub", &w.Subject}, {"client_id", &w.Client}, {"sid", &w.Session}, {"role", &w.Role}, {"jti", &w.ID},
	} {
		if *one.field, ok = text(m[one.name]); !ok || *one.field == "" {
			return refused(one.name + " is missing or no text")
		}
	}
	for _, one := range [...]struct {
		name  string
		field *int64
	}{
		{"iat", &w.Issued}, {"exp", &w.Expires}, {"nbf", &w.NotBefore},
	} {
		raw, given := m[one.name]
		if !given && one.name == "nbf" {
			continue
		}
		if *one.field, ok = seconds(raw); !ok {
			return refused(one.name + " is missing or no time in whole seconds")
		}
	}
	if w.Audience, ok = audience(m["aud"]); !ok {
		return refused("aud is missing, or no text or list of texts")
	}
	return nil
}

// lastSecond is the end of the year 9999, beyond which time.Time has no JSON.
const lastSecond = 253402300799

// seconds reads a NumericDate (RFC 7519 2) without a fraction: we issue none.
func seconds(raw json.RawMessage) (int64, bool) {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	return n, err == nil && n > 0 && n <= lastSecond
}

// audience reads a text or a list of texts (RFC 7519 4.1.3).
func audience(raw json.RawMessage) (jwt.ClaimStrings, bool) {
	if one, ok := text(raw); ok {
		return jwt.ClaimStrings{one}, true
	}
	var parts []json.RawMessage
	if !bytes.HasPrefix(raw, []byte("[")) || json.Unmarshal(raw, &parts) != nil {
		return nil, false
	}
	all := make(jwt.ClaimStrings, len(parts))
	for i, part := range parts {
		var ok bool
		if all[i], ok = text(part); !ok {
			return nil, false
		}
	}
	return all, true
}

// claims returns what w says, if that is of the form that we give it.
func (w *wire) claims() (Claims, error) {
	c := Claims{
		ID: w.ID, User: user.ID(w.Subject), Session: session.ID(w.Session),
		Issued: time.Unix(w.Issued, 0).UTC(), Expires: time.Unix(w.Expires, 0).UTC(),
	}
	if w.Client != ClientID {
		return Claims{}, refused("client_id is not ours")
	}
	if !isRandom(w.Subject) {
		return Claims{}, refused("sub is no id of a user")
	}
	if !isRandom(w.ID) {
		return Claims{}, refused("jti is none of ours")
	}
	if _, err := session.ParseID(w.Session); err != nil {
		return Claims{}, refused("sid is no id of a session")
	}
	var known bool
	if c.Role, known = user.ParseRole(w.Role); !known {
		return Claims{}, refused("role is unknown")
	}
	if !c.Expires.After(c.Issued) {
		return Claims{}, refused("it never counts")
	}
	if c.Expires.Sub(c.Issued) > MaxLifetime {
		return Claims{}, refused("it counts for longer than any token may")
	}
	return c, nil
}

// isRandom reports whether s is 16 bytes in base64url, as ids of users and of
// tokens are.
func isRandom(s string) bool {
	if len(s) != 22 {
		return false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == 16 // a line break would be skipped, and miss a byte
}

// The methods of jwt.Claims.

// GetExpirationTime implements jwt.Claims.
func (w *wire) GetExpirationTime() (*jwt.NumericDate, error) { return date(w.Expires), nil }

// GetIssuedAt implements jwt.Claims.
func (w *wire) GetIssuedAt() (*jwt.NumericDate, error) { return date(w.Issued), nil }

// GetNotBefore implements jwt.Claims.
func (w *wire) GetNotBefore() (*jwt.NumericDate, error) { return date(w.NotBefore), nil }

// GetIssuer implements jwt.Claims.
func (w *wire) GetIssuer() (string, error) { return w.Issuer, nil }

// GetSubject implements jwt.Claims.
func (w *wire) GetSubject() (string, error) { return w.Subject, nil }

// GetAudience implements jwt.Claims.
func (w *wire) GetAudience() (jwt.ClaimStrings, error) { return w.Audience, nil }

func date(seconds int64) *jwt.NumericDate {
	if seconds == 0 {
		return nil
	}
	return jwt.NewNumericDate(time.Unix(seconds, 0))
}
