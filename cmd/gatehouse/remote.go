package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"gatehouse/internal/apiclient"
	"gatehouse/internal/config"
)

// loginAt is what a command needs that uses a log-in of this machine.
type loginAt struct {
	config.Remote
	URL string `name:"url" placeholder:"URL" help:"Which server. Empty: the one logged in to last."`
}

// folder returns where log-ins are kept.
func folder(c config.Remote) (apiclient.Folder, error) {
	if c.ConfigDir != "" {
		return apiclient.Folder(c.ConfigDir), nil
	}
	return apiclient.DefaultFolder()
}

// newAPIClient returns a client of the server at url, which has been looked at.
func newAPIClient(f apiclient.Folder, url string, insecure bool) (*apiclient.Client, error) {
	server, err := config.ServerURL(url, insecure)
	if err != nil {
		return nil, usageError{err}
	}
	return apiclient.New(server, f, apiclient.NewTransport(), "gatehouse/"+version, time.Now), nil
}

// client returns a client of the server that is meant. Whether plain http is
// right was said at the log-in.
func (c loginAt) client() (*apiclient.Client, error) {
	f, err := folder(c.Remote)
	if err != nil {
		return nil, err
	}
	if c.URL == "" {
		if c.URL, err = last(f); err != nil {
			return nil, err
		}
	}
	return newAPIClient(f, c.URL, true)
}

// last returns the URL of the server logged in to last. After a log-out there it
// is not guessed which is meant.
func last(f apiclient.Folder) (string, error) {
	url, err := f.Last()
	if err != nil || url != "" {
		return url, err
	}
	all, err := f.Servers()
	if err != nil {
		return "", err
	}
	if len(all) == 0 {
		return "", errors.New("not logged in anywhere: run gatehouse login URL")
	}
	return "", fmt.Errorf("say which server by --url: there are log-ins at %s", strings.Join(all, ", "))
}

// tellLogin adds to err how to log in, where that is the way on.
func tellLogin(err error) error {
	var none *apiclient.NotLoggedInError
	var ended *apiclient.EndedError
	switch {
	case errors.As(err, &none):
		return fmt.Errorf("%w: run gatehouse login %s", err, none.URL)
	case errors.As(err, &ended):
		return fmt.Errorf("%w\nrun gatehouse login %s", err, ended.URL)
	}
	return err
}
