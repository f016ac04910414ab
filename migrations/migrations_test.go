package migrations_test

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"testing"

	"gatehouse/migrations"
)

// One set of queries serves both databases, so both need the same files,
// tables and columns.
func TestBothDatabasesGetTheSameTables(t *testing.T) {
	postgres, sqlite := tables(t, migrations.Postgres()), tables(t, migrations.SQLite())
	sqlite = slices.DeleteFunc(sqlite, func(line string) bool { return line == onlyInSQLite })
	if !slices.Equal(postgres, sqlite) {
		t.Errorf("the lists differ:\npostgres %q\nsqlite   %q", postgres, sqlite)
	}
	if len(postgres) < 40 || !slices.Contains(postgres, "sessions.refresh") {
		t.Errorf("found %d files, tables and columns; the test reads the files wrongly", len(postgres))
	}
}

func TestNamesAreNumberedWithoutGaps(t *testing.T) {
	files, err := fs.Glob(migrations.Postgres(), "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`^([0-9]{5})_[a-z_]+\.sql$`)
	for i, f := range files {
		m := name.FindStringSubmatch(f)
		if m == nil || m[1] != fmt.Sprintf("%05d", i+1) {
			t.Errorf("file %d is named %s", i+1, f)
		}
	}
}

// onlyInSQLite is an index that would cost PostgreSQL more than it saves.
const onlyInSQLite = `CREATE INDEX users_epoch ON users (id, epoch);`

var (
	create = regexp.MustCompile(`(?ms)^CREATE TABLE (\w+) \(\n(.*?)^\)`)
	column = regexp.MustCompile(`(?m)^    (\w+) `)
	added  = regexp.MustCompile(`(?m)^ALTER TABLE (\w+) ADD COLUMN (\w+) `)
	index  = regexp.MustCompile(`(?m)^CREATE INDEX .*$`)
)

// tables lists files, tables with their columns in order, and indexes.
func tables(t *testing.T, fsys fs.FS) []string {
	t.Helper()
	files, err := fs.Glob(fsys, "*")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, f := range files {
		text, err := fs.ReadFile(fsys, f)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, f)
		for _, table := range create.FindAllStringSubmatch(string(text), -1) {
			for _, col := range column.FindAllStringSubmatch(table[2], -1) {
				list = append(list, table[1]+"."+col[1])
			}
		}
		for _, col := range added.FindAllStringSubmatch(string(text), -1) {
			list = append(list, col[1]+"."+col[2])
		}
		list = append(list, index.FindAllString(string(text), -1)...)
	}
	return list
}
