package manifest

import (
	"strings"
	"unicode"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// Document is a resource and where each part of it stands.
type Document struct {
	// Resource is what the document says.
	Resource *weftv1.Resource
	// File is the input's name.
	File string

	first int
	lines map[string]int // by path in camelCase
}

// Key names the document's resource: "port/red/vm1".
func (d *Document) Key() string { return KeyOf(d.Resource) }

// Line is the line of a field, given by its path ("spec.fixedIps[0].ip", also in snake_case), or else of the innermost
// thing around it that the document has, or else the document's first.
func (d *Document) Line(path string) int {
	for path = camel(path); path != ""; {
		if line, ok := d.lines[path]; ok {
			return line
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return d.first
}

// camel turns snake_case into camelCase, leaving everything else.
func camel(s string) string {
	if !strings.Contains(s, "_") {
		return s
	}
	var b strings.Builder
	up := false
	for _, r := range s {
		switch {
		case r == '_':
			up = true
		case up:
			b.WriteRune(unicode.ToUpper(r))
			up = false
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
