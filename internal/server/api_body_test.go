package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"gatehouse/internal/user"
)

// What a body is refused for: the type of the problem, and the members that are
// named, or the key of what cannot be read.
func TestAPIBodiesAreReadStrictly(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	p := w.client().program(t)
	good := `"username":"alice","password":"` + goodPassword + `"`
	for body, want := range map[string]string{
		`{` + good + `}`: "200",
		" \t\r\n{" + good + ",\n\"remember\" : false }\n ":            "200",
		`{"\u0075sername":"alice","password":"` + goodPassword + `"}`: "200", // the same name, written otherwise

		`{` + good + `,"admin":true}`:                                  "422 #/admin json_unknown",
		`{` + good + `,"Remember":true}`:                               "422 #/Remember json_unknown", // to the letter
		`{` + good + `,"remember":1}`:                                  "422 #/remember json_bool",
		`{` + good + `,"remember":"true"}`:                             "422 #/remember json_bool",
		`{` + good + `,"remember":null}`:                               "422 #/remember json_bool",
		`{` + good + `,"username":"root"}`:                             "422 #/username json_twice",
		`{` + good + `,"\u0075sername":1}`:                             "422 #/username json_twice",
		`{"username":"alice"}`:                                         "422 #/password json_missing",
		`{}`:                                                           "422 #/password json_missing #/username json_missing",
		`{"username":null,"password":{}}`:                              "422 #/username json_string #/password json_string",
		`{"username":["alice"],"password":3.5}`:                        "422 #/username json_string #/password json_string",
		`{"username":{"a":{"a":{}}},"password":"x"}`:                   "422 #/username json_string",
		`{"a/b~c %é":1,` + good + `}`:                                  "422 #/a~1b~0c%20%25%C3%A9 json_unknown",
		`{"` + strings.Repeat("n", 65) + `":1,` + good + `}`:           "422 # json_unknown",
		`{` + good + `,` + strings.Repeat(`"x":1,`, 100) + `"y":1}`:    "422" + strings.Repeat(" #/x json_unknown", maxFlaws),
		`{` + good + `}{}`:                                             "400 There is something behind",
		`{` + good + `} x`:                                             "400 There is something behind",
		`[{` + good + `}]`:                                             "400 The body has to be a JSON object.",
		`"alice"`:                                                      "400 The body has to be a JSON object.",
		`null`:                                                         "400 The body has to be a JSON object.",
		` `:                                                            "400 The body is not JSON",
		`{`:                                                            "400 The body is not JSON",
		`{` + good:                                                     "400 The body is not JSON",
		`{` + good + `,}`:                                              "400 The body is not JSON",
		`{'username':'alice'}`:                                         "400 The body is not JSON",
		`{` + good + `,"remember":tru}`:                                "400 The body is not JSON",
		`{` + good + `,"remember":NaN}`:                                "400 The body is not JSON",
		"{\"username\":\"a\nb\",\"password\":\"x\"}":                   "400 The body is not JSON",
		"\ufeff{" + good + "}":                                         "400 The body is not JSON",
		"{\"username\":\"alice\xff\",\"password\":\"x\"}":              "400 The body is not UTF-8",
		`{"username":"alice","password":"\ud800"}`:                     "400 The body is not UTF-8",
		`{"username":"alice","password":"\ud800\u0041"}`:               "400 The body is not UTF-8",
		`{"username":"alice","password":"\udc00\ud800"}`:               "400 The body is not UTF-8",
		`{"username":"alice","password":"\\ud800"}`:                    "401", // a backslash, and no escape
		`{"username":"alice","password":"\ud83d\ude00"}`:               "401",
		`{"username":` + strings.Repeat("[", 20_000) + `}`:             "400 The body is not JSON",
		`{"username":` + strings.Repeat(`{"a":`, 9_000) + `}`:          "400 The body is not JSON",
		`{` + good + `,"name":"` + strings.Repeat("x", maxBody) + `"}`: "413",
		`{` + good + strings.Repeat(" ", maxBody-len(good)-2) + `}`:    "200",
		`{` + good + strings.Repeat(" ", maxBody-len(good)-1) + `}`:    "413",
	} {
		a := p.send("POST", "/api/v1/login", body)
		got := fmt.Sprint(a.Code)
		switch a.Code {
		case 422:
			list, _ := a.body["errors"].([]any)
			for _, one := range list {
				got += fmt.Sprint(" ", one.(map[string]any)["pointer"], " ", one.(map[string]any)["code"])
			}
		case 400:
			got += " " + a.body["detail"].(string)
		}
		if !strings.HasPrefix(got, want) || a.Code == 422 && got != want {
			t.Errorf("%.80q: %s, want %s", body, got, want)
		}
	}
	if got := p.send("POST", "/api/v1/login", `{"usernme":"alice"}`).Body.String(); !strings.Contains(got, "There is no member “usernme”.") {
		t.Errorf("the message does not name the member: %s", got)
	}
}

