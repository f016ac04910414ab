package session

import (
	"net/http"
	"strings"
	"testing"
)

const fuzzedName = "__Host-session"

// sameCookie compares what cookieNamed and net/http find.
func sameCookie(t *testing.T, lines ...string) {
	t.Helper()
	r := &http.Request{Header: http.Header{"Cookie": lines}}
	want := ""
	if c, err := r.Cookie(fuzzedName); err == nil {
		want = c.Value
	}
	if got := cookieNamed(lines, fuzzedName); got != want {
		t.Errorf("%q: got %q, net/http %q", lines, got, want)
	}
}

var cookieLines = []string{
	"", ";", "; ;", "=", "__Host-session", "__Host-session=", "__Host-session=a", " __Host-session = a ",
	"__host-session=a", "x=1; __Host-session=a; __Host-session=b", "__Host-session=a,b c", `__Host-session="a"`,
	`__Host-session="`, `__Host-session=""`, `__Host-session="a`, "__Host-session=a\x7f; __Host-session=b",
	`__Host-session=a\b;__Host-session=c`, "__Host-session=a=b", "\t__Host-session\t=\ta\t", "x__Host-session=a",
	"__Host-session=é; __Host-session=b", "=a; __Host-session=b", "__Host-session;__Host-session=b", "__Host-session=\"\x00\"",
	"__Host-session=" + strings.Repeat("A", 43), "a b=c; __Host-session=d", "\r\n__Host-session=x\r\n",
}

func TestCookieAsNetHTTP(t *testing.T) {
	sameCookie(t)
	for _, one := range cookieLines {
		sameCookie(t, one)
		for _, two := range cookieLines {
			sameCookie(t, one, two)
		}
	}
	for _, n := range []int{maxCookies - 2, maxCookies - 1, maxCookies} {
		sameCookie(t, "__Host-session=a", strings.Repeat(";", n-1))
		sameCookie(t, "__Host-session=a"+strings.Repeat(";", n))
	}
}

func TestCookieAllocatesNothing(t *testing.T) {
	lines := []string{"theme=dark; lang=ko", "__Host-session=" + strings.Repeat("A", 43)}
	if n := testing.AllocsPerRun(100, func() { _ = cookieNamed(lines, fuzzedName) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzCookie(f *testing.F) {
	for _, line := range cookieLines {
		f.Add(line, "a=b")
	}
	f.Fuzz(func(t *testing.T, one, two string) { sameCookie(t, one, two) })
}
