package redisdb

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// sample is the same every time: a test that looks for a byte in its record must
// not find it in a user id drawn by lot.
func sample() session.Session {
	now := time.UnixMilli(1_790_000_000_123)
	return session.Session{
		ID: session.IDOf("t"), User: "0123456789abcdefghijnw", Username: "alice", Role: user.RoleAdmin,
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

// written is sample as it was written when this version of the record began:
// sessions outlive programs.
const written = "02" + "00000003" + "00011170" + "01a0c45156db" + "000036ee80" + "01a0c6e39a7b" + "0043" +
	"10d35db7e39ebbf3d69b71d79f8218a39f" + "03" + "3dd8" + "01a0c4506c7b" +
	"05616c696365" + "04c0000207" + "80" + "97" + "64617461"

func TestRecordStaysReadable(t *testing.T) {
	old, err := hex.DecodeString(written)
	if err != nil {
		t.Fatal(err)
	}
	want := sample()
	got, err := decodeRecord(want.ID, old)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	if again := encodeRecord(want); !bytes.Equal(again, old) {
		t.Errorf("written now %x\nwritten before %x", again, old)
	}
}

// What is stored under the key of one session is not taken for another.
func TestRecordOfAnotherSession(t *testing.T) {
	for _, s := range []session.Session{sample(), bearer()} {
		if got, err := decodeRecord(session.IDOf("u"), encodeRecord(s)); !errors.Is(err, errAnother) || !errors.Is(err, session.ErrUnreadable) {
			t.Errorf("%s: got %+v, %v, want errAnother", s.Carrier, got, err)
		}
	}
}

// A name in a record is a number: another name in its place would be another
// device in somebody's list.
func TestNamesKeepTheirNumbers(t *testing.T) {
	for n, name := range map[byte]string{0x80: "Chrome", 0x88: "KakaoTalk", 0x97: "Windows", 0xa0: "Harmony"} {
		if got := names[n-firstName]; got != name {
			t.Errorf("number %#x is %q, was %q", n, got, name)
		}
	}
	if len(nameNumber) != len(names) || len(names) > 0x100-firstName {
		t.Errorf("%d names, %d of them different, room for %d", len(names), len(nameNumber), 0x100-firstName)
	}
}

// Every name a record can hold comes back, also one that the table lacks and one
// that is too long to be kept whole.
func TestRecordNames(t *testing.T) {
	long := strings.Repeat("x", 200)
	for have, want := range map[string]string{"": "", "Chrome": "Chrome", "Lynx": "Lynx", long: long[:127]} {
		s := sample()
		s.Device = session.Device{Browser: have, OS: have}
		got, err := decodeRecord(s.ID, encodeRecord(s))
		if err != nil || got.Device.Browser != want || got.Device.OS != want {
			t.Errorf("%.10q: got %+v, %v", have, got.Device, err)
		}
	}
	b := encodeRecord(sample())
	b[bytes.IndexByte(b, 0x97)] = 0xff // a name of a newer program
	if _, err := decodeRecord(session.IDOf("t"), b); !errors.Is(err, session.ErrUnreadable) {
		t.Errorf("a name that nobody knows: %v", err)
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
