package config

import (
	"strings"
	"testing"
)

func TestServerURL(t *testing.T) {
	for text, want := range map[string]string{
		"https://id.example.com":      "https://id.example.com",
		"https://ID.example.com:443/": "https://id.example.com",
		"id.example.com":              "https://id.example.com",
		"id.example.com:8443":         "https://id.example.com:8443",
		"localhost:8080":              "https://localhost:8080",
		"http://localhost:8080":       "http://localhost:8080",
		"http://127.0.0.1":            "http://127.0.0.1",
		"http://[::1]:80":             "http://[::1]",
		"https://로그인.example":         "https://xn--2i0b10rutm.example",
	} {
		u, err := ServerURL(text, false)
		if err != nil || u.String() != want {
			t.Errorf("%q: %v, %v, want %s", text, u, err, want)
		}
	}
	for _, text := range []string{"", "http://", "ftp://id.example.com", "https://id.example.com/login", "https://user:hunter2@id.example.com",
		"https://id.example.com?x", "https://id.example.com#x", "https://id.example.com:99999", "https:// id.example.com", "hunter2@:"} {
		if u, err := ServerURL(text, true); err == nil || !strings.HasPrefix(err.Error(), "URL ") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v, %v", text, u, err)
		}
	}
	for _, text := range []string{"http://id.example.com", "http://192.168.0.1", "http://localhost.example.com", "http://127.0.0.1.example.com", "http://app.localhost"} {
		if u, err := ServerURL(text, false); err == nil || !strings.Contains(err.Error(), "plain http") {
			t.Errorf("%q: %v, %v", text, u, err)
		}
		if _, err := ServerURL(text, true); err != nil {
			t.Errorf("%q, insecure: %v", text, err)
		}
	}
}

// The server does not warn about what is a setting of other commands.
func TestRemoteSettingsAreKnown(t *testing.T) {
	if names := unknown([]string{"GATEHOUSE_CONFIG_DIR=/x", "GATEHOUSE_CONFIGDIR=/x"}); len(names) != 1 || names[0] != "GATEHOUSE_CONFIGDIR" {
		t.Errorf("unknown: %q", names)
	}
}
