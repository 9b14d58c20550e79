package main_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/northbound/client"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// pair is two tenants with the same addresses, each with a machine on each of three hosts.
type pair struct {
	red, blue   e2e.Tenant
	reds, blues []*netlab.Endpoint
}

func twoTenants(c *e2e.Cloud, hosts ...string) pair {
	p := pair{red: e2e.Tenant{Project: "red", VMs: 3}, blue: e2e.Tenant{Project: "blue", VMs: 3}}
	c.Apply(p.red.YAML(), p.blue.YAML())
	p.reds, p.blues = c.VMs(p.red, hosts...), c.VMs(p.blue, hosts...)
	return p
}

// bluesReach starts pings between the machines of the tenant to whom nothing happens.
func (p pair) bluesReach(c *e2e.Cloud) *pings {
	c.T.Helper()
	blues := &pings{c: c}
	blues.start(p.blues[0], p.blues[1])
	blues.start(p.blues[2], p.blues[0])
	return blues
}

func all(reach netlab.Reach) func(_, _ *netlab.Endpoint) netlab.Reach {
	return func(_, _ *netlab.Endpoint) netlab.Reach { return reach }
}

// Ports, networks and hosts come, move, go down and go, one story after the other. The other tenant notices nothing of it.
func TestLifecycle(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(3)})
	p := twoTenants(c, "h1", "h2", "h3")
	c.Reach(append(netlab.AllPairs(p.reds, all(netlab.Reaches)), netlab.AllPairs(p.blues, all(netlab.Reaches))...)...)
	for _, s := range []struct {
		name  string
		story func(*e2e.Cloud, pair)
		lost  int // of each ping of the other tenant, at most
	}{
		{"port moved", portMoved, plugLoss}, {"port unplugged", portUnplugged, plugLoss}, {"OpenFlow port changed", ofportChanged, plugLoss},
		{"bound by uid", boundByUID, 0}, {"port down", portDown, 0}, {"network down", networkDown, 0}, {"address changed", addressChanged, 0},
		{"port deleted", portDeleted, 0}, {"network deleted", networkDeleted, 0},
	} {
		c.Run(s.name, func(c *e2e.Cloud) {
			blues := p.bluesReach(c)
			s.story(c, p)
			blues.lostAtMost(s.lost)
		})
	}
	c.Run("host down", func(c *e2e.Cloud) { hostDown(c, p) })
	c.Run("host removed", func(c *e2e.Cloud) { hostRemoved(c, p) })
}

// A port's interface appears on another host: reachable there within a second, and nothing points to the old place.
func portMoved(c *e2e.Cloud, p pair) {
	from, moved := p.reds[0], p.reds[1]
	tag := c.Tag("red/web")
	for _, to := range []string{"h3", "h1", "h2"} {
		pinger := netlab.Must(from.StartPing(moved.IPv4().String(), netlab.PingOptions{Interval: pingEvery}))(c.T)
		old := moved.Host().Name()
		number, err := moved.Host().OFPort(moved.Port())
		c.Do(err, moved.MoveTo(c.Host(to)))
		answersWithin(c, time.Second, "moved from "+old+" to "+to, pinger)
		c.Active("red/vm2")
		c.Do(pinger.Close())
		c.Reach(append(netlab.AllPairs(p.reds, all(netlab.Reaches)), netlab.Probe{From: p.blues[0], To: moved, Expect: netlab.Unreached})...)
		pointsTo(c, tag, moved, p.reds)
		if in := having(flows(c, old), "table=0,", fmt.Sprintf("in_port=%d,", number)); len(in) > 0 {
			c.T.Errorf("%s still takes frames from %s: %v", old, moved.Name(), in)
		}
	}
}

