package main

import (
	"testing"

	"gatehouse/internal/config"
)

func TestHealthcheckURL(t *testing.T) {
	for addr, want := range map[string]string{
		"":                "http://127.0.0.1:8080/healthz",
		":8080":           "http://127.0.0.1:8080/healthz",
		"0.0.0.0:80":      "http://127.0.0.1:80/healthz",
		"[::]:80":         "http://127.0.0.1:80/healthz",
		"192.0.2.7:8443":  "http://192.0.2.7:8443/healthz",
		"[2001:db8::1]:1": "http://[2001:db8::1]:1/healthz",
	} {
		if got, err := (healthcheckCmd{Addr: addr}).url(); got != want || err != nil {
			t.Errorf("%q: %q, %v, want %q", addr, got, err, want)
		}
	}
}

// The server and its health check have to mean the same place by default.
func TestDefaultAddr(t *testing.T) {
	for _, s := range config.Settings() {
		if s.Env == "GATEHOUSE_ADDR" && s.Default != defaultAddr {
			t.Errorf("the server listens on %s by default, the health check asks %s", s.Default, defaultAddr)
		}
	}
}
