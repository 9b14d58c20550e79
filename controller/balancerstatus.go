package controller

import (
	"slices"

	"github.com/weft-sdn/weft/apps/balancer"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// Operating statuses, in Octavia's words.
const (
	statusOnline    = "ONLINE"
	statusNoMonitor = "NO_MONITOR"
	statusWaiting   = "BACKUP"
	statusDraining  = "DRAINING"
	statusDegraded  = "DEGRADED"
	statusOffline   = "OFFLINE"
	statusFailed    = "ERROR"
)

// statuses are those of listeners, the best first.
var statuses = []string{statusOnline, statusNoMonitor, statusDegraded, statusOffline, statusFailed}

// overlayLoadBalancer fills in the addresses of a load balancer, and how its listeners are.
func (c *core) overlayLoadBalancer(key intent.Key, s *weftv1.LoadBalancerStatus) {
	w := c.world
	w.mu.RLock()
	defer w.mu.RUnlock()
	b, ok := w.tables.LoadBalancers.Peek(key)
	if !ok || s == nil {
		return
	}
	port, _ := w.tables.Ports.Peek(b.Port)
	for _, ip := range port.IPs {
		s.Vips = append(s.Vips, ip.String())
	}
	if s.OperatingStatus = statusOnline; !b.Up || !port.Up {
		s.OperatingStatus = statusOffline
		return
	}
	var r table.Reader // what is read here is nobody's to remember
	for l := range w.tables.ListenersOf.List(&r, key) {
		if of := w.statusOfListener(l); slices.Index(statuses, of) > slices.Index(statuses, s.OperatingStatus) {
			s.OperatingStatus = of
		}
	}
}

// overlayListener fills in how a listener is, and how much it has done.
func (c *core) overlayListener(key intent.Key, s *weftv1.ListenerStatus) {
	if s == nil {
		return
	}
	s.Connections = c.sum(balancer.Taken, key).Packets
	c.world.mu.RLock()
	defer c.world.mu.RUnlock()
	l, ok := c.world.tables.PoolListeners.Peek(key)
	if !ok {
		return
	}
	s.OperatingStatus = c.world.statusOfListener(l)
	pool, _ := c.world.tables.Pools.Peek(l.Pool)
	for _, m := range pool.Members {
		did := c.served(key, m.Name)
		s.BytesIn += did.in
		s.BytesOut += did.out
	}
}

// served is what a member of a listener has done, on all hosts.
type served struct{ connections, in, out uint64 }

func (c *core) served(listener intent.Key, member string) served {
	subject := balancer.Serving(listener, member)
	given := c.board.Sum(balancer.Given, subject)
	return served{given.Packets, given.Bytes + c.board.Sum(balancer.Received, subject).Bytes, c.board.Sum(balancer.Answered, subject).Bytes}
}

// overlayPool fills in how the members of a pool are.
func (c *core) overlayPool(key intent.Key, s *weftv1.PoolStatus) {
	c.world.mu.RLock()
	defer c.world.mu.RUnlock()
	p, ok := c.world.tables.Pools.Peek(key)
	if !ok || s == nil {
		return
	}
	s.OperatingStatus, s.Members = c.world.statusOfPool(p)
	var r table.Reader // what is read here is nobody's to remember
	for l := range c.world.tables.PoolUsers.List(&r, key) {
		for _, m := range s.Members {
			did := c.served(l.Key, m.GetName())
			m.Connections += did.connections
			m.BytesIn += did.in
			m.BytesOut += did.out
		}
	}
}

func (w *world) statusOfListener(l intent.PoolListener) string {
	p, ok := w.tables.Pools.Peek(l.Pool)
	if !l.Up || !ok {
		return statusOffline
	}
	s, _ := w.statusOfPool(p)
	return s
}
