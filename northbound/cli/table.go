package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// column is a column of a table.
type column[T any] struct {
	title string
	align align
	value func(T) string
}

// align is the side on which a column's values line up.
type align int

const (
	left align = iota
	right
)

// writeTable prints a title line and a line for each row. Empty values are printed as "-".
func writeTable[T any](w io.Writer, columns []column[T], rows []T) error {
	lines := make([][]string, 1, len(rows)+1)
	widths := make([]int, len(columns))
	for i, c := range columns {
		lines[0] = append(lines[0], c.title)
		widths[i] = utf8.RuneCountInString(c.title)
	}
	for _, row := range rows {
		var line []string
		for i, c := range columns {
			v := c.value(row)
			if v == "" {
				v = "-"
			}
			line = append(line, v)
			widths[i] = max(widths[i], utf8.RuneCountInString(v))
		}
		lines = append(lines, line)
	}
	var out strings.Builder
	for _, line := range lines {
		var b strings.Builder
		for i, v := range line {
			if i > 0 {
				b.WriteString("  ")
			}
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(v))
			if columns[i].align == right {
				b.WriteString(pad + v)
			} else {
				b.WriteString(v + pad)
			}
		}
		fmt.Fprintln(&out, strings.TrimRight(b.String(), " "))
	}
	_, err := io.WriteString(w, out.String())
	return err
}
