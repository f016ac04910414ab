package token

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

// TestForgedTokens: no forgery passes, each is stopped by its own check, and
// none makes the program connect to anything.
func TestForgedTokens(t *testing.T) {
	w := newWorld(t, EdDSA)
	evil, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	connections := make(chan net.Conn)
	go func() {
		defer close(connections)
		for {
			c, err := evil.Accept()
			if err != nil {
				return
			}
			connections <- c
		}
	}()
	seen := 0
	all := forgeries(w, evil.Addr().String())
	names := map[string]bool{}
	for _, f := range all {
		if names[f.name] {
			t.Errorf("two attacks are called %q", f.name)
		}
		names[f.name] = true
		_, err := w.verifier.Verify(context.Background(), f.text)
		var why *RefusedError
		switch {
		case err == nil:
			t.Errorf("ACCEPTED: %s", f.name)
		case !errors.Is(err, ErrToken) || !errors.As(err, &why):
			t.Errorf("%s: %v is no ErrToken", f.name, err)
		case !strings.Contains(why.Reason, f.reason):
			t.Errorf("%s was stopped by another check: %q, want %q", f.name, why.Reason, f.reason)
		}
	}
	if len(all) < 60 {
		t.Errorf("%d attacks", len(all))
	}
	// Connections are accepted in order: if ours is the first, there was none.
	mine, err := net.Dial("tcp", evil.Addr().String())
	w.must(err)
	for c := range connections {
		seen++
		ours := c.RemoteAddr().String() == mine.LocalAddr().String()
		c.Close()
		if ours {
			break
		}
	}
	w.must(evil.Close())
	if seen != 1 {
		t.Errorf("%d connections to the attacker's server", seen-1)
	}
	w.must(mine.Close())
	t.Logf("%d forged tokens, %d connections", len(all), seen-1)
}

// No bit of a token can be turned, and none of its bytes left out.
func TestEveryBitCounts(t *testing.T) {
	for _, alg := range []Algorithm{EdDSA, ES256} {
		w := newWorld(t, alg)
		genuine := w.issue()
		for i := range 8 * len(genuine) {
			if _, err := w.verifier.Verify(context.Background(), string(flipped([]byte(genuine), i))); !errors.Is(err, ErrToken) {
				t.Fatalf("%s: bit %d: %v", alg, i, err)
			}
		}
		for i := range genuine {
			for _, cut := range []string{genuine[:i], genuine[i+1:], genuine[:i] + genuine[i+1:]} {
				if _, err := w.verifier.Verify(context.Background(), cut); !errors.Is(err, ErrToken) {
					t.Fatalf("%s: without byte %d: %v", alg, i, err)
				}
			}
		}
		if _, err := w.verifier.Verify(context.Background(), genuine); err != nil {
			t.Fatal(err)
		}
	}
}

// A megabyte is refused in a millisecond: by its length alone, without looking
// at a byte. The best of many tries counts, because the machine may be busy.
func TestLongTokensAreRefusedAtOnce(t *testing.T) {
	w := newWorld(t, EdDSA)
	for name, text := range map[string]string{
		"letters": strings.Repeat("A", 1<<20),
		"dots":    strings.Repeat(".", 1<<20),
		"token":   w.issue() + strings.Repeat("A", 1<<20),
	} {
		best := time.Hour
		for range 100 {
			began := time.Now()
			if _, err := w.verifier.Verify(context.Background(), text); !errors.Is(err, ErrToken) {
				t.Fatalf("%s: %v", name, err)
			}
			best = min(best, time.Since(began))
		}
		t.Logf("a megabyte of %s: %v", name, best)
		if best > time.Millisecond {
			t.Errorf("a megabyte of %s took %v", name, best)
		}
	}
}

// What a stranger can make us read at most costs little memory too.
func TestRefusalsAllocateLittle(t *testing.T) {
	w := newWorld(t, EdDSA)
	for name, text := range map[string]string{
		"a megabyte": strings.Repeat("A", 1<<20),
		"dots":       strings.Repeat(".", MaxSize),
	} {
		if n := testing.AllocsPerRun(100, func() { w.verifier.Verify(context.Background(), text) }); n > 3 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
