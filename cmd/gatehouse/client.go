package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/config"
	"gatehouse/internal/oauth"
)

type clientCmds struct {
	Create clientCreateCmd `cmd:"" help:"Let another service ask about tokens and revoke them; prints its secret."`
	List   clientListCmd   `cmd:"" help:"List the services that may."`
	Delete clientDeleteCmd `cmd:"" help:"Take that from a service, at once."`
}

type clientCreateCmd struct {
	config.Stores
	whyFlag
	Name string `arg:"" help:"What to call it: its client_id. Small letters, digits, dots, hyphens and underscores."`
}

// Run adds a client and prints what it has to know, the secret this once.
func (c clientCreateCmd) Run(ctx context.Context, p program) error {
	made, secret, err := oauth.NewClient(c.Name, time.Now())
	if err != nil {
		return usageError{err}
	}
	return withStores(ctx, p, c.Stores, func(s *stores) error {
		err := s.db.Clients().Add(ctx, made)
		if errors.Is(err, oauth.ErrTaken) {
			return fmt.Errorf("there is a client %q already: choose another name, or delete it first", made.ID)
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "client_id: %s\nclient_secret: %s\n", made.ID, secret)
		fmt.Fprintln(p.stderr, "Keep the secret: it is shown this once, and only its hash is stored.")
		return s.note(ctx, audit.Event{Kind: audit.ClientAdded, Note: string(c.Reason), Detail: audit.Detail{Service: made.ID}})
	})
}

type clientListCmd struct{ config.Stores }

// Run lists the clients.
func (c clientListCmd) Run(ctx context.Context, p program) error {
	return withStores(ctx, p, c.Stores, func(s *stores) error {
		list, err := s.db.Clients().List(ctx)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "CLIENT\tCREATED")
		for _, one := range list {
			fmt.Fprintf(table, "%s\t%s\n", one.ID, one.Created.UTC().Format(time.DateTime))
		}
		return table.Flush()
	})
}

type clientDeleteCmd struct {
	config.Stores
	whyFlag
	Name string `arg:"" help:"Its client_id, as client list shows it."`
}

// Run removes a client. Sessions are not touched: none are its own.
func (c clientDeleteCmd) Run(ctx context.Context, p program) error {
	return withStores(ctx, p, c.Stores, func(s *stores) error {
		was, err := s.db.Clients().Delete(ctx, c.Name)
		if err != nil {
			return err
		}
		if !was {
			return fmt.Errorf("there is no client %q: client list shows them", c.Name)
		}
		fmt.Fprintf(p.stdout, "deleted %s: its secret counts no more\n", c.Name)
		return s.note(ctx, audit.Event{Kind: audit.ClientRemoved, Note: string(c.Reason), Detail: audit.Detail{Service: c.Name}})
	})
}
