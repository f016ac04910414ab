package audit_test

import (
	"errors"
	"testing"

	"gatehouse/internal/audit"
)

func TestBy(t *testing.T) {
	for _, tt := range []struct {
		event audit.Event
		want  audit.By
	}{
		{audit.Event{Kind: audit.Logout, User: "u", Actor: "u"}, audit.BySelf},
		{audit.Event{Kind: audit.Disable, User: "u", Actor: "a"}, audit.ByOther},
		{audit.Event{Kind: audit.EveryoneEnded, Actor: "a"}, audit.ByOther},
		{audit.Event{Kind: audit.EveryoneEnded}, audit.ByOperator},
		{audit.Event{Kind: audit.Disable, User: "u"}, audit.ByOperator},
		{audit.Event{Kind: audit.LoginFailed, User: "u"}, audit.ByNobody},
		{audit.Event{Kind: audit.LoginLimited}, audit.ByNobody},
	} {
		if got := tt.event.By(); got != tt.want {
			t.Errorf("%+v: %v, want %v", tt.event, got, tt.want)
		}
	}
}

func TestParseText(t *testing.T) {
	for in, want := range map[string]struct{ text, network string }{
		"":                  {"", "invalid Prefix"},
		" kim ":             {"kim", "invalid Prefix"},
		"192.0.2.":          {"192.0.2.", "invalid Prefix"},
		"192.0.2.7":         {"", "192.0.2.7/32"},
		"::ffff:192.0.2.7":  {"", "192.0.2.7/32"},
		"192.0.2.7/24":      {"", "192.0.2.0/24"},
		"2001:db8::7":       {"", "2001:db8::7/128"},
		"2001:db8::7/33":    {"", "2001:db8::/33"},
		"fe80::1%eth0":      {"", "fe80::1/128"},
		"0.0.0.0/0":         {"", "0.0.0.0/0"},
		"100%_\\":           {"100%_\\", "invalid Prefix"},
		"2001:db8":          {"2001:db8", "invalid Prefix"},
		"kim@192.0.2.7":     {"kim@192.0.2.7", "invalid Prefix"},
		"192.0.2.7 192.0.2": {"192.0.2.7 192.0.2", "invalid Prefix"},
	} {
		text, network, err := audit.ParseText(in)
		if err != nil || text != want.text || network.String() != want.network {
			t.Errorf("%q: %q, %v, %v", in, text, network, err)
		}
	}
	for _, in := range []string{"192.0.2.7/33", "kim/8", "/", "192.0.2/24", "::ffff:192.0.2.0/120"} {
		if _, _, err := audit.ParseText(in); !errors.Is(err, audit.ErrNetwork) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestParseKind(t *testing.T) {
	for _, k := range audit.Kinds() {
		if got, err := audit.ParseKind(string(k)); got != k || err != nil {
			t.Errorf("%s: %v, %v", k, got, err)
		}
	}
	for _, s := range []string{"", "LOGIN", "no"} {
		if _, err := audit.ParseKind(s); !errors.Is(err, audit.ErrKind) {
			t.Errorf("%q: %v", s, err)
		}
	}
}
