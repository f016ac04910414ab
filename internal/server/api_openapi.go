package server

import (
	"fmt"
	"io/fs"
	"net/http"
)

// openAPIFile is the description of the API in Config.Web, OpenAPI 3.1. It is
// JSON because that is what is served, and what the tests can read without
// another library.
const openAPIFile = "api/openapi.json"

func readOpenAPI(web fs.FS) ([]byte, error) {
	document, err := fs.ReadFile(web, openAPIFile)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	return document, nil
}

// openAPI answers with the description of the API.
func (s *Server) openAPI(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	_, err := w.Write(s.document)
	return err
}
