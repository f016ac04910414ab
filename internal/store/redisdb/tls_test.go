package redisdb_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/testenv"
	"gatehouse/internal/user"
)

// Checks, writes and news go through TLS, and only to a server that has a
// certificate of its name from somebody who is trusted: a stranger in between
// would get the password, and could say of any session that it lives.
func TestTLS(t *testing.T) {
	trusted, stranger := certificate(t), certificate(t)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	must(t, os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: trusted.Certificate[0]}), 0o600))
	t.Setenv("SSL_CERT_FILE", roots) // read once, by whoever is the first to want roots
	t.Setenv("SSL_CERT_DIR", t.TempDir())
	server := testenv.RedisServer(t, "--requirepass", "redis password")
	u, err := url.Parse(server.URL())
	must(t, err)
	_, port, err := net.SplitHostPort(inFrontOf(t, u.Host, trusted))
	must(t, err)
	_, theirs, err := net.SplitHostPort(inFrontOf(t, u.Host, stranger))
	must(t, err)

	ctx := context.Background()
	store := redisdb.Open("rediss://:redis%20password@localhost:"+port+"/0", longest)
	defer store.Close()
	m := session.NewManager(store, nil, gateLimits, time.Now)
	somebody := user.User{ID: user.NewID(), Username: "alice", Role: user.RoleUser}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_, id := session.NewToken(somebody.ID)
			if _, err := m.Start(ctx, id, session.New{User: somebody}, nil); err != nil {
				t.Errorf("start: %v", err)
			}
			for range 100 {
				if _, err := m.Check(ctx, id); err != nil {
					t.Errorf("check: %v", err)
				}
			}
			if n, err := store.End(ctx, []session.ID{id}, session.Why{Reason: session.Logout}, time.Now()); n != 1 || err != nil {
				t.Errorf("end: %d, %v", n, err)
			}
			var ended *session.EndedError
			if _, err := m.Check(ctx, id); !errors.As(err, &ended) {
				t.Errorf("check after the end: %v", err)
			}
		})
	}
	all.Wait()

	for name, raw := range map[string]string{
		"a certificate of nobody who is trusted": "rediss://:redis%20password@localhost:" + theirs + "/0",
		"a certificate of another name":          "rediss://:redis%20password@127.0.0.1:" + port + "/0",
		"no TLS at all":                          "rediss://:redis%20password@" + u.Host + "/0",
	} {
		t.Run(name, func(t *testing.T) {
			store := redisdb.Open(raw, longest)
			defer store.Close()
			if _, err := store.Find(ctx, session.IDOf("x")); !errors.Is(err, session.ErrUnavailable) {
				t.Errorf("find: %v, want ErrUnavailable", err)
			}
			if err := store.Ping(ctx); !errors.Is(err, session.ErrUnavailable) {
				t.Errorf("ping: %v, want ErrUnavailable", err)
			}
		})
	}
}

// certificate makes a certificate of localhost that vouches for itself.
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	about := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// inFrontOf does TLS for the server at addr and returns where.
func inFrontOf(t *testing.T, addr string, cert tls.Certificate) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer near.Close()
				far, err := net.Dial("tcp", addr)
				if err != nil {
					return
				}
				defer far.Close()
				go func() {
					io.Copy(far, near)
					far.Close()
				}()
				io.Copy(near, far)
			}()
		}
	}()
	return l.Addr().String()
}
