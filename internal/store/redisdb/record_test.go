package redisdb

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
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
		Carrier: session.Cookie, Data: []byte("data"),
	}
}

// bearer is sample with all that a client with tokens has more.
func bearer() session.Session {
	s := sample()
	s.Carrier, s.Client = session.Bearer, "백업 backup 1.2"
	s.Refresh = session.Refresh{Generation: 70_000, Rotated: s.LastSeen,
		Hash: sha256.Sum256([]byte("a")), Previous: sha256.Sum256([]byte("b")), Nonce: [16]byte{1, 2, 3}}
	return s
}

func TestRecordRoundTrip(t *testing.T) {
	named := sample()
	named.Client = "backup"
	for name, s := range map[string]session.Session{"cookie": sample(), "bearer": bearer(), "cookie of a named client": named} {
		got, err := decodeRecord(s.ID, encodeRecord(s))
		if err != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("%s: got %+v, %v\nwant %+v", name, got, err, s)
		}
	}
}

// beforeBearers is sample, of a user with another id, as it was written when
// there was no other carrier than the cookie.
const beforeBearers = "010000000300011170000001a0c45156db000000000036ee80000001a0c6e39a7b005d" +
	"16303132333435363738396162636465666768696a3132" + "03000001a0c4506c7b" +
	"05616c696365" + "04c0000207" + "064368726f6d65" + "0757696e646f7773" + "64617461"

// Nodes of both versions can be up at once: neither loses a session in a cookie
// to the other, and it takes no more room than it did.
func TestI12_RecordFromBeforeBearers(t *testing.T) {
	old, err := hex.DecodeString(beforeBearers)
	if err != nil {
		t.Fatal(err)
	}
	want := sample()
	want.User = "0123456789abcdefghij12"
	got, err := decodeRecord(want.ID, old)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	if again := encodeRecord(want); !bytes.Equal(again, old) {
		t.Errorf("written now %x\nwritten before %x", again, old)
	}
}

// Whatever byte is lost, the record is unreadable rather than somebody else's.
func TestTruncatedRecordIsUnreadable(t *testing.T) {
	for _, s := range []session.Session{sample(), bearer()} {
		s.Data = nil
		b := encodeRecord(s)
		for n := range len(b) {
			if _, err := decodeRecord(s.ID, b[:n]); !errors.Is(err, session.ErrUnreadable) {
				t.Errorf("%s, first %d of %d bytes: got %v, want ErrUnreadable", s.Carrier, n, len(b), err)
			}
		}
	}
}

func FuzzDecodeRecord(f *testing.F) {
	s := sample()
	f.Add(encodeRecord(s))
	f.Add(encodeRecord(bearer()))
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
