package main

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"
)

// Whatever is logged, the line is the one that slog writes.
func TestPlainLinesAreSlogs(t *testing.T) {
	at := time.Date(2026, 11, 21, 9, 5, 7, 120_000_000, time.FixedZone("", 9*60*60))
	plain := []slog.Attr{slog.String("request", "0123456789abcdef"), slog.String("method", "GET"), slog.String("route", "/admin/sessions/{id}/end"),
		slog.Int("status", 303), slog.Duration("took", 1234567), slog.String("ip", "2001:db8::1"), slog.String("session", `a\b<>&'-_`)}
	for _, c := range []struct {
		plain bool
		r     slog.Record
		attrs []slog.Attr
	}{
		{true, slog.NewRecord(at, slog.LevelInfo, "request", 0), plain},
		{true, slog.NewRecord(at.Add(999*time.Microsecond).UTC(), slog.LevelError, "request", 0), plain[:1]},
		{true, slog.NewRecord(at.Add(-120*time.Millisecond), slog.LevelWarn+1, "x", 0), []slog.Attr{{Value: slog.GroupValue(plain...)}}},
		{true, slog.NewRecord(at, slog.LevelInfo, "none", 0), nil},
		{false, slog.NewRecord(at, slog.LevelInfo, "two words", 0), plain},
		{false, slog.NewRecord(at, slog.LevelInfo, "", 0), plain},
		{false, slog.NewRecord(time.Time{}, slog.LevelInfo, "x", 0), plain},
		{false, slog.NewRecord(at, slog.LevelInfo, "x", 0), []slog.Attr{slog.String("k", "")}},
		{false, slog.NewRecord(at, slog.LevelInfo, "x", 0), []slog.Attr{slog.String("k", "a=b")}},
		{false, slog.NewRecord(at, slog.LevelInfo, "x", 0), []slog.Attr{slog.String("k", "a\nlevel=ERROR")}},
		{false, slog.NewRecord(at, slog.LevelInfo, "x", 0), []slog.Attr{slog.String("k", `"`)}},
		{false, slog.NewRecord(at, slog.LevelInfo, "x", 0), []slog.Attr{slog.String("k", "가")}},
		{false, slog.NewRecord(at, slog.LevelInfo, "x", 0), []slog.Attr{slog.String("k", "\x7f")}},
		{false, slog.NewRecord(at, slog.LevelInfo, "x", 0), []slog.Attr{slog.String("a b", "c")}},
		{false, slog.NewRecord(at, slog.LevelInfo, "x", 0), []slog.Attr{slog.Any("k", []int{1})}},
		{false, slog.NewRecord(at, slog.LevelInfo, "x", 0), []slog.Attr{slog.Group("g", slog.Int("k", 1))}},
		{false, slog.NewRecord(at, slog.LevelInfo, "x", 0), []slog.Attr{slog.Bool("k", true), slog.Time("at", at)}},
	} {
		c.r.AddAttrs(c.attrs...)
		var want, got bytes.Buffer
		if err := slog.NewTextHandler(&want, nil).Handle(context.Background(), c.r); err != nil {
			t.Fatal(err)
		}
		line, ok := plainLine(nil, c.r)
		if ok != c.plain || ok && string(line) != want.String() {
			t.Errorf("%v %q, slog writes %q", ok, line, want.String())
		}
		b := newLogBuffer(&got)
		if err := (promptHandler{slog.NewTextHandler(b, nil), b, true}).Handle(context.Background(), c.r); err != nil {
			t.Fatal(err)
		}
		b.flush()
		if got.String() != want.String() {
			t.Errorf("%q, slog writes %q", got.String(), want.String())
		}
	}
}

func BenchmarkLogLine(b *testing.B) {
	r := slog.NewRecord(time.Now(), slog.LevelInfo, "request", 0)
	r.AddAttrs(slog.Attr{Value: slog.GroupValue(slog.String("request", "0123456789abcdef"), slog.String("method", "GET"), slog.String("route", "/admin"),
		slog.Int("status", 303), slog.Duration("took", 1234567), slog.String("ip", "127.0.0.1"), slog.String("session", "abcdefgh"))})
	for name, plain := range map[string]bool{"plain": true, "slog": false} {
		b.Run(name, func(b *testing.B) {
			out := newLogBuffer(&nothing{})
			h := promptHandler{slog.NewTextHandler(out, nil), out, plain}
			b.ReportAllocs()
			for b.Loop() {
				_ = h.Handle(context.Background(), r)
			}
		})
	}
}

type nothing struct{}

func (*nothing) Write(b []byte) (int, error) { return len(b), nil }
