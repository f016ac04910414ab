package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/security"

	"gatehouse/internal/session"
	"gatehouse/internal/testenv"
	"gatehouse/internal/testenv/browser"
)

// proxied is a node with the nginx of the README in front of it.
type proxied struct {
	*node                     // as seen through the proxy
	behind *node              // as seen by the proxy
	nginx  *testenv.NginxProc // may be stopped and started
}

// behindNginx starts a node with s behind nginx, which is configured as the
// README says, word for word but for the addresses and the certificate's place.
// more are further lines for its location.
func behindNginx(t testing.TB, s settings, more ...string) *proxied {
	t.Helper()
	certificate, trusted := selfSigned(t)
	p := &proxied{}
	p.nginx = testenv.Nginx(t, func(listen string) string {
		_, port, err := net.SplitHostPort(listen)
		check(t, err)
		p.behind = startNode(t, s.with("GATEHOUSE_PUBLIC_URL", "https://localhost:"+port, "GATEHOUSE_TRUSTED_PROXIES", "127.0.0.1"))
		recipe := readmeNginx(t)
		for _, change := range [][2]string{
			{"listen 443 ssl;", "listen " + listen + " ssl;"},
			{"/etc/ssl/id.example.com.crt", certificate},
			{"/etc/ssl/id.example.com.key", certificate},
			{"http://127.0.0.1:8080;", p.behind.url + ";" + strings.Join(more, "")},
			// The port of these tests is not that of https.
			{"proxy_set_header Host $host;", "proxy_set_header Host $host:$server_port;"},
		} {
			if strings.Count(recipe, change[0]) != 1 {
				t.Fatalf("the recipe in the README does not say %q once:\n%s", change[0], recipe)
			}
			recipe = strings.Replace(recipe, change[0], change[1], 1)
		}
		return recipe
	})
	front := *p.behind
	front.addr = p.nginx.Addr()
	front.url = "https://" + strings.Replace(front.addr, "127.0.0.1", "localhost", 1)
	front.via = &http.Transport{
		MaxIdleConnsPerHost: 64,
		TLSClientConfig:     &tls.Config{RootCAs: trusted},
		DialContext:         (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(farAway)}}).DialContext,
	}
	t.Cleanup(front.via.CloseIdleConnections)
	p.node = &front
	return p
}

// farAway is where the clients of a proxied node come from: not where the proxy is.
const farAway = "127.0.0.9"

// readmeNginx returns the configuration of nginx that the README recommends.
func readmeNginx(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	check(t, err)
	found := regexp.MustCompile("(?s)\n```nginx\n(.*?)```\n").FindAllSubmatch(text, -1)
	if len(found) != 1 {
		t.Fatalf("%d recipes for nginx in the README, want 1", len(found))
	}
	return string(found[0][1])
}

// selfSigned writes a certificate for localhost and its key to one file.
func selfSigned(t testing.TB) (path string, trusted *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{"localhost"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	check(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	both := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	path = filepath.Join(testenv.TempDir(t), "certificate.pem")
	check(t, os.WriteFile(path, both, 0o600))
	certificate, err := x509.ParseCertificate(der)
	check(t, err)
	trusted = x509.NewCertPool()
	trusted.AddCert(certificate)
	return path, trusted
}

// The nginx of the README: who comes through it is known by the right address,
// whatever they claim, and hears of an end.
func TestBehindNginx(t *testing.T) {
	t.Parallel()
	n := behindNginx(t, embedded(t))
	admin, person := newClient(t), newClient(t)
	admin.setUp(n.node)
	person.forwardedFor = "203.0.113.7" // a claim
	person.signUp(n.node, "kim")
	code, stdout, stderr := n.behind.command(t, "", "session", "list", "--user", "kim", "--json")
	if code != exitOK || !strings.Contains(stdout, `"ip":"`+farAway+`"`) || strings.Contains(stdout, person.forwardedFor) {
		t.Errorf("session list: %d %s %s, want the address %s", code, stdout, stderr, farAway)
	}
	s := person.stream(n.node)
	admin.puts(n.node, person)
	answered := time.Now()
	if data := s.next("ended", lost); !strings.Contains(data, `"reason":"forced"`) {
		t.Errorf("ended: %s", data)
	}
	s.over()
	t.Logf("heard through nginx %v after the end", s.at.Sub(answered).Round(time.Millisecond))
	person.isOut(n.node, session.Forced)
}

// An open page behind a proxy that cuts its stream, or is gone for a while, goes
// on listening and covers itself when its session ends.
func TestBehindNginxThePageCoversItself(t *testing.T) {
	t.Parallel()
	chromium := browser.New(t)
	for name, more := range map[string]string{"as in the README": "", "that cuts streams": "proxy_read_timeout 1s;"} {
		t.Run(name, func(t *testing.T) {
			n := behindNginx(t, embedded(t), more)
			// Passwords take long on a busy machine: a proxy that cuts what is slow
			// is not asked for them.
			admin, person := newClient(t), newClient(t)
			admin.setUp(n.behind)
			person.signUp(n.behind, "kim")
			b := openTab(t, chromium, n.node, look{cut: true})
			call(b, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true})
			b.carry(person)
			b.open("/mypage")
			b.is("mypage", "/mypage")
			b.listens(t)
			if more != "" {
				eventually(t, "its stream has been cut and opened again, twice", func() bool {
					return strings.Count(n.stderr.String(), "method=GET route=/mypage/events status=200") >= 2
				})
				b.is("mypage", "/mypage")
			}
			admin.puts(n.behind, person)
			answered := time.Now()
			b.covered("forced", "kim")
			t.Logf("covered at most %v after the end", time.Since(answered).Round(time.Millisecond))

			// Ended while there is no way to the page.
			person.logIn(n.behind, "kim")
			b.carry(person)
			b.open("/mypage")
			b.listens(t)
			n.nginx.Kill()
			if code, _, stderr := n.behind.command(t, "", "session", "end", "--user=kim"); code != exitOK {
				t.Fatalf("session end: %d %s", code, stderr)
			}
			n.nginx.Start()
			b.covered("forced", "kim")
		})
	}
}
