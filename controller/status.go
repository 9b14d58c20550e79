package controller

import (
	"cmp"
	"slices"

	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/reconcile"
	"github.com/weft-sdn/weft/controller/table"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// Overlay fills in what is computed and observed of a resource's status.
func (c *core) Overlay(res *weftv1.Resource) {
	if res.Status == nil {
		res.Status = &weftv1.Status{}
	}
	key := intent.KeyOf(res)
	if key.Kind == intent.KindHost {
		c.overlayHost(key.Name, res.Status)
		return
	}
	v := verdict{status: res.Status, phase: weftv1.Status_PHASE_ACTIVE}
	v.notes(c.world.engine.Notes(key.String()))
	switch key.Kind {
	case intent.KindLink:
		c.world.describeLink(intent.LinkRow(res), res.Status)
	case intent.KindFlowRule:
		seen := c.board.Sum(intent.FlowRuleCounter, key.String())
		res.Status.Details = &weftv1.Status_FlowRule{FlowRule: &weftv1.FlowRuleStatus{Packets: seen.Packets, Bytes: seen.Bytes}}
	case intent.KindPort:
		c.overlayPort(key, &v)
	case intent.KindTrunk:
		c.overlayTrunk(key, &v)
	case intent.KindRouter:
		c.overlayRouter(key, &v)
		c.overlayGateway(key, &v)
	case intent.KindFloatingIP:
		c.overlayFloatingIP(key, &v)
	case intent.KindPortForwarding:
		c.overlayPortForwarding(key, &v)
	case intent.KindNATRule:
		c.overlayNATRule(key, &v)
	case intent.KindSecurityGroup, intent.KindSecurityPolicy:
		c.overlayRules(key, v.status)
	case intent.KindFirewallPolicy:
		c.overlayFirewallPolicy(key, res)
	case intent.KindFirewallGroup:
		c.overlayFirewallGroup(key, v.status.GetFirewallGroup())
	case intent.KindLoadBalancer:
		c.overlayLoadBalancer(key, v.status.GetLoadBalancer())
	case intent.KindListener:
		c.overlayListener(key, v.status.GetListener())
	case intent.KindPool:
		c.overlayPool(key, v.status.GetPool())
	case intent.KindHealthMonitor:
		c.overlayHealthMonitor(key, v.status)
	}
	for _, p := range c.board.Settled(c.world.engine.FlowsOf(key.String())) {
		v.carrier(p)
	}
	res.Status.Phase = v.phase
}

// verdict gathers the reasons for a phase; the worst wins.
type verdict struct {
	status *weftv1.Status
	phase  weftv1.Status_Phase
}

// badness orders phases.
var badness = map[weftv1.Status_Phase]int{
	weftv1.Status_PHASE_ACTIVE: 0, weftv1.Status_PHASE_BUILD: 1, weftv1.Status_PHASE_DOWN: 2, weftv1.Status_PHASE_PENDING: 3, weftv1.Status_PHASE_ERROR: 4,
}

func (v *verdict) atLeast(p weftv1.Status_Phase) {
	v.phase = slices.MaxFunc([]weftv1.Status_Phase{v.phase, p}, func(a, b weftv1.Status_Phase) int { return cmp.Compare(badness[a], badness[b]) })
}

func (v *verdict) condition(kind, host, message string) {
	v.status.Conditions = append(v.status.Conditions, &weftv1.Condition{Type: kind, Host: host, Message: message})
}

// notes adds what rules say about the resource.
func (v *verdict) notes(notes []compile.Note) {
	for _, n := range notes {
		v.condition(n.Reason, "", n.Text)
		switch {
		case n.Severity == compile.Failed:
			v.atLeast(weftv1.Status_PHASE_ERROR)
			v.status.LastError = n.Text
		case n.Severity == compile.Pending:
			v.atLeast(weftv1.Status_PHASE_PENDING)
		case n.Reason == intent.ReasonDown:
			v.atLeast(weftv1.Status_PHASE_DOWN)
		}
	}
}

// carrier adds how far a host is that carries the resource.
func (v *verdict) carrier(p reconcile.Progress) {
	v.status.Hosts = append(v.status.Hosts, p.Host)
	switch p.State {
	case reconcile.Realised:
		v.status.RealisedHosts = append(v.status.RealisedHosts, p.Host)
	case reconcile.Pending:
		v.atLeast(weftv1.Status_PHASE_BUILD)
	case reconcile.Offline:
		v.condition("HostOffline", p.Host, "the host is offline")
		if v.status.GetPort().GetHost() == p.Host {
			v.atLeast(weftv1.Status_PHASE_DOWN)
		}
	case reconcile.Failed:
		v.condition("Failed", p.Host, p.Message)
		v.status.LastError = p.Message
		v.atLeast(weftv1.Status_PHASE_ERROR)
	}
}

// overlayPort fills in where a port is plugged.
func (c *core) overlayPort(key intent.Key, v *verdict) {
	c.world.mu.RLock()
	defer c.world.mu.RUnlock()
	if v.status.GetPort() == nil {
		v.status.Details = &weftv1.Status_Port{Port: &weftv1.PortStatus{}}
	}
	p := v.status.GetPort()
	var r table.Reader // what is read here is nobody's to remember
	for face := range c.world.tables.InterfacesBy.List(&r, key) {
		p.Router = face.Key.Router.Name // its project is the port's
	}
	b, ok := c.world.tables.Bindings.Peek(key)
	if !ok {
		return
	}
	p.Host, p.Ofport, p.Interface = b.Host, b.OFPort, b.Interface
	p.LinkState = c.hosts.linkState(b.Host, b.Interface)
	if p.LinkState == "down" {
		v.condition("LinkDown", b.Host, "the interface has no carrier")
	}
}

// overlayTrunk fills in where a trunk's parent is plugged.
func (c *core) overlayTrunk(key intent.Key, v *verdict) {
	c.world.mu.RLock()
	defer c.world.mu.RUnlock()
	trunk, _ := c.world.tables.Trunks.Peek(key)
	if b, ok := c.world.tables.Bindings.Peek(trunk.Parent); ok {
		v.status.Details = &weftv1.Status_Trunk{Trunk: &weftv1.TrunkStatus{Host: b.Host}}
	}
}
