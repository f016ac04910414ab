package server

import (
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/audit"
)

const (
	// exportPortion is how many events are read and sent at a time.
	exportPortion = 2000
	// maxExport bounds a file: about what a spreadsheet can open (1,048,576).
	maxExport = 1_000_000
	// exportPatience is how long a client may take for one portion.
	exportPatience = 30 * time.Second
)

// auditCSV sends what the filters of the page find as a table for spreadsheets.
//
// It may be long, so it is sent in portions and not held back as pages are:
// before each, the session is checked again, and an end, or a database that
// goes away, breaks the transfer off, so that half a file does not look like a
// whole one.
func (s *Server) auditCSV(w http.ResponseWriter, r *http.Request) {
	q, errs := parseAuditQuery(r.URL.Query())
	if len(errs) > 0 {
		s.page(s.adminAudit)(w, r) // says what is wrong
		return
	}
	q.Before, q.Limit = 0, exportPortion
	entries, next, err := s.Audit.Search(r.Context(), q)
	if err == nil {
		err = s.cookies.Commit(r.Context())
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Language", exchangeOf(r.Context()).lang)
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="gatehouse-audit-%s.csv"`, s.Now().UTC().Format(time.DateOnly)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	out := newAuditTable(w, s.translator(r))
	out.header()
	for sent := 0; ; {
		for _, e := range entries {
			out.row(e)
		}
		sent += len(entries)
		if next == 0 {
			break
		}
		if sent >= maxExport {
			out.cut(sent)
			break
		}
		s.sendPortion(w, r, out)
		q.Before = next
		if entries, next, err = s.Audit.Search(r.Context(), q); err != nil {
			s.breakOff(r, err)
		}
	}
	s.sendPortion(w, r, out)
}

// sendPortion sends what has been written to out, if the session still lives.
func (s *Server) sendPortion(w http.ResponseWriter, r *http.Request, out *auditTable) {
	if _, err := s.Sessions.Check(r.Context(), me(r).ID); err != nil {
		s.breakOff(r, err)
	}
	control := http.NewResponseController(w)
	if err := control.SetWriteDeadline(time.Now().Add(exportPatience)); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		s.breakOff(r, err)
	}
	if err := out.flush(); err != nil {
		s.breakOff(r, err)
	}
	_ = control.Flush() // what it could tell, the next write does
}

// breakOff ends the connection in the middle of the answer.
func (s *Server) breakOff(r *http.Request, err error) {
	s.Log.WarnContext(r.Context(), "audit log: export broken off", "request", exchangeOf(r.Context()).requestID(), "error", err.Error())
	panic(http.ErrAbortHandler)
}

// auditTable writes events as RFC 4180 has it.
type auditTable struct {
	t   *translator
	out *csv.Writer
}

// newAuditTable begins a table. Without the mark in front Excel takes UTF-8 for
// something else.
func newAuditTable(w http.ResponseWriter, t *translator) *auditTable {
	_, _ = w.Write([]byte("\ufeff")) // an error comes back with the next write
	out := csv.NewWriter(w)
	out.UseCRLF = true
	return &auditTable{t: t, out: out}
}

func (a *auditTable) header() {
	t := a.t
	a.write(t.T("audit_number"), t.T("audit_when"), t.T("audit_what"), t.T("user"), t.T("audit_by"), "IP", t.T("device"), t.T("audit_details"), t.T("why"))
}

func (a *auditTable) row(e audit.Entry) {
	ev := e.Event
	ev.Note = "" // has a column of its own
	a.write(strconv.FormatInt(e.Seq, 10), e.At.UTC().Format(time.RFC3339), a.t.T("activity_"+string(e.Kind)),
		auditWho(a.t, e).Name(), auditBy(a.t, e).Name(), ip(e.IP), e.Device, strings.Join(a.t.facts(ev), " · "), e.Note)
}

// cut says that there would be more, in a row as wide as all.
func (a *auditTable) cut(rows int) {
	a.write("", "", a.t.T("audit_cut", "Rows", rows), "", "", "", "", "", "")
}

func (a *auditTable) write(cells ...string) {
	for i, c := range cells {
		cells[i] = harmless(c)
	}
	_ = a.out.Write(cells) // flush tells
}

func (a *auditTable) flush() error {
	a.out.Flush()
	return a.out.Error()
}

// harmless keeps a spreadsheet from taking a cell for a formula.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
