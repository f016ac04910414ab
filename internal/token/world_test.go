package token

import (
	"context"
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

var at = time.Date(2026, 11, 21, 17, 4, 0, 0, time.UTC)

var parties = Parties{Issuer: "https://id.example", Audience: "https://api.example"}

// clock is the time of a test.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

func (c *clock) pass(d time.Duration) { c.set(c.Now().Add(d)) }

// memKeys is a store in memory that several nodes can share.
type memKeys struct {
	mu    sync.Mutex
	keys  []Key
	lists int   // how often it was asked for the list
	away  error // what it answers, if anything
}

func (m *memKeys) List(context.Context) ([]Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lists++
	return slices.Clone(m.keys), m.away
}

func (m *memKeys) Add(_ context.Context, k Key) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away != nil {
		return m.away
	}
	if slices.ContainsFunc(m.keys, func(o Key) bool { return o.Seq == k.Seq || o.ID == k.ID }) {
		return ErrKeyTaken
	}
	m.keys = append(m.keys, k)
	return nil
}

func (m *memKeys) Delete(_ context.Context, id string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(m.keys)
	m.keys = slices.DeleteFunc(m.keys, func(k Key) bool { return k.ID == id })
	return len(m.keys) < n, m.away
}

func (m *memKeys) setAway(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.away = err
}

func (m *memKeys) asked() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lists
}

// world is an installation with one node that has started.
type world struct {
	t testing.TB
	*clock
	store    *memKeys
	ring     *Keyring
	issuer   *Issuer
	verifier *Verifier
}

func newWorld(t testing.TB, alg Algorithm) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{now: at}, store: &memKeys{}}
	w.ring, w.issuer, w.verifier = w.node(alg, nil)
	w.must(w.ring.Start(context.Background(), w.store))
	return w
}

// node returns another node, which has not started.
func (w *world) node(alg Algorithm, sealer *Sealer) (*Keyring, *Issuer, *Verifier) {
	w.t.Helper()
	ring := NewKeyring(KeyringConfig{Keys: w.store, Sealer: sealer, Alg: alg, Rotation: 30 * 24 * time.Hour, Log: slog.New(slog.DiscardHandler), Now: w.Now})
	issuer, err := NewIssuer(ring, parties, time.Minute)
	w.must(err)
	verifier, err := NewVerifier(ring, parties, 0)
	w.must(err)
	return ring, issuer, verifier
}

// signer returns what signs now, as a thief of it would have it.
func (w *world) signer() signs {
	w.t.Helper()
	s, err := w.ring.set.Load().signs(w.Now())
	w.must(err)
	return s
}

func (w *world) session() session.Session {
	return session.Session{ID: session.IDOf(rand.Text()), User: user.NewID(), Role: user.RoleUser, Deadline: w.Now().Add(12 * time.Hour)}
}

func (w *world) issue() string {
	w.t.Helper()
	text, _, err := w.issuer.Issue(w.session())
	w.must(err)
	return text
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// object is a JSON object of values that are JSON already, or not quite.
type object map[string]string

// with returns o with members set, and those left out whose value is empty.
func (o object) with(members ...string) object {
	o = maps.Clone(o)
	for i := 0; i < len(members); i += 2 {
		o[members[i]] = members[i+1]
		if members[i+1] == "" {
			delete(o, members[i])
		}
	}
	return o
}

func (o object) String() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(o)) {
		parts = append(parts, strconv.Quote(name)+":"+o[name])
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// header and payload are those of a token that counts, if it is signed.
func (w *world) header(s signs) object {
	return object{"alg": quote(string(s.alg)), "kid": quote(s.id), "typ": `"at+jwt"`}
}

func (w *world) payload() object {
	s := w.session()
	return object{
		"iss": quote(parties.Issuer), "aud": quote(parties.Audience), "sub": quote(string(s.User)), "sid": quote(string(s.ID)),
		"client_id": quote(ClientID), "role": `"user"`, "jti": quote(string(user.NewID())),
		"iat": number(w.Now()), "exp": number(w.Now().Add(time.Minute)),
	}
}

func quote(s string) string     { return `"` + s + `"` }
func number(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
func encode(b []byte) string    { return base64.RawURLEncoding.EncodeToString(b) }
func encodeText(s string) string {
	return encode([]byte(s))
}

// unsigned returns what there is to sign.
func unsigned(header, payload string) string { return encodeText(header) + "." + encodeText(payload) }

// sign returns the token with that header and payload, signed by key.
func (w *world) sign(alg Algorithm, key crypto.Signer, header, payload string) string {
	w.t.Helper()
	text := unsigned(header, payload)
	signature, err := alg.method().Sign(text, key)
	w.must(err)
	return text + "." + encode(signature)
}
