package session

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"
)

// dataVersion starts every encoded data map. A node that finds a greater one
// is older than the node that wrote it: ErrUnreadable.
const dataVersion = 1

// Kinds of value that a session can carry.
const (
	kindString = 's'
	kindBytes  = 'b'
	kindInt    = 'i'
	kindTrue   = 't'
	kindFalse  = 'f'
)

// encodeData writes what handlers keep in a session: small, self-delimiting and
// independent of Go type names, unlike gob. An empty map is no bytes at all,
// which is what nearly every session carries.
func encodeData(values map[string]any) ([]byte, error) {
	if len(values) == 0 {
		return nil, nil
	}
	b := []byte{dataVersion}
	b = binary.AppendUvarint(b, uint64(len(values)))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		b = appendString(b, key)
		switch v := values[key].(type) {
		case string:
			b = appendString(append(b, kindString), v)
		case []byte:
			b = appendString(append(b, kindBytes), string(v))
		case int64:
			b = binary.AppendVarint(append(b, kindInt), v)
		case int:
			b = binary.AppendVarint(append(b, kindInt), int64(v))
		case time.Time:
			b = binary.AppendVarint(append(b, kindInt), v.UnixMilli())
		case bool:
			if v {
				b = append(b, kindTrue)
			} else {
				b = append(b, kindFalse)
			}
		default:
			return nil, fmt.Errorf("session: cannot keep a %T (%q)", v, key)
		}
	}
	return b, nil
}

// decodeData is the inverse of encodeData, except that times come back as
// int64 milliseconds. Anything it does not understand to the last byte is
// ErrUnreadable.
func decodeData(b []byte) (map[string]any, error) {
	values := map[string]any{}
	if len(b) == 0 {
		return values, nil
	}
	if b[0] != dataVersion {
		return nil, fmt.Errorf("%w: data version %d", ErrUnreadable, b[0])
	}
	r := &reader{b: b[1:]}
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		key := r.string()
		switch r.byte() {
		case kindString:
			values[key] = r.string()
		case kindBytes:
			values[key] = []byte(r.string())
		case kindInt:
			values[key] = r.varint()
		case kindTrue:
			values[key] = true
		case kindFalse:
			values[key] = false
		default:
			r.bad = true
		}
	}
	if r.bad || len(r.b) > 0 {
		return nil, fmt.Errorf("%w: damaged data", ErrUnreadable)
	}
	return values, nil
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// reader takes values off the front of b; after the first that does not fit it
// is bad and returns zeroes.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.b) {
		r.bad = true
		return nil
	}
	head := r.b[:n]
	r.b = r.b[n:]
	return head
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.take(n)
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.take(n)
	return v
}

func (r *reader) string() string {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.bad = true
		return ""
	}
	return string(r.take(int(n)))
}
