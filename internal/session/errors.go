package session

import (
	"errors"

	"gatehouse/internal/user"
)

// Errors of this package and of the stores behind it, besides *EndedError.
// Compare with errors.Is.
var (
	// ErrNone: the request carries no session token.
	ErrNone = errors.New("session: none")
	// ErrID: the text is not a session id.
	ErrID = errors.New("session: not a session id")
	// ErrEpoch: the user's epoch was raised between the moment it was read
	// and the start of the session; nothing was started.
	ErrEpoch = errors.New("session: ended before it could start")
	// ErrLimit: the user has as many sessions as they may; nothing was
	// started. It is a *LimitError.
	ErrLimit = errors.New("session: as many sessions as allowed")
	// ErrExists: Start was given an id that is in use.
	ErrExists = errors.New("session: id is in use")
	// ErrToken: the text is not a refresh token that this installation gave
	// out, or the session has no such token.
	ErrToken = errors.New("session: not a refresh token")
	// ErrCarrier: the session does not travel in this way.
	ErrCarrier = errors.New("session: another carrier")
	// ErrUser: the session is not of the user that was named.
	ErrUser = errors.New("session: of another user")
	// ErrReuse: a refresh token was shown that had been spent. Stores return
	// it; the Manager ends the session for it.
	ErrReuse = errors.New("session: refresh token was spent before")
	// ErrUnreadable: the record cannot be decoded (corrupt, or written by a
	// newer version).
	ErrUnreadable = errors.New("session: record is unreadable")
	// ErrUnavailable: the store did not answer; nothing is known about the
	// session.
	ErrUnavailable = user.ErrUnavailable
)
