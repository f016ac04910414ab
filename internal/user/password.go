package user

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/trustelem/zxcvbn"
	"golang.org/x/text/secure/precis"
)

// MaxPassword is the greatest number of characters in a password.
const MaxPassword = 128

const (
	// maxTyped bounds the work on a password before its characters are
	// counted: no text of MaxPassword characters is longer in any normal form.
	maxTyped = 32 * MaxPassword
	// maxJudged characters are looked at for strength; zxcvbn's time grows
	// faster than the square of the length.
	maxJudged = 64
	minScore  = 3 // of zxcvbn's 0 to 4: more than 10^8 guesses
)

// preparePassword returns a password in the one form that is hashed, or the
// key of a message. The profile (RFC 8265, OpaqueString) makes the composed and
// the decomposed form equal, as keyboards of different systems send them, and
// trims nothing.
func preparePassword(typed string) (password, problem string) {
	switch {
	case typed == "":
		return "", "password_required"
	case len(typed) > maxTyped:
		return "", "password_long"
	case !utf8.ValidString(typed):
		return "", "password_chars"
	}
	password, err := precis.OpaqueString.String(typed)
	if err != nil { // controls, NUL among them, and invisible characters
		return "", "password_chars"
	}
	if utf8.RuneCountInString(password) > MaxPassword {
		return "", "password_long"
	}
	return password, ""
}

// parsePassword returns a new password in the form that is hashed, or the key
// of the message that says why it does not count.
func (p Policy) parsePassword(typed string, who about) (password, problem string) {
	password, problem = preparePassword(typed)
	switch {
	case problem != "":
		return "", problem
	case utf8.RuneCountInString(password) < p.MinPassword():
		return "", "password_short"
	case who.mainPartOf(password):
		return "", "password_like_name"
	case knownBad(password):
		return "", "password_known"
	case weak(password, who):
		return "", "password_weak"
	}
	return password, ""
}

// weak judges a password by its Latin keys and, if it is Hangul, as it reads
// too: in Hangul zxcvbn overlooks repetition, in keys how few syllables they
// are.
func weak(password string, who about) bool {
	words := who.words()
	known := make([]string, 0, len(words)+len(badWords))
	for _, w := range words {
		known = append(known, keyboard(w))
	}
	known = append(known, badWords...)
	keys := keyboard(password)
	return score(keys, known) < minScore ||
		keys != password && score(password, words) < minScore
}

func score(password string, known []string) int {
	return zxcvbn.PasswordStrength(firstRunes(password, maxJudged), known).Score
}

// about is what a stranger knows of an account's owner.
type about struct{ username, email, name string }

func aboutUser(u User) about { return about{u.Username, u.Email, u.Name} }

// mainPartOf reports whether the username, the local part of the e-mail
// address or the display name makes up half of the password or more, letters
// and digits counted, in Hangul or typed on its keys.
func (a about) mainPartOf(password string) bool {
	whole := plain(password)
	local, _, _ := strings.Cut(a.email, "@")
	for _, part := range []string{a.username, local, a.name} {
		part = plain(part)
		if len(part) >= MinUsername && 2*len(part)*strings.Count(whole, part) >= len(whole) {
			return true
		}
	}
	return false
}

// words returns the parts of what is known, for zxcvbn.
func (a about) words() []string {
	var words []string
	for _, s := range []string{a.username, a.email, a.name} {
		if s == "" {
			continue
		}
		words = append(words, s)
		words = append(words, strings.FieldsFunc(s, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r)
		})...)
	}
	// A Korean name is written without a space: family name, given name.
	if name := []rune(a.name); len(name) == 3 && '가' <= name[0] && name[0] <= '힣' {
		words = append(words, string(name[1:]))
	}
	return words
}

// plain reduces s to the lower-case letters and the digits pressed for it.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, keyboard(s))
}

func firstRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
