package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// staticPrefix is where static files are served.
const staticPrefix = "/static/"

// static serves style sheets, the script and the icon under names that change
// with their content, so that browsers may keep them for ever and never show a
// page with yesterday's style. Other names are 404.
type static struct {
	urls  map[string]string // by plain name, such as "app.css"
	files map[string]staticFile
}

type staticFile struct {
	contentType string
	body        []byte
}

// staticTypes are spelled out because mime.TypeByExtension asks the machine.
var staticTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
	".txt": "text/plain; charset=utf-8",
}

// newStatic reads the files at the top of fsys.
func newStatic(fsys fs.FS) (*static, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("server: static files: %w", err)
	}
	s := &static{urls: map[string]string{}, files: map[string]staticFile{}}
	for _, e := range entries {
		body, err := fs.ReadFile(fsys, e.Name())
		if err != nil {
			return nil, fmt.Errorf("server: static files: %w", err)
		}
		ext := path.Ext(e.Name())
		contentType, ok := staticTypes[ext]
		if !ok {
			return nil, fmt.Errorf("server: static file %s: no content type for %q", e.Name(), ext)
		}
		sum := sha256.Sum256(body)
		hashed := strings.TrimSuffix(e.Name(), ext) + "." + hex.EncodeToString(sum[:6]) + ext
		s.urls[e.Name()] = staticPrefix + hashed
		s.files[staticPrefix+hashed] = staticFile{contentType, body}
	}
	return s, nil
}

// url returns where the file called name is served. An unknown name is an
// error, so that a page with a broken link does not render.
func (s *static) url(name string) (string, error) {
	u, ok := s.urls[name]
	if !ok {
		return "", fmt.Errorf("server: no static file %q", name)
	}
	return u, nil
}

// ServeHTTP implements http.Handler for everything under staticPrefix.
func (s *static) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := s.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", f.contentType)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.body))
}
