package user

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"
)

var somebody = about{username: "hong.gildong", email: "gildong77@example.com", name: "홍길동"}

func TestParsePassword(t *testing.T) {
	tests := []struct{ in, problem string }{
		{"correct horse battery staple", ""},
		{"우리집고양이는귀여워", ""},
		{" leading and trailing ", ""},
		{"vK9#qLz2mW", ""},
		{strings.Repeat("kV9#qLz2mW8!", 10) + "12345678", ""}, // 128
		{"", "password_required"},
		{"       ", "password_short"},
		{"Xk9#v2Q", "password_short"},
		{"가나다라마바사", "password_short"},
		{strings.Repeat("kV9#qLz2mW8!", 11), "password_long"},
		{strings.Repeat("a", 1<<20), "password_long"},
		{"nul\x00byte-here", "password_chars"},
		{"tab\there-and-there", "password_chars"},
		{"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8", "password_chars"},
		{"honggildong1!", "password_like_name"},
		{"HONG_GILDONG", "password_like_name"},
		{"gildong77gildong77", "password_like_name"},
		{"홍길동홍길동123", "password_like_name"},
		{"ghdrlfehd12!", "password_like_name"}, // 홍길동 on Latin keys
		{"bbbbbbbbbbbbbbbb", "password_weak"},
		{"gkskgksk1212", "password_weak"},
		{"tkfkdgodkssud", "password_weak"},      // 사랑해안녕
		{"tkfkdgorhdiddl", "password_weak"},     // 사랑해고양이: two known words
		{"qhrhtlvek사랑해", "password_weak"},       // one typed on Latin keys
		{"tttttttttttttttttt", "password_weak"}, // repetition
		{"가가가가가가가가가가가가", "password_weak"},       // zxcvbn alone calls this strong
	}
	for _, tt := range tests {
		_, problem := Policy{}.parsePassword(tt.in, somebody)
		if problem != tt.problem {
			t.Errorf("parsePassword(%.60q): %q, want %q", tt.in, problem, tt.problem)
		}
	}
}

func TestKnownBadPasswords(t *testing.T) {
	bad := []string{
		"password", "Password1!", "P@ssw0rd", "p@ssw0rd2024", "12345678", "12345678!", "1q2w3e4r5t", "!!iloveyou!!", "i love you 1",
		"passwordpassword", "gatehouse2024",
		"sarang123!", "SarangHae1004", "dkssudgktpdy", "Dkssudgktpdy1!", "안녕하세요123", norm.NFD.String("안녕하세요123"),
		"qlalfqjsgh", "비밀번호1234", "tkfkdgo1004", "사랑해사랑해", "사랑해사랑해사랑해12", "eogksalsrnr", "대한민국만세!!", "rhksflwk123!",
		"ㅔㅁㄴㄴ잭ㅇ1", // password typed with the Korean keyboard on
		"ㅂㅈㄷㄱ1234", "0987654321",
	}
	for _, p := range bad {
		prepared, _ := preparePassword(p)
		if !knownBad(prepared) {
			t.Errorf("%q is not known", p)
		}
	}
	good := []string{"", "1", "kV9#qLz2mW", "correct horse battery staple", "우리집고양이는귀여워", "sarang-kV9#qLz2mW", "love!83746192837465"}
	for _, p := range good {
		if knownBad(p) {
			t.Errorf("%q is known", p)
		}
	}
}

func TestKnownListHasNoDoubles(t *testing.T) {
	if len(badWords) < 300 {
		t.Errorf("only %d words", len(badWords))
	}
	if len(badWords) != len(badWordSet) {
		seen := map[string]bool{}
		for _, w := range badWords {
			if seen[w] {
				t.Errorf("%q is listed twice, or as Hangul and as its keys", w)
			}
			seen[w] = true
		}
	}
	for _, w := range badWords {
		if !printableASCII(w) {
			t.Errorf("%q cannot be typed on a Latin keyboard", w)
		}
	}
}

func TestComposedAndDecomposedPasswordsAreEqual(t *testing.T) {
	for _, p := range []string{"한글로된비밀번호", "Zoë’s café crème", "ㅋㅋ 각 값 ㄳ"} {
		c, p1 := preparePassword(norm.NFC.String(p))
		d, p2 := preparePassword(norm.NFD.String(p))
		if c != d || p1 != "" || p2 != "" {
			t.Errorf("%q: %q (%s) and %q (%s)", p, c, p1, d, p2)
		}
	}
	if got, _ := preparePassword("  two  spaces "); got != "  two  spaces " {
		t.Errorf("trimmed to %q", got)
	}
}

func TestMaxPasswordDecomposedFits(t *testing.T) {
	p := norm.NFD.String(strings.Repeat("뷁", MaxPassword))
	if _, problem := preparePassword(p); problem != "" {
		t.Errorf("%d characters in %d bytes: %s", MaxPassword, len(p), problem)
	}
}

func TestPolicyBounds(t *testing.T) {
	for in, want := range map[int]int{-1: 8, 0: 8, 7: 8, 8: 8, 12: 12, 15: 15, 99: 15} {
		if got := (Policy{MinLength: in}).MinPassword(); got != want {
			t.Errorf("MinLength %d gives %d, want %d", in, got, want)
		}
	}
	_, problem := Policy{MinLength: 15}.parsePassword("kV9#qLz2mW8!pp", about{})
	if problem != "password_short" {
		t.Errorf("14 of 15 characters: %q", problem)
	}
}

func TestJudgingIsBoundedInTime(t *testing.T) {
	worst := []string{
		strings.Repeat("4@8({[<36%0$5+71!|x2z9", 6),
		strings.Repeat("a", MaxPassword),
		strings.Repeat("1990", 32),
		strings.Repeat("뷁", MaxPassword),
		strings.Repeat("p4$5w0Rd", 16),
	}
	for _, p := range worst {
		start := time.Now()
		weak(firstRunes(p, MaxPassword), somebody)
		if d := time.Since(start); d > 5*time.Second { // about 0.1 s; ten times that with -race
			t.Errorf("%.20q took %v", p, d)
		}
	}
}

func TestCheckTellsEveryProblemAtOnce(t *testing.T) {
	_, err := Policy{}.Check(SignUp{Username: "a b", Password: "x", Email: "x", Name: "a\x00"})
	want := Invalid{"username": "username_chars", "password": "password_short", "email": "email_invalid", "name": "name_chars"}
	got, ok := err.(Invalid)
	if !ok || got.Error() != want.Error() {
		t.Errorf("got %v, want %v", err, want)
	}
	out, err := Policy{}.Check(SignUp{Username: " Kim", Password: " kV9#qLz2mW ", Email: " A@Example.com", Name: " 김 "})
	if err != nil || out != (SignUp{Username: "kim", Password: " kV9#qLz2mW ", Email: "A@Example.com", Name: "김"}) {
		t.Errorf("got %+v, %v", out, err)
	}
}
