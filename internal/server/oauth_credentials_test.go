package server

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/limit"
	"gatehouse/internal/oauth"
	"gatehouse/internal/user"
)

func TestServicesShowCredentials(t *testing.T) {
	w := newWorld(t)
	u := w.account("alice", user.RoleUser)
	reports, other := w.service(t, "reports"), w.service(t, "other")
	_, access, _ := w.begun(u)
	body := url.Values{"token": {access}}.Encode()
	basic := func(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }
	encoded := "" // every character of it percent-encoded, as RFC 6749 2.3.1 allows
	for _, c := range []byte(reports.secret) {
		encoded += fmt.Sprintf("%%%02X", c)
	}
	for what, header := range map[string]string{
		"as they are":            basic("reports:" + reports.secret),
		"percent-encoded":        basic("%72eports:" + encoded),
		"the scheme in any case": "bAsIc " + basic("reports:" + reports.secret)[6:],
	} {
		reports.header.Set("Authorization", header)
		if _, v := reports.ask("/oauth/introspect", body); v["active"] != true {
			t.Errorf("%s: %v", what, v)
		}
	}
	for what, header := range map[string]string{
		"none":                       "",
		"another's secret":           basic("reports:" + other.secret),
		"no secret":                  basic("reports:"),
		"no id":                      basic(":" + reports.secret),
		"no colon":                   basic("reports"),
		"an unknown id":              basic("unknown:" + reports.secret),
		"the id in capitals":         basic("REPORTS:" + reports.secret),
		"SQL":                        basic("' OR '1'='1:" + reports.secret),
		"a broken escape":            basic("reports:%zz"),
		"no base64":                  "Basic reports:" + reports.secret,
		"the secret as bearer":       "Bearer " + reports.secret,
		"the access token as bearer": "Bearer " + access,
		"long":                       basic("reports:" + strings.Repeat("A", 10_000)),
	} {
		reports.header.Del("Authorization")
		if header != "" {
			reports.header.Set("Authorization", header)
		}
		for _, target := range []string{"/oauth/introspect", "/oauth/revoke"} {
			r, v := reports.ask(target, body)
			refused(t, what, r, v, http.StatusUnauthorized, "invalid_client")
		}
	}
	// In the body they count for nothing, nor does a session, not even an
	// administrator's.
	w.account("root1", user.RoleAdmin)
	admin := &asker{client: w.loggedIn("root1"), t: t, d: reports.d}
	r, v := admin.ask("/oauth/introspect", body+"&client_id=reports&client_secret="+reports.secret)
	refused(t, "in the body, with an administrator's cookie", r, v, http.StatusUnauthorized, "invalid_client")
	// Two of them: whose would it be?
	reports.header["Authorization"] = []string{basic("reports:" + reports.secret), basic("other:" + other.secret)}
	r, v = reports.ask("/oauth/introspect", body)
	refused(t, "two", r, v, http.StatusBadRequest, "invalid_request")
	// A client that was deleted is out at once.
	if _, v := other.ask("/oauth/introspect", body); v["active"] != true {
		t.Errorf("other: %v", v)
	}
	_, err := w.db.Clients().Delete(context.Background(), "other")
	must(t, err)
	r, v = other.ask("/oauth/introspect", body)
	refused(t, "deleted", r, v, http.StatusUnauthorized, "invalid_client")
	if strings.Contains(w.log.String(), reports.secret) {
		t.Error("a secret is in the log")
	}
}

