package browser

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestNewShowsAPage(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("<!doctype html><title>마이페이지</title><h1>안녕하세요</h1>"))
	}))
	defer srv.Close()
	ctx := New(t)
	if err := chromedp.Do(ctx, chromedp.Navigate(srv.URL)); err != nil {
		t.Fatal(err)
	}
	title, err := chromedp.Run(ctx, chromedp.Title())
	if err != nil {
		t.Fatal(err)
	}
	head, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("h1")))
	if err != nil {
		t.Fatal(err)
	}
	if title != "마이페이지" || head != "안녕하세요" {
		t.Errorf("the browser shows %q, %q", title, head)
	}
}

func TestNewReachesNobodyElse(t *testing.T) {
	ctx := New(t)
	if err := chromedp.Do(ctx, chromedp.Navigate("http://gatehouse.example/")); err == nil {
		t.Error("a name other than localhost resolved")
	}
}
