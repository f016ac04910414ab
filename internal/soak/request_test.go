package soak

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
)

// answer is what came back. Of a request that got none status is 0.
type answer struct {
	status          int
	cookie          string // token in it
	began, answered time.Time
	body            struct {
		SessionID    string `json:"session_id"`
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		ExpiresIn    int    `json:"expires_in"`
		Ended        int    `json:"ended"`
		Type         string `json:"type"`
		Reason       string `json:"reason"`
	}
}

func (a answer) ok() bool { return a.status >= 200 && a.status < 400 }

// unknown: nobody knows what the request did.
func (a answer) unknown() bool { return a.status == 0 || a.status == http.StatusServiceUnavailable }

// send sends a request to any node.
func (s *stand) send(method, path string, c carrier, body any) (a answer) {
	var text io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			panic(err) // strings
		}
		text = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, s.anyNode()+path, text)
	if err != nil {
		panic(err) // a path of ours
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.name != "" {
		req.Header.Set(c.name, c.value)
	}
	a.began = time.Now()
	resp, err := s.http.Do(req)
	var got []byte
	if err == nil {
		got, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	a.answered = time.Now()
	if err != nil {
		s.tally.complain("%s %s: %v", method, path, err)
		return a
	}
	a.status = resp.StatusCode
	for _, c := range resp.Cookies() {
		if c.Name == "__Host-session" {
			a.cookie = c.Value
		}
	}
	if strings.Contains(resp.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(got, &a.body); err != nil {
			s.tally.complain("%s %s: %v", method, path, err)
		}
	}
	s.tally.answered(a.status == http.StatusServiceUnavailable)
	return a
}
