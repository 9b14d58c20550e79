// Report reads what `go test -json` prints and writes what a person wants of it: one line for each package, everything
// that failed tests printed, and as its last line "N passed, N failed". It exits with 1 when something failed.
//
//	go test -json ./... | go run ./.ci/report -summary build/test.summary
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

func main() {
	summary := flag.String("summary", "", "file that gets the last line too")
	flag.Parse()
	r := newReport(os.Stdout)
	err := r.read(os.Stdin)
	last := r.finish()
	fmt.Println(last)
	if *summary != "" {
		err = errors.Join(err, os.WriteFile(*summary, []byte(last+"\n"), 0o644))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if err != nil || r.failed > 0 {
		os.Exit(1)
	}
}

// event is a line of `go test -json` (go doc test2json).
type event struct {
	Action, Package, ImportPath, Test, Output, FailedBuild string
	Elapsed                                                float64
}

// test names a test; an empty Name stands for the package itself.
type test struct{ pkg, name string }

type report struct {
	out            io.Writer
	passed, failed int
	output         map[test][]string
	builds         map[string][]string // output of the compiler, by import path
	open           map[test]bool       // tests that started and did not end
	bad            map[string]int      // failed tests by package
	reasons        []string            // what failed tests said of it, for the end
}

func newReport(out io.Writer) *report {
	return &report{
		out: out, output: map[test][]string{}, builds: map[string][]string{}, open: map[test]bool{}, bad: map[string]int{},
	}
}

func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			r.line(line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read test output: %w", err)
		}
	}
}

func (r *report) line(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil {
		fmt.Fprint(r.out, string(line)) // what the go command itself has to say
		return
	}
	t := test{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		r.builds[e.ImportPath] = append(r.builds[e.ImportPath], e.Output)
	case "output":
		r.output[t] = append(r.output[t], e.Output)
	case "run":
		r.open[t] = true
	case "pass", "skip", "fail":
		delete(r.open, t)
		if e.Test == "" {
			r.endPackage(e)
			return
		}
		r.endTest(e)
	}
}

func (r *report) endTest(e event) {
	t := test{e.Package, e.Test}
	if e.Action == "pass" {
		r.passed++
	}
	if e.Action == "fail" {
		r.failed++
		r.bad[e.Package]++
		fmt.Fprint(r.out, strings.Join(r.output[t], ""))
		r.remember(e)
	}
	delete(r.output, t)
}

// said is a line that a test wrote by itself; drew is one of the lines in which rapid lists what it drew.
var (
	said = regexp.MustCompile(`^\s+\S+_test\.go:\d+: `)
	drew = regexp.MustCompile(`\[rapid\] draw `)
)

// remember keeps the first lines that a failed test said, for those who see only the end of a long output.
func (r *report) remember(e event) {
	r.reasons = append(r.reasons, fmt.Sprintf("--- %s %s\n", e.Package, e.Test))
	left := 12
	for _, line := range r.output[test{e.Package, e.Test}] {
		if left > 0 && said.MatchString(line) && !drew.MatchString(line) {
			r.reasons = append(r.reasons, strings.TrimRight(line[:min(len(line), 400)], "\n")+"\n")
			left--
		}
	}
}

func (r *report) endPackage(e event) {
	t := test{pkg: e.Package}
	defer delete(r.output, t)
	if e.Action != "fail" {
		for _, o := range r.output[t] {
			if strings.HasPrefix(o, "ok ") || strings.HasPrefix(o, "?  ") || strings.Contains(o, "[no test files]") {
				fmt.Fprint(r.out, o)
			}
		}
		return
	}
	// A package fails with no test failing when it does not compile, panics, or runs out of time: that counts as one.
	if r.bad[e.Package] == 0 {
		r.failed++
	}
	if e.FailedBuild != "" {
		fmt.Fprint(r.out, strings.Join(r.builds[e.FailedBuild], ""))
	}
	// A test that was cut off has its output, and the panic, with it.
	for _, cut := range r.cutOff(e.Package) {
		fmt.Fprint(r.out, strings.Join(r.output[cut], ""))
		delete(r.open, cut)
		delete(r.output, cut)
	}
	fmt.Fprint(r.out, strings.Join(r.output[t], ""))
}

func (r *report) cutOff(pkg string) []test {
	var cut []test
	for t := range r.open {
		if t.pkg == pkg {
			cut = append(cut, t)
		}
	}
	slices.SortFunc(cut, func(a, b test) int { return strings.Compare(a.name, b.name) })
	return cut
}

// finish says once more why tests failed, and is the last line. Output that ended in the middle of a test is a failure.
func (r *report) finish() string {
	for t := range r.open {
		fmt.Fprintf(r.out, "%s %s did not end\n", t.pkg, t.name)
		r.failed++
	}
	fmt.Fprint(r.out, strings.Join(r.reasons, ""))
	return fmt.Sprintf("%d passed, %d failed", r.passed, r.failed)
}
