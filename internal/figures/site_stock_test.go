package figures

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"gatehouse/internal/measure"
	"gatehouse/internal/testenv"
)

// stockSite is the site as the documentation of scs and redisstore shows it.
func stockSite(t *testing.T) *site {
	url := testenv.SharedRedis(t)
	nameOf := func(token string) string { return token }
	return newSite(t, "scs + redisstore", nameOf, func() http.Handler {
		return stockNode(newStock(t, url))
	})
}

// newStock returns the session manager of one node.
func newStock(t *testing.T, url string) *scs.SessionManager {
	sessions, closePool := measure.Stock(url, measure.Limits.Idle)
	t.Cleanup(func() { closePool() })
	return sessions
}

func stockNode(sessions *scs.SessionManager) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.RenewToken(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		measure.PutLogin(r.Context(), sessions, measure.Somebody())
		w.WriteHeader(http.StatusOK)
	})
	mux.HandleFunc("GET /write", stockChecked(sessions, func(ctx context.Context) {
		sessions.Put(ctx, "seen", time.Now().UnixMilli())
	}))
	mux.HandleFunc("GET /read", stockChecked(sessions, func(context.Context) {}))
	// Destroy ends only the session of the request; somebody else's is ended
	// by what Destroy does in the store.
	mux.HandleFunc("POST /end", func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.Store.Delete(r.FormValue("session")); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return sessions.LoadAndSave(mux)
}

func stockChecked(sessions *scs.SessionManager, handle func(context.Context)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if sessions.GetString(r.Context(), "user") == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		handle(r.Context())
		w.WriteHeader(http.StatusOK) // LoadAndSave commits before this is sent
	}
}
