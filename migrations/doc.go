// Package migrations owns the tables: numbered SQL files, one set per database
// with the same numbers, names, tables and columns, so that the program can
// use one set of queries for both.
//
// There is only a way forward. Undoing a migration would drop what the newer
// program wrote, the ledger of ended sessions above all; going back means
// restoring a backup made before the upgrade, and an older program refuses a
// newer database.
//
// Times are unix milliseconds. A file that has been released is never edited.
package migrations
