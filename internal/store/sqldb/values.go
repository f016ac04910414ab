package sqldb

import (
	"database/sql"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// How Go values are written: times as unix milliseconds, nothing as NULL.

func millis(t time.Time) int64 { return t.UnixMilli() }

func nullMillis(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMilli(), Valid: !t.IsZero()}
}

func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func fromNullMillis(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return fromMillis(ms.Int64)
}

func null[S ~string](s S) sql.NullString { return sql.NullString{String: string(s), Valid: s != ""} }

func ipText(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	return ip.String()
}

// storable returns s without what PostgreSQL refuses in a text, NUL and broken
// UTF-8. Names of devices come out of headers that anybody can send.
func storable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
}

// askable reports whether s can be in a text column at all. PostgreSQL answers
// a question about any other with an error.
func askable(s string) bool { return storable(s) == s }

// numbered returns n placeholders, the first of them $from: "$3, $4, $5".
func numbered(from, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(from+i))
	}
	return b.String()
}
