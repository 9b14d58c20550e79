package carry_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// guest is a VLAN-aware endpoint: a switch of its own, which nobody but the endpoint knows of, whose uplink is the parent's
// interface. What is plugged into an access port of it has the tag of that port on the uplink.
type guest struct {
	c      *e2e.Cloud
	inside *netlab.Host
}

const (
	uplink     = "up0"   // of the switch in the endpoint
	parentPort = "tapfw" // the other end, on the integration bridge
)

func newGuest(c *e2e.Cloud) *guest {
	return &guest{c, netlab.Must(c.Lab.AddSwitch("guest"))(c.T)}
}

func (g *guest) wire(host string) (a, b netlab.Jack) {
	return netlab.Jack{Host: g.inside, Port: uplink}, netlab.Jack{Host: g.c.Host(host), Bridge: netlab.IntegrationBridge, Port: parentPort}
}

// plug gives the parent's interface to a host.
func (g *guest) plug(host string) {
	a, b := g.wire(host)
	g.c.Do(g.c.Lab.Wire(a, b))
	_, err := b.Host.Vsctl("set", "Interface", parentPort, `external_ids:iface-id="red/firewall"`)
	g.c.Do(err)
}

// unplug takes it away.
func (g *guest) unplug(host string) {
	a, b := g.wire(host)
	g.c.Do(g.c.Lab.Unwire(a, b))
}

// vm is a station in the endpoint that uses one of its ports, with a tag or without (0).
func (g *guest) vm(port string, tag int, gateways ...string) *netlab.Endpoint {
	vm := g.c.VMWith("guest", port, netlab.EndpointOptions{Bridge: netlab.SwitchBridge, Gateways: gateways})
	g.tag(vm, tag)
	return vm
}

func (g *guest) tag(vm *netlab.Endpoint, tag int) {
	_, err := g.inside.Vsctl("set", "Port", vm.Port(), fmt.Sprintf("tag=%d", tag))
	g.c.Do(err)
}

func gateways(net int) []string {
	return []string{fmt.Sprintf("10.%d.0.1", net), fmt.Sprintf("fd00:%d::1", net)}
}

// The example's endpoint is on three networks at once, moves, loses a subport and gets it back.
func TestTrunk(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	c.Weft("apply", "--wait", "-f", filepath.Join(netlab.Must(e2e.Root())(t), "examples", "trunk", "trunk.yaml"))
	c.Phase("port/red/firewall-db", weftv1.Status_PHASE_PENDING)
	g := newGuest(c)
	g.plug("h1")
	fw := []*netlab.Endpoint{g.vm("red/firewall", 0, gateways(1)...), g.vm("red/firewall-db", 101, gateways(2)...), g.vm("red/firewall-log", 102)}
	web1 := c.VMWith("h2", "red/web1", netlab.EndpointOptions{Gateways: gateways(1)})
	db1, db2 := c.VMWith("h1", "red/db1", netlab.EndpointOptions{Gateways: gateways(2)}), c.VMWith("h2", "red/db2", netlab.EndpointOptions{Gateways: gateways(2)})
	log1 := c.VM("h2", "red/log1")
	c.Active("red/web1", "red/db1", "red/db2", "red/log1")
	g.active("h1", "firewall", "firewall-db", "firewall-log")
	nets := [][]*netlab.Endpoint{{fw[0], web1}, {fw[1], db1, db2}, {fw[2], log1}}
	talk := func(c *e2e.Cloud) {
		for _, vms := range nets {
			c.Talk(vms)
		}
	}
	c.Run("each network for itself", talk)
	c.Run("to the right ones only", func(c *e2e.Cloud) {
		broadcast := func(name string, from *netlab.Endpoint, src string, to ...*netlab.Endpoint) e2e.Case {
			return e2e.Case{Name: name, From: from, To: to, Frame: e2e.UDP{SrcMAC: from.MAC(), DstMAC: e2e.Broadcast(), Src: src, Dst: "255.255.255.255"}.Frame}
		}
		forged := e2e.UDP{SrcMAC: db1.MAC(), DstMAC: db2.MAC(), Src: "10.2.0.10", Dst: "10.2.0.12"}
		c.Deliver(
			broadcast("from the parent", fw[0], "10.1.0.10", web1),
			broadcast("from a subport", fw[1], "10.2.0.10", db1, db2),
			broadcast("to a subport", db2, "10.2.0.12", fw[1], db1),
			broadcast("to another subport", log1, "10.3.0.11", fw[2]),
			broadcast("with the parent's address from a subport", fw[1], "10.1.0.10"),
			e2e.Case{Name: "with another's MAC address from a subport", From: fw[1], Frame: forged.Frame},
		)
	})
	c.Run("through a router, out by the port it came in by", func(c *e2e.Cloud) {
		c.Reach(
			netlab.Probe{From: fw[0], To: fw[1], Addr: fw[1].IPv4()}, netlab.Probe{From: fw[1], To: fw[0], Addr: fw[0].IPv6()},
			netlab.Probe{From: fw[1], To: web1, Addr: web1.IPv4()}, netlab.Probe{From: web1, To: fw[1], Addr: fw[1].IPv6()},
		)
	})
	c.Run("DHCP in a VLAN", func(c *e2e.Cloud) {
		if text, err := fw[1].Exec("sh", "-c", "udhcpc -f -n -q -t 8 -T 1 -s /bin/true 2>&1 -i "+fw[1].Link()); err != nil || !strings.Contains(text, "lease of 10.2.0.10 obtained from 10.2.0.1") {
			c.T.Errorf("%v\n%s", err, text)
		}
	})
	c.Run("a tag of nobody's", func(c *e2e.Cloud) {
		before := c.Drops("h1")["unknown-vlan"]
		g.tag(fw[2], 103)
		frame := e2e.UDP{SrcMAC: fw[2].MAC(), DstMAC: e2e.Broadcast(), Src: "10.3.0.10", Dst: "255.255.255.255"}
		c.Leave(fw[2])
		c.Nowhere("broadcast with VLAN 103", fw[2], frame.Frame, func() {
			c.Eventually(patience, "it is counted", func() error {
				if c.Drops("h1")["unknown-vlan"] == before {
					return errors.New("it is not")
				}
				return nil
			})
		})
		g.tag(fw[2], 102)
		c.Join("red/log", fw[2])
	})
	c.Run("a subport leaves and comes back", func(c *e2e.Cloud) { g.change(c, fw, nets) })
	c.Run("weftd is killed", func(c *e2e.Cloud) {
		ping := netlab.Must(fw[1].StartPing(db2.IPv4().String(), netlab.PingOptions{}))(c.T)
		c.Do(c.Weftd.Kill())
		c.Restart()
		if r := ping.Stop(); r.Lost() > 0 {
			c.T.Errorf("%d of %d lost", r.Lost(), r.Sent)
		}
	})
	c.Run("the endpoint moves", func(c *e2e.Cloud) {
		g.unplug("h1")
		g.plug("h2")
		g.active("h2", "firewall", "firewall-db", "firewall-log")
		talk(c)
		if ports := netlab.Must(c.Host("h1").Vsctl("list-ports", netlab.IntegrationBridge))(c.T); strings.Contains(ports, "weft-s-") || strings.Contains(ports, "weft-t-") {
			c.T.Errorf("h1 still has patch ports of the trunk:\n%s", ports)
		}
	})
	c.Run("without the trunk", func(c *e2e.Cloud) {
		for _, vm := range fw[1:] {
			c.Leave(vm)
		}
		c.Weft("delete", "trunk/red/firewall")
		c.Phase("port/red/firewall-db", weftv1.Status_PHASE_PENDING)
		c.Talk(nets[0])
		c.Nowhere("from what was a subport", fw[1], e2e.UDP{SrcMAC: fw[1].MAC(), DstMAC: e2e.Broadcast(), Src: "10.2.0.10", Dst: "255.255.255.255"}.Frame, func() {})
	})
}

