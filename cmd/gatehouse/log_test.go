package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// logLine is one line of the JSON log, as far as these tests look at it.
type logLine struct {
	Msg     string  `json:"msg"`
	Request string  `json:"request"`
	Method  string  `json:"method"`
	Route   string  `json:"route"`
	Status  int     `json:"status"`
	Took    float64 `json:"took"`
	IP      string  `json:"ip"`
	Session string  `json:"session"`
}

// One line per request, with what an operator needs; and nowhere in the log
// anything that opens something.
func TestLog(t *testing.T) {
	t.Parallel()
	const nextSecret, unusual = "private-search-words", "한국어로 된 비밀번호 열쇠"
	inBothSetUps(t, func(t *testing.T, first, _ *node) {
		admin, kim, stranger := newClient(t), newClient(t), newClient(t)
		code := first.setupCode()
		admin.get(first, "/setup?code="+code)
		admin.setUp(first)
		secrets := []string{code, password, unusual, nextSecret, "guess-that-failed", "another kettle 99"}
		kim.signUp(first, "kim")
		secrets = append(secrets, kim.token(), kim.cookies[deviceCookie], admin.token(), admin.cookies[deviceCookie])
		stranger.tryLogIn(first, "kim", "guess-that-failed")
		stranger.tryLogIn(first, "guess-that-failed", unusual) // typed into the wrong field
		stranger.get(first, "/mypage?q="+nextSecret)
		stranger.get(first, "/login?next=%2Fmypage%3F"+nextSecret)
		stranger.get(first, "/no/such/page?"+nextSecret)
		stranger.get(first, "/"+nextSecret)
		stranger.post(first, "/mypage/password", "current="+password, "password="+unusual)
		stranger.cookies[sessionCookie] = "not-a-token-" + nextSecret
		stranger.get(first, "/mypage")
		kim.get(first, "/mypage?q="+nextSecret)
		kim.post(first, "/mypage/password", "current="+password, "password=another kettle 99")
		secrets = append(secrets, kim.token())
		admin.get(first, "/admin/sessions?q="+nextSecret)
		admin.post(first, "/admin/sessions/"+string(kim.sessionID())+"/end", "reason="+nextSecret)
		kim.get(first, "/mypage")
		kim.tryLogIn(first, "kim", "another kettle 99")
		secrets = append(secrets, kim.token())
		kim.post(first, "/logout")
		for _, name := range []string{"GATEHOUSE_DATABASE_URL", "GATEHOUSE_REDIS_URL"} {
			if url := first.settings[name]; url != "" {
				secrets = append(secrets, url)
			}
		}
		if code := first.stop(); code != exitOK {
			t.Errorf("exit code %d", code)
		}

		log := first.stderr.String()
		for _, secret := range secrets {
			if secret == "" {
				t.Error("the test has lost a secret")
			} else if strings.Contains(log, secret) {
				t.Errorf("the log contains %q", secret)
			}
		}
		lines := map[string][]logLine{}
		for text := range strings.Lines(log) {
			var line logLine
			if err := json.Unmarshal([]byte(text), &line); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			if line.Msg == "request" {
				lines[line.Request] = append(lines[line.Request], line)
			}
		}
		total := 1 // startNode's own look at /healthz
		for _, c := range []*client{admin, kim, stranger} {
			for _, a := range c.history {
				total++
				checkLine(t, a, lines[a.header.Get("X-Request-Id")])
			}
		}
		if len(lines) != total {
			t.Errorf("%d requests were logged, %d were made", len(lines), total)
		}
	}, "GATEHOUSE_LOG_FORMAT", "json")
}

// checkLine checks what the log says about one request.
func checkLine(t *testing.T, a answer, lines []logLine) {
	t.Helper()
	if len(lines) != 1 {
		t.Errorf("%s %s: %d lines in the log", a.method, a.path, len(lines))
		return
	}
	l := lines[0]
	path, _, _ := strings.Cut(a.path, "?")
	route := path
	switch {
	case strings.HasPrefix(path, "/admin/sessions/"):
		route = "/admin/sessions/{id}/end"
	case a.status == 404:
		route = "-"
	}
	if l.Method != a.method || l.Route != route || l.Status != a.status || l.IP != "127.0.0.1" || l.Took <= 0 {
		t.Errorf("%s %s was answered %d and logged as %+v", a.method, a.path, a.status, l)
	}
	signedIn := a.status == 200 && (strings.HasPrefix(path, "/mypage") || strings.HasPrefix(path, "/admin"))
	if signedIn && l.Session != a.sessionID.Short() {
		t.Errorf("%s %s: session %q, want %q", a.method, a.path, l.Session, a.sessionID.Short())
	}
}
