package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/weft-sdn/weft/test/e2e"
)

func main() {
	var o options
	flag.StringVar(&o.only, "only", "", "run only what has names that begin with `prefix`, such as ctl or of.push100k")
	flag.BoolVar(&o.document, "document", false, "with -only: put the part into docs/benchmarks.md, too")
	flag.BoolVar(&o.quick, "quick", false, "small and few: see that everything runs")
	flag.StringVar(&o.keep, "profiles", "", "`directory` to keep weftd's CPU profiles in")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := start(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// start runs benchmarks, or what those of another process need: simulated hosts, a client.
func start(ctx context.Context, o options) error {
	if hosts := os.Getenv(simulateEnv); hosts != "" {
		return simulate(ctx, hosts, os.Stdout)
	}
	if hosts := os.Getenv(fleetEnv); hosts != "" {
		return runFleet(ctx, hosts, os.Stdin, os.Stdout)
	}
	if task := os.Getenv(connectEnv); task != "" {
		return connect(ctx, task, os.Stdout)
	}
	return run(ctx, o, os.Stdout)
}

// options say what to run.
type options struct {
	only     string
	document bool // a part goes into the document
	quick    bool
	keep     string // directory for profiles; empty: they are not kept
	root     string // of the source tree; empty: found
}

// suites are run in this order: what needs a quiet machine most comes first, what takes longest last.
func suites() []suite {
	return []suite{
		{"of.encode", encodeSuite},
		{"of.decode", decodeSuite},
		{"of.bundle", bundleSuite},
		{"of.push", pushSuite},
		{"of.resync", resyncSuite},
		{"store", storeSuite},
		{"carry", carrySuite},
		{"routing.data", routedSuite},
		{"routing.control", fleetSuite},
		{"security.data", guardedDataSuite},
		{"security.spread", guardedSpreadSuite},
		{"ctl.port_add.spread", spreadSuite},
		{"ctl.bulk5000.spread", bulkSpreadSuite},
		{"sim", simSuite},
		{"ctl.port_add.local", localSuite},
		{"security.local", guardedLocalSuite},
		{"ctl.bulk5000.local", bulkLocalSuite},
	}
}

// suite measures what belongs together; the names of its results begin with its name.
type suite struct {
	name string
	run  func(ctx context.Context, b *bench) error
}

// selected says whether a suite may have results whose names begin with only.
func (s suite) selected(only string) bool {
	return strings.HasPrefix(s.name, only) || strings.HasPrefix(only, s.name)
}

// run runs the suites asked for and writes the reports. A suite that fails does not keep the others from running.
func run(ctx context.Context, o options, out io.Writer) error {
	if o.root == "" {
		root, err := e2e.Root()
		if err != nil {
			return err
		}
		o.root = root
	}
	dir, err := os.MkdirTemp("", "weft-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a leftover in the temporary folder is nobody's problem
	b := &bench{options: o, dir: dir, out: out}
	var failed []error
	for _, s := range suites() {
		if !s.selected(o.only) {
			continue
		}
		began := time.Now()
		fmt.Fprintf(out, "# %s\n", s.name)
		if err := s.run(ctx, b); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", s.name, err))
			fmt.Fprintf(out, "# %s failed: %v\n", s.name, err)
		}
		fmt.Fprintf(out, "# %s took %.1f s\n", s.name, time.Since(began).Seconds())
		if ctx.Err() != nil {
			b.partial = true // what was measured is still worth writing down
			break
		}
	}
	b.partial = b.partial || len(failed) > 0
	return errors.Join(append(failed, b.write())...)
}

// write prints the table and writes the files.
func (b *bench) write() error {
	if len(b.results) == 0 {
		return fmt.Errorf("no benchmark has a name that begins with %q", b.only)
	}
	writeTable(b.out, b.results)
	build := filepath.Join(b.root, "build")
	if err := os.MkdirAll(build, 0o755); err != nil {
		return err
	}
	if b.quick {
		return writeJSON(filepath.Join(build, "bench-quick.json"), b.results)
	}
	if err := writeJSON(filepath.Join(build, "bench.json"), b.results); err != nil {
		return err
	}
	if b.only != "" && (!b.document || b.partial) {
		return nil
	}
	return writeDocument(filepath.Join(b.root, "docs", "benchmarks.md"), b)
}
