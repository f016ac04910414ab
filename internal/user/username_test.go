package user

import (
	"strings"
	"testing"
)

func TestParseUsername(t *testing.T) {
	tests := []struct{ in, want, problem string }{
		{"alice", "alice", ""},
		{"  Alice.B_c-9 ", "alice.b_c-9", ""},
		{"007", "007", ""},
		{"a..b", "a..b", ""},
		{strings.Repeat("a", 32), strings.Repeat("a", 32), ""},
		{"admin", "admin", ""},
		{"", "", "username_required"},
		{" \t", "", "username_required"},
		{"ab", "", "username_short"},
		{strings.Repeat("a", 33), "", "username_long"},
		{strings.Repeat("a", 1<<20), "", "username_long"},
		{"kim@example.com", "", "username_chars"},
		{"김민수", "", "username_chars"},
		{"аdmin", "", "username_chars"}, // Cyrillic а
		{"mar\u212a", "", "username_chars"},
		{"two words", "", "username_chars"},
		{"-dash", "", "username_chars"},
		{".hidden", "", "username_chars"},
		{"..", "", "username_chars"},
		{"dot.", "", "username_chars"},
		{"new\nline", "", "username_chars"},
		{"a\x00b", "", "username_chars"},
		{"a/b", "", "username_chars"},
		{"SYSTEM", "", "username_reserved"},
		{"new", "", "username_reserved"},
	}
	for _, tt := range tests {
		got, problem := parseUsername(tt.in)
		if got != tt.want || problem != tt.problem {
			t.Errorf("parseUsername(%.40q) = %q, %q; want %q, %q", tt.in, got, problem, tt.want, tt.problem)
		}
	}
}

func TestReservedUsernamesWouldOtherwiseBeGood(t *testing.T) {
	for name := range reserved {
		if len(name) < MinUsername || !usernames.MatchString(name) {
			t.Errorf("%q need not be reserved", name)
		}
	}
}
