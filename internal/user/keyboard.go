package user

import "strings"

// The keys of the Korean two-set (2-beolsik) layout, in Unicode's order of the
// letters. A capital is the key with Shift.
var (
	initialKeys = strings.Fields("r R s e E f a q Q t T d w W c z x v g")
	vowelKeys   = strings.Fields("k o i O j p u P h hk ho hl y n nj np nl b m ml l")
	finalKeys   = strings.Fields("r R rt s sw sg e f fr fa fq ft fx fv fg a q qt t T d w c z x v g")
	// The letters that stand alone, U+3131 to U+314E: initials and finals mixed.
	consonantKeys = strings.Fields("r R rt s sw sg e E f fr fa fq ft fx fv fg a q Q qt t T d w W c z x v g")
)

// keyboard returns the keys that a Korean typist presses for s: "안녕" becomes
// "dkssud". Everything that is not Hangul (in NFC) stays as it is. A word and
// its keys are one secret: whoever guesses the one guesses the other.
func keyboard(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case '가' <= r && r <= '힣':
			i := int(r - '가')
			b.WriteString(initialKeys[i/(21*28)])
			b.WriteString(vowelKeys[i/28%21])
			if final := i % 28; final > 0 {
				b.WriteString(finalKeys[final-1])
			}
		case 'ㄱ' <= r && r <= 'ㅎ':
			b.WriteString(consonantKeys[r-'ㄱ'])
		case 'ㅏ' <= r && r <= 'ㅣ':
			b.WriteString(vowelKeys[r-'ㅏ'])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