// pointsTo demands that on every host that has the network there is one flow that forwards to a machine, and that it leads
// to where the machine is.
func pointsTo(c *e2e.Cloud, tag uint32, vm *netlab.Endpoint, members []*netlab.Endpoint) {
	c.T.Helper()
	at := vm.Host()
	port, err := at.OFPort(vm.Port())
	c.Do(err)
	sites := map[string]bool{}
	for _, m := range members {
		sites[m.Host().Name()] = true
	}
	for _, h := range c.Lab.Hosts() {
		got := having(flows(c, h.Name()), inTable(pipeline.L2), ofNetwork(tag), "dl_dst="+vm.MAC().String())
		want := fmt.Sprintf("set_field:%s->tun_dst", at.TunnelIP())
		if h == at {
			want = fmt.Sprintf("set_field:%#x->reg1", port)
		}
		switch {
		case !sites[h.Name()] && len(got) > 0:
			c.T.Errorf("%s has no port of the network, and still %v", h.Name(), got)
		case sites[h.Name()] && (len(got) != 1 || !strings.Contains(got[0], want)):
			c.T.Errorf("%s: flows to %s are %v, want one with %s", h.Name(), vm.Name(), got, want)
		}
	}
}

func portUnplugged(c *e2e.Cloud, p pair) {
	gone := p.reds[1]
	c.Leave(gone)
	c.Do(gone.Unplug())
	c.Phase("port/red/vm2", weftv1.Status_PHASE_PENDING)
	if conditions := fmt.Sprint(c.Get("port/red/vm2").GetStatus().GetConditions()); !strings.Contains(conditions, "red/vm2") {
		c.T.Errorf("the conditions do not say what is missing: %s", conditions)
	}
	c.Eventually(time.Second, "its flows go", func() error {
		if found := having(allFlows(c), ofNetwork(c.Tag("red/web")), gone.MAC().String()); len(found) > 0 {
			return errors.New(strings.Join(found, "\n"))
		}
		return nil
	})
	c.Reach(netlab.Probe{From: p.reds[0], To: gone, Expect: netlab.Unreached}, netlab.Probe{From: p.reds[0], To: p.reds[2]})
	c.Do(gone.Plug())
	c.Active("red/vm2")
	c.Join("red/web", gone)
	c.Reach(netlab.AllPairs(p.reds, all(netlab.Reaches))...)
}

func ofportChanged(c *e2e.Cloud, p pair) {
	vm := p.reds[1]
	h := vm.Host()
	old, err := h.OFPort(vm.Port())
	c.Do(err)
	pinger := netlab.Must(p.reds[0].StartPing(vm.IPv4().String(), netlab.PingOptions{Interval: pingEvery}))(c.T)
	_, err = h.Vsctl("set", "Interface", vm.Port(), "ofport_request=777")
	c.Do(err)
	answersWithin(c, time.Second, "new OpenFlow port number", pinger)
	c.Do(pinger.Close())
	c.Eventually(time.Second, "flows use the new number", func() error {
		if got, err := h.OFPort(vm.Port()); err != nil || got != 777 || got == old {
			return fmt.Errorf("the number is %d, was %d, %w", got, old, err)
		}
		if n := len(having(flows(c, h.Name()), inTable(pipeline.L2), ofNetwork(c.Tag("red/web")), "dl_dst="+vm.MAC().String(), "set_field:0x309->reg1")); n != 1 {
			return fmt.Errorf("%d flows lead to port 777", n)
		}
		return nil
	})
	c.Active("red/vm2")
	c.Reach(netlab.AllPairs(p.reds, all(netlab.Reaches))...)
}

// The iface-id may be the port's uid, too.
func boundByUID(c *e2e.Cloud, p pair) {
	vm := p.reds[2]
	set := func(id string) {
		_, err := vm.Host().Vsctl("set", "Interface", vm.Port(), fmt.Sprintf("external_ids:iface-id=%q", id))
		c.Do(err)
	}
	set("nobody's")
	c.Phase("port/red/vm3", weftv1.Status_PHASE_PENDING)
	c.Reach(netlab.Probe{From: p.reds[0], To: vm, Expect: netlab.Unreached})
	set(c.Get("port/red/vm3").GetUid())
	c.Active("red/vm3")
	c.Reach(netlab.AllPairs(p.reds, all(netlab.Reaches))...)
}

