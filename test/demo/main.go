// Command demo shows Weft at work, start to end, on three real Open vSwitch hosts made of network namespaces: `make demo`.
//
// Two tenants with the same addresses are set up with one file; who reaches whom is measured and compared with what should
// be; weftd is killed and started again under traffic. The exit status is 0 only if all is as expected.
//
// The lab belongs to the process and goes with it, whatever ends it (see package netlab). With -keep it stays, with weftd
// outside of it, so that weft and the lab's commands need no wrapper; -down takes that away. A demo that was killed in the
// middle is swept by the next one.
//
// Main path: run (steps.go) calls the steps in order; a step prints what it does and returns an error when it cannot go on.
// What is merely not as expected is noted, and the demo goes on. The demo starts no goroutine of its own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := command(ctx, os.Args[1:])
	stop()
	os.Exit(status)
}

// options are the flags.
type options struct {
	keep, down bool
	bin        string // folder of weftd and weft
	examples   string // folder of the files that are applied
}

func command(ctx context.Context, args []string) int {
	exe, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		return 1
	}
	var o options
	f := flag.NewFlagSet("demo", flag.ContinueOnError)
	f.BoolVar(&o.keep, "keep", false, "leave everything up in the end, to play with")
	f.BoolVar(&o.down, "down", false, "take down what -keep has left up, and do nothing else")
	f.StringVar(&o.bin, "bin", filepath.Dir(exe), "`folder` of the programs weftd and weft")
	f.StringVar(&o.examples, "examples", filepath.Join(filepath.Dir(exe), "..", "examples"), "`folder` of two-tenants.yaml")
	if err := f.Parse(args); err != nil {
		return 2
	}
	p := newPrinter(os.Stdout)
	if o.down {
		err = takeDown(p)
	} else {
		err = run(ctx, p, o)
	}
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "\ndemo: interrupted")
		return 130
	case errors.Is(err, errUnexpected):
		return 1
	case err != nil:
		fmt.Fprintln(os.Stderr, "\ndemo:", err)
		return 1
	}
	return 0
}
