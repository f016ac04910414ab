package server

import (
	"errors"
	"net"
	"net/http"
	"os"
	"path"
	"strings"
	"testing"
)

// TestRenderPreview serves the samples to somebody who wants to look at them:
//
//	GATEHOUSE_PREVIEW=127.0.0.1:8081 go test ./internal/server -run RenderPreview -timeout 0
//
// Each is at /{language}/{sample}, and / lists them.
func TestRenderPreview(t *testing.T) {
	addr := os.Getenv("GATEHOUSE_PREVIEW")
	if addr == "" {
		return
	}
	t.Fatal(http.ListenAndServe(addr, previewHandler(t)))
}

// previewHandler serves the samples with the headers of the product.
func previewHandler(t testing.TB) http.Handler {
	v, assets := testViews(t)
	mux := http.NewServeMux()
	mux.Handle(staticPrefix, assets)
	var index []string
	for lang, text := range v.translators {
		for _, s := range samples(text) {
			address := path.Join("/", lang, s.id)
			index = append(index, address)
			mux.HandleFunc(address, func(w http.ResponseWriter, r *http.Request) {
				err := v.render(w, http.StatusOK, s.name, s.page)
				var gone *net.OpError // a browser need not wait for a page
				if err != nil && !errors.As(err, &gone) {
					t.Error(err)
				}
			})
		}
	}
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(strings.Join(index, "\n")))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", contentSecurityPolicy)
		mux.ServeHTTP(w, r)
	})
}
