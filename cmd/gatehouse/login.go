package main

import (
	"context"
	"fmt"
	"os"

	"gatehouse/internal/apiclient"
	"gatehouse/internal/config"
)

type loginCmd struct {
	config.Remote
	URL           string `arg:"" help:"Address of the server, such as https://id.example.com."`
	Username      string `help:"Username or e-mail address." placeholder:"NAME"`
	PasswordStdin bool   `name:"password-stdin" help:"Read the password from standard input (one line)."`
	Remember      bool   `help:"Stay logged in for longer, as by Keep me signed in."`
	Device        string `name:"device" placeholder:"NAME" help:"What lists of devices call this log-in. Empty: gatehouse and the name of this machine."`
	InsecureHTTP  bool   `name:"insecure-http" help:"Let the password travel in clear to a server on another machine."`
}

// Run logs in and keeps the tokens.
func (c loginCmd) Run(ctx context.Context, p program) error {
	f, err := folder(c.Remote)
	if err != nil {
		return err
	}
	client, err := newAPIClient(f, c.URL, c.InsecureHTTP)
	if err != nil {
		return err
	}
	if c.Username == "" {
		return usagef("say who logs in: --username")
	}
	password, err := p.password(c.PasswordStdin)
	if err != nil {
		return err
	}
	notEnded, err := client.Login(ctx, apiclient.Credentials{
		Username: c.Username, Password: password, Remember: c.Remember, Device: c.device(),
	})
	if err != nil {
		return err
	}
	if notEnded != nil {
		fmt.Fprintf(p.stderr, "gatehouse: the log-in before may live on until its deadline: %v\n", notEnded)
	}
	_, err = fmt.Fprintf(p.stdout, "logged in at %s as %s\n", client.URL(), c.Username)
	return err
}

// maxDevice is how many characters of a name the server takes.
const maxDevice = 60

// device returns what lists of devices call the log-in.
func (c loginCmd) device() string {
	name := c.Device
	if name == "" {
		name = "gatehouse"
		if host, err := os.Hostname(); err == nil {
			name += " on " + host
		}
	}
	runes := []rune(name)
	return string(runes[:min(len(runes), maxDevice)])
}
