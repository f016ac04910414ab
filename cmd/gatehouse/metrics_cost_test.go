package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatehouse/internal/config"
	"gatehouse/internal/session"
	"gatehouse/internal/testenv"
	"gatehouse/internal/token"
)

// BenchmarkMetricsCost: what a check costs with metrics on, as a multiple of what it
// costs without, in processor time of this process. Everything of the product is on
// but the network to the client, so that the multiple is rather too large. All is
// measured in turn, in short slices, on the same stores; the median of the multiples
// of neighbours counts, which a busy machine moves little. How much it moves them
// all the same the control says: a second server without metrics.
//
//	go test -run '^$' -bench MetricsCost -benchtime 1x ./cmd/gatehouse
func BenchmarkMetricsCost(b *testing.B) {
	for name, stores := range map[string]config.StoreConfig{
		"SQLite": {DataDir: testenv.TempDir(b)},
		"Redis":  {DataDir: testenv.TempDir(b), RedisURL: config.NewSecret(testenv.SharedRedis(b))},
	} {
		p := openParts(b, stores)
		off, on, control := p.handler(b, false), p.handler(b, true), p.handler(b, false)
		for _, carrier := range []session.Carrier{session.Cookie, session.Bearer} {
			b.Run(name+" "+string(carrier), func(b *testing.B) {
				show := off.session(b, carrier)
				for b.Loop() {
					compareCost(b, show, off, on, control)
				}
			})
		}
	}
}

// compareCost reports what a check costs each of them, and as a multiple of what it
// costs the first.
func compareCost(b *testing.B, show http.Header, off, on, control handled) {
	const rounds, slice = 151, 500
	all := []handled{off, on, control}
	costs := make([][]float64, len(all))
	for round := range rounds + 1 {
		for i := range all {
			turn := (round + i) % len(all) // each goes first as often
			runtime.GC()
			began := processorTime(b)
			all[turn].check(b, show, slice)
			if round > 0 { // the first is to warm up
				costs[turn] = append(costs[turn], float64(processorTime(b)-began)/slice/1e3)
			}
		}
	}
	multiple := func(of []float64) float64 {
		var all []float64
		for i := range of {
			all = append(all, of[i]/costs[0][i])
		}
		return median(all)
	}
	b.ReportMetric(median(costs[0]), "µs/off")
	b.ReportMetric(median(costs[1]), "µs/on")
	b.ReportMetric(multiple(costs[1]), "on/off")
	b.ReportMetric(multiple(costs[2]), "control/off")
}

func median(of []float64) float64 {
	of = slices.Sorted(slices.Values(of))
	return of[len(of)/2]
}

// processorTime returns what this process has used of all processors.
func processorTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// handled is the product without a listener.
type handled struct{ http.Handler }

// parts are what servers in this process share.
type parts struct {
	*stores
	config config.Config
	keys   *token.Keyring
	key    [32]byte
	log    *slog.Logger
}

func openParts(b *testing.B, of config.StoreConfig) parts {
	b.Helper()
	ctx := b.Context()
	c, err := config.Serve{RateLimits: "off"}.Resolve(nil)
	check(b, err)
	c.StoreConfig = of
	p := parts{config: c, log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	p.stores, err = openStores(ctx, of, sessionLimits(c).Longest())
	check(b, err)
	b.Cleanup(func() { p.Close() })
	_, err = p.db.Migrate(ctx)
	check(b, err)
	check(b, p.follow(ctx, c, false, p.log))
	p.keys, err = p.keyring(ctx, c, p.log)
	check(b, err)
	key, err := p.db.Settings().Secret(ctx, "refresh-key", 32)
	check(b, err)
	p.key = [32]byte(key)
	return p
}

// handler joins them as serve does.
func (p parts) handler(b *testing.B, metrics bool) handled {
	b.Helper()
	c, s := p.config, *p.stores
	if metrics {
		c.MetricsAddr = "127.0.0.1:0"
	}
	f, err := newFigures(c)
	check(b, err)
	b.Cleanup(f.close)
	f.time(&s, c)
	m := session.NewManager(s.sessions, s.ledger, sessionLimits(c), time.Now, append(f.options(), session.WithRefreshKey(p.key))...)
	hasher, stop, err := program{}.newHasher(p.log)
	check(b, err)
	b.Cleanup(stop)
	h, _, err := newHandler(b.Context(), c, m, session.NewHub(m, time.Second), p.keys, hasher, &s, f, p.log)
	check(b, err)
	return handled{h}
}

// session signs somebody up and returns the header that shows whose the session is.
func (h handled) session(b *testing.B, carrier session.Carrier) http.Header {
	b.Helper()
	name := "somebody" + string(carrier)
	send := func(path, media, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "http://localhost:8080"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", media)
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		return rec
	}
	rec := send("/signup", "application/x-www-form-urlencoded", formOf([]string{"username=" + name, "password=" + password}).Encode())
	if carrier == session.Cookie {
		for _, c := range rec.Result().Cookies() {
			if c.Name == sessionCookie {
				return http.Header{"Cookie": {c.Name + "=" + c.Value}}
			}
		}
		b.Fatalf("sign-up: %d", rec.Code)
	}
	rec = send("/api/v1/login", "application/json", `{"username":"`+name+`","password":"`+password+`","carrier":"bearer"}`)
	_, rest, _ := strings.Cut(rec.Body.String(), `"access_token":"`)
	token, _, _ := strings.Cut(rest, `"`)
	if token == "" {
		b.Fatalf("log-in: %d %s", rec.Code, rec.Body)
	}
	return http.Header{"Authorization": {"Bearer " + token}}
}

// nowhere takes an answer and keeps its status.
type nowhere struct {
	header http.Header
	status int
}

func (w *nowhere) Header() http.Header         { return w.header }
func (w *nowhere) WriteHeader(status int)      { w.status = status }
func (w *nowhere) Write(b []byte) (int, error) { return len(b), nil }

// check has n requests checked, one after the other.
func (h handled) check(b *testing.B, show http.Header, n int) {
	for range n {
		r := httptest.NewRequest("GET", "http://localhost:8080/api/v1/me", nil)
		r.Header = show
		w := &nowhere{header: http.Header{}}
		h.ServeHTTP(w, r)
		if w.status != http.StatusOK {
			b.Fatalf("a check: %d", w.status)
		}
	}
}
