package carry_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/apps/pipeline"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// Two tenants have networks of three segments: a VLAN in each of two racks, and VXLAN to the host that is in neither. A station
// that is no port goes from one rack to the other; the host that bridges is set down.
func TestMixedSegments(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(4), Prepare: func(c *e2e.Cloud) {
		c.Physical("physnet1", "h1", "h2")
		c.Physical("physnet2", "h1", "h2", "h3")
	}})
	segments := func(vlan, vni int) string {
		return fmt.Sprintf("segments: [{type: vlan, physicalNetwork: physnet1, segmentationId: %d}, {type: vlan, physicalNetwork: physnet2, segmentationId: %d}, {type: vxlan, segmentationId: %d}]", vlan, vlan, vni)
	}
	red := e2e.Tenant{Project: "red", Spec: segments(500, 7500), VMs: 4}
	blue := e2e.Tenant{Project: "blue", Spec: segments(501, 7501), VMs: 4}
	members := map[string][]*netlab.Endpoint{}
	for _, tenant := range []e2e.Tenant{red, blue} {
		c.Apply(strings.Replace(tenant.YAML(), `type: "", `, "", 1))
		members[tenant.Project] = c.VMs(tenant, "h1", "h2", "h3", "h4")
	}
	vms := members["red"]
	c.Run("everyone of a network, and nobody else", func(c *e2e.Cloud) {
		c.Talk(vms)
		nothingCrosses(c, members)
	})
	c.Run("each frame by one way", func(c *e2e.Cloud) {
		for _, way := range []struct {
			to   int
			wire string
		}{{1, "physnet1"}, {2, "physnet2"}, {3, ""}} {
			nonce := []byte(fmt.Sprintf("weft-segment-to%d", way.to+1))
			wires := captureWires(c, "h1")
			if r, err := vms[0].Ping(vms[way.to].IPv4().String(), netlab.PingOptions{Nonce: nonce}); err != nil || r.Lost() > 0 {
				c.T.Fatalf("%v, %v", r, err)
			}
			for wire, packets := range wires.stop(c, nonce) {
				want := 0
				if wire == way.wire {
					want = 6 // three there, three back
				}
				if len(packets) != want {
					c.T.Errorf("to vm%d: %d frames are on wire %q of h1, want %d", way.to+1, len(packets), wire, want)
				}
			}
		}
	})
	c.Run("a station changes racks", func(c *e2e.Cloud) { changesRacks(c, vms) })
	c.Run("the bridging host is set down", func(c *e2e.Cloud) {
		for _, all := range members {
			c.Leave(all[0])
		}
		c.Apply("kind: Host\nname: h1\nspec: {adminStateUp: false}\n")
		c.Talk(vms[1:])
		c.Apply("kind: Host\nname: h1\nspec: {adminStateUp: true}\n")
		c.Active(red.Names()...)
		c.Talk(vms)
	})
}

// changesRacks has a station that is no port on one physical network, and then on the other: those who talked to it find it
// again as soon as it has spoken, and what is remembered of it goes with time.
func changesRacks(c *e2e.Cloud, vms []*netlab.Endpoint) {
	one, two := c.Physicals()[0], c.Physicals()[1]
	station := netlab.Must(one.Machine("station", netlab.EndpointOptions{Addresses: []string{"10.0.0.200/24", "fd00:10::200/64"}}, "tag=500"))(c.T)
	reach := func() {
		c.T.Helper()
		for _, vm := range vms {
			for _, dst := range []netip.Addr{vm.IPv4(), vm.IPv6()} {
				c.Eventually(patience, fmt.Sprintf("the station reaches %s, and is reached", dst), func() error {
					there, err := station.Ping(dst.String(), netlab.PingOptions{})
					back, err2 := vm.Ping(alike(station, dst).String(), netlab.PingOptions{})
					if there.Lost()+back.Lost() > 0 {
						err = errors.Join(err, fmt.Errorf("%v; %v", there, back))
					}
					return errors.Join(err, err2)
				})
			}
		}
	}
	reach()
	c.Do(station.MoveTo(two.Switch))
	_, err := two.Switch.Vsctl("set", "Port", station.Port(), "tag=500")
	c.Do(err)
	reach()
	learned := netlab.Must(c.Host("h4").Ofctl("-O", "OpenFlow13", "dump-flows", "br-int", fmt.Sprintf("table=%d", pipeline.Learned)))(c.T)
	if !strings.Contains(learned, "hard_timeout=300") || strings.Count(learned, station.MAC().String()) != 1 {
		c.T.Errorf("h4 is to know one way to the station, for 300 s:\n%s", learned)
	}
	c.Do(station.Remove())
}

