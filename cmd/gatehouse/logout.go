package main

import (
	"context"
	"errors"
	"fmt"

	"gatehouse/internal/apiclient"
)

type logoutCmd struct {
	loginAt
	Force bool `help:"Forget the tokens also if the server cannot be told."`
}

// Run ends the session and forgets its tokens.
func (c logoutCmd) Run(ctx context.Context, p program) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	notEnded, err := client.Logout(ctx, c.Force)
	if err != nil {
		return tellKept(err)
	}
	if notEnded != nil {
		fmt.Fprintf(p.stderr, "gatehouse: %v\ngatehouse: the session may live on until its deadline; the device list on /mypage ends it\n", notEnded)
		_, err = fmt.Fprintf(p.stdout, "forgot the tokens for %s\n", client.URL())
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "logged out at %s\n", client.URL())
	return err
}

// tellKept says of a log-out that failed that it can be repeated.
func tellKept(err error) error {
	var none *apiclient.NotLoggedInError
	if errors.As(err, &none) {
		return err
	}
	return fmt.Errorf("%w\nthe tokens are kept: repeat this, or forget them by --force", err)
}
