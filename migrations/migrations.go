package migrations

import (
	"embed"
	"io/fs"
)

//go:embed postgres/*.sql sqlite/*.sql
var files embed.FS

// Postgres returns the migrations for PostgreSQL, at the root of the result.
func Postgres() fs.FS { return sub("postgres") }

// SQLite returns the migrations for SQLite, at the root of the result.
func SQLite() fs.FS { return sub("sqlite") }

func sub(dir string) fs.FS {
	f, err := fs.Sub(files, dir)
	if err != nil {
		panic(err) // only an invalid name, and both are written above
	}
	return f
}
