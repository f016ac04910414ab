package token

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"
)

func TestMembersAreCounted(t *testing.T) {
	for text, want := range map[string]int{
		`{}`: 0, ` { "a" : 1 } `: 1, `{"a:b":"c:d"}`: 1, `{"a":{"b":1,"c":2}}`: 1, `{"a":[{"b":1}],"c":"\":","d":"\\"}`: 3,
		`{"}":":","{":1}`: 2, `{"\"":1,"\\":2}`: 2, `{"a":1,"a":1}`: 2, `{"":0}`: 1,
	} {
		if n := count([]byte(text)); n != want {
			t.Errorf("%s has %d members, want %d", text, n, want)
		}
	}
}

// FuzzMembers holds members to a slow way to the same answer.
func FuzzMembers(f *testing.F) {
	for _, text := range []string{`{}`, `null`, `{"a":1,"b":[{"a":"\":"}]}`, `{"a":1,"\u0061":2}`, `{"a":"\\"}`, `[1]`, `{"":{}}x`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, reason := members(data)
		total, distinct, isObject := slowly(data)
		if good := utf8.Valid(data) && isObject && total == distinct; good != (reason == "") || good && len(m) != total {
			t.Errorf("%q: %q, %d members; want %d, of which %d differ", data, reason, len(m), total, distinct)
		}
	})
}

// slowly counts the members of an object, and their names, by the decoder.
func slowly(data []byte) (total, distinct int, isObject bool) {
	if !json.Valid(data) || bytes.TrimLeft(data, " \t\r\n")[0] != '{' {
		return 0, 0, false
	}
	names := map[json.Token]bool{}
	d := json.NewDecoder(bytes.NewReader(data))
	d.Token()
	for ; d.More(); total++ {
		name, _ := d.Token()
		names[name] = true
		var value json.RawMessage
		d.Decode(&value)
	}
	return total, len(names), true
}
