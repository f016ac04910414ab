package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// badJSON is errBadJSON with what is wrong: the key of a text and the byte at
// which reading stopped.
type badJSON struct {
	key string
	at  int64
}

// Error implements error. What was sent is not in it.
func (e *badJSON) Error() string { return errBadJSON.Error() }

// Unwrap makes errors.Is(err, errBadJSON) true.
func (e *badJSON) Unwrap() error { return errBadJSON }

const (
	// maxFlaws bounds how many of a body's mistakes are listed.
	maxFlaws = 20
	// maxMemberName bounds what of an unknown member's name is repeated.
	maxMemberName = 64
)

// decode reads the JSON body of r into body, a pointer to a struct whose fields
// are string, *string, bool or []string, named by their json tags. Those with
// omitempty may be missing; if all may, no body at all will do. A *string may not
// be empty if it is there, and a string with a tag max:"n" has at most n
// characters.
//
// It is strict, because what a program sends and is not understood would be a
// wish silently not granted: names count to the letter, each may stand once, and
// null is no value. It refuses what is not application/json (errMediaType), more
// than 64 KiB (*http.MaxBytesError), not UTF-8 or not one JSON object (*badJSON),
// and lists all that is wrong with the members (flaws).
func decode(r *http.Request, body any) error {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return err
		}
		return &badJSON{key: "json_cut"}
	}
	if len(data) == 0 && !needsBody(body) {
		return nil
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return errMediaType
	}
	return decodeJSON(data, body)
}

func needsBody(body any) bool {
	for _, f := range membersOf(body) {
		if f.required {
			return true
		}
	}
	return false
}

// member is a field of a body.
type member struct {
	value    reflect.Value
	required bool
	max      int // characters; 0: as many as a body holds
}

// membersOf returns the fields of the struct that body points to, by name.
func membersOf(body any) map[string]member {
	v := reflect.ValueOf(body).Elem()
	all := make(map[string]member, v.NumField())
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		name, option, _ := strings.Cut(tag.Get("json"), ",")
		most, _ := strconv.Atoi(tag.Get("max")) // no tag: 0
		all[name] = member{v.Field(i), option != "omitempty", most}
	}
	return all
}

func decodeJSON(data []byte, body any) error {
	if !utf8.Valid(data) || halfSurrogate(data) {
		return &badJSON{key: "json_encoding"}
	}
	in := json.NewDecoder(bytes.NewReader(data))
	unreadable := func(key string) error { return &badJSON{key, in.InputOffset()} }
	if start, err := in.Token(); err != nil {
		return unreadable("json_syntax")
	} else if start != json.Delim('{') {
		return unreadable("json_object")
	}
	members, seen := membersOf(body), map[string]bool{}
	var wrong flaws
	for in.More() {
		token, err := in.Token()
		name, ok := token.(string)
		var value json.RawMessage
		if err != nil || !ok || in.Decode(&value) != nil {
			return unreadable("json_syntax")
		}
		if f := checkMember(name, value, members, seen); f.key != "" && len(wrong) < maxFlaws {
			wrong = append(wrong, f)
		}
		seen[name] = true
	}
	if _, err := in.Token(); err != nil { // the closing brace
		return unreadable("json_syntax")
	}
	if _, err := in.Token(); err != io.EOF {
		return unreadable("json_trailing")
	}
	wrong = append(wrong, missing(body, seen)...)
	if len(wrong) > 0 {
		return wrong
	}
	return nil
}

// clip shortens a name that a program made up.
func clip(name string) string {
	if len(name) <= maxMemberName {
		return strings.ToValidUTF8(name, "\uFFFD")
	}
	return strings.ToValidUTF8(name[:maxMemberName], "") + "…"
}

// checkMember sets the member called name, or says what is wrong with it.
func checkMember(name string, value json.RawMessage, members map[string]member, seen map[string]bool) flaw {
	m, known := members[name]
	switch {
	case !known && len(name) > maxMemberName:
		return flaw{key: "json_unknown", args: []any{"Name", clip(name)}}
	case !known:
		return flaw{member: name, key: "json_unknown", args: []any{"Name", name}}
	case seen[name]:
		return flaw{member: name, key: "json_twice", args: []any{"Name", name}}
	}
	if key, ok := set(m.value.Addr().Interface(), value); !ok {
		return flaw{member: name, key: key, args: []any{"Name", name}}
	}
	if m.max > 0 && utf8.RuneCountInString(m.value.String()) > m.max {
		return flaw{member: name, key: "json_long", args: []any{"Name", name, "Max", m.max}}
	}
	return flaw{}
}

// set puts the JSON value into to, or returns the key of what it should have
// been. encoding/json alone would take null for anything.
func set(to any, value json.RawMessage) (key string, ok bool) {
	switch to := to.(type) {
	case *string:
		return "json_string", value[0] == '"' && json.Unmarshal(value, to) == nil
	case **string: // may be missing, but not be empty
		*to = new(string)
		if key, ok := set(*to, value); !ok {
			return key, false
		}
		return "json_empty", strings.TrimSpace(**to) != ""
	case *bool:
		*to = string(value) == "true"
		return "json_bool", *to || string(value) == "false"
	case *[]string:
		var parts []json.RawMessage
		if value[0] != '[' || json.Unmarshal(value, &parts) != nil {
			return "json_strings", false
		}
		list := make([]string, len(parts))
		for i, part := range parts {
			if _, ok := set(&list[i], part); !ok {
				return "json_strings", false
			}
		}
		*to = list
		return "", true
	}
	panic("server: a body cannot have such a field") // found by the first test that sends one
}

// missing lists the members that are not there and have to be.
func missing(body any, seen map[string]bool) (list flaws) {
	for name, m := range membersOf(body) {
		if m.required && !seen[name] {
			list = append(list, flaw{member: name, key: "json_missing", args: []any{"Name", name}})
		}
	}
	slices.SortFunc(list, func(a, b flaw) int { return strings.Compare(a.member, b.member) })
	return list
}

// halfSurrogate reports whether data, which is UTF-8, writes half of a character
// as \uXXXX. encoding/json would make another character of it: of two different
// passwords one.
func halfSurrogate(data []byte) bool {
	for i := 0; i+1 < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		i++
		if first := escaped(data[i:]); utf16.IsSurrogate(first) {
			rest := data[min(len(data), i+5):]
			if len(rest) == 0 || rest[0] != '\\' || utf16.DecodeRune(first, escaped(rest[1:])) == utf8.RuneError {
				return true
			}
			i += 10
		}
	}
	return false
}

// escaped returns what b, which follows a backslash, begins with if that is
// uXXXX, else 0.
func escaped(b []byte) rune {
	if len(b) < 5 || b[0] != 'u' {
		return 0
	}
	n, err := strconv.ParseUint(string(b[1:5]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(n)
}
