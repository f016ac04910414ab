package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/measure"
	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/testenv"
	"gatehouse/internal/user"
)

// site is one installation: stores with a crowd of sessions in them, some people
// whose checks are watched, and an administrator. Its server runs as the program
// does, on all cores, beside Redis and whoever else is there.
type site struct {
	t        testing.TB
	embedded bool
	dir      string
	redisURL string
	store    *redisdb.Store // nil: embedded
	checked  string         // file of the cookies that are watched
	admin    string         // cookie
	forms    string         // file of log-ins, with right and wrong passwords
	users    []user.User    // of the crowd
	crowd    int            // sessions there are, besides those watched
	ends     uint32         // of everyone, so far
	server   *server
	http     *http.Client
}

const (
	watchedSessions = 1000
	// afterAllEnds makes a session one that has begun after all ends of everyone
	// that there will be: what is watched is the same check all the time.
	afterAllEnds = 1 << 20
)

// newSite makes the stores, with crowd sessions.
func newSite(t testing.TB, embedded bool, crowd int) *site {
	t.Helper()
	s := &site{t: t, embedded: embedded, dir: testenv.TempDir(t), http: &http.Client{Timeout: 10 * time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	t.Cleanup(s.http.CloseIdleConnections)
	watched := measure.Users(watchedSessions + 1)
	for i := range watched {
		watched[i].Username = fmt.Sprint("watched", i) // nobody of the crowd is called like that
		watched[i].Role = user.RoleAdmin               // the end of those in another role does not reach them
		watched[i].Epoch.All = afterAllEnds
	}
	s.users = measure.Users(crowd)
	people := newPeople(t, nil, 0)
	newDatabase(t, s.database())
	b := newBulk(t, s.database())
	var tokens []string
	for _, u := range people.loggingIn {
		b.account(u, people.hash)
	}
	for _, u := range watched {
		b.account(u, people.hash)
		if embedded {
			tokens = append(tokens, b.session(u, afterAllEnds))
		}
	}
	if embedded { // where a session is nothing without its account
		for _, u := range s.users {
			b.account(u, people.hash)
		}
	}
	b.commit()
	if !embedded {
		s.redisURL = testenv.RedisServer(t).URL()
		s.store = redisdb.Open(s.redisURL, measure.Limits.Longest())
		t.Cleanup(func() { s.store.Close() })
		var err error
		tokens, err = measure.Fill(s.store, len(watched), func(i int) user.User { return watched[i] })
		must(t, err)
	}
	var cookies []string
	for _, token := range tokens {
		cookies = append(cookies, "Cookie: "+measure.CookieName+"="+token)
	}
	s.admin = measure.CookieName + "=" + tokens[0]
	s.checked = lines(t, cookies[1:])
	var forms []string
	for i, u := range people.loggingIn {
		forms = append(forms, url.Values{"username": {u.Username}, "password": {[]string{password, "not it"}[i%2]}}.Encode())
	}
	s.forms = lines(t, forms)
	s.fill(crowd)
	return s
}

func (s *site) database() string { return filepath.Join(s.dir, "gatehouse.db") }

// fill starts n sessions, one a user.
func (s *site) fill(n int) {
	s.t.Helper()
	s.crowd += n
	if s.embedded {
		b := newBulk(s.t, s.database())
		for _, u := range s.users[:n] {
			b.session(u, s.ends)
		}
		b.commit()
		return
	}
	_, err := measure.Fill(s.store, n, func(i int) user.User {
		u := s.users[i]
		u.Epoch.All = s.ends
		return u
	})
	must(s.t, err)
}

// serve starts the program until the test t is over.
func (s *site) serve(t testing.TB, bin string, limits bool) {
	t.Helper()
	env := []string{"GATEHOUSE_ADDR=127.0.0.1:0", "GATEHOUSE_RATE_LIMITS=" + map[bool]string{true: "on", false: "off"}[limits]}
	if !s.embedded {
		env = append(env, "GATEHOUSE_REDIS_URL="+s.redisURL)
	}
	s.server = startServer(t, anywhere, s.dir, env, bin, "serve", "--data-dir="+s.dir)
}

// ask sends a request of the administrator and returns the body of the answer,
// which has to be 200.
func (s *site) ask(ctx context.Context, method, path string, body any) (string, error) {
	var text io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return "", err
		}
		text = strings.NewReader(string(b))
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+s.server.addr+path, text)
	if err != nil {
		return "", err
	}
	r.Host = "localhost"
	r.Header.Set("Cookie", s.admin)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := s.http.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, got)
	}
	return string(got), err
}

// end ends sessions as body says and fails unless it was the whole crowd.
func (s *site) end(ctx context.Context, body map[string]any) (took time.Duration, err error) {
	began := time.Now()
	text, err := s.ask(ctx, http.MethodPost, "/api/v1/admin/sessions/end", body)
	if err != nil {
		return 0, err
	}
	took = time.Since(began)
	var receipt struct{ Ended int }
	if err := json.Unmarshal([]byte(text), &receipt); err != nil {
		return 0, err
	}
	if receipt.Ended < s.crowd { // who logged in during a flood ends too
		return 0, fmt.Errorf("%d sessions ended, want at least %d", receipt.Ended, s.crowd)
	}
	s.crowd = 0
	if body["all"] == true {
		s.ends++
	}
	return took, nil
}
