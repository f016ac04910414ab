package server

import (
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"strings"
)

// icons are the icons of the pages by name. They are decoration: a text beside
// each says the same. The shapes are from Lucide (static/licences.txt).
type icons map[string]template.HTML

// newIcons reads the icons beside the templates.
func newIcons(templates fs.FS) (icons, error) {
	files, err := fs.Glob(templates, "icons/*.svg")
	if err != nil {
		return nil, err
	}
	all := icons{}
	for _, name := range files {
		svg, err := fs.ReadFile(templates, name)
		if err != nil {
			return nil, err
		}
		all[strings.TrimSuffix(path.Base(name), ".svg")] = template.HTML(strings.TrimSpace(string(svg)))
	}
	return all, nil
}

// svg returns the icon called name, for a template to show.
func (all icons) svg(name string) (template.HTML, error) {
	svg, ok := all[name]
	if !ok {
		return "", fmt.Errorf("server: no icon %q", name)
	}
	return svg, nil
}