// A local network is of one host: the ports there talk, one elsewhere is told why it cannot, and nothing is on any wire.
func TestLocal(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2), Prepare: func(c *e2e.Cloud) { c.Physical("physnet1", "h1", "h2") }})
	red, blue := e2e.Tenant{Project: "red", Type: "local", VMs: 3}, e2e.Tenant{Project: "blue", Type: "local", VMs: 2}
	c.Apply(red.YAML(), blue.YAML())
	here := []*netlab.Endpoint{c.VM("h1", "red/vm1"), c.VM("h1", "red/vm2")}
	c.Active("red/vm1", "red/vm2")
	others := c.VMs(blue, "h1")
	away := c.VM("h2", "red/vm3")
	c.Eventually(20*time.Second, "the port says why", func() error {
		text := fmt.Sprint(c.Get("port/red/vm3").GetStatus().GetConditions())
		if !strings.Contains(strings.ReplaceAll(text, `\"`, `"`), `network/red/web is local to host "h1" and the port is on host "h2"`) {
			return errors.New(text)
		}
		return nil
	})
	c.Phase("port/red/vm3", weftv1.Status_PHASE_PENDING)
	c.Leave(away)
	wires, nonce := captureWires(c, "h1"), []byte("weft-stays-here!")
	c.Talk(here)
	if r, err := here[0].Ping(here[1].IPv4().String(), netlab.PingOptions{Nonce: nonce}); err != nil || r.Lost() > 0 {
		t.Errorf("%v, %v", r, err)
	}
	nothingCrosses(c, map[string][]*netlab.Endpoint{"red": here, "blue": others})
	for wire, packets := range wires.stop(c, nonce) {
		if len(packets) > 0 {
			t.Errorf("%d frames are on wire %q", len(packets), wire)
		}
	}
	c.Run("the first one leaves", func(c *e2e.Cloud) {
		for _, vm := range here {
			c.Leave(vm)
			c.Do(vm.Remove())
		}
		c.Join("red/web", away)
		c.Active("red/vm3")
	})
}

// A host's bridge for a physical network is another one from now on, under a ping: the wire goes over, and nothing of it stays
// on the bridge that it was on. Without a bridge, the port says what is missing, and where.
func TestMappingChanges(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2), Prepare: func(c *e2e.Cloud) { c.Physical("physnet1", "h1", "h2") }})
	h1, plant := c.Host("h1"), c.Physicals()[0]
	_, err := h1.Vsctl("add-br", "br-other", "--", "set", "Bridge", "br-other", "datapath_type=netdev", "fail_mode=standalone")
	c.Do(err, c.Lab.Wire(netlab.Jack{Host: plant.Switch, Port: "w-other"}, netlab.Jack{Host: h1, Bridge: "br-other", Port: "w-other"}))
	tenant := e2e.Tenant{Project: "red", Type: "vlan", Spec: "physicalNetwork: physnet1, segmentationId: 100", VMs: 2}
	c.Apply(tenant.YAML())
	vms := c.VMs(tenant, "h1", "h2")
	c.Talk(vms)
	configure := func(mapping string) {
		c.Apply(fmt.Sprintf("kind: Host\nname: h1\nspec: {bridgeMappings: {%s}}\n", mapping))
	}
	patches := func(bridge string) int {
		return strings.Count(netlab.Must(h1.Vsctl("list-ports", bridge))(c.T), "weft-")
	}
	for _, bridge := range []string{"br-other", "br-physnet1"} {
		ping := netlab.Must(vms[0].StartPing(vms[1].IPv4().String(), netlab.PingOptions{}))(t)
		configure("physnet1: " + bridge)
		received := ping.Received()
		c.Eventually(patience, "the ping goes on by "+bridge, func() error {
			if ping.Received() < received+5 {
				return errors.New("it does not")
			}
			return nil
		})
		r := ping.Stop()
		t.Logf("over to %s: %v", bridge, r)
		if r.Lost() > 20 {
			t.Errorf("over to %s: %v; want at most 2 s without answers", bridge, r)
		}
		for _, b := range []string{"br-other", "br-physnet1"} {
			want := 0
			if b == bridge {
				want = 1
			}
			if got := patches(b); got != want {
				t.Errorf("mapped to %s, %s has %d ports of ours, want %d", bridge, b, got, want)
			}
		}
	}
	for _, missing := range []struct{ mapping, says string }{
		{`physnet1: ""`, `host "h1" has no bridge for physical network "physnet1"`},
		{`physnet1: br-none`, `host "h1" has no bridge "br-none", to which physical network "physnet1" is mapped`},
	} {
		configure(missing.mapping)
		c.Eventually(patience, "the port says "+missing.says, func() error {
			st := c.Get("port/red/vm1").GetStatus()
			if text := strings.ReplaceAll(fmt.Sprint(st.GetConditions()), `\"`, `"`); !strings.Contains(text, missing.says) || st.GetPhase() == weftv1.Status_PHASE_ACTIVE {
				return fmt.Errorf("it is %v and says %s", st.GetPhase(), text)
			}
			return nil
		})
		if n := patches("br-other") + patches("br-physnet1"); n != 0 {
			t.Errorf("without a bridge, %d patch ports are left", n)
		}
	}
	configure("physnet1: br-physnet1")
	c.Active(tenant.Names()...)
	c.Talk(vms)
}

