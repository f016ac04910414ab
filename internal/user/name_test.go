package user

import (
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

func TestParseName(t *testing.T) {
	tests := []struct{ in, want, problem string }{
		{"", "", ""},
		{" 김 민수\n", "김 민수", ""},
		{norm.NFD.String("김민수"), "김민수", ""},
		{"Zoë O’Neil-Smith", "Zoë O’Neil-Smith", ""},
		{"علی\u200cرضا", "علی\u200cرضا", ""}, // with a non-joiner
		{"👩\u200d🚀 Ann", "👩\u200d🚀 Ann", ""},
		{strings.Repeat("가", 64), strings.Repeat("가", 64), ""},
		{strings.Repeat("가", 65), "", "name_long"},
		{strings.Repeat("a", 1<<20), "", "name_long"},
		{"evil\u202etxt.exe", "", "name_chars"},
		{"a\u2066b", "", "name_chars"},
		{"a\x00b", "", "name_chars"},
		{"a\nb", "", "name_chars"},
		{"a\u2028b", "", "name_chars"},
		{"a\u200bb", "", "name_chars"},
		{"\xff\xfe", "", "name_chars"},
		{"\u3164\u3164", "", "name_chars"}, // fillers: shows as nothing
		{"\u200d", "", "name_chars"},
	}
	for _, tt := range tests {
		got, problem := parseName(tt.in)
		if got != tt.want || problem != tt.problem {
			t.Errorf("parseName(%.40q) = %q, %q; want %q, %q", tt.in, got, problem, tt.want, tt.problem)
		}
	}
}