func TestServicesSendForms(t *testing.T) {
	w := newWorld(t)
	u := w.account("alice", user.RoleUser)
	reports := w.service(t, "reports")
	one, access, _ := w.begun(u)
	for what, c := range map[string]struct {
		target, media, body string
		status              int
	}{
		"no body":              {"/oauth/revoke", "application/x-www-form-urlencoded", "", 400},
		"an empty token":       {"/oauth/revoke", "application/x-www-form-urlencoded", "token=", 400},
		"JSON":                 {"/oauth/revoke", "application/json", `{"token":"` + access + `"}`, 400},
		"JSON called a form":   {"/oauth/revoke", "application/x-www-form-urlencoded", `{"token":"` + access + `"}`, 400},
		"multipart":            {"/oauth/revoke", "multipart/form-data; boundary=x", "token=" + access, 400},
		"no type":              {"/oauth/revoke", " ", "token=" + access, 400},
		"in the address":       {"/oauth/revoke?token=" + access, "application/x-www-form-urlencoded", "", 400},
		"in both":              {"/oauth/revoke?token=" + access, "application/x-www-form-urlencoded", "token=" + access, 400},
		"twice":                {"/oauth/revoke", "application/x-www-form-urlencoded", "token=" + access + "&token=" + access, 400},
		"a hint twice":         {"/oauth/revoke", "application/x-www-form-urlencoded", "token=" + access + "&token_type_hint=a&token_type_hint=b", 400},
		"a broken escape":      {"/oauth/revoke", "application/x-www-form-urlencoded", "token=%zz", 400},
		"a megabyte":           {"/oauth/revoke", "application/x-www-form-urlencoded", "token=" + strings.Repeat("A", 1<<20), 413},
		"with a character set": {"/oauth/introspect", "application/x-www-form-urlencoded; charset=UTF-8", "token=" + access, 200},
	} {
		reports.header.Set("Content-Type", c.media)
		r, v := reports.ask(c.target, c.body)
		if r.Code != c.status || c.status != 200 && v["error"] != "invalid_request" || strings.Contains(r.Body.String(), access) {
			t.Errorf("%s: %d %v, want %d", what, r.Code, v, c.status)
		}
	}
	if _, err := w.Sessions.Check(context.Background(), one.ID); err != nil {
		t.Errorf("the session: %v", err)
	}
	// Other methods and paths are errors of the same form.
	for _, request := range []string{"GET /oauth/introspect", "DELETE /oauth/revoke", "GET /oauth/nothing"} {
		method, path, _ := strings.Cut(request, " ")
		r := reports.do(method, path, nil)
		var v map[string]any
		if err := json.Unmarshal(r.Body.Bytes(), &v); err != nil || r.Code < 404 || v["error"] != "invalid_request" {
			t.Errorf("%s: %d %s", request, r.Code, r.Body)
		}
	}
}

// A service sends no Origin, and is let through. A page of another site is not,
// whatever credentials a browser may have kept for it; a cookie is no way in.
func TestServicesAreNoPages(t *testing.T) {
	w := newWorld(t)
	u := w.account("alice", user.RoleUser)
	reports := w.service(t, "reports")
	_, access, _ := w.begun(u)
	body := url.Values{"token": {access}}.Encode()
	for what, c := range map[string]struct {
		name, value string
		status      int
	}{
		"Node's fetch":          {"Sec-Fetch-Mode", "cors", 200},
		"another site":          {"Origin", "https://evil.example", 403},
		"no site":               {"Origin", "null", 403},
		"another site, fetched": {"Sec-Fetch-Site", "cross-site", 403},
		"a session's cookie":    {"Cookie", "__Host-session=" + strings.Repeat("A", 43), 200},
	} {
		reports.header.Set(c.name, c.value)
		r, v := reports.ask("/oauth/introspect", body)
		if r.Code != c.status || (v["active"] == true) != (c.status == 200) {
			t.Errorf("%s: %d %v, want %d", what, r.Code, v, c.status)
		}
		reports.header.Del(c.name)
	}
}

// Wrong secrets are slowed down, and never the right one beside them.
func TestServicesGuessInVain(t *testing.T) {
	var now func() time.Time
	w := newWorld(t, func(c *Config) { now = c.Now; c.Limiter = limit.NewMemory(0, c.Now) })
	u := w.account("alice", user.RoleUser)
	reports := w.service(t, "reports")
	_, access, _ := w.begun(u)
	body := url.Values{"token": {access}}.Encode()
	guesser := w.service(t, "guesser")
	for i := range limit.ClientSecret.Burst + 5 {
		_, wrong, err := oauth.NewClient("x", now())
		must(t, err)
		guesser.shows("reports", wrong)
		r, v := guesser.ask("/oauth/introspect", body)
		if i < limit.ClientSecret.Burst {
			refused(t, fmt.Sprint("guess ", i), r, v, http.StatusUnauthorized, "invalid_client")
			continue
		}
		refused(t, fmt.Sprint("guess ", i), r, v, http.StatusTooManyRequests, "temporarily_unavailable")
		if r.Header().Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
	}
	for range 3 * limit.ClientSecret.Burst { // from the same address
		if _, v := reports.ask("/oauth/introspect", body); v["active"] != true {
			t.Fatalf("the service itself is held up: %v", v)
		}
	}
}
