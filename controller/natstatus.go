package controller

import (
	"github.com/weft-sdn/weft/apps/nat"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/reconcile"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// placed returns the host of a router's gateway; empty: nowhere.
func (w *world) placed(router intent.Key) string {
	w.mu.RLock()
	defer w.mu.RUnlock()
	p, _ := w.tables.Placed.Peek(router)
	return p.Host
}

// overlayGateway fills in where a router's gateway is, and what it could not translate.
func (c *core) overlayGateway(key intent.Key, v *verdict) {
	g := v.status.GetRouter().GetExternalGateway()
	if g == nil {
		return
	}
	g.Host = c.world.placed(key)
	g.Untranslated = c.sum(nat.Untranslated, key).Packets
	c.offline(g.Host, v)
}

// offline notes that the host is not connected that something is on, and nowhere else.
func (c *core) offline(host string, v *verdict) {
	if host != "" && !c.board.Online(host) {
		v.condition("HostOffline", host, "the host that translates is offline")
	}
}

// overlayFloatingIP fills in which host translates a floating IP, and how much.
func (c *core) overlayFloatingIP(key intent.Key, v *verdict) {
	s := v.status.GetFloatingIp()
	if s == nil {
		return
	}
	c.world.mu.RLock()
	f, _ := c.world.tables.FloatingIPs.Peek(key)
	e, ok := c.world.tables.Externals.Peek(intent.ExternalKey{Network: f.Network, IP: f.IP})
	b, _ := c.world.tables.Bindings.Peek(f.Port)
	c.world.mu.RUnlock()
	if !ok {
		return
	}
	s.Host, s.Mode = e.Host, "central"
	if e.Host == b.Host {
		s.Mode = "distributed"
	}
	s.MacAddress = e.MAC.String()
	received, sent := c.sum(nat.Received, key), c.sum(nat.Sent, key)
	s.ReceivedPackets, s.ReceivedBytes = received.Packets, received.Bytes
	s.SentPackets, s.SentBytes = sent.Packets, sent.Bytes
	c.offline(e.Host, v)
}

// overlayPortForwarding fills in which host translates a port forwarding.
func (c *core) overlayPortForwarding(key intent.Key, v *verdict) {
	s := v.status.GetPortForwarding()
	if s == nil {
		return
	}
	c.world.mu.RLock()
	f, _ := c.world.tables.PortForwardings.Peek(key)
	c.world.mu.RUnlock()
	s.Host = c.world.placed(f.Router)
	c.offline(s.Host, v)
}

// overlayNATRule fills in which host translates by a rule.
func (c *core) overlayNATRule(key intent.Key, v *verdict) {
	c.world.mu.RLock()
	n, _ := c.world.tables.NATRules.Peek(key)
	c.world.mu.RUnlock()
	host := c.world.placed(n.Router)
	if v.status.GetNatRule() == nil {
		v.status.Details = &weftv1.Status_NatRule{NatRule: &weftv1.NATRuleStatus{}}
	}
	v.status.GetNatRule().Host = host
	c.offline(host, v)
}

// sum is what a counter has seen on all hosts that have it.
func (c *core) sum(kind string, subject intent.Key) reconcile.Count {
	return c.board.Sum(kind, subject.String())
}
