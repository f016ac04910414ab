package apiclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// answerWithin bounds one request. A log-in may queue for its password to be
	// checked.
	answerWithin = 30 * time.Second
	maxAnswer    = 1 << 20 // bytes
)

// NewTransport returns how requests travel: by the proxy that HTTPS_PROXY,
// HTTP_PROXY and NO_PROXY name, if any (http.ProxyFromEnvironment), and by TLS
// with the certificates that the system trusts.
func NewTransport() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
	}
}

// call sends in, if it is not nil, as JSON to path of the server, by the access
// token if there is one, and reads the answer into out. *Problem, *AwayError, or
// an error that says what else answers there.
func (c *Client) call(ctx context.Context, method, path string, access token, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.server.String()+path, body)
	if err != nil {
		return err
	}
	// The commands speak English, and so should what they pass on.
	req.Header.Set("Accept-Language", "en")
	req.Header.Set("User-Agent", c.agent)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if access != "" {
		req.Header.Set("Authorization", "Bearer "+string(access))
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return c.away(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return c.away(err)
	}
	return c.understand(resp, data, out)
}

// understand reads an answer of status resp and body data.
func (c *Client) understand(resp *http.Response, data []byte, out any) error {
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode/100 == 2 && media == "application/json" && json.Unmarshal(data, out) == nil:
		return nil
	case resp.StatusCode/100 == 3:
		return fmt.Errorf("%s sends us on to %q, where neither password nor token is taken: log in there if that is right",
			c.server, oneLine(resp.Header.Get("Location")))
	case resp.StatusCode >= 400 && media == "application/problem+json":
		p := &Problem{}
		if json.Unmarshal(data, p) != nil {
			break
		}
		p.Status = resp.StatusCode
		if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
			p.retryAfter = time.Duration(min(seconds, 86400)) * time.Second
		}
		return p
	case resp.StatusCode == http.StatusBadGateway || resp.StatusCode == http.StatusServiceUnavailable || resp.StatusCode == http.StatusGatewayTimeout:
		// A proxy in front of it.
		return &AwayError{URL: c.server.String(), Err: fmt.Errorf("a proxy answers %d", resp.StatusCode)}
	}
	return fmt.Errorf("%s answers %d, and not as Gatehouse does: is that the right address?", c.server, resp.StatusCode)
}

// away returns err, from net/http, as an *AwayError.
func (c *Client) away(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var dial *net.OpError
	var untrusted *tls.CertificateVerificationError
	unsent := errors.As(err, &dial) && (dial.Op == "dial" || dial.Op == "proxyconnect") || errors.As(err, &untrusted)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		err = errors.New("no answer in time")
	case errors.Is(err, context.Canceled):
		return err
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		unsent = true
		err = errors.New("it speaks http, not https; on this machine say http://localhost and the port")
	}
	return &AwayError{URL: c.server.String(), Err: err, unsent: unsent}
}
