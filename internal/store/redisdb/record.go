package redisdb

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// A record is a fixed head that scripts read and patch in place, the rest of
// what never changes, and the data of handlers. Integers are big-endian.
//
//	 0  1  version
//	 1  4  epoch.All
//	 5  4  epoch.User
//	 9  6  last seen, Unix ms
//	15  5  idle, ms
//	20  6  absolute deadline, Unix ms
//	26  2  offset of the data
//	28  1  length of the user id, then the user id (keys.go)
//	       then: flags, the last 2 of the session id, began (6, Unix ms), username
//	       and IP, each with a length byte in front, browser and OS (names.go); the
//	       client like the username if the flags say so; the refresh state (92,
//	       session.AppendRefresh) of a bearer session; then the data
//
// That a record names its session, as far as two bytes do, is for the one who asks
// on a connection with many others (find.go).
//
// What only some sessions have costs the others nothing. A program that does not
// know a flag takes such a record for unreadable, which costs that one log-in
// (I12); its scripts read no more than the head and end, count and expire it as
// any other.
//
// Version 1 had other keys as well: what it has left is never looked at and
// expires. See oldLayout for why nodes of both cannot be up at once.
const (
	recordVersion = 2
	headLength    = 29

	// Where in the head they are.
	seenAt, idleAt, deadlineAt, offsetAt, userAt = 9, 15, 20, 26, 28

	flagAdmin    = 1 << 0
	flagRemember = 1 << 1
	flagBearer   = 1 << 2 // rotate.lua knows it too
	flagClient   = 1 << 3
	flagsKnown   = flagAdmin | flagRemember | flagBearer | flagClient

	// maxIdleMillis is more than any setting allows, and fits its five bytes.
	maxIdleMillis = 10 * 365 * 24 * 60 * 60 * 1000
)

// encodeRecord returns s as Redis keeps it. Text that does not fit its length
// byte is cut; usernames and ids never are that long.
func encodeRecord(s session.Session) []byte {
	u := packUser(s.User)
	b := make([]byte, headLength, headLength+96+len(s.Data))
	b[0] = recordVersion
	binary.BigEndian.PutUint32(b[1:], s.Epoch.All)
	binary.BigEndian.PutUint32(b[5:], s.Epoch.User)
	putUint(b[seenAt:idleAt], uint64(s.LastSeen.UnixMilli()))
	putUint(b[idleAt:deadlineAt], uint64(s.Idle.Milliseconds()))
	putUint(b[deadlineAt:offsetAt], uint64(s.Deadline.UnixMilli()))
	b[userAt] = byte(len(u))
	b = append(b, u...)
	var flags byte
	if s.Role == user.RoleAdmin {
		flags |= flagAdmin
	}
	if s.Remember {
		flags |= flagRemember
	}
	if s.Carrier == session.Bearer {
		flags |= flagBearer
	}
	if s.Client != "" {
		flags |= flagClient
	}
	b = append(b, flags)
	b = appendTail(b, s.ID)
	b = append(b, make([]byte, timeBytes)...)
	putUint(b[len(b)-timeBytes:], uint64(s.Began.UnixMilli()))
	b = appendShort(b, s.Username)
	b = appendShort(b, string(s.IP.AsSlice()))
	b = appendName(b, s.Device.Browser)
	b = appendName(b, s.Device.OS)
	if flags&flagClient != 0 {
		b = appendShort(b, s.Client)
	}
	if flags&flagBearer != 0 {
		b = session.AppendRefresh(b, s.Refresh)
	}
	binary.BigEndian.PutUint16(b[offsetAt:], uint16(len(b)))
	return append(b, s.Data...)
}

// tailBytes is how much of its session's id a record has.
const tailBytes = 2

func appendTail(b []byte, id session.ID) []byte {
	sum, _ := id.Sum() // of what is no id it is nothing
	return append(b, sum[len(sum)-tailBytes:]...)
}

// errAnother: the record is that of another session. It wraps
// session.ErrUnreadable: under the key of this one it is no record.
var errAnother = fmt.Errorf("%w: it is of another session", session.ErrUnreadable)

