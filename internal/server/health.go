package server

import (
	"context"
	"fmt"
	"net/http"
	"sort"
	"strings"
	"sync"
)

// healthz says that the program runs. It asks nobody.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	plain(w, http.StatusOK, "ok\n")
}

// readyz says whether the stores can be reached, each by name, and how many
// sessions have ended of which the ledger does not know yet (session.Manager).
// That is no reason not to be ready: only the database can change it.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	status, lines := http.StatusOK, []string{}
	for name, ping := range s.Ready {
		wg.Go(func() {
			line, ok := name+": ok", ping(context.WithoutCancel(r.Context())) == nil
			if !ok {
				line = name + ": away" // the log has the error; this page is public
			}
			mu.Lock()
			defer mu.Unlock()
			lines = append(lines, line)
			if !ok {
				status = http.StatusServiceUnavailable
			}
		})
	}
	wg.Wait()
	sort.Strings(lines)
	if n := s.Sessions.Unrecorded(); n > 0 {
		lines = append(lines, fmt.Sprintf("ended, not recorded yet: %d", n))
	}
	if status != http.StatusOK {
		w.Header().Set("Retry-After", retryAfter)
	}
	plain(w, status, strings.Join(lines, "\n")+"\n")
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprint(w, text)
}
