package user

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const maxName = 64 // runes

// parseName returns a display name in NFC and trimmed, or the key of the
// message that says what is wrong with it. An empty name is allowed.
func parseName(s string) (name, problem string) {
	if !utf8.ValidString(s) {
		return "", "name_chars"
	}
	if len(s) > 64*maxName { // long in any normal form: not worth normalising
		return "", "name_long"
	}
	s = norm.NFC.String(strings.TrimSpace(s))
	if s == "" {
		return "", ""
	}
	visible := false
	for _, r := range s {
		if !NameRune(r) {
			return "", "name_chars"
		}
		visible = visible || (unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.IsMark(r) && !hangulFiller(r))
	}
	if !visible {
		return "", "name_chars"
	}
	if utf8.RuneCountInString(s) > maxName {
		return "", "name_long"
	}
	return s, ""
}

// NameRune reports whether r may stand in a name that others are shown. It
// refuses what could break the line a name stands in or change how the text
// around it reads: controls, line separators and the invisible format
// characters, above all those that override the writing direction.
func NameRune(r rune) bool {
	switch r {
	case '\u200c', '\u200d', // joiners: Persian and Indic spelling, emoji
		'\u200e', '\u200f', '\u061c': // direction marks: they end with themselves
		return true
	}
	return !unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp) && r != utf8.RuneError
}

// hangulFiller tells the letters that show as nothing.
func hangulFiller(r rune) bool {
	return r == '\u3164' || r == '\u115f' || r == '\u1160' || r == '\uffa0'
}
