package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"github.com/weft-sdn/weft/controller/punt"
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
	// Bundled is told how long each bundle took, from the first byte to the switch's answer; it may be nil.
	Bundled func(time.Duration)
	// Punted takes the packets that flows hand to the controller; it may be nil.
	Punted func(*punt.Packet)
	// Seen is told of every packet that the switch hands over, before that is looked at; it may be nil. It must not keep the packet.
	Seen func(host string, p *openflow.PacketIn)
	// Ports is told the switch's ports, all of them, when the connection begins and whenever one changes; it may be nil.
	Ports func([]openflow.Port)

	ports map[uint32]openflow.Port // as last told
}

// Run brings the switch to the target's desired state and keeps it there until ctx or the connection ends.
func (r *Reconciler) Run(ctx context.Context) error {
	r.Target.connect()
	r.Target.conn.Store(r.Conn)
	defer func() {
		r.Target.conn.CompareAndSwap(r.Conn, nil)
		r.Target.disconnect()
		r.Board.notify()
	}()
	// What others change while the dump is read is marked as well.
	if err := r.Conn.Monitor(ctx, watchOthers, nil); err != nil {
		return fmt.Errorf("flow monitor: %w", err)
	}
	if err := r.listPorts(ctx); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.listen(ctx) })
	g.Go(func() error { return r.keep(ctx) })
	g.Go(func() error { return r.count(ctx) })
	g.Go(func() error { return r.sendPackets(ctx) })
	return g.Wait()
}

// watchOthers asks to be told of changes that others make to any flow.
var watchOthers = openflow.MonitorRequest{
	ID: 1, OutPort: flow.PortAny, Table: openflow.AllTables,
	Flags: openflow.MonitorAdd | openflow.MonitorDelete | openflow.MonitorModify | openflow.MonitorInstructions,
}

// listen takes what the switch says unasked.
func (r *Reconciler) listen(ctx context.Context) error {
	for {
		e, err := r.Conn.Next(ctx)
		if err != nil {
			return err
		}
		switch e.Kind {
		case openflow.EventFlowUpdate:
			if r.Target.drifted(e.Update) {
				r.Log.WithFields(logrus.Fields{"table": e.Update.Table, "priority": e.Update.Priority, "cookie": fmt.Sprintf("%#x", e.Update.Cookie)}).
					Debug("somebody else changed a flow of ours")
			}
		case openflow.EventPacketIn:
			r.Target.countPacketIn()
			if r.Seen != nil {
				r.Seen(r.Target.host, e.PacketIn)
			}
			if p, ok := punted(r.Target.host, e.PacketIn); ok && r.Punted != nil {
				r.Punted(p)
			}
		case openflow.EventPortStatus:
			r.portChanged(e.Port)
		case openflow.EventsLost, openflow.EventMonitorPaused:
			r.Target.doubt()
			if err := r.listPorts(ctx); err != nil {
				return err
			}
		case openflow.EventError:
			r.Log.WithError(e.Err).Warn("the switch reported an error that belongs to no request")
		}
	}
}

// ours asks for the flows whose cookie says that we made them.
func ours() openflow.FlowRequest {
	q := openflow.EveryFlow()
	q.Cookie, q.CookieMask = flow.CookieTag, flow.CookieMask
	return q
}

// resync compares what the switch has with what it should have, and marks what differs.
func (r *Reconciler) resync(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	s := r.Target.startSync()
	if err := r.Conn.Dump(ctx, ours(), s.flow); err != nil {
		return fmt.Errorf("dump of flows: %w", err)
	}
	groups, err := r.Conn.Groups(ctx)
	if err != nil {
		return fmt.Errorf("dump of groups: %w", err)
	}
	meters, err := r.Conn.Meters(ctx)
	if err != nil {
		return fmt.Errorf("dump of meters: %w", err)
	}
	s.finish(groups, meters)
	r.Log.WithFields(logrus.Fields{"right": s.right, "wrong": s.wrong, "missing": s.missing, "unwanted": s.unwanted}).Info("compared the switch's flows with what they should be")
	r.Board.notify()
	return nil
}

// keep sends what is marked, whenever something is.
func (r *Reconciler) keep(ctx context.Context) error {
	retry := retryFirst
	reconsider := time.NewTicker(reconsiderAfter)
	defer reconsider.Stop()
	for {
		if r.Target.unsynced() {
			if err := r.resync(ctx); err != nil {
				return err
			}
		}
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
		refused, wasRefused := errors.AsType[*openflow.ModError](err)
		if wasRefused {
			r.Log.WithError(err).Error("the switch refused a change; the others go on without it")
			r.Target.isolate(batch, refused)
		}
		r.Target.done(batch, err)
		r.Board.notify()
		switch {
		case err == nil:
			retry = retryFirst
			continue
		case !wasRefused:
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

// send makes changes in one bundle. The switch answers the commit when they are made, so that no barrier has to follow.
func (r *Reconciler) send(ctx context.Context, mods []openflow.Mod) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	start := time.Now()
	err := r.Conn.Bundle(ctx, mods)
	if r.Bundled != nil && err == nil {
		r.Bundled(time.Since(start))
	}
	return err
}
