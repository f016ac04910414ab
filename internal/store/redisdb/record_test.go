package redisdb

import (
	"errors"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

func sample() session.Session {
	now := time.UnixMilli(1_790_000_000_123)
	return session.Session{
		ID: session.IDOf("t"), User: user.NewID(), Username: "alice", Role: user.RoleAdmin,
		Epoch: user.Epoch{All: 3, User: 70_000}, Began: now, LastSeen: now.Add(time.Minute),
		Idle: time.Hour, Deadline: now.Add(12 * time.Hour), Remember: true,
		IP: netip.MustParseAddr("192.0.2.7"), Device: session.Device{Browser: "Chrome", OS: "Windows"},
		Data: []byte("data"),
	}
}

func TestRecordRoundTrip(t *testing.T) {
	s := sample()
	got, err := decodeRecord(s.ID, encodeRecord(s))
	if err != nil || !reflect.DeepEqual(got, s) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, s)
	}
}

// Whatever byte is lost, the record is unreadable rather than somebody else's.
func TestTruncatedRecordIsUnreadable(t *testing.T) {
	s := sample()
	s.Data = nil
	b := encodeRecord(s)
	for n := range len(b) {
		if _, err := decodeRecord(s.ID, b[:n]); !errors.Is(err, session.ErrUnreadable) {
			t.Errorf("first %d of %d bytes: got %v, want ErrUnreadable", n, len(b), err)
		}
	}
}

func FuzzDecodeRecord(f *testing.F) {
	s := sample()
	f.Add(encodeRecord(s))
	s.Data, s.IP = nil, netip.Addr{}
	f.Add(encodeRecord(s))
	f.Add([]byte{recordVersion})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decodeRecord(s.ID, b)
		if err != nil {
			if !errors.Is(err, session.ErrUnreadable) {
				t.Errorf("error of another kind: %v", err)
			}
			return
		}
		// What can be read is written back the same way and read the same way.
		again, err := decodeRecord(s.ID, encodeRecord(got))
		if err != nil || !reflect.DeepEqual(got, again) {
			t.Errorf("read %+v\nthen %+v, %v", got, again, err)
		}
	})
}
