package main

import (
	"fmt"
	"net/url"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// watch notes what must not happen in any page of ours: a request to anybody
// else, a violation of the Content-Security-Policy, an error in a script,
// anything written to the console, and what the browser itself finds wrong.
type watch struct {
	cut   bool // connections may break
	mu    sync.Mutex
	notes []string
}

// watchPages watches b until its test ends, and fails the test then if there
// was something to note. cut says that connections may break, which browsers
// write to the console.
func watchPages(b *tab, cut bool) *watch {
	b.t.Helper()
	w := &watch{cut: cut}
	call(b, audits.Enable, cdp.Empty{})
	if err := chromedp.Listen(b.ctx, w.see); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		for _, note := range w.take() {
			b.t.Error("in the browser: ", note)
		}
	})
	return w
}

// take returns the notes and forgets them.
func (w *watch) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	notes := w.notes
	w.notes = nil
	return notes
}

func (w *watch) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notes = append(w.notes, fmt.Sprintf(format, args...))
}

func (w *watch) see(event any) {
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		u, err := url.Parse(e.Request.URL)
		if err != nil || u.Scheme != "data" && u.Hostname() != "localhost" {
			w.note("a request to %s from %s", e.Request.URL, e.DocumentURL)
		}
	case *log.EventEntryAdded:
		// A refusal that we answer with a page is logged as an error, too.
		if e.Entry.Source == log.EntrySourceNetwork && strings.Contains(e.Entry.Text, "responded with a status of") &&
			!strings.Contains(e.Entry.URL, "/static/") {
			return
		}
		if w.cut && e.Entry.Source == log.EntrySourceNetwork && strings.Contains(e.Entry.Text, "net::ERR_") {
			return
		}
		w.note("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
	case *runtime.EventConsoleAPICalled:
		w.note("console.%s", e.Type)
	case *runtime.EventExceptionThrown:
		w.note("%s at %s:%d", e.ExceptionDetails.Text, e.ExceptionDetails.URL, e.ExceptionDetails.LineNumber)
	case *audits.EventIssueAdded:
		if e.Issue.Code == audits.InspectorIssueCodePerformanceIssue {
			return // that a script read document.cookie: one of these tests does
		}
		if csp := e.Issue.Details.ContentSecurityPolicyIssueDetails; csp != nil {
			w.note("%s: %s %s", e.Issue.Code, csp.ViolatedDirective, csp.BlockedURL)
			return
		}
		w.note("%s %+v", e.Issue.Code, e.Issue.Details)
	}
}
