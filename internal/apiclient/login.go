package apiclient

import (
	"encoding/json"
	"errors"
	"time"
)

// token is a secret. It is text only where it is sent or kept.
type token string

// String implements fmt.Stringer, so that no message shows a token.
func (token) String() string { return "***" }

// GoString implements fmt.GoStringer.
func (token) GoString() string { return "***" }

// login is what is kept of a log-in, as JSON.
type login struct {
	Version      int       `json:"version"`
	URL          string    `json:"url"`      // of the server: scheme and host
	Username     string    `json:"username"` // as it was typed
	SessionID    string    `json:"session_id"`
	AccessToken  token     `json:"access_token"`
	RenewAt      time.Time `json:"renew_at"` // by our clock; from then on the access token is not used
	RefreshToken token     `json:"refresh_token"`
}

// loginVersion is that of the fields above.
const loginVersion = 1

var errUnreadable = errors.New("not a log-in that this version can read")

func (l login) encode() ([]byte, error) {
	l.Version = loginVersion
	return json.MarshalIndent(l, "", "  ")
}

// decodeLogin is the inverse. errUnreadable.
func decodeLogin(data []byte) (login, error) {
	var l login
	if err := json.Unmarshal(data, &l); err != nil || l.Version != loginVersion || l.RefreshToken == "" {
		return login{}, errUnreadable
	}
	return l, nil
}

// fresh reports whether the access token of l may still be used, as far as can
// be known here.
func (l login) fresh(now time.Time) bool { return l.AccessToken != "" && now.Before(l.RenewAt) }

// renewBefore returns how long before its end a token that counts for lifetime
// is replaced: long enough for a request on its way, and not all of a short life.
func renewBefore(lifetime time.Duration) time.Duration { return min(10*time.Second, lifetime/4) }