// alike is the endpoint's address of another one's family.
func alike(e *netlab.Endpoint, as netip.Addr) netip.Addr {
	if as.Is4() {
		return e.IPv4()
	}
	return e.IPv6()
}

// routed is a second network behind a router.
const routed = `kind: Network
project: red
name: db
---
kind: Subnet
project: red
name: db-v4
spec: {network: db, cidr: 10.1.0.0/24}
---
kind: Subnet
project: red
name: db-v6
spec: {network: db, cidr: "fd00:11::/64"}
---
kind: Port
project: red
name: db
spec: {network: db, fixedIps: [{ip: 10.1.0.21}, {ip: "fd00:11::21"}]}
---
kind: Router
project: red
name: r1
spec: {interfaces: [{subnet: web-v4}, {subnet: web-v6}, {subnet: db-v4}, {subnet: db-v6}]}
`

// Ports whose interfaces take more than their network carries: what is too large may stay on its host, in its network; it goes
// no further, and is counted. The largest that the network carries passes.
func TestOversize(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	tenant := e2e.Tenant{Project: "red", VMs: 3}
	c.Apply(tenant.YAML(), routed)
	c.Apply(tenant.Port(3, "portSecurityEnabled: false"))
	vms := c.VMs(tenant, "h1", "h2", "h1")
	far := c.VM("h2", "red/db")
	c.Active("red/db")
	checks := func() int {
		return strings.Count(netlab.Must(c.Host("h1").Ofctl("-O", "OpenFlow13", "dump-flows", "br-int", "table=0"))(t), "check_pkt_larger")
	}
	if n := checks(); n != 0 {
		t.Errorf("%d flows look at the size of frames that cannot be too large", n)
	}
	mtu := int(c.Get("network/red/web").GetStatus().GetNetwork().GetMtu())
	for _, vm := range []*netlab.Endpoint{vms[0], vms[2]} {
		for link, in := range map[string]*netlab.Namespace{vm.Port(): c.Host("h1").Namespace, vm.Link(): vm.Namespace} {
			_, err := in.Exec("ip", "link", "set", link, "mtu", fmt.Sprint(mtu+100))
			c.Do(err)
		}
	}
	c.Eventually(patience, "the larger interfaces are known", func() error {
		if n := checks(); n != 2 {
			return fmt.Errorf("%d flows look at the size of frames, want 2", n)
		}
		return nil
	})
	const padding = 48 // that frames of tests have behind what they carry
	var cases []e2e.Case
	var lost uint64
	send := func(name string, from, to *netlab.Endpoint, largest bool, header int, frame func(payload []byte) []byte) {
		size := mtu - header
		if !largest {
			size++
		}
		one := e2e.Case{
			Name: fmt.Sprintf("%s from %s to %s, %d bytes of payload", name, from.Name(), to.Name(), size), From: from,
			Frame: func(nonce []byte) []byte {
				return frame(append(slices.Clone(nonce), make([]byte, size-padding-len(nonce))...))
			},
		}
		if largest || to == vms[0] || to == vms[2] {
			one.To = []*netlab.Endpoint{to}
		} else {
			lost++
		}
		cases = append(cases, one)
	}
	gateway := e2e.MAC(c.Get("router/red/r1").GetStatus().GetRouter().GetMacAddress())
	for _, from := range []*netlab.Endpoint{vms[0], vms[2]} {
		for _, to := range []*netlab.Endpoint{vms[0], vms[1], vms[2], far} {
			if from == to {
				continue
			}
			mac := to.MAC()
			if to == far {
				mac = gateway
			}
			for _, largest := range []bool{true, false} {
				send("IPv4", from, to, largest, 20+8, e2e.UDP{SrcMAC: from.MAC(), DstMAC: mac, Src: from.IPv4().String(), Dst: to.IPv4().String()}.Frame)
				send("IPv6", from, to, largest, 40+8, e2e.UDP{SrcMAC: from.MAC(), DstMAC: mac, Src: from.IPv6().String(), Dst: to.IPv6().String()}.Frame)
				if to != far {
					send("no IP", from, to, largest, 0, func(payload []byte) []byte { return e2e.Experimental(from.MAC(), mac, payload) })
				}
			}
		}
	}
	c.Deliver(cases...)
	c.Eventually(patience, "what is lost is counted", func() error {
		if n := c.Drops("h1")["oversize"]; n != lost {
			return fmt.Errorf("%d frames are, want %d", n, lost)
		}
		return nil
	})
	if n := c.Drops("h2")["oversize"]; n != 0 {
		t.Errorf("%d frames dropped for their size at the host that gets the others", n)
	}
}
