package apiclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client is a user of one server. It may be used by several goroutines.
type Client struct {
	server *url.URL
	folder Folder
	http   *http.Client
	agent  string
	clock  func() time.Time
	// insist is how long a request without an answer is sent again: less than the
	// grace of a refresh token (session.RefreshGrace), after which showing it
	// again would end the session.
	insist time.Duration
}

// New returns a client of server, which is scheme and host, that keeps its
// log-in in folder. Agent is what it calls itself (User-Agent).
func New(server *url.URL, folder Folder, transport http.RoundTripper, agent string, clock func() time.Time) *Client {
	return &Client{
		server: server,
		folder: folder,
		agent:  agent,
		clock:  clock,
		insist: 8 * time.Second,
		http: &http.Client{
			Transport: transport,
			// Passwords and tokens are for this server only.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// URL returns the address of the server: scheme and host.
func (c *Client) URL() string { return c.server.String() }

// Me is who is logged in.
type Me struct {
	Username  string `json:"username"`
	Name      string `json:"name"`
	Role      string `json:"role"`
	SessionID string `json:"session_id"`
}

// Whoami asks the server who is logged in. *NotLoggedInError, *EndedError,
// *AwayError, *Problem.
func (c *Client) Whoami(ctx context.Context) (Me, error) {
	var me Me
	l, err := c.usable(ctx, "")
	// A token may run out between looking at it and its arrival, several times
	// over if its life is that short.
	for range 3 {
		if err != nil {
			return Me{}, err
		}
		err = c.insisting(ctx, func() error { return c.call(ctx, http.MethodGet, "/api/v1/me", l.AccessToken, nil, &me) })
		if !isRefused(err) {
			break
		}
		l, err = c.usable(ctx, l.AccessToken)
	}
	me.Username, me.Name, me.Role, me.SessionID = oneLine(me.Username), oneLine(me.Name), oneLine(me.Role), oneLine(me.SessionID)
	return me, err
}

// usable returns the log-in with an access token that counts, as far as can be
// known, and is not the one that the server has refused.
func (c *Client) usable(ctx context.Context, refused token) (login, error) {
	l, err := c.folder.read(c.server)
	if err != nil || l.fresh(c.clock()) && l.AccessToken != refused {
		return l, err
	}
	unlock, err := c.folder.lock(ctx, c.server)
	if err != nil {
		return login{}, err
	}
	defer unlock()
	// Whoever had the lock may have done it.
	l, err = c.folder.read(c.server)
	if err != nil || l.fresh(c.clock()) && l.AccessToken != refused {
		return l, err
	}
	return c.refresh(ctx, l)
}

// refresh spends the refresh token of l and keeps what comes for it. The caller
// has the lock and has read l under it. If the server says that the session has
// ended, it is forgotten.
func (c *Client) refresh(ctx context.Context, l login) (login, error) {
	d, err := newDraft(c.folder.path(c.server))
	if err != nil {
		return login{}, err
	}
	next, err := c.rotate(context.WithoutCancel(ctx), l)
	if err != nil {
		d.discard()
		var p *Problem
		if !isRefused(err) || !errors.As(err, &p) {
			return login{}, err
		}
		if p.Reason != "" {
			err = c.folder.remove(c.server)
		} else {
			err = nil // whatever made the server say so may pass
		}
		return login{}, errors.Join(&EndedError{c.server.String(), p.Error()}, err)
	}
	data, err := next.encode()
	if err == nil {
		err = d.commit(data)
	}
	if err != nil {
		return login{}, fmt.Errorf("the new tokens cannot be kept: %w", err)
	}
	return next, nil
}

// rotate spends the refresh token of l and returns l with what comes for it,
// kept nowhere. Nothing but the end of the process may interrupt it.
func (c *Client) rotate(ctx context.Context, l login) (login, error) {
	var a answer
	var asked time.Time
	err := c.insisting(ctx, func() error {
		asked = c.clock()
		return c.call(ctx, http.MethodPost, "/api/v1/refresh", "", map[string]string{"refresh_token": string(l.RefreshToken)}, &a)
	})
	if err != nil {
		return login{}, err
	}
	return a.login(l, asked)
}

// insisting does something that is harmless to do twice until it is done, or
// until it is clear that it will not be.
func (c *Client) insisting(ctx context.Context, do func() error) error {
	for began := time.Now(); ; {
		err := do()
		pause, again := retry(err)
		if !again || time.Since(began)+pause > c.insist {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// retry reports whether what failed by err may have been done, or may work in a
// moment, and how long to wait before asking again.
func retry(err error) (time.Duration, bool) {
	const soon = 200 * time.Millisecond
	var away *AwayError
	var p *Problem
	switch {
	case errors.As(err, &away):
		return soon, !away.unsent
	case errors.As(err, &p):
		return max(p.retryAfter, soon), p.Status == http.StatusServiceUnavailable
	}
	return 0, false
}

// answer is what a server gives for a password or a refresh token.
type answer struct {
	AccessToken  token  `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
	RefreshToken token  `json:"refresh_token"`
	SessionID    string `json:"session_id"`
}

// login returns what to keep of a, asked for at that time: l with new tokens.
func (a answer) login(l login, asked time.Time) (login, error) {
	if !isToken(a.AccessToken) || !isToken(a.RefreshToken) || a.ExpiresIn <= 0 || !strings.EqualFold(a.TokenType, "Bearer") {
		return login{}, fmt.Errorf("%s answers without tokens: is it a Gatehouse that gives them?", l.URL)
	}
	lifetime := time.Duration(min(a.ExpiresIn, 86400)) * time.Second
	l.AccessToken, l.RefreshToken, l.SessionID = a.AccessToken, a.RefreshToken, a.SessionID
	l.RenewAt = asked.Add(lifetime - renewBefore(lifetime)).UTC()
	return l, nil
}

// isToken reports whether t is text that fits a header (RFC 6750 2.1).
func isToken(t token) bool {
	return t != "" && !strings.ContainsFunc(string(t), func(r rune) bool { return r <= ' ' || r > '~' })
}

// isRefused reports whether err is the server's word that the password or token
// shown does not count.
func isRefused(err error) bool {
	var p *Problem
	return errors.As(err, &p) && p.Status == http.StatusUnauthorized
}
