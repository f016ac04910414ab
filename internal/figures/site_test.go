package figures

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// site is the same small web site, built on Gatehouse or on stock scs: two nodes
// on the same stores, each a real HTTP server with
//
//	POST /login         begins a session
//	GET  /write         200 or, without a live session, 401; writes to the session
//	GET  /read          the same without writing
//	POST /end?session=  ends any session, as an administrator does: 204
type site struct {
	name  string
	nodes [2]string // URLs
	http  *http.Client
	// nameOf returns how an administrator names the session that token opens.
	nameOf func(token string) string
}

// newSite serves two nodes, each made by node, until the test is over.
func newSite(t *testing.T, name string, nameOf func(string) string, node func() http.Handler) *site {
	s := &site{name: name, nameOf: nameOf, http: &http.Client{
		Timeout:   30 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: 2 * clients},
	}}
	t.Cleanup(s.http.CloseIdleConnections)
	for i := range s.nodes {
		server := httptest.NewServer(node())
		t.Cleanup(server.Close)
		s.nodes[i] = server.URL
	}
	return s
}

// send sends a request, with a session cookie if there is one, and returns the
// answer, its body read.
func (s *site) send(ctx context.Context, method, url string, cookie *http.Cookie) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, err
	}
	if cookie != nil {
		r.Header.Set("Cookie", cookie.Name+"="+cookie.Value)
	}
	answer, err := s.http.Do(r)
	if err != nil {
		return nil, err
	}
	return answer, answer.Body.Close()
}

// insist sends until the answer is not 503: a loaded test machine may need more
// than the half second that the product allows itself.
func (s *site) insist(ctx context.Context, method, url string, cookie *http.Cookie) (*http.Response, error) {
	for range 20 {
		answer, err := s.send(ctx, method, url, cookie)
		if err != nil || answer.StatusCode != http.StatusServiceUnavailable {
			return answer, err
		}
	}
	return nil, fmt.Errorf("%s %s: nothing but 503", method, url)
}

// login begins a session on the first node and returns its cookie.
func (s *site) login(ctx context.Context) (*http.Cookie, error) {
	answer, err := s.insist(ctx, http.MethodPost, s.nodes[0]+"/login", nil)
	if err != nil {
		return nil, err
	}
	if got := answer.Cookies(); answer.StatusCode == http.StatusOK && len(got) == 1 {
		return got[0], nil
	}
	return nil, fmt.Errorf("log-in: %s with %d cookies", answer.Status, len(answer.Cookies()))
}

// end ends a session on the second node.
func (s *site) end(ctx context.Context, cookie *http.Cookie) error {
	answer, err := s.insist(ctx, http.MethodPost, s.nodes[1]+"/end?session="+s.nameOf(cookie.Value), nil)
	if err == nil && answer.StatusCode != http.StatusNoContent {
		err = fmt.Errorf("end: %s", answer.Status)
	}
	return err
}

// alive reports whether a session is accepted on either node.
func (s *site) alive(ctx context.Context, cookie *http.Cookie) (bool, error) {
	for _, node := range s.nodes {
		answer, err := s.insist(ctx, http.MethodGet, node+"/read", cookie)
		if err != nil {
			return false, err
		}
		switch answer.StatusCode {
		case http.StatusOK:
			return true, nil
		case http.StatusUnauthorized:
		default:
			return false, fmt.Errorf("read: %s", answer.Status)
		}
	}
	return false, nil
}
