package controller

import (
	"math"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/weft-sdn/weft/apps/balancer"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// ailing notes that what is known of a pool's members has changed, and so what its listeners and their load balancers show.
func (w *world) ailing(pool intent.Key) {
	var r table.Reader // what is read here is nobody's to remember
	w.subjects = append(w.subjects, pool.String())
	for l := range w.tables.PoolUsers.List(&r, pool) {
		w.subjects = append(w.subjects, l.Key.String(), l.Balancer.String())
	}
	for m := range w.tables.MonitorsOf.List(&r, pool) {
		w.subjects = append(w.subjects, m.Key.String())
	}
}

// statusOfPool tells how a pool and its members are.
func (w *world) statusOfPool(p intent.Pool) (string, []*weftv1.PoolMemberStatus) {
	var r table.Reader // what is read here is nobody's to remember
	watched := false
	for m := range w.tables.MonitorsOf.List(&r, p.Key) {
		watched = m.Up
	}
	shares := w.shares(p)
	all, members := statusNoMonitor, []*weftv1.PoolMemberStatus(nil)
	if watched {
		all = statusOnline
	}
	for _, m := range p.Members {
		s := w.statusOfMember(p, m, shares[m.Name])
		switch s.OperatingStatus {
		case statusFailed, statusOffline:
			all = statusDegraded
		case statusNoMonitor:
			if all == statusOnline {
				all = statusNoMonitor
			}
		}
		members = append(members, s)
	}
	if len(shares) == 0 {
		all = statusFailed
	}
	return all, members
}

// shares returns the part of new connections that each member gets.
func (w *world) shares(p intent.Pool) map[string]float64 {
	var r table.Reader // what is read here is nobody's to remember
	shares := map[string]float64{}
	for _, is4 := range []bool{true, false} {
		var some []intent.PoolMember
		for _, m := range p.Members {
			if m.IP.Is4() == is4 {
				m.Up = m.Up && !w.tables.DeadMembers.Has(&r, p.Key, m.Name)
				some = append(some, m)
			}
		}
		for name, share := range balancer.Shares(some) {
			shares[name] = share
		}
	}
	return shares
}

// statusOfMember tells how a member is, and why.
func (w *world) statusOfMember(p intent.Pool, m intent.PoolMember, share float64) *weftv1.PoolMemberStatus {
	s := &weftv1.PoolMemberStatus{Name: m.Name, Share: uint32(math.Round(100 * share))}
	key := intent.HealthKey{Pool: p.Key, Member: m.Name}
	health, known := w.tables.Healths.Peek(key)
	probe, probed := w.tables.Probes.Peek(key)
	if probed {
		s.MonitoredFrom, s.Reason = probe.Host, probe.Problem
	}
	if known && s.Reason == "" {
		s.Reason = health.Reason
	}
	if known && health.State != intent.Unknown {
		s.Since = timestamppb.New(health.Since)
	}
	switch {
	case !m.Up:
		s.OperatingStatus, s.Reason = statusOffline, "administratively down"
	case known && health.State == intent.Dead:
		s.OperatingStatus = statusFailed
	case m.Weight == 0:
		s.OperatingStatus = statusDraining
	case w.nowhere(p, m):
		s.OperatingStatus = statusFailed
		if s.Reason == "" {
			s.Reason = "its port is on no host"
		}
	case share == 0 && m.Backup:
		s.OperatingStatus = statusWaiting
	case known && health.State == intent.Well:
		s.OperatingStatus = statusOnline
	default:
		s.OperatingStatus = statusNoMonitor
		if probed && s.Reason == "" {
			s.Reason = "not probed yet"
		}
	}
	return s
}

// nowhere tells whether the port that has a member's address is on no host.
func (w *world) nowhere(p intent.Pool, m intent.PoolMember) bool {
	var r table.Reader // what is read here is nobody's to remember
	found := false
	for l := range w.tables.PoolUsers.List(&r, p.Key) {
		for c := range w.tables.ClientsOf.List(&r, l.Balancer) {
			for port := range w.tables.PortsWith.List(&r, intent.Station{Network: c.Network, IP: m.IP}) {
				if _, bound := w.tables.Bindings.Peek(port.Key); bound {
					return false
				}
				found = true
			}
		}
	}
	return found
}

// overlayHealthMonitor fills in what a health monitor has found out.
func (c *core) overlayHealthMonitor(key intent.Key, status *weftv1.Status) {
	w := c.world
	w.mu.RLock()
	defer w.mu.RUnlock()
	m, ok := w.tables.HealthMonitors.Peek(key)
	if !ok {
		return
	}
	s := &weftv1.HealthMonitorStatus{OperatingStatus: statusOffline, FallTime: uint32(m.FallTime().Seconds())}
	status.Details = &weftv1.Status_HealthMonitor{HealthMonitor: s}
	if !m.Up {
		return
	}
	s.OperatingStatus = statusNoMonitor
	var r table.Reader // what is read here is nobody's to remember
	for p := range w.tables.ProbesOf.List(&r, m.Pool) {
		if p.Problem == "" {
			s.OperatingStatus = statusOnline
		}
		if p.Problem == "" || p.Nowhere {
			s.Members++
		}
	}
	s.Down = uint32(len(w.tables.DeadMembers.List(&r, m.Pool)))
}
