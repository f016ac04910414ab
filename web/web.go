package web

import "embed"

// Files holds templates/ (layout.html, one file per page, partials/), static/
// (what is served under /static/) and locales/ (one go-i18n message file per
// language).
//
//go:embed templates static locales
var Files embed.FS