func portDown(c *e2e.Cloud, p pair) {
	down := p.reds[1]
	c.Leave(down)
	c.Apply(p.red.Port(2, "adminStateUp: false"))
	c.Phase("port/red/vm2", weftv1.Status_PHASE_DOWN)
	c.Deliver(
		e2e.Case{Name: "from it", From: down, Frame: e2e.UDP{SrcMAC: down.MAC(), DstMAC: p.reds[0].MAC(), Src: v4to, Dst: v4me}.Frame},
		e2e.Case{Name: "broadcast from it", From: down, Frame: e2e.UDP{SrcMAC: down.MAC(), DstMAC: e2e.Broadcast(), Src: v4to, Dst: "10.0.0.255"}.Frame},
		e2e.Case{Name: "to it", From: p.reds[0], Frame: e2e.UDP{SrcMAC: p.reds[0].MAC(), DstMAC: down.MAC(), Src: v4me, Dst: v4to}.Frame},
		e2e.Case{Name: "to all", From: p.reds[0], To: p.reds[2:], Frame: e2e.UDP{SrcMAC: p.reds[0].MAC(), DstMAC: e2e.Broadcast(), Src: v4me, Dst: "10.0.0.255"}.Frame},
		e2e.Case{Name: "question for its address", From: p.reds[0], To: p.reds[2:], Frame: e2e.ARP{SrcMAC: p.reds[0].MAC(), DstMAC: e2e.Broadcast(), Op: 1, SPA: v4me, TPA: v4to}.Frame},
	)
	none(c, "port down", ofNetwork(c.Tag("red/web")), down.MAC().String())
	c.Apply(p.red.Port(2, "adminStateUp: true"))
	c.Active("red/vm2")
	c.Join("red/web", down)
	c.Reach(netlab.AllPairs(p.reds, all(netlab.Reaches))...)
}

func networkDown(c *e2e.Cloud, p pair) {
	for _, vm := range p.reds {
		c.Leave(vm)
	}
	network := "kind: Network\nproject: red\nname: web\nspec: {adminStateUp: %v}\n"
	c.Apply(fmt.Sprintf(network, false))
	c.Reach(netlab.AllPairs(p.reds, all(netlab.Unreached))...)
	none(c, "network down", ofNetwork(c.Tag("red/web")))
	c.Apply(fmt.Sprintf(network, true))
	c.Active(p.red.Names()...)
	for _, vm := range p.reds {
		c.Join("red/web", vm)
	}
	c.Reach(netlab.AllPairs(p.reds, all(netlab.Reaches))...)
}

// Another address and another MAC for a port: the old ones are nobody's at once.
func addressChanged(c *e2e.Cloud, p pair) {
	from, to := p.reds[0], p.reds[2]
	send := func(name, src string, expect ...*netlab.Endpoint) e2e.Case {
		return e2e.Case{Name: name, From: from, To: expect, Frame: e2e.UDP{SrcMAC: from.MAC(), DstMAC: to.MAC(), Src: src, Dst: v4other}.Frame}
	}
	c.Deliver(send("old address before", v4me, to), send("new address before", "10.0.0.50"))
	c.Apply(strings.Replace(p.red.Port(1, ""), "ip: 10.0.0.11", "ip: 10.0.0.50", 1))
	c.Deliver(send("old address after", v4me), send("new address after", "10.0.0.50", to))
	c.Apply(p.red.Port(1, ""))
	c.Deliver(send("old address again", v4me, to))
}