func TestAPIBodiesAreJSON(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	p := w.loggedIn("alice").program(t)
	for media, want := range map[string]int{
		"application/json": 200, "application/json; charset=utf-8": 200, "APPLICATION/JSON": 200,
		"text/plain": 415, "application/x-www-form-urlencoded": 415, "multipart/form-data; boundary=x": 415,
		"application/jsonx": 415, "text/json": 415, "application/json, text/plain": 415, "/": 415,
	} {
		p.header = http.Header{"Content-Type": {media}}
		p.send("POST", "/api/v1/sessions/end-others", `{}`).want(want)
	}
	// Where nothing needs to be sent, nothing may be sent; but what is sent counts.
	p.header = http.Header{}
	p.send("POST", "/api/v1/sessions/end-others", ``).want(200)
	p.send("POST", "/api/v1/sessions/end-others", `{"keep":"this"}`).problem(422, "invalid", "#/keep json_unknown")
	p.send("POST", "/api/v1/sessions/end-others", `keep`).problem(400, "bad-json")
	p.send("DELETE", "/api/v1/sessions/"+string(p.session()), `{"reason":"x"}`).problem(422, "invalid", "#/reason json_unknown")
	p.send("POST", "/api/v1/logout", `{"all":true}`).problem(422, "invalid", "#/all json_unknown")
	p.get("/api/v1/me").want(200)
}

// Whatever arrives, a body is either understood just as encoding/json does, or
// refused with what is wrong.
func FuzzAPIBodies(f *testing.F) {
	names := slices.Sorted(maps.Keys(bodies))
	for i, seeds := range map[string][]string{
		"signUp":           {`{"username":"alice","password":"p","email":"a@example.com","name":"앨리스"}`},
		"logIn":            {`{"username":"alice","password":"p","carrier":"cookie","remember":true}`, `{"username":"\ud83d\ude00","password":"\ud800"}`},
		"logInByTicket":    {`{"ticket":"a.b","end":["x","y"]}`, `{"ticket":"","end":[null]}`, `{"ticket":"","end":[]}`},
		"logOut":           {`{}`, ` { } `, `{}{}`},
		"changePassword":   {`{"current":"a","password":"b"}`, `{"current":"a","current":"b"}`},
		"endOtherSessions": {`{"x":1}`},
		"endUserSessions":  {`{"reason":"x"}`},
		"disableUser":      {`{"reason":""}`},
		"enableUser":       {`{"reason":null}`},
		"setRole":          {`{"role":"admin","reason":"x"}`, `{"Role":"admin"}`},
		"endSessions":      {`{"user":"alice","ip":"::1","all":false,"dry_run":true}`, `{"id":"","q":" "}`, `[[[[`, "\xef\xbb\xbf{}"},
	} {
		for _, seed := range seeds {
			f.Add(uint8(slices.Index(names, i)), []byte(seed))
		}
	}
	texts := messagesOf(f)
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		name := names[int(which)%len(names)]
		body := bodies[name]()
		err := decodeJSON(data, body)
		var unreadable *badJSON
		var wrong flaws
		switch {
		case err == nil:
			if !utf8.Valid(data) || !json.Valid(data) {
				t.Fatalf("%s: taken, and is no JSON: %q", name, data)
			}
			plain := bodies[name]()
			in := json.NewDecoder(bytes.NewReader(data))
			in.DisallowUnknownFields()
			if err := in.Decode(plain); err != nil || !reflect.DeepEqual(plain, body) {
				t.Fatalf("%s: %q is %+v, encoding/json: %+v (%v)", name, data, body, plain, err)
			}
		case errors.As(err, &unreadable):
			if !texts[unreadable.key] || unreadable.at < 0 || unreadable.at > int64(len(data)) {
				t.Fatalf("%s: %q: %+v", name, data, unreadable)
			}
		case errors.As(err, &wrong):
			if len(wrong) == 0 || len(wrong) > maxFlaws+len(membersOf(body)) {
				t.Fatalf("%s: %q: %d flaws", name, data, len(wrong))
			}
			for _, one := range wrong {
				if at := pointer(one.member, one.index); !texts[one.key] || len(at) > 3*3*maxMemberName+2 || strings.ContainsAny(at, " \"<\n") {
					t.Fatalf("%s: %q: %+v at %q", name, data, one, at)
				}
			}
		default:
			t.Fatalf("%s: %q: %v", name, data, err)
		}
	})
}

// messagesOf returns the keys that have a text.
func messagesOf(t testing.TB) map[string]bool {
	t.Helper()
	all, err := newTranslators(webDir(t, "locales"))
	must(t, err)
	has := map[string]bool{}
	for key := range all.of("en").messages {
		has[key] = true
	}
	return has
}
