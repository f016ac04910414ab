// Package web holds what the browser sees: the templates of the pages, the
// style sheets, the script and icons, and the texts in each language; and what
// programs read, the OpenAPI document of the API. It only embeds them;
// internal/server parses, translates and serves them.
//
// Pages work without the script. Nothing here may need an inline script or
// style: the content security policy forbids both.
package web
