package server

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"gatehouse/internal/user"
)

// BenchmarkMyPage: what the whole page costs on the embedded store, and its parts.
// The render of a page grows with its rows; here it has one of each list.
func BenchmarkMyPage(b *testing.B) {
	w := newWorld(b)
	w.account("minji", user.RoleAdmin)
	c := w.loggedIn("minji")
	r := httptest.NewRequest("GET", "/mypage", nil)
	r.Host = "localhost:8080"
	r.Header.Set("Accept-Language", "ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7")
	for _, cookie := range c.cookies {
		r.AddCookie(cookie)
	}
	w.clock.advance(3 * time.Minute)
	ctx := context.Background()
	mine, err := w.Sessions.Check(ctx, c.session())
	must(b, err)
	u, err := w.UserStore.ByID(ctx, mine.User)
	must(b, err)
	sessions, err := w.Sessions.List(ctx, mine.User)
	must(b, err)
	events, err := w.Audit.Recent(ctx, mine.User, recentActivity)
	must(b, err)
	texts := w.texts.of("ko")
	page := MyPage{
		Base:    Base{Lang: "ko", Path: "/mypage", Now: w.Now(), Section: Section{MyPage: true}, Me: texts.me(mine)},
		Account: texts.account(u), Devices: texts.deviceRows(sessions, mine.ID, w.Now())}
	for _, e := range events {
		page.Activity = append(page.Activity, texts.activityRow(e, w.Now()))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(b, err)
	wired := &http.Server{Handler: w, ConnContext: ConnContext}
	go wired.Serve(w.Listen(l))
	defer wired.Close()
	asked := r.Clone(ctx)
	asked.RequestURI, asked.URL.Scheme, asked.URL.Host = "", "http", l.Addr().String()
	for _, part := range []struct {
		name string
		do   func() error
	}{
		{"whole", func() error {
			rec := httptest.NewRecorder()
			w.ServeHTTP(rec, r)
			if rec.Code != http.StatusOK {
				b.Fatal(rec.Code)
			}
			return nil
		}},
		{"wire", func() error { // whole, with a client in the same process
			r, err := http.DefaultTransport.RoundTrip(asked)
			if err != nil {
				return err
			}
			defer r.Body.Close()
			_, err = io.Copy(io.Discard, r.Body)
			return err
		}},
		{"user", func() error { _, err := w.UserStore.ByID(ctx, mine.User); return err }},
		{"check", func() error { _, err := w.Sessions.Check(ctx, mine.ID); return err }},
		{"list", func() error { _, err := w.Sessions.List(ctx, mine.User); return err }},
		{"activity", func() error { _, err := w.Audit.Recent(ctx, mine.User, recentActivity); return err }},
		{"render", func() error { return w.views.render(discard{}, http.StatusOK, "mypage", page) }},
	} {
		b.Run(part.name, func(b *testing.B) {
			b.ReportAllocs()
			before, n := processTime(b), 0
			for b.Loop() {
				must(b, part.do())
				n++
			}
			b.ReportMetric(float64((processTime(b)-before).Nanoseconds())/1e3/float64(n), "cpu-µs/op")
		})
	}
}

// discard is an answer that nobody reads.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) WriteHeader(int)             {}
func (discard) Write(b []byte) (int, error) { return io.Discard.Write(b) }

// processTime is what this process has used of the processors: on a busy machine
// a truer figure than the time that has passed.
func processTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
