package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
)

// number writes a figure with three digits that matter.
func number(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v >= 100 || v <= -100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// line is a result while the run goes on.
func line(r Result) string {
	s := fmt.Sprintf("%s %s %s", r.Name, number(r.Value), r.Unit)
	if r.Peer != "" {
		s += fmt.Sprintf(" (%s %s, ratio %s)", r.Peer, number(r.PeerValue), number(r.Ratio))
	}
	if v := r.verdict(); v != "" {
		s += fmt.Sprintf(" [%s: %s]", r.target(), v)
	}
	return s
}

// columns are the cells of a result in a table.
func columns(r Result) []string {
	spread, peer := "", ""
	if r.Low != 0 || r.High != 0 {
		spread = number(r.Low) + " – " + number(r.High)
	}
	if r.Peer != "" {
		peer = fmt.Sprintf("%s: %s, ratio %s", r.Peer, number(r.PeerValue), number(r.Ratio))
	}
	target := r.target()
	if target != "" {
		target += " " + r.verdict()
	}
	return []string{r.Name, number(r.Value), r.Unit, spread, strconv.Itoa(r.Samples), peer, target}
}

func heads() []string {
	return []string{"name", "median", "unit", "quartiles", "samples", "peer", "target"}
}

// writeTable prints results.
func writeTable(out io.Writer, results []Result) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(heads(), "\t"))
	for _, r := range results {
		fmt.Fprintln(w, strings.Join(columns(r), "\t"))
	}
	_ = w.Flush() // a terminal that cannot be written to has nobody to be told
}

func writeJSON(path string, results []Result) error {
	text, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// writeMarkdown writes results as a table of a document.
func writeMarkdown(w io.Writer, results []Result) {
	fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(heads(), " | "), strings.Repeat("---|", len(heads())))
	for _, r := range results {
		fmt.Fprint(w, row(r))
	}
	fmt.Fprintln(w)
}

// row is a result's line of that table.
func row(r Result) string {
	cells := columns(r)
	cells[0] = "`" + cells[0] + "`"
	return "| " + strings.Join(cells, " | ") + " |\n"
}
