package reconcile

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/openflow"
)

// countEvery is how often a switch is asked for its counted flows, and those alone: a flow's cookie says that it is counted.
// Open vSwitch looks at each flow of the tables asked for (about 0.1 µs) and answers with the marked ones.
const countEvery = 3 * time.Second

// Count is how many packets a counter has seen, and their bytes.
type Count struct{ Packets, Bytes uint64 }

// counts are what a target's counted flows have seen. What a flow counted before it was replaced, or its switch restarted,
// stays counted as long as some flow of the same counter is wanted.
type counts struct {
	flows  map[flow.Key]*countedFlow
	totals map[compile.Counter]*total
	since  time.Time // no flow that is older was added by this process
}

// countedFlow is one flow that is counted.
type countedFlow struct {
	counter compile.Counter
	last    Count // what its switch said last
	known   bool  // its switch has said something
}

// total is one counter, and how many flows it has.
type total struct {
	Count
	flows int
	found uint64 // packets that flows had seen before this process was there
}

func newCounts() counts {
	return counts{map[flow.Key]*countedFlow{}, map[compile.Counter]*total{}, time.Now()}
}

// apply takes over which flows are counted. What is added comes first, so that a counter whose flows are all replaced goes on.
func (c *counts) apply(d compile.HostDelta) {
	var gone []compile.Counter
	leave := func(k flow.Key) {
		if f := c.flows[k]; f != nil {
			gone = append(gone, f.counter)
			delete(c.flows, k)
		}
	}
	for _, k := range d.RemovedCounters {
		leave(k)
	}
	for _, added := range d.AddedCounters {
		leave(added.Key)
		c.flows[added.Key] = &countedFlow{counter: added.Counter}
		if c.totals[added.Counter] == nil {
			c.totals[added.Counter] = &total{}
		}
		c.totals[added.Counter].flows++
	}
	for _, counter := range gone {
		if t := c.totals[counter]; t.flows == 1 {
			delete(c.totals, counter)
		} else {
			t.flows--
		}
	}
}

// read takes over what the switch says of a flow, and for how long it has been there. One that counted less than it did has begun anew.
func (c *counts) read(k flow.Key, now Count, age time.Duration) {
	f := c.flows[k]
	if f == nil {
		return
	}
	last := f.last
	if now.Packets < last.Packets || now.Bytes < last.Bytes {
		last = Count{}
	}
	t := c.totals[f.counter]
	if !f.known && age > time.Since(c.since) {
		t.found += now.Packets
	}
	f.known = true
	t.Packets += now.Packets - last.Packets
	t.Bytes += now.Bytes - last.Bytes
	f.last = now
}

// tables returns the tables that have counted flows.
func (c *counts) tables() []uint8 {
	seen := map[uint8]struct{}{}
	for k := range c.flows {
		seen[k.Table] = struct{}{}
	}
	return slices.Sorted(maps.Keys(seen))
}

// Counts returns what the counters of a kind have seen on a host, by subject.
func (b *Board) Counts(host, kind string) map[string]Count {
	b.mu.Lock()
	t := b.targets[host]
	b.mu.Unlock()
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	all := map[string]Count{}
	for c, total := range t.counts.totals {
		if c.Kind == kind {
			all[c.Subject] = total.Count
		}
	}
	return all
}

// News returns how many packets the counters of a kind have seen on each host since this process is there, by subject.
func (b *Board) News(kind string) map[string]map[string]uint64 {
	b.mu.Lock()
	targets := maps.Clone(b.targets)
	b.mu.Unlock()
	all := map[string]map[string]uint64{}
	for host, t := range targets {
		of := map[string]uint64{}
		t.mu.Lock()
		for c, total := range t.counts.totals {
			if c.Kind == kind {
				of[c.Subject] = total.Packets - total.found
			}
		}
		t.mu.Unlock()
		if len(of) > 0 {
			all[host] = of
		}
	}
	return all
}

// Sum returns what one counter has seen on all hosts.
func (b *Board) Sum(kind, subject string) Count {
	b.mu.Lock()
	targets := slices.Collect(maps.Values(b.targets))
	b.mu.Unlock()
	var sum Count
	for _, t := range targets {
		t.mu.Lock()
		if c := t.counts.totals[compile.Counter{Kind: kind, Subject: subject}]; c != nil {
			sum.Packets += c.Packets
			sum.Bytes += c.Bytes
		}
		t.mu.Unlock()
	}
	return sum
}

// count reads the counted flows of the switch again and again.
func (r *Reconciler) count(ctx context.Context) error {
	tick := time.NewTicker(countEvery)
	defer tick.Stop()
	for {
		if err := r.readCounts(ctx); err != nil {
			return fmt.Errorf("counted flows: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (r *Reconciler) readCounts(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	r.Target.mu.Lock()
	tables := r.Target.counts.tables()
	r.Target.mu.Unlock()
	for _, table := range tables {
		q := ours()
		q.Table = table
		q.Cookie |= flow.CookieCounted
		q.CookieMask |= flow.CookieCounted
		err := r.Conn.Dump(ctx, q, func(s *openflow.FlowStats) error {
			r.Target.mu.Lock()
			defer r.Target.mu.Unlock()
			age := time.Duration(s.Seconds)*time.Second + time.Duration(s.Nanos)
			r.Target.counts.read(s.Key(), Count{s.Packets, s.Bytes}, age)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