// timeBytes is what a time takes, in ms since 1970 and for some 4,000 years.
const timeBytes = 6

// putUint writes the last bytes of n.
func putUint(b []byte, n uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte(n)
		n >>= 8
	}
}

func readUint(b []byte) (n uint64) {
	for _, one := range b {
		n = n<<8 | uint64(one)
	}
	return n
}

func appendShort(b []byte, s string) []byte {
	s = s[:min(len(s), 255)]
	return append(append(b, byte(len(s))), s...)
}

// decodeRecord is the inverse. session.ErrUnreadable if any byte in front of
// the data is not as this version writes it; errAnother if it is as this version
// writes it of another session.
func decodeRecord(id session.ID, b []byte) (session.Session, error) {
	if len(b) < headLength || b[0] != recordVersion {
		return session.Session{}, fmt.Errorf("%w: not a version %d record", session.ErrUnreadable, recordVersion)
	}
	offset := int(binary.BigEndian.Uint16(b[offsetAt:]))
	if offset > len(b) || offset < headLength-1 {
		return session.Session{}, fmt.Errorf("%w: damaged head", session.ErrUnreadable)
	}
	idle := readUint(b[idleAt:deadlineAt])
	s := session.Session{
		ID: id,
		Epoch: user.Epoch{
			All:  binary.BigEndian.Uint32(b[1:]),
			User: binary.BigEndian.Uint32(b[5:]),
		},
		LastSeen: readTime(b[seenAt:]),
		Idle:     time.Duration(idle) * time.Millisecond,
		Deadline: readTime(b[deadlineAt:]),
		Role:     user.RoleUser,
	}
	if len(b) > offset {
		s.Data = b[offset:]
	}
	r := newFields(b[userAt:offset])
	s.User = unpackUser(r.short())
	flags := r.take(1)
	tail := r.take(tailBytes)
	began := r.take(timeBytes)
	s.Username = r.short()
	ip := r.short()
	s.Device = session.Device{Browser: r.name(), OS: r.name()}
	if flags != nil && flags[0]&flagClient != 0 {
		s.Client = r.short()
	}
	s.Carrier = session.Cookie
	if flags != nil && flags[0]&flagBearer != 0 {
		s.Carrier = session.Bearer
		var err error
		if s.Refresh, err = session.DecodeRefresh(r.take(session.RefreshSize)); err != nil {
			return session.Session{}, err
		}
	}
	if r.bad || len(r.b) > 0 || flags[0]&^flagsKnown != 0 || s.User == "" || idle == 0 || idle > maxIdleMillis {
		return session.Session{}, fmt.Errorf("%w: damaged fields", session.ErrUnreadable)
	}
	var want [tailBytes]byte
	if !bytes.Equal(tail, appendTail(want[:0], id)) {
		return session.Session{}, errAnother
	}
	if flags[0]&flagAdmin != 0 {
		s.Role = user.RoleAdmin
	}
	s.Remember = flags[0]&flagRemember != 0
	s.Began = readTime(began)
	if ip != "" {
		addr, ok := netip.AddrFromSlice([]byte(ip))
		if !ok {
			return session.Session{}, fmt.Errorf("%w: damaged address", session.ErrUnreadable)
		}
		s.IP = addr
	}
	return s, nil
}

// readTime takes the sign from the first bit.
func readTime(b []byte) time.Time {
	const unused = 64 - 8*timeBytes
	return time.UnixMilli(int64(readUint(b[:timeBytes])<<unused) >> unused)
}

// fields takes length-prefixed text off the front of b. The texts are parts of
// one string: one allocation, and not one for each.
type fields struct {
	b    []byte
	text string // all there was, b its end
	bad  bool
}

func newFields(b []byte) fields { return fields{b: b, text: string(b)} }

func (f *fields) take(n int) []byte {
	if f.bad || n > len(f.b) {
		f.bad = true
		return nil
	}
	head := f.b[:n]
	f.b = f.b[n:]
	return head
}

func (f *fields) short() string {
	n := f.take(1)
	if n == nil {
		return ""
	}
	start := len(f.text) - len(f.b)
	return f.text[start : start+len(f.take(int(n[0])))]
}
