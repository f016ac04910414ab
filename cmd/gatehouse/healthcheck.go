package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

type healthcheckCmd struct {
	Addr  string `name:"addr" env:"GATEHOUSE_ADDR" placeholder:"HOST:PORT" help:"Address that the server listens on (127.0.0.1:8080)."`
	Ready bool   `help:"Also ask whether its stores can be reached (/readyz instead of /healthz)."`
}

// defaultAddr is the default of GATEHOUSE_ADDR.
const defaultAddr = "127.0.0.1:8080"

// Run asks the server on this machine; exit code 0 means well.
func (c healthcheckCmd) Run(ctx context.Context, p program) error {
	url, err := c.url()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return usageError{err}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", resp.Status, strings.ReplaceAll(strings.TrimSpace(string(body)), "\n", ", "))
	}
	_, err = p.stdout.Write(body)
	return err
}

// url returns what to ask.
func (c healthcheckCmd) url() (string, error) {
	if c.Addr == "" { // an empty variable means the default here as well
		c.Addr = defaultAddr
	}
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return "", usagef("%q is no host:port", c.Addr)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1" // it listens everywhere, here too
	}
	path := "/healthz"
	if c.Ready {
		path = "/readyz"
	}
	return "http://" + net.JoinHostPort(host, port) + path, nil
}
