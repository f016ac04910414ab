package user

import (
	"strings"
	"testing"
)

func TestParseEmail(t *testing.T) {
	good := []string{"", "kim@example.com", "Kim.Min+tag@Mail.Example.co.kr", "a@xn--3e0b707e.kr", "o'neil@example.org"}
	for _, in := range good {
		if got, problem := parseEmail(" " + in + "\n"); got != in || problem != "" {
			t.Errorf("parseEmail(%q) = %q, %q", in, got, problem)
		}
	}
	bad := []string{
		"kim", "@example.com", "kim@", "kim@naver", "kim@example..com", "kim@-a.com", "kim@example.com.",
		"Kim <kim@example.com>", "<kim@example.com>", "kim@example.com, lee@example.com", `"a b"@example.com`, `"a@b"@example.com`,
		"kim@[127.0.0.1]", "kim@example.com\r\nBcc: x@example.com", "김@example.com", "kim@한국.kr", "kim@example.com (x)",
		strings.Repeat("a", 65) + "@example.com", "a@" + strings.Repeat("a.", 130) + "com", "a\x00@example.com",
	}
	for _, in := range bad {
		if got, problem := parseEmail(in); problem != "email_invalid" || got != "" {
			t.Errorf("parseEmail(%q) = %q, %q", in, got, problem)
		}
	}
}

func TestLoginKey(t *testing.T) {
	tests := []struct {
		in, key string
		ok      bool
	}{
		{" Alice ", "alice", true},
		{"Kim@Example.com", "kim@example.com", true},
		{"new", "new", true},
		{"", "", false},
		{"@", "", false},
		{"a\x00b", "", false},
		{"김민수", "", false},
		{"' or 1=1 --", "", false},
		{strings.Repeat("a", 1<<20), "", false},
	}
	for _, tt := range tests {
		if key, ok := LoginKey(tt.in); key != tt.key || ok != tt.ok {
			t.Errorf("LoginKey(%.40q) = %q, %v; want %q, %v", tt.in, key, ok, tt.key, tt.ok)
		}
	}
}
