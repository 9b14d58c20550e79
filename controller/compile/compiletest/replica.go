package compiletest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/southbound/flow"
)

// Replica is a sink that follows the engine by deltas alone, as reconcilers do.
type Replica struct {
	Deltas []compile.HostDelta // of the last Step
	Wrong  []string            // deltas that made no sense

	hosts map[string]*copied
}

type copied struct {
	flows  map[flow.Key]flow.Flow
	groups map[uint32]flow.Group
	meters map[uint32]flow.Meter
	ports  map[compile.PortKey]compile.OVSPort
	counts map[flow.Key]compile.CountedFlow
}

// NewReplica returns a replica of an engine that has not stepped yet.
func NewReplica() *Replica { return &Replica{hosts: map[string]*copied{}} }

// Apply implements compile.Sink.
func (r *Replica) Apply(_ int64, deltas []compile.HostDelta) {
	r.Deltas = deltas
	for _, d := range deltas {
		h := r.hosts[d.Host]
		if h == nil {
			h = &copied{map[flow.Key]flow.Flow{}, map[uint32]flow.Group{}, map[uint32]flow.Meter{}, map[compile.PortKey]compile.OVSPort{}, map[flow.Key]compile.CountedFlow{}}
			r.hosts[d.Host] = h
		}
		follow(r, d.Host, h.flows, d.AddedFlows, d.RemovedFlows, func(f flow.Flow) flow.Key { return f.Key })
		follow(r, d.Host, h.groups, d.AddedGroups, d.RemovedGroups, func(g flow.Group) uint32 { return g.ID })
		follow(r, d.Host, h.meters, d.AddedMeters, d.RemovedMeters, func(m flow.Meter) uint32 { return m.ID })
		follow(r, d.Host, h.ports, d.AddedPorts, d.RemovedPorts, compile.OVSPort.Key)
		follow(r, d.Host, h.counts, d.AddedCounters, d.RemovedCounters, func(c compile.CountedFlow) flow.Key { return c.Key })
	}
}

// follow applies one kind's changes. A delta that adds what is there already or removes what is not is not minimal.
func follow[K, V comparable](r *Replica, host string, have map[K]V, added []V, removed []K, key func(V) K) {
	for _, k := range removed {
		if _, ok := have[k]; !ok {
			r.Wrong = append(r.Wrong, fmt.Sprintf("host %s: removed %+v, which is not there", host, k))
		}
		delete(have, k)
	}
	for _, v := range added {
		if was, ok := have[key(v)]; ok && was == v {
			r.Wrong = append(r.Wrong, fmt.Sprintf("host %s: added %+v, which is there", host, v))
		}
		have[key(v)] = v
	}
}

// Dump returns what the hosts have by now, in the form of the first lines of [Probe.Dump].
func (r *Replica) Dump() string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(r.hosts)) {
		h := r.hosts[name]
		lines = append(lines, dumpHost(compile.HostState{Host: name, Flows: slices.Collect(maps.Values(h.flows)),
			Groups: slices.Collect(maps.Values(h.groups)), Meters: slices.Collect(maps.Values(h.meters)),
			Ports: slices.Collect(maps.Values(h.ports)), Counters: slices.Collect(maps.Values(h.counts))})...)
	}
	return strings.Join(lines, "\n")
}
