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
)

// BenchmarkMetricsCost: what a check costs with metrics on, as a multiple of what it
// costs without, in processor time of this process. Everything of the product is on
// but the network to the client, so that the multiple is rather too large. Both are
// measured in turn, in short slices; the median of the multiples of neighbours
// counts, which a busy machine moves little.
//
//	go test -run '^$' -bench MetricsCost -benchtime 1x ./cmd/gatehouse
func BenchmarkMetricsCost(b *testing.B) {
	for name, c := range map[string]config.StoreConfig{
		"SQLite": {DataDir: testenv.TempDir(b)},
		"Redis":  {DataDir: testenv.TempDir(b), RedisURL: config.NewSecret(testenv.SharedRedis(b))},
	} {
		for _, carrier := range []session.Carrier{session.Cookie, session.Bearer} {
			b.Run(name+" "+string(carrier), func(b *testing.B) {
				without, with := inProcess(b, c, false), inProcess(b, c, true)
				show := without.session(b, carrier)
				for b.Loop() {
					compareCost(b, func(n int) { without.check(b, show, n) }, func(n int) { with.check(b, show, n) })
				}
			})
		}
	}
}

// compareCost reports what the second costs as a multiple of the first.
func compareCost(b *testing.B, first, second func(n int)) {
	const rounds, slice = 151, 500
	first(slice)
	second(slice)
	var one, other, multiples []float64
	for round := range rounds {
		var of [2]float64
		for i := range 2 {
			turn := (round + i) % 2 // each goes first as often
			runtime.GC()
			began := processorTime(b)
			[]func(int){first, second}[turn](slice)
			of[turn] = float64(processorTime(b)-began) / slice / 1e3
		}
		one, other, multiples = append(one, of[0]), append(other, of[1]), append(multiples, of[1]/of[0])
	}
	b.ReportMetric(median(one), "µs/off")
	b.ReportMetric(median(other), "µs/on")
	b.ReportMetric(median(multiples), "on/off")
	b.ReportMetric(median(other)/median(one), "medians")
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

// inProcess puts the parts together as serve does.
func inProcess(b *testing.B, stores config.StoreConfig, metrics bool) handled {
	b.Helper()
	ctx, log := b.Context(), slog.New(slog.NewTextHandler(io.Discard, nil))
	settings := config.Serve{RateLimits: "off"}
	if metrics {
		settings.MetricsAddr = "127.0.0.1:0"
	}
	c, err := settings.Resolve(nil)
	check(b, err)
	c.StoreConfig = stores
	f, err := newFigures(c)
	check(b, err)
	b.Cleanup(f.close)
	limits := sessionLimits(c)
	s, err := openStores(ctx, c.StoreConfig, limits.Longest())
	check(b, err)
	b.Cleanup(func() { s.Close() })
	_, err = s.db.Migrate(ctx)
	check(b, err)
	f.time(s, c)
	check(b, s.follow(ctx, c, false, log))
	keys, err := s.keyring(ctx, c, log)
	check(b, err)
	key, err := s.db.Settings().Secret(ctx, "refresh-key", 32)
	check(b, err)
	m := session.NewManager(s.sessions, s.ledger, limits, time.Now, append(f.options(), session.WithRefreshKey([32]byte(key)))...)
	h, _, err := newHandler(ctx, c, m, session.NewHub(m, time.Second), keys, s, f, log)
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