// active waits until ports are where the endpoint is.
func (g *guest) active(host string, ports ...string) {
	g.c.T.Helper()
	for _, name := range ports {
		g.c.Eventually(patience, name+" is active on "+host, func() error {
			st := g.c.Get("port/red/" + name).GetStatus()
			if st.GetPhase() != weftv1.Status_PHASE_ACTIVE || st.GetPort().GetHost() != host {
				return fmt.Errorf("it is %v on %q: %v", st.GetPhase(), st.GetPort().GetHost(), st.GetConditions())
			}
			return nil
		})
	}
	if at := g.c.Get("trunk/red/firewall").GetStatus().GetTrunk().GetHost(); at != host {
		g.c.T.Errorf("the trunk is on %q, want %q", at, host)
	}
}

// change takes a subport out of the trunk and puts it back, with another VLAN id, under a ping of the others.
func (g *guest) change(c *e2e.Cloud, fw []*netlab.Endpoint, nets [][]*netlab.Endpoint) {
	const trunk = "kind: Trunk\nproject: red\nname: firewall\nspec: {port: firewall, subPorts: [{port: firewall-db, segmentationId: 101}%s]}\n"
	ping := netlab.Must(fw[1].StartPing(nets[1][2].IPv4().String(), netlab.PingOptions{}))(c.T)
	c.Apply(fmt.Sprintf(trunk, ""))
	c.Phase("port/red/firewall-log", weftv1.Status_PHASE_PENDING)
	c.Leave(fw[2])
	c.Nowhere("from the port that left", fw[2], e2e.UDP{SrcMAC: fw[2].MAC(), DstMAC: e2e.Broadcast(), Src: "10.3.0.10", Dst: "255.255.255.255"}.Frame, func() {})
	c.Apply(fmt.Sprintf(trunk, ", {port: firewall-log, segmentationId: 202}"))
	g.tag(fw[2], 202)
	c.Join("red/log", fw[2])
	g.active("h1", "firewall-log")
	if r := ping.Stop(); r.Lost() > 0 { // before the bulk of what follows, for which the switch has not always a buffer
		c.T.Errorf("%d of %d lost", r.Lost(), r.Sent)
	}
	c.Talk(nets[2])
}
