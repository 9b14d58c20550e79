package manifest

import (
	"fmt"
	"strings"
)

// MaxErrors is how many mistakes are reported for one input; the rest is only said to be there.
const MaxErrors = 50

// Error is one mistake in a manifest.
type Error struct {
	// File is the input's name.
	File string
	// Line counts from 1; 0: the mistake has no line.
	Line int
	// Resource is the Key of the resource, as far as it is known.
	Resource string
	// Field is the path of the field: "spec.fixedIps[0].ip".
	Field string
	// Message is what is wrong with it.
	Message string
}

// Error says where and what, such as "bad.yaml:14: port/red/vm9: spec.fixedIps[0].ip: must be a string".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	for _, part := range []string{e.Resource, e.Field} {
		if part != "" {
			b.WriteString(": " + part)
		}
	}
	return b.String() + ": " + e.Message
}

// Errors are all mistakes of one input, in its order.
type Errors []*Error

// Error lists them, one a line.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}
