package main

import (
	"context"
	"errors"
	"fmt"

	"gatehouse/internal/config"
)

type migrateCmd struct{ config.Stores }

// Run brings the database up to this version and says from where to where.
func (c migrateCmd) Run(ctx context.Context, p program) (err error) {
	resolved, err := c.Stores.Resolve(p.environ)
	if err != nil {
		return usageError{err}
	}
	p.warnUnknown(resolved.Unknown)
	s, err := openStores(ctx, resolved, commandLongest)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	schema, err := s.db.Patient().Migrate(ctx)
	if err != nil {
		return err
	}
	if schema.Have == schema.Want {
		fmt.Fprintf(p.stdout, "database is at version %d: nothing to do\n", schema.Want)
	} else {
		fmt.Fprintf(p.stdout, "database migrated from version %d to %d\n", schema.Have, schema.Want)
	}
	return nil
}