func portDeleted(c *e2e.Cloud, p pair) {
	gone := p.reds[1]
	c.Leave(gone)
	c.Delete(client.DeleteOptions{}, "port/red/vm2")
	none(c, "port deleted", ofNetwork(c.Tag("red/web")), gone.MAC().String())
	c.Reach(netlab.Probe{From: p.reds[0], To: gone, Expect: netlab.Unreached}, netlab.Probe{From: gone, To: p.reds[2], Expect: netlab.Unreached},
		netlab.Probe{From: p.reds[0], To: p.reds[2]}, netlab.Probe{From: p.reds[2], To: p.reds[0]})
	if _, err := c.TryApply(p.red.Port(2, "")); err != nil {
		c.T.Fatal(err)
	}
	// Its interface is still there, so a port of the same name works at once.
	c.Active("red/vm2")
	c.Join("red/web", gone)
	c.Reach(netlab.AllPairs(p.reds, all(netlab.Reaches))...)
}

func networkDeleted(c *e2e.Cloud, p pair) {
	st := c.Get("network/red/web").GetStatus().GetNetwork()
	for _, vm := range p.reds {
		c.Leave(vm)
	}
	c.Delete(client.DeleteOptions{Cascade: true}, "network/red/web")
	none(c, "network deleted", ofNetwork(st.GetTag()))
	none(c, "network deleted", fmt.Sprintf("tun_id=%#x", st.GetSegmentationId()))
	none(c, "network deleted", fmt.Sprintf("set_field:%#x->reg0", st.GetTag()))
	c.Reach(append(netlab.AllPairs(p.reds, all(netlab.Unreached)), netlab.AllPairs(p.blues, all(netlab.Reaches))...)...)
	for _, key := range []string{"network/red/web", "subnet/red/web-v4", "port/red/vm1"} {
		ctx := c.T.Context()
		if _, err := c.Client.Get(ctx, e2e.Ref(key)); !errors.Is(err, client.ErrNotFound) {
			c.T.Errorf("get %s: %v", key, err)
		}
	}
}

func hostDown(c *e2e.Cloud, p pair) {
	c.Leave(p.blues[2])
	c.Apply("kind: Host\nname: h3\nspec: {adminStateUp: false}\n")
	c.Reach(netlab.Probe{From: p.blues[0], To: p.blues[2], Expect: netlab.Unreached}, netlab.Probe{From: p.blues[2], To: p.blues[0], Expect: netlab.Unreached},
		netlab.Probe{From: p.blues[0], To: p.blues[1]})
	if left := flows(c, "h3"); len(left) > 0 {
		c.T.Errorf("h3 is down and has flows:\n%s", strings.Join(left, "\n"))
	}
	none(c, "host down", "set_field:10.99.0.3->tun_dst")
	c.Apply("kind: Host\nname: h3\nspec: {adminStateUp: true}\n")
	c.Active("blue/vm3")
	c.Join("blue/web", p.blues[2])
	c.Reach(netlab.AllPairs(p.blues, all(netlab.Reaches))...)
}

// A host is taken away: it is told to forget its manager, and its resource is deleted.
func hostRemoved(c *e2e.Cloud, p pair) {
	c.Leave(p.blues[2])
	h := c.Host("h3")
	c.Do(h.SetManager())
	c.Eventually(10*time.Second, "h3 is offline", func() error {
		res, err := c.Client.Get(c.T.Context(), e2e.Ref("host/h3"))
		if err == nil && res.GetStatus().GetHost().GetOvsdb() != weftv1.HostStatus_CONNECTION_OFFLINE {
			err = fmt.Errorf("it is %v", res.GetStatus().GetHost().GetOvsdb())
		}
		return err
	})
	c.Weft("delete", "host/h3", "--wait")
	if out := c.Weft("hosts"); strings.Contains(out, "h3") {
		c.T.Errorf("weft hosts still lists h3:\n%s", out)
	}
	for _, h := range []string{"h1", "h2"} {
		if left := having(flows(c, h), "10.99.0.3"); len(left) > 0 {
			c.T.Errorf("%s still sends to h3:\n%s", h, strings.Join(left, "\n"))
		}
	}
	c.Reach(netlab.Probe{From: p.blues[0], To: p.blues[1]}, netlab.Probe{From: p.blues[0], To: p.blues[2], Expect: netlab.Unreached})
	c.Do(h.Remove())
}
