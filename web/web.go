package web

import "embed"

// Files holds templates/ (layout.html, one file per page, partials/, icons/), static/
// (what is served under /static/), locales/ (one go-i18n message file per
// language) and api/ (the OpenAPI document).
//
//go:embed templates static locales api
var Files embed.FS
