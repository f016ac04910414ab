package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/config"
	"gatehouse/internal/token"
)

type keyCmds struct {
	List   keyListCmd   `cmd:"" help:"List the keys that sign access tokens."`
	Rotate keyRotateCmd `cmd:"" help:"Add the key that signs next."`
	Revoke keyRevokeCmd `cmd:"" help:"Remove a key, and with it every access token it has signed."`
}

// withKeys is withStores with seal, which returns what seals the private parts of
// keys, for who adds one.
func withKeys(ctx context.Context, p program, c config.Stores, f func(s *stores, seal func() (*token.Sealer, error)) error) error {
	return withStores(ctx, p, c, func(s *stores) error {
		return f(s, func() (*token.Sealer, error) {
			resolved, err := c.Resolve(p.environ)
			if err != nil {
				return nil, usageError{err}
			}
			return sealer(resolved)
		})
	})
}

// otherSecret says what to do about a secret that is not that of the keys.
func otherSecret(err error) error {
	if errors.Is(err, token.ErrSealed) {
		return fmt.Errorf("%w: nothing was done\nGive this command the GATEHOUSE_KEYS_SECRET that the servers have. To change it, or if it is lost, run key rotate --new-secret --now with the new one, then restart the servers with it", err)
	}
	return err
}

type keyListCmd struct{ config.Stores }

// Run lists the keys in the order in which they sign.
func (c keyListCmd) Run(ctx context.Context, p program) error {
	return withKeys(ctx, p, c.Stores, func(s *stores, _ func() (*token.Sealer, error)) error {
		list, err := s.db.SigningKeys().List(ctx)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "KEY\tALG\tSTATE\tSIGNS FROM\tVERIFIES UNTIL")
		for _, k := range token.Schedule(list, time.Now()) {
			until := "-"
			if !k.Until.IsZero() {
				until = k.Until.UTC().Format(time.DateTime)
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", k.ID, k.Alg, k.State, k.Signs.UTC().Format(time.DateTime), until)
		}
		return table.Flush()
	})
}

type keyRotateCmd struct {
	config.Stores
	Now       bool `help:"It signs in ten seconds, as soon as every node knows it, and not after the five minutes in which other services read of it."`
	NewSecret bool `name:"new-secret" help:"Seal it with another GATEHOUSE_KEYS_SECRET than the key before. Servers that do not have that one cannot sign by it."`
}

// Run adds a key and says from when it signs.
func (c keyRotateCmd) Run(ctx context.Context, p program) error {
	return withKeys(ctx, p, c.Stores, func(s *stores, sealer func() (*token.Sealer, error)) error {
		seal, err := sealer()
		if err != nil {
			return err
		}
		k, err := token.Rotate(ctx, s.db.SigningKeys(), seal, token.Rotation{Hurry: c.Now, NewSecret: c.NewSecret}, time.Now())
		if err != nil {
			return otherSecret(err)
		}
		fmt.Fprintf(p.stdout, "added %s (%s), which signs from %s\n", k.ID, k.Alg, k.Signs.UTC().Format(time.DateTime))
		return s.noteKey(ctx, audit.KeyAdded, k.ID)
	})
}

type keyRevokeCmd struct {
	config.Stores
	Key string `arg:"" help:"Its id, as key list shows it."`
}

// Run removes a key; if it signs, the next one signs at once.
func (c keyRevokeCmd) Run(ctx context.Context, p program) error {
	return withKeys(ctx, p, c.Stores, func(s *stores, sealer func() (*token.Sealer, error)) error {
		seal, err := sealer()
		if err != nil {
			return err
		}
		next, err := token.Revoke(ctx, s.db.SigningKeys(), seal, c.Key, time.Now())
		if errors.Is(err, token.ErrNoKey) {
			return fmt.Errorf("there is no key %q: key list shows them", c.Key)
		}
		if err != nil {
			return otherSecret(err)
		}
		fmt.Fprintf(p.stdout, "revoked %s: what it has signed counts no more, within %d seconds on every node\n", c.Key, int(token.ReloadEvery.Seconds()))
		if next.ID != "" {
			fmt.Fprintf(p.stdout, "added %s (%s), which signs from now on\n", next.ID, next.Alg)
			err = s.noteKey(ctx, audit.KeyAdded, next.ID)
		}
		return errors.Join(err, s.noteKey(ctx, audit.KeyRevoked, c.Key))
	})
}

// noteKey writes to the audit log what was done to the key of that id.
func (s *stores) noteKey(ctx context.Context, kind audit.Kind, id string) error {
	return s.note(ctx, audit.Event{Kind: kind, Detail: audit.Detail{Key: id}})
}
