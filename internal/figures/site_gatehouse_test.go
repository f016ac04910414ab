package figures

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"gatehouse/internal/measure"
	"gatehouse/internal/session"
	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/store/sqldb"
	"gatehouse/internal/testenv"
)

// gatehouseSite is the set-up with many nodes: sessions in Redis, the ledger in
// PostgreSQL, and nothing shared by the nodes but these.
func gatehouseSite(t *testing.T) *site {
	redisURL, postgresURL := testenv.SharedRedis(t), testenv.Postgres(t)
	nameOf := func(token string) string { return string(session.IDOf(token)) }
	return newSite(t, "Gatehouse", nameOf, func() http.Handler {
		db := openSQL(t, postgresURL)
		m := session.NewManager(openRedis(t.Context(), t, redisURL, db), db.Ledger(), measure.Limits, time.Now)
		return gatehouseNode(m, session.NewCookies(m, measure.CookieName, true))
	})
}

func gatehouseNode(m *session.Manager, cookies *session.Cookies) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		_, err := cookies.Start(r.Context(), w, session.New{User: measure.Somebody(), IP: measure.ClientIP, Device: measure.Device})
		answer(w, http.StatusOK, err)
	})
	mux.HandleFunc("GET /write", checked(cookies, func(ctx context.Context) {
		cookies.Put(ctx, "seen", time.Now())
	}))
	mux.HandleFunc("GET /read", checked(cookies, func(context.Context) {}))
	mux.HandleFunc("POST /end", func(w http.ResponseWriter, r *http.Request) {
		id, err := session.ParseID(r.FormValue("session"))
		if err == nil {
			_, err = m.End(r.Context(), []session.ID{id}, session.Why{Reason: session.Forced})
		}
		answer(w, http.StatusNoContent, err)
	})
	return mux
}

// checked does around handle what the server does around every page.
func checked(cookies *session.Cookies, handle func(context.Context)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, err := cookies.Load(r)
		if err == nil {
			handle(ctx)
			err = cookies.Commit(ctx)
		}
		answer(w, http.StatusOK, err)
	}
}

// answer answers good, or what err stands for.
func answer(w http.ResponseWriter, good int, err error) {
	var ended *session.EndedError
	switch {
	case err == nil:
		w.WriteHeader(good)
	case errors.Is(err, session.ErrNone), errors.As(err, &ended):
		w.WriteHeader(http.StatusUnauthorized)
	case errors.Is(err, session.ErrUnavailable):
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// openRedis opens the Redis at url as the program does: behind the gate, which
// until ctx ends holds it to the ledger in db.
func openRedis(ctx context.Context, t *testing.T, url string, db *sqldb.DB) *redisdb.Store {
	t.Helper()
	store, err := measure.OpenRedis(ctx, url, db)
	must(t, err)
	t.Cleanup(func() { store.Close() })
	return store
}

// openSQL opens the database at url, a file or postgres://…, with all tables.
func openSQL(t *testing.T, url string) *sqldb.DB {
	db, err := measure.OpenSQL(context.Background(), url)
	must(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}
