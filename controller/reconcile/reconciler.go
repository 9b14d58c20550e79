package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/openflow"
)

const (
	// bundleMods is how many changes one bundle holds at most: Open vSwitch applies a bundle in one turn of its main loop, and
	// does nothing else meanwhile (13 ms for 1,000 flows).
	bundleMods = 4000

	requestTimeout = 60 * time.Second
	retryFirst     = 100 * time.Millisecond
	retryMost      = 5 * time.Second

	// reconsiderAfter is how long a change that the switch refused is left out before it is tried again.
	reconsiderAfter = 10 * time.Second
)

// Reconciler writes one target's flows to one connected switch.
type Reconciler struct {
	Board  *Board
	Target *Target
	Conn   *openflow.Conn
	Log    *logrus.Entry
}

// Run brings the switch to the target's desired state and keeps it there until ctx or the connection ends.
func (r *Reconciler) Run(ctx context.Context) error {
	if err := r.Conn.BecomeMaster(ctx, uint64(time.Now().UnixNano())); err != nil {
		return fmt.Errorf("master role: %w", err)
	}
	r.Target.connect()
	defer func() {
		r.Target.disconnect()
		r.Board.notify()
	}()
	if err := r.Conn.Monitor(ctx, r.observe); err != nil {
		return fmt.Errorf("flow monitor: %w", err)
	}
	if err := r.resync(ctx); err != nil {
		return err
	}
	r.Board.notify()
	return r.keep(ctx)
}

// resync compares what the switch has with what it should have, and marks what differs.
func (r *Reconciler) resync(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	s := r.Target.startSync()
	if err := r.Conn.Dump(ctx, flow.CookieTag, flow.CookieMask, s.flow); err != nil {
		return fmt.Errorf("dump of flows: %w", err)
	}
	if err := r.Conn.Groups(ctx, s.group); err != nil {
		return fmt.Errorf("dump of groups: %w", err)
	}
	if err := r.Conn.Meters(ctx, s.meter); err != nil {
		return fmt.Errorf("dump of meters: %w", err)
	}
	s.finish()
	r.Log.WithFields(logrus.Fields{"flows": s.right, "wrong": s.wrong, "missing": s.missing, "unwanted": s.unwanted}).Info("compared the switch with what it should have")
	return nil
}

// keep sends what is marked, whenever something is.
func (r *Reconciler) keep(ctx context.Context) error {
	retry := retryFirst
	reconsider := time.NewTicker(reconsiderAfter)
	defer reconsider.Stop()
	for {
		batch := r.Target.take(bundleMods)
		if len(batch.mods) == 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-r.Target.wake:
			case <-reconsider.C:
				r.Target.reconsider()
			}
			continue
		}
		err := r.send(ctx, batch.mods)
		r.Target.done(batch, err)
		r.Board.notify()
		var refused *openflow.ModError
		switch {
		case err == nil:
			retry = retryFirst
			continue
		case errors.As(err, &refused):
			r.Log.WithError(err).Error("the switch refused a change; the others go on without it")
			r.Target.isolate(batch.mods[refused.Index], err.Error())
		default:
			return fmt.Errorf("bundle: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retry):
			retry = min(2*retry, retryMost)
		}
	}
}

func (r *Reconciler) send(ctx context.Context, mods []openflow.Mod) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if err := r.Conn.Bundle(ctx, mods); err != nil {
		return err
	}
	return r.Conn.Barrier(ctx)
}

// observe is told of every change that others make to the switch's flows.
func (r *Reconciler) observe(u openflow.Update) {
	if r.Target.drifted(u) {
		r.Log.WithFields(logrus.Fields{"table": u.Table, "priority": u.Priority, "cookie": fmt.Sprintf("%#x", u.Cookie)}).
			Debug("somebody else changed a flow of ours")
	}
}
