package redisdb

import (
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
//	 9  8  last seen, Unix ms
//	17  8  idle, ms
//	25  8  absolute deadline, Unix ms
//	33  2  offset of the data
//	35  1  length of the user id, then the user id
//	       then: flags, began (8, Unix ms), username, IP, browser, OS, each with
//	       a length byte in front; the client likewise if the flags say so; the
//	       refresh state (92, session.AppendRefresh) of a bearer session; then
//	       the data
//
// What only some sessions have costs the others nothing, and a session in a
// cookie without it is written as it was before there was any. A program from
// before finds flags it does not know, so that it takes such a record for
// unreadable, which costs that one log-in (I12); its scripts read no more than
// the head and end, count and expire it as any other.
const (
	recordVersion = 1
	headLength    = 36

	flagAdmin    = 1 << 0
	flagRemember = 1 << 1
	flagBearer   = 1 << 2 // rotate.lua knows it too
	flagClient   = 1 << 3
	flagsKnown   = flagAdmin | flagRemember | flagBearer | flagClient

	// maxIdleMillis is more than any setting allows, and fits a time.Duration.
	maxIdleMillis = 10 * 365 * 24 * 60 * 60 * 1000
)

// encodeRecord returns s as Redis keeps it. Text that does not fit its length
// byte is cut; usernames and ids never are that long.
func encodeRecord(s session.Session) []byte {
	b := make([]byte, headLength, headLength+96+len(s.Data))
	b[0] = recordVersion
	binary.BigEndian.PutUint32(b[1:], s.Epoch.All)
	binary.BigEndian.PutUint32(b[5:], s.Epoch.User)
	binary.BigEndian.PutUint64(b[9:], uint64(s.LastSeen.UnixMilli()))
	binary.BigEndian.PutUint64(b[17:], uint64(s.Idle.Milliseconds()))
	binary.BigEndian.PutUint64(b[25:], uint64(s.Deadline.UnixMilli()))
	b[35] = byte(len(s.User))
	b = append(b, s.User...)
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
	b = binary.BigEndian.AppendUint64(b, uint64(s.Began.UnixMilli()))
	b = appendShort(b, s.Username)
	b = appendShort(b, string(s.IP.AsSlice()))
	b = appendShort(b, s.Device.Browser)
	b = appendShort(b, s.Device.OS)
	if flags&flagClient != 0 {
		b = appendShort(b, s.Client)
	}
	if flags&flagBearer != 0 {
		b = session.AppendRefresh(b, s.Refresh)
	}
	binary.BigEndian.PutUint16(b[33:], uint16(len(b)))
	return append(b, s.Data...)
}

func appendShort(b []byte, s string) []byte {
	s = s[:min(len(s), 255)]
	return append(append(b, byte(len(s))), s...)
}

// decodeRecord is the inverse. session.ErrUnreadable if any byte in front of
// the data is not as this version writes it.
func decodeRecord(id session.ID, b []byte) (session.Session, error) {
	if len(b) < headLength || b[0] != recordVersion {
		return session.Session{}, fmt.Errorf("%w: not a version %d record", session.ErrUnreadable, recordVersion)
	}
	offset := int(binary.BigEndian.Uint16(b[33:]))
	if offset > len(b) || offset < headLength-1 {
		return session.Session{}, fmt.Errorf("%w: damaged head", session.ErrUnreadable)
	}
	idle := binary.BigEndian.Uint64(b[17:])
	s := session.Session{
		ID: id,
		Epoch: user.Epoch{
			All:  binary.BigEndian.Uint32(b[1:]),
			User: binary.BigEndian.Uint32(b[5:]),
		},
		LastSeen: unixMilli(b[9:]),
		Idle:     time.Duration(idle) * time.Millisecond,
		Deadline: unixMilli(b[25:]),
		Role:     user.RoleUser,
	}
	if len(b) > offset {
		s.Data = b[offset:]
	}
	r := newFields(b[35:offset])
	s.User = user.ID(r.short())
	flags := r.take(1)
	began := r.take(8)
	s.Username = r.short()
	ip := r.short()
	s.Device = session.Device{Browser: r.short(), OS: r.short()}
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
	if flags[0]&flagAdmin != 0 {
		s.Role = user.RoleAdmin
	}
	s.Remember = flags[0]&flagRemember != 0
	s.Began = unixMilli(began)
	if ip != "" {
		addr, ok := netip.AddrFromSlice([]byte(ip))
		if !ok {
			return session.Session{}, fmt.Errorf("%w: damaged address", session.ErrUnreadable)
		}
		s.IP = addr
	}
	return s, nil
}

func unixMilli(b []byte) time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b)))
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
