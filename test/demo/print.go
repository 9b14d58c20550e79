package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// printer writes for people: headings, prose, commands with their output. It uses colours on a terminal only.
type printer struct {
	w       io.Writer
	colours bool
	step    int
}

func newPrinter(f *os.File) *printer {
	info, err := f.Stat()
	return &printer{w: f, colours: err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == ""}
}

// Escape sequences (ECMA-48, SGR).
const (
	bold  = "\x1b[1m"
	dim   = "\x1b[2m"
	red   = "\x1b[31m"
	green = "\x1b[32m"
	plain = "\x1b[0m"
)

func (p *printer) paint(colour, s string) string {
	if !p.colours {
		return s
	}
	return colour + s + plain
}

// width is that of headings' lines.
const width = 96

// heading starts a step.
func (p *printer) heading(title string) {
	p.step++
	s := fmt.Sprintf("── %d. %s ", p.step, title)
	fmt.Fprintf(p.w, "\n%s\n\n", p.paint(bold, s+strings.Repeat("─", max(0, width-len([]rune(s))))))
}

// say writes prose.
func (p *printer) say(format string, args ...any) {
	fmt.Fprintf(p.w, format+"\n", args...)
}

// command shows a command before its output.
func (p *printer) command(prompt, line string) {
	fmt.Fprintf(p.w, "%s %s\n", p.paint(dim, prompt), p.paint(bold, line))
}

// output shows what a command has printed.
func (p *printer) output(text string) {
	for line := range strings.Lines(text) {
		fmt.Fprint(p.w, line)
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		fmt.Fprintln(p.w)
	}
}

// mark is what stands behind what was checked.
func (p *printer) mark(ok bool) string {
	if ok {
		return p.paint(green, "ok")
	}
	return p.paint(red, "NOT AS EXPECTED")
}
