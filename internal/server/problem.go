package server

import (
	"encoding/json"
	"net/http"
)

// problem9457 is an error for a program (RFC 9457).
type problem9457 struct {
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Instance string `json:"instance"` // the request id
}

// sendProblem answers with application/problem+json.
func sendProblem(w http.ResponseWriter, r *http.Request, status int, title, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(problem9457{title, status, detail, exchangeOf(r.Context()).id}) // strings and an int
}
