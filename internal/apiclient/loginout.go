package apiclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Credentials is what somebody logs in with.
type Credentials struct {
	Username string // or e-mail address
	Password string
	Remember bool   // as "Keep me signed in"
	Device   string // what lists of devices call this one
}

// Login logs in and keeps the tokens. The log-in that was there before ends; if
// that fails, the new one stands and notEnded says why. *Problem, *AwayError.
func (c *Client) Login(ctx context.Context, who Credentials) (notEnded, err error) {
	unlock, err := c.folder.lock(ctx, c.server)
	if err != nil {
		return nil, err
	}
	defer unlock()
	d, err := newDraft(c.folder.path(c.server))
	if err != nil {
		return nil, err
	}
	// What cannot be read cannot be ended either, and does not stand in the way.
	before, beforeErr := c.folder.read(c.server)

	var a answer
	asked := c.clock()
	err = c.call(ctx, http.MethodPost, "/api/v1/login", "", struct {
		Username string `json:"username"`
		Password string `json:"password"`
		Carrier  string `json:"carrier"`
		Remember bool   `json:"remember"`
		Client   string `json:"client,omitempty"`
	}{who.Username, who.Password, "bearer", who.Remember, who.Device}, &a)
	if err != nil {
		d.discard()
		return nil, err
	}
	now, err := a.login(login{URL: c.server.String(), Username: who.Username}, asked)
	if err != nil {
		d.discard()
		return nil, err
	}
	ctx = context.WithoutCancel(ctx) // from here on there is something to lose
	data, err := now.encode()
	if err == nil {
		err = d.commit(data)
	}
	if err != nil {
		err = fmt.Errorf("the tokens cannot be kept: %w", err)
		if ended := c.logout(ctx, now); ended != nil {
			err = fmt.Errorf("%w; the new session lives on: %w", err, ended)
		}
		return nil, err
	}
	if beforeErr == nil {
		notEnded = c.endBefore(ctx, before)
	}
	return notEnded, c.folder.setLast(ctx, c.server)
}

// endBefore ends the session of l, whose tokens are no longer kept.
func (c *Client) endBefore(ctx context.Context, l login) error {
	var err error
	if !l.fresh(c.clock()) {
		l, err = c.rotate(ctx, l)
	}
	if err == nil {
		err = c.logout(ctx, l)
	}
	if isRefused(err) {
		return nil // it has ended
	}
	return err
}

// Logout ends the session and forgets its tokens. A session that has ended
// already is what was wanted. If the server cannot be asked, or cannot do it, the
// tokens are kept so that it can be repeated; with force they are forgotten, and
// notEnded says why the session may live on until its deadline.
// *NotLoggedInError, *AwayError, *Problem.
func (c *Client) Logout(ctx context.Context, force bool) (notEnded, err error) {
	unlock, err := c.folder.lock(ctx, c.server)
	if err != nil {
		return nil, err
	}
	defer unlock()
	l, err := c.folder.read(c.server)
	if err == nil {
		err = c.end(ctx, l)
	}
	var none *NotLoggedInError
	var ended *EndedError
	switch {
	case errors.As(err, &none):
		return nil, err
	case err == nil || errors.As(err, &ended):
	case force:
		notEnded = err
	default:
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	return notEnded, errors.Join(c.folder.remove(c.server), c.folder.clearLast(ctx, c.server))
}

// end ends the session of l, which the caller has read under the lock.
// *EndedError if it had ended.
func (c *Client) end(ctx context.Context, l login) error {
	if l.fresh(c.clock()) {
		if err := c.logout(ctx, l); !isRefused(err) {
			return err
		}
	}
	l, err := c.refresh(ctx, l)
	if err != nil {
		return err
	}
	if err := c.logout(ctx, l); !isRefused(err) {
		return err
	}
	return &EndedError{URL: l.URL}
}

// logout asks for the end of the session of l by its access token. A *Problem
// with status 401 if that no longer counts.
func (c *Client) logout(ctx context.Context, l login) error {
	var receipt struct {
		Ended *int `json:"ended"`
		Gone  *int `json:"already_gone"`
	}
	err := c.insisting(ctx, func() error {
		return c.call(ctx, http.MethodPost, "/api/v1/logout", l.AccessToken, struct{}{}, &receipt)
	})
	if err == nil && receipt.Ended != nil && receipt.Gone != nil && *receipt.Ended+*receipt.Gone == 0 {
		// To log out without a session is no error there, but no log-out either.
		return &Problem{Status: http.StatusUnauthorized, Title: "the server does not take the access token"}
	}
	return err
}
