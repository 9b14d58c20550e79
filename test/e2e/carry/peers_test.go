package carry_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// A VXLAN device and a bridge of the Linux kernel are the far end of a network: an unmanaged host, with a port for the
// machine behind it.
func TestLinuxVXLAN(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	red := e2e.Tenant{Project: "red", Type: "vxlan", Spec: "segmentationId: 7001", VMs: 3}
	blue := e2e.Tenant{Project: "blue", Type: "vxlan", Spec: "segmentationId: 7002", VMs: 2}
	peer := netlab.Must(c.Lab.AddPeer("vtep"))(t)
	c.Do(peer.AddVXLAN(7001, c.Host("h1").TunnelIP(), c.Host("h2").TunnelIP()))
	c.Apply(fmt.Sprintf("kind: Host\nname: vtep\nspec: {unmanaged: true, tunnelIp: %s}\n", peer.TunnelIP()), red.YAML(), blue.YAML())
	c.Apply(red.Port(3, "host: vtep"))
	vms := []*netlab.Endpoint{c.VM("h1", "red/vm1"), c.VM("h2", "red/vm2"), c.VMWith("vtep", "red/vm3", netlab.EndpointOptions{Bridge: netlab.SwitchBridge})}
	blues := c.VMs(blue, "h1", "h2")
	c.Active("red/vm1", "red/vm2", "red/vm3")
	if phase := c.Get("host/vtep").GetStatus().GetPhase().String(); phase != "PHASE_ACTIVE" {
		t.Errorf("host vtep is %s: %v", phase, c.Get("host/vtep").GetStatus().GetConditions())
	}
	c.Talk(vms)
	c.Run("who hears what", func(c *e2e.Cloud) {
		members := map[string][]*netlab.Endpoint{"red from a host": vms, "red from Linux": {vms[2], vms[0], vms[1]}, "blue": blues}
		nothingCrosses(c, members)
	})
	c.Run("elsewhere", func(c *e2e.Cloud) { elsewhere(c, red, peer, vms) })
}

// elsewhere has the machine behind Linux go, and come back, as far as the controller is told.
func elsewhere(c *e2e.Cloud, red e2e.Tenant, peer *netlab.Host, vms []*netlab.Endpoint) {
	before := dumps(c)
	c.Leave(vms[2])
	c.Apply(red.Port(3, "")) // nowhere
	for _, h := range c.Lab.Hosts() {
		for _, flow := range netlab.Must(h.DumpFlows(netlab.IntegrationBridge))(c.T) {
			if mentions(flow, peer.TunnelIP()) {
				c.T.Errorf("%s still sends to %s: %s", h.Name(), peer.TunnelIP(), flow)
			}
		}
	}
	if _, err := c.TryApply(red.Port(3, "host: h1")); err == nil {
		c.T.Error("a port may be said to be behind a managed host")
	}
	if _, errs, status := c.TryWeft("", "delete", "host/vtep"); status != 0 {
		c.T.Errorf("an unmanaged host that nothing refers to is not deleted: %s", errs)
	}
	c.Apply(fmt.Sprintf("kind: Host\nname: vtep\nspec: {unmanaged: true, tunnelIp: %s}\n", peer.TunnelIP()), red.Port(3, "host: vtep"))
	if _, _, status := c.TryWeft("", "delete", "host/vtep"); status == 0 {
		c.T.Error("an unmanaged host with a port behind it is deleted")
	}
	c.Join("red/web", vms[2])
	if diff := difference(before, dumps(c)); diff != "" {
		c.T.Errorf("the flows are not what they were:\n%s", diff)
	}
	c.Talk(vms)
}

// mentions says whether a flow sends to a tunnel address.
func mentions(flow string, ip netip.Addr) bool {
	n := ip.As4()
	return strings.Contains(flow, ip.String()+"->") || strings.Contains(flow, fmt.Sprintf("0x%02x%02x%02x%02x->NXM_NX_TUN_IPV4_DST", n[0], n[1], n[2], n[3]))
}

// The switch of a physical network is a bridge of Linux. It carries untagged and tagged frames between hosts, and a machine behind it
// talks to ports of both kinds of networks. (It does not tell VLANs apart: for that a kernel needs VLAN filtering.)
func TestLinuxBridge(t *testing.T) {
	t.Parallel()
	var bridge *netlab.Host
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2), Prepare: func(c *e2e.Cloud) {
		bridge = netlab.Must(c.Lab.AddPeer("bridge"))(c.T)
		for _, name := range []string{"h1", "h2"} {
			h := c.Host(name)
			_, err := h.Vsctl("add-br", "br-office", "--", "set", "Bridge", "br-office", "datapath_type=netdev", "fail_mode=standalone",
				"--", "set", "Open_vSwitch", ".", "external_ids:weft-bridge-mappings=office:br-office")
			c.Do(err, c.Lab.Wire(netlab.Jack{Host: bridge, Port: "w-" + name}, netlab.Jack{Host: h, Bridge: "br-office", Port: "w-office"}))
		}
	}})
	red := e2e.Tenant{Project: "red", Type: "flat", Spec: "physicalNetwork: office", VMs: 2}
	blue := e2e.Tenant{Project: "blue", Type: "vlan", Spec: "physicalNetwork: office, segmentationId: 100", VMs: 2}
	c.Apply(red.YAML(), blue.YAML())
	reds, blues := c.VMs(red, "h1", "h2"), c.VMs(blue, "h1", "h2")
	nothingCrosses(c, map[string][]*netlab.Endpoint{"red": reds, "blue": blues})
	machine := netlab.Must(bridge.AddEndpoint("machine", netlab.EndpointOptions{
		Bridge: netlab.SwitchBridge, MTU: netlab.UnderlayMTU, Addresses: []string{"10.0.0.99/24", "fd00:10::99/64"},
	}))(t)
	c.Talk(append(slices.Clone(reds), machine))
	c.Talk(blues)
	table := netlab.Must(bridge.Exec("bridge", "fdb", "show", "br", netlab.SwitchBridge))(t)
	for i, vm := range reds {
		if !strings.Contains(table, fmt.Sprintf("%s dev w-h%d", vm.MAC(), i+1)) {
			t.Errorf("Linux does not know that %s is at h%d:\n%s", vm.Name(), i+1, table)
		}
	}
	tagged := func(vlan uint16, to *netlab.Endpoint) func(nonce []byte) []byte {
		return func(nonce []byte) []byte { return e2e.Tagged(machine.MAC(), to.MAC(), vlan, nonce) }
	}
	c.Deliver(
		e2e.Case{Name: "tagged for the VLAN's port", From: machine, Frame: tagged(100, blues[0]), To: blues[:1]},
		e2e.Case{Name: "tagged for the VLAN's other port", From: machine, Frame: tagged(100, blues[1]), To: blues[1:]},
		e2e.Case{Name: "tagged for a VLAN that no network has", From: machine, Frame: tagged(101, blues[0])},
	)
}
