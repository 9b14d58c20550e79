package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/reconcile"
	"github.com/weft-sdn/weft/test/netlab"
)

const (
	resyncTarget = 2 // times ovs-ofctl dump-flows
	resyncHost   = "h1"
	resyncWithin = time.Minute
)

// resyncSuite reconnects to a switch that has all its flows, or all but 1 %.
func resyncSuite(ctx context.Context, b *bench) (err error) {
	o, err := b.newOVS(b.choose(100_000, 1000), netlab.HostOptions{})
	if err != nil {
		return err
	}
	defer closing(o.close, &err)
	if err := o.push(); err != nil {
		return err
	}
	board := reconcile.NewBoard()
	board.Apply(1, []compile.HostDelta{{Host: resyncHost, Seq: 1, AddedFlows: o.flows}})
	board.Target(resyncHost).AllowRemovals()
	var ours, peers, wrong []float64
	for range b.choose(9, 2) {
		s, err := o.resync(ctx, board, 0)
		if err != nil {
			return err
		}
		ours = append(ours, s)
		if s, err = timed(o.dump); err != nil {
			return err
		}
		peers = append(peers, s)
		spoilt, err := o.spoil(b.dir)
		if err != nil {
			return err
		}
		if s, err = o.resync(ctx, board, uint64(spoilt)); err != nil {
			return err
		}
		wrong = append(wrong, s)
		if err := o.expect(len(o.flows)); err != nil {
			return err
		}
	}
	const peer = "ovs-ofctl dump-flows"
	b.add("of.resync100k_s", "s", ours, against(peer, peers), targetRatio(resyncTarget))
	b.add("of.resync100k_1pct_s", "s", wrong, against(peer, peers))
	return nil
}

// dump reads all flows with ovs-ofctl and throws them away.
func (o *ovs) dump() error {
	cmd := o.host.Command("ovs-ofctl", "-O", "OpenFlow13", "dump-flows", benchBridge)
	cmd.Env = append(os.Environ(), o.host.Env()...)
	return cmd.Run()
}

// spoil removes one of 200 flows and changes another of 200, and returns how many that is.
func (o *ovs) spoil(dir string) (int, error) {
	var changed strings.Builder
	n := 0
	for i := 0; i < len(o.flows); i += 100 {
		n++
		if i%200 == 0 {
			fmt.Fprintf(&changed, "delete_strict %s\n", matchText(o.flows[i].String()))
			continue
		}
		f, err := benchFlow(i, 2) // another cookie
		if err != nil {
			return 0, err
		}
		fmt.Fprintf(&changed, "add %s\n", f.String())
	}
	path := dir + "/spoilt.txt"
	if err := os.WriteFile(path, []byte(changed.String()), 0o600); err != nil {
		return 0, err
	}
	_, err := o.ofctl("--bundle", "add-flows", benchBridge, path)
	return n, err
}

// matchText is what ovs-ofctl needs to delete a flow: neither cookie nor actions.
func matchText(f string) string {
	f, _, _ = strings.Cut(f, " actions=")
	if rest, ok := strings.CutPrefix(f, "cookie="); ok {
		_, f, _ = strings.Cut(rest, ",")
	}
	return strings.TrimSpace(f)
}

// resync connects, waits until the target is realised, and demands that just so many flows were written.
func (o *ovs) resync(ctx context.Context, board *reconcile.Board, writes uint64) (float64, error) {
	before, _ := board.Summary(resyncHost)
	ctx, cancel := context.WithTimeout(ctx, resyncWithin)
	defer cancel()
	began := time.Now()
	c, end, err := o.connection(ctx)
	if err != nil {
		return 0, err
	}
	defer end()
	ended := make(chan error, 1)
	go func() {
		r := &reconcile.Reconciler{Board: board, Target: board.Target(resyncHost), Conn: c, Log: quiet()}
		ended <- r.Run(ctx)
	}()
	took, err := realised(ctx, board, began)
	cancel()
	if runErr := <-ended; err != nil {
		return 0, errors.Join(err, runErr)
	}
	after, _ := board.Summary(resyncHost)
	if added, removed := after.Stats.FlowsAdded-before.Stats.FlowsAdded, after.Stats.FlowsRemoved-before.Stats.FlowsRemoved; added != writes || removed != 0 {
		return 0, fmt.Errorf("%d flows were added and %d removed where %d were wrong", added, removed, writes)
	}
	return took, nil
}

// realised waits until the target is, and returns the seconds since a time.
func realised(ctx context.Context, board *reconcile.Board, since time.Time) (float64, error) {
	for {
		changed := board.Changed()
		if s, ok := board.Summary(resyncHost); ok && s.Online && s.Synced && board.Progress(1, []string{resyncHost})[0].State == reconcile.Realised {
			return time.Since(since).Seconds(), nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-changed:
		}
	}
}

// quiet is a log that nobody reads.
func quiet() *logrus.Entry {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return logrus.NewEntry(log)
}

// closing closes something at the end of a function, and makes its error the function's when there is none.
func closing(c func() error, err *error) {
	if closeErr := c(); *err == nil {
		*err = closeErr
	}
}
