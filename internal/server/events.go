package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"gatehouse/internal/session"
)

const (
	// heartbeat keeps proxies from closing the stream because it is silent,
	// and tells pages that it is not dead.
	heartbeat = 15 * time.Second
	// streamWrite is how long a client may take to accept an event.
	streamWrite = 10 * time.Second
	// crowdedRetry is when the oldest of too many streams may come back: not
	// at once, or streams would push each other out in circles.
	crowdedRetry = time.Minute
)

// endedEvent is the data of the event "ended": all that a page needs to cover
// itself.
type endedEvent struct {
	Reason session.Reason `json:"reason"`
	Title  string         `json:"title"`
	Text   string         `json:"text"`
	Login  string         `json:"login"`  // where to log in; the page adds next= itself
	Action string         `json:"action"` // what the link there says
}

// events tells an open page at once that its session has ended, and why (I10).
// It stands outside requireUser, whose answer to an ended session is a redirect:
// an EventSource would follow it to a page and give up. The events are
//
//	live     {"session"}  the stream listens to this session, which lives
//	ended    endedEvent   it has ended; nothing follows
//	crowded  {}           too many streams of this user; come back later
//	beat     {}           nothing has happened; a page that hears nothing at
//	                      all for long has lost its connection
//
// It touches nothing: an open page does not keep a session alive. A cookie that
// is spent stays for the next page to clear, as this answer may arrive late.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	r, err := s.withSession(r)
	var ended *session.EndedError
	switch {
	case errors.As(err, &ended):
		if out := openStream(w, r); out != nil {
			s.sendEnded(out, r, ended.Reason)
		}
	case errors.Is(err, session.ErrNone):
		// Not a redirect either; with 401 browsers stop.
		s.sendProblem(w, r, kindOf(err), err)
	case err != nil:
		s.fail(w, r, err)
	default:
		s.listen(w, r)
	}
}

// listen streams the news of the request's session until that ends, the client
// goes or the hub stops.
func (s *Server) listen(w http.ResponseWriter, r *http.Request) {
	mine := me(r)
	news, err := s.Hub.Listen(mine)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer news.Close()
	// Once more, now that nothing can slip through between looking and
	// listening.
	var ended *session.EndedError
	_, err = s.Sessions.Check(r.Context(), mine.ID)
	if err != nil && !errors.As(err, &ended) {
		s.fail(w, r, err)
		return
	}
	out := openStream(w, r)
	switch {
	case out == nil:
		return
	case ended != nil:
		s.sendEnded(out, r, ended.Reason)
		return
	}
	out.send("event: live\ndata: {\"session\":%q}\n\n", mine.ID.Short())
	beat := time.NewTicker(s.beat)
	defer beat.Stop()
	for out.err == nil {
		select {
		case why := <-news.Ended():
			s.sendEnded(out, r, why)
			return
		case <-news.Done():
			if news.Crowded() {
				out.send("retry: %d\nevent: crowded\ndata: {}\n\n", crowdedRetry.Milliseconds())
			}
			return
		case <-r.Context().Done():
			return
		case <-beat.C:
			out.send("event: beat\ndata: {}\n\n")
		}
	}
}

func (s *Server) sendEnded(out *stream, r *http.Request, why session.Reason) {
	t := s.translator(r)
	text := t.T("ended_" + string(why))
	if why == session.Logout {
		text = t.T("live_logout") // whoever sees this page may know nothing of it
	}
	data, _ := json.Marshal(endedEvent{ // strings: cannot fail
		Reason: why,
		Title:  t.T("live_title"),
		Text:   text,
		Login:  loginURL("", why),
		Action: t.T("login"),
	})
	out.send("event: ended\ndata: %s\n\n", data)
}

// stream is an answer that goes on. After an error nothing more is sent.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	err     error
}

// openStream begins the answer. nil for a request that wants only its head.
func openStream(w http.ResponseWriter, r *http.Request) *stream {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	s := &stream{w: w, control: http.NewResponseController(w)}
	// The server's limits are for requests that come to an end: reading has,
	// and each event gets a time of its own. Who cannot set them has none.
	_ = s.control.SetReadDeadline(time.Time{})
	return s
}

func (s *stream) send(format string, args ...any) {
	if s.err != nil {
		return
	}
	// It reaches past the next heartbeat: a deadline that has passed cannot be
	// moved on every kind of connection.
	_ = s.control.SetWriteDeadline(time.Now().Add(heartbeat + streamWrite))
	if _, s.err = fmt.Fprintf(s.w, format, args...); s.err == nil {
		s.err = s.control.Flush()
	}
}
