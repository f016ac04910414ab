package session

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/user"
)

func testRefreshKey() *refreshKey {
	k := refreshKey(sha256.Sum256([]byte("a key for tests")))
	return &k
}

func testRefreshToken() refreshToken {
	return refreshToken{session: IDOf("t"), generation: 70_000, secret: refreshSecret(sha256.Sum256([]byte("secret")))}
}

func TestRefreshTokenRoundTrip(t *testing.T) {
	k, want := testRefreshKey(), testRefreshToken()
	text, err := k.seal(want)
	if err != nil || len(text) != refreshChars {
		t.Fatalf("%d characters, want %d; %v", len(text), refreshChars, err)
	}
	if got, err := k.open(text); err != nil || got != want {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	if text, err := k.seal(refreshToken{session: "x"}); !errors.Is(err, ErrID) || text != "" {
		t.Errorf("a token of no session: %q, %v", text, err)
	}
}

// Whatever is changed in a token, it is not one any more.
func TestRefreshTokenIsOursOrNone(t *testing.T) {
	k := testRefreshKey()
	text, err := k.seal(testRefreshToken())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	forged := []string{
		"", text[1:], text + "A", text + "=", " " + text, text[:56] + "\n" + text[56:], text[:55] + "\n" + text[56:],
		strings.Repeat("A", refreshChars), strings.Repeat("A", 1<<20), strings.Repeat(".", refreshChars),
		base64.RawURLEncoding.EncodeToString(raw[:refreshBody]),
		strings.NewReplacer("-", "+", "_", "/").Replace(text) + "====",
	}
	for bit := range len(raw) * 8 {
		b := slices.Clone(raw)
		b[bit/8] ^= 1 << (bit % 8)
		forged = append(forged, base64.RawURLEncoding.EncodeToString(b))
	}
	for _, f := range forged {
		if got, err := k.open(f); !errors.Is(err, ErrToken) || got != (refreshToken{}) {
			t.Errorf("%.130q: %+v, %v, want ErrToken", f, got, err)
		}
	}
	other := refreshKey(sha256.Sum256([]byte("another key")))
	if _, err := other.open(text); !errors.Is(err, ErrToken) {
		t.Errorf("with another key: %v, want ErrToken", err)
	}
	// What the key makes for one use is nothing for the other.
	body := raw[:refreshBody]
	if string(k.sum(forMAC, body)) == string(k.sum(forSuccessor, body)) {
		t.Error("a MAC and a successor are the same")
	}
}

func TestSuccessorDependsOnEverything(t *testing.T) {
	k, s := testRefreshKey(), testRefreshToken().secret
	other := refreshKey(sha256.Sum256([]byte("another key")))
	all := []refreshSecret{
		s,
		k.successor([16]byte{1}, s),
		k.successor([16]byte{2}, s),
		k.successor([16]byte{1}, refreshSecret{}),
		other.successor([16]byte{1}, s),
		refreshSecret(s.hash()),
	}
	for i, a := range all {
		if slices.Contains(all[i+1:], a) {
			t.Errorf("secret %d comes twice", i)
		}
	}
	if k.successor([16]byte{1}, s) != all[1] {
		t.Error("a retry makes another successor")
	}
}

func TestUseOfRefreshToken(t *testing.T) {
	at := time.UnixMilli(1_790_000_000_000)
	hash := func(n byte) [32]byte { return [32]byte{n} }
	r := Refresh{Generation: 5, Rotated: at, Hash: hash(5), Previous: hash(4), Nonce: [16]byte{5}}
	next := Refresh{Generation: 6, Rotated: at.Add(time.Hour), Hash: hash(6), Previous: hash(5), Nonce: [16]byte{6}}
	use := func(generation uint32, n byte, after time.Duration) Rotate {
		return Rotate{Generation: generation, Hash: hash(n), Next: hash(6), Nonce: [16]byte{6}, Now: at.Add(after), Grace: 10 * time.Second}
	}
	for _, test := range []struct {
		name    string
		of      Refresh
		use     Rotate
		next    Refresh
		rotated bool
		err     error
	}{
		{"first use", r, use(5, 5, time.Hour), next, true, nil},
		{"retry", r, use(4, 4, 0), r, false, nil},
		{"retry at the end of the grace", r, use(4, 4, 10*time.Second-time.Millisecond), r, false, nil},
		{"retry on a node whose clock is behind", r, use(4, 4, -time.Second), r, false, nil},
		{"the one before, after the grace", r, use(4, 4, 10*time.Second), r, false, ErrReuse},
		{"an older one, at once", r, use(3, 3, 0), r, false, ErrReuse},
		{"the first one", r, use(1, 1, 0), r, false, ErrReuse},
		{"the current generation, another secret", r, use(5, 9, 0), r, false, ErrReuse},
		{"the one before, another secret", r, use(4, 9, 0), r, false, ErrReuse},
		{"a generation that the store has forgotten", r, use(6, 6, 0), r, false, ErrToken},
		{"a generation that never was", r, use(1<<32-1, 5, 0), r, false, ErrToken},
		{"a session in a cookie", Refresh{}, use(0, 0, 0), Refresh{}, false, ErrToken},
		{"a session in a cookie, later generation", Refresh{}, use(1, 1, 0), Refresh{}, false, ErrToken},
	} {
		got, rotated, err := test.of.Use(test.use)
		if got != test.next || rotated != test.rotated || !errors.Is(err, test.err) {
			t.Errorf("%s: %+v, %v, %v\nwant %+v, %v, %v", test.name, got, rotated, err, test.next, test.rotated, test.err)
		}
	}
}

func TestRefreshRecordRoundTrip(t *testing.T) {
	want := Refresh{Generation: 7, Rotated: time.UnixMilli(1_790_000_000_123), Hash: [32]byte{1}, Previous: [32]byte{2}, Nonce: [16]byte{3}}
	b := AppendRefresh(nil, want)
	if got, err := DecodeRefresh(b); err != nil || got != want || len(b) != RefreshSize {
		t.Errorf("%d bytes, %+v, %v, want %+v", len(b), got, err, want)
	}
	for _, bad := range [][]byte{nil, b[1:], append(b, 0), make([]byte, RefreshSize)} {
		if _, err := DecodeRefresh(bad); !errors.Is(err, ErrUnreadable) {
			t.Errorf("%d bytes: %v, want ErrUnreadable", len(bad), err)
		}
	}
}

// A program that has not been given a key says so instead of making one up.
func TestNoRefreshWithoutKey(t *testing.T) {
	ctx := context.Background()
	m := NewManager(nil, nil, Limits{}, time.Now) // asking a store would panic
	token, err := testRefreshKey().seal(testRefreshToken())
	if err != nil {
		t.Fatal(err)
	}
	_, started, err := m.StartBearer(ctx, New{})
	if !errors.Is(err, errNoRefreshKey) || started != "" {
		t.Errorf("start: %q, %v", started, err)
	}
	_, renewed, err := m.RenewBearer(ctx, Session{}, user.Epoch{})
	if !errors.Is(err, errNoRefreshKey) || renewed != "" {
		t.Errorf("renew: %q, %v", renewed, err)
	}
	if _, next, err := m.Refresh(ctx, token); !errors.Is(err, errNoRefreshKey) || next != "" {
		t.Errorf("refresh: %q, %v", next, err)
	}
	if _, err := m.CheckRefresh(ctx, token); !errors.Is(err, errNoRefreshKey) {
		t.Errorf("check: %v", err)
	}
	// And what is no token of ours reaches no store.
	m = NewManager(nil, nil, Limits{}, time.Now, WithRefreshKey([32]byte{1}))
	if _, _, err := m.Refresh(ctx, token); !errors.Is(err, ErrToken) {
		t.Errorf("refresh with the token of another key: %v, want ErrToken", err)
	}
}

func FuzzRefreshToken(f *testing.F) {
	k := testRefreshKey()
	text, err := k.seal(testRefreshToken())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(strings.Repeat("A", refreshChars))
	f.Add(text[:refreshChars-1] + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := k.open(text)
		if err != nil {
			if err != ErrToken || got != (refreshToken{}) {
				t.Errorf("%q: %+v, %v", text, got, err)
			}
			return
		}
		if again, err := k.seal(got); err != nil || again != text {
			t.Errorf("%q is sealed %q, %v: two texts of one token", text, again, err)
		}
	})
}

func FuzzDecodeRefresh(f *testing.F) {
	f.Add(AppendRefresh(nil, Refresh{Generation: 1, Rotated: time.UnixMilli(1_790_000_000_123)}))
	f.Add(make([]byte, RefreshSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeRefresh(b)
		if err != nil {
			if !errors.Is(err, ErrUnreadable) {
				t.Errorf("error of another kind: %v", err)
			}
			return
		}
		// SQL compares what is read with what was written, byte by byte.
		if again := AppendRefresh(nil, r); !slices.Equal(again, b) {
			t.Errorf("read %x\nwritten %x", b, again)
		}
	})
}
