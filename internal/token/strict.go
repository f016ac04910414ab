package token

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
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
	for name := range m {
		if name != "alg" && name != "kid" && name != "typ" {
			return header{}, "header: a member that has no place there"
		}
	}
	alg, hasAlg := text(m["alg"])
	kid, hasKid := text(m["kid"])
	typ, hasTyp := text(m["typ"])
	switch {
	case !hasAlg:
		return header{}, "header: alg is missing or no text"
	case !hasKid:
		return header{}, "header: kid is missing or no text"
	case !hasTyp:
		return header{}, "header: typ is missing or no text"
	}
	return header{alg, kid, typ}, ""
}

// isAccessToken reports whether typ is that of an access token (RFC 9068 4: a
// media type, with or without "application/", in any case). No other kind of
// JWT may pass for one.
func isAccessToken(typ string) bool {
	return strings.EqualFold(typ, "at+jwt") || strings.EqualFold(typ, "application/at+jwt")
}

// members returns the members of the JSON object that data is, and is all of,
// each given once. The reason says why it is none.
func members(data []byte) (m map[string]json.RawMessage, reason string) {
	if !utf8.Valid(data) {
		return nil, "broken UTF-8" // which encoding/json would repair
	}
	if err := json.Unmarshal(data, &m); err != nil || m == nil {
		return nil, "no JSON object"
	}
	// Of a member given twice, however it is written, the map has the last.
	if count(data) != len(m) {
		return nil, "a member given twice"
	}
	return m, ""
}

// count returns how many members the JSON object has that data is: there is one
// colon for each, outside of texts and of inner values.
func count(data []byte) (n int) {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++ // what follows is no end, even if it is a quotation mark
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == ':' && depth == 1:
			n++
		}
	}
	return n
}

// text reads a JSON string.
func text(raw json.RawMessage) (s string, ok bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), true
	}
	return s, json.Unmarshal(raw, &s) == nil
}
