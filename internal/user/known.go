package user

import (
	_ "embed"
	"strings"
	"unicode"
)

//go:embed known.txt
var knownText string

// badWords are the words of known.txt as they are typed on a Latin keyboard, in
// lower case, most used first.
var badWords = readWords(knownText)

var badWordSet = func() map[string]bool {
	set := make(map[string]bool, len(badWords))
	for _, w := range badWords {
		set[w] = true
	}
	return set
}()

func readWords(text string) []string {
	var words []string
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		for _, w := range strings.Fields(line) {
			words = append(words, strings.ToLower(keyboard(w)))
		}
	}
	return words
}

// maxPadding is how many digits and symbols around a bad word still leave it a
// bad word; with more, zxcvbn decides.
const maxPadding = 8

// knownBad reports whether a password is one of the bad words: in any case, in
// Hangul or on its keys, repeated, with letters written as digits ("p@ssw0rd"),
// with digits and symbols around ("sarang123!").
func knownBad(password string) bool {
	whole := strings.ToLower(keyboard(password))
	word := strings.TrimFunc(whole, func(r rune) bool { return !unicode.IsLetter(r) })
	tries := []string{whole, plain(whole), unleet.Replace(whole)}
	if len(whole)-len(word) <= maxPadding {
		tries = append(tries, word, plain(word), unleet.Replace(word))
	}
	for _, t := range tries {
		if badWordSet[t] || badWordSet[unrepeat(t)] {
			return true
		}
	}
	return false
}

var unleet = strings.NewReplacer("0", "o", "1", "l", "!", "i", "3", "e", "4", "a", "@", "a", "5", "s", "$", "s", "7", "t")

// unrepeat returns the shortest text of which s is a repetition.
func unrepeat(s string) string {
	if i := strings.Index((s + s)[min(1, len(s)):], s); i >= 0 && len(s) > 0 {
		return s[:i+1]
	}
	return s
}
