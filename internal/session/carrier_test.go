package session

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCleanClient(t *testing.T) {
	for name, want := range map[string]string{
		"":                               "",
		"backup of the shop":             "backup of the shop",
		"  gatehouse\tcli\r\n 1.2  ":     "gatehouse cli 1.2",
		"한국어 앱":                          "한국어 앱",
		"a\x00b\x1b[31mc\u0085d":         "ab[31mcd",
		"\u202egnp.exe\u2066x":           "gnp.exex", // overrides of the writing direction
		"broken \xff\xc3 text":           "broken text",
		"\ufffd\u2028\u200b":             "",
		strings.Repeat("é", 61):          strings.Repeat("é", 60),
		strings.Repeat("x", 59) + " yy":  strings.Repeat("x", 59),
		strings.Repeat("\U0001f511", 61): strings.Repeat("\U0001f511", 60),
		strings.Repeat("z", 1<<20):       strings.Repeat("z", 60),
	} {
		if got := cleanClient(name); got != want {
			t.Errorf("%.80q: %q, want %q", name, got, want)
		}
	}
}

func FuzzCleanClient(f *testing.F) {
	f.Add("gatehouse cli")
	f.Add("a\u202e\xff " + strings.Repeat("한", 80))
	f.Fuzz(func(t *testing.T, name string) {
		got := cleanClient(name)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > maxClient || strings.ContainsAny(got, "\x00\n\r\t\x1b\u202e") {
			t.Errorf("%q became %q", name, got)
		}
		if again := cleanClient(got); again != got {
			t.Errorf("%q, cleaned twice %q", got, again)
		}
	})
}
