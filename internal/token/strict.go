package token

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"
	"unicode/utf8"
)

// MaxSize is the most bytes that a token may have. Ours have some 600.
const MaxSize = 4 << 10

// split takes a token apart into header, payload and signature, none of them
// empty and all of them base64url (RFC 7515 7.1). The reason says why it is
// none. Go's decoder skips line breaks, so every byte is looked at here.
func split(s string) (parts [3]string, reason string) {
	n, begin := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_':
		case c == '.' && n == 2:
			return parts, "more than three parts"
		case c == '.':
			parts[n], begin = s[begin:i], i+1
			n++
		default:
			return parts, "a byte that is not of base64url"
		}
	}
	if n != 2 {
		return parts, "fewer than three parts"
	}
	parts[2] = s[begin:]
	for _, p := range parts {
		if p == "" {
			return parts, "an empty part"
		}
	}
	return parts, ""
}

// header is what the header of a token may say, and has to.
type header struct{ alg, kid, typ string }

// readHeader reads the first part of a token. Whatever else a header says is a
// reason to refuse it: keys that it brings along or points to (jwk, jku, x5u,
// x5c), extensions that have to be understood (crit), other encodings (b64,
// zip, enc).
func readHeader(part string) (header, string) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return header{}, "header: not base64url"
	}
	m, reason := members(data)
	if reason != "" {
		return header{}, "header: " + reason
	}
	var h header
	fields := map[string]*string{"alg": &h.alg, "kid": &h.kid, "typ": &h.typ}
	for name := range m {
		if fields[name] == nil {
			return header{}, "header: a member that has no place there"
		}
	}
	for name, field := range fields {
		var ok bool
		if *field, ok = text(m[name]); !ok {
			return header{}, "header: " + name + " is missing or no text"
		}
	}
	return h, ""
}

// isAccessToken reports whether typ is that of an access token (RFC 9068 4: a
// media type, with or without "application/", in any case). No other kind of
// JWT may pass for one.
func isAccessToken(typ string) bool {
	return strings.EqualFold(typ, "at+jwt") || strings.EqualFold(typ, "application/at+jwt")
}

// members returns the members of the JSON object that data is, and is all of,
// each given once. The reason says why it is none.
func members(data []byte) (_ map[string]json.RawMessage, reason string) {
	if !utf8.Valid(data) {
		return nil, "broken UTF-8"
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, "no JSON object"
	}
	m := map[string]json.RawMessage{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, "no JSON object"
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, "no JSON object"
		}
		key, _ := name.(string) // a member's name always is
		if _, twice := m[key]; twice {
			return nil, "a member given twice"
		}
		m[key] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, "no JSON object"
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, "more after the JSON object"
	}
	return m, ""
}
