package carry_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// tunnels are the kinds of networks whose frames go in tunnels.
func tunnels() []kind {
	var all []kind
	for _, k := range kinds() {
		if _, ok := headers[k.typ]; ok {
			all = append(all, k)
		}
	}
	return all
}

// underlays are what may be between hosts.
var underlays = []struct {
	name    string
	options func(hosts int) e2e.Options
}{
	{"IPv4", func(hosts int) e2e.Options { return e2e.Options{Hosts: e2e.Hosts(hosts)} }},
	{"IPv6", overIPv6},
}

// overIPv6 gives the hosts IPv6 tunnel addresses.
func overIPv6(n int) e2e.Options {
	hosts := e2e.Hosts(n)
	for i := range hosts {
		hosts[i].EncapIP = fmt.Sprintf("fd99::%d", i+1)
	}
	return e2e.Options{Hosts: hosts, Weftd: []string{"--underlay-ip=6"}}
}

// header is what a tunnel puts between the outer IP header and the frame.
type header struct {
	network string // as Go's net package names it
	port    uint16 // of UDP
	// of returns the header for an id, with entropy where it has room for some.
	of func(id uint32, entropy uint8) []byte
}

var headers = map[string]header{
	// RFC 7348, section 5: flags with the I bit, the VNI in the upper 24 bits of the second word.
	"vxlan": {"udp", 4789, func(id uint32, _ uint8) []byte { return words(0x08<<24, id<<8) }},
	// RFC 8926, section 3.4: version 0, Ethernet, and, where there is to be entropy, an option of 4 bytes that we do not know.
	"geneve": {"udp", 6081, func(id uint32, entropy uint8) []byte {
		if entropy == 0 {
			return words(0x6558, id<<8)
		}
		return words(2<<24|0x6558, id<<8, 0xffff<<16|uint32(entropy&0x7f)<<8|1, 0x5eed)
	}},
	// RFC 2784 and 2890: the K bit, Ethernet, the key.
	"gre": {"ip:47", 0, func(id uint32, _ uint8) []byte { return words(0x2000<<16|0x6558, id) }},
	// RFC 7637, section 3.2: the VSID in the upper 24 bits of the key, the FlowID in the lower 8.
	"nvgre": {"ip:47", 0, func(id uint32, flow uint8) []byte { return words(0x2000<<16|0x6558, id<<8|uint32(flow)) }},
	// RFC 4023, section 3.2, and RFC 3032, section 2.1: no key, unicast MPLS; a label at the bottom of the stack with a time to live.
	"mpls-gre": {"ip:47", 0, func(id uint32, _ uint8) []byte { return words(0x8847, id<<12|1<<8|64) }},
}

func words(w ...uint32) []byte {
	var b []byte
	for _, v := range w {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

// forged is a frame that somebody on a host puts into a tunnel by hand.
type forged struct {
	name     string
	from     string // host
	id       func(own uint32) uint32
	entropy  uint8
	src, dst net.HardwareAddr
	to       []*netlab.Endpoint
	counted  string // as what a frame that is dropped is counted
}

func same(id uint32) uint32  { return id }
func other(id uint32) uint32 { return id + 77 }

// send puts a frame into a tunnel to a tunnel address.
func (f forged) send(c *e2e.Cloud, typ string, id uint32, address string, frame []byte) {
	c.T.Helper()
	h := headers[typ]
	network := h.network
	if h.port != 0 {
		address = net.JoinHostPort(address, fmt.Sprint(h.port))
	}
	conn, err := c.Host(f.from).DialContext(c.T.Context(), network, address)
	if err != nil {
		c.T.Fatalf("%s: %v", f.name, err)
	}
	defer conn.Close()
	if _, err := conn.Write(append(h.of(f.id(id), f.entropy), frame...)); err != nil {
		c.T.Fatalf("%s: %v", f.name, err)
	}
}

// Frames that were made by hand come in from other machines: those that a host may send arrive, whatever entropy they carry,
// and the others are dropped and counted by what is wrong with them.
func TestForgedTunnelFrames(t *testing.T) {
	t.Parallel()
	for _, u := range underlays {
		t.Run(u.name, func(t *testing.T) {
			t.Parallel()
			forgedTunnelFrames(e2e.New(t, u.options(4)))
		})
	}
}

func forgedTunnelFrames(c *e2e.Cloud) {
	for _, k := range tunnels() {
		red := e2e.Tenant{Project: "red-" + k.typ, Type: k.typ, VMs: 3}
		blue := e2e.Tenant{Project: "blue-" + k.typ, Type: k.typ, VMs: 2}
		c.Apply(red.YAML(), blue.YAML())
		vms := c.VMs(red, "h1", "h2", "h3")
		c.VMs(blue, "h2", "h4") // h4 is a host of ours without the red network, h1 one without the blue
		own := c.Get("network/" + red.Project + "/web").GetStatus().GetNetwork().GetSegmentationId()
		blueID := c.Get("network/" + blue.Project + "/web").GetStatus().GetNetwork().GetSegmentationId()
		vm1, vm2, vm3 := vms[0].MAC(), vms[1].MAC(), vms[2].MAC()
		first := vms[:1]
		c.Run(k.typ, func(c *e2e.Cloud) {
			forgeries(c, k.typ, own, []forged{
				{name: "from where its sender is", from: "h2", id: same, src: vm2, dst: vm1, to: first},
				{name: "with other entropy", from: "h2", id: same, entropy: 1, src: vm2, dst: vm1, to: first},
				{name: "with the highest entropy", from: "h2", id: same, entropy: 255, src: vm2, dst: vm1, to: first},
				{name: "broadcast", from: "h3", id: same, src: vm3, dst: e2e.Broadcast(), to: first},
				{name: "with an id that no network has", from: "h2", id: other, src: vm2, dst: vm1, counted: "unknown-tunnel-id"},
				{name: "with the id of a network that is not there", from: "h2", id: func(uint32) uint32 { return blueID }, src: vm2, dst: vm1, counted: "unknown-tunnel-id"},
				{name: "from a host without the network", from: "h4", id: same, src: vm2, dst: vm1, counted: "foreign-source-mac"},
				{name: "from another port's host", from: "h3", id: same, src: vm2, dst: vm1, counted: "foreign-source-mac"},
				{name: "with the address of a port that is here", from: "h2", id: same, src: vm1, dst: e2e.Broadcast(), counted: "foreign-source-mac"},
				{name: "with an address that nobody has", from: "h2", id: same, src: e2e.MAC("fa:16:3e:00:00:99"), dst: vm1, counted: "foreign-source-mac"},
				{name: "with a group address", from: "h2", id: same, src: e2e.MAC("01:00:5e:00:00:01"), dst: vm1, counted: "foreign-source-mac"},
			})
		})
	}
}

// In a network with a port that may send from any address, such frames are let in from that port's host, and from nowhere
// else; and the addresses of ports stay theirs.
func TestForgedTunnelFramesOfAnOpenNetwork(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(3)})
	red := e2e.Tenant{Project: "red", Type: "vxlan", VMs: 3}
	c.Apply(red.YAML())
	c.Apply(red.Port(2, "portSecurityEnabled: false"))
	vms := c.VMs(red, "h1", "h2", "h3")
	own := c.Get("network/red/web").GetStatus().GetNetwork().GetSegmentationId()
	stranger, vm1, vm3, first := e2e.MAC("fa:16:3e:00:00:99"), vms[0].MAC(), vms[2].MAC(), vms[:1]
	forgeries(c, "vxlan", own, []forged{
		{name: "any address from its host", from: "h2", id: same, src: stranger, dst: vm1, to: first},
		{name: "any address from elsewhere", from: "h3", id: same, src: stranger, dst: vm1, counted: "foreign-source-mac"},
		{name: "a port's address from that host", from: "h2", id: same, src: vm3, dst: vm1, counted: "foreign-source-mac"},
		{name: "an address of a port here", from: "h2", id: same, src: vm1, dst: e2e.Broadcast(), counted: "foreign-source-mac"},
		{name: "a port's address from its host", from: "h3", id: same, src: vm3, dst: vm1, to: first},
	})
	c.Apply(red.Port(2, "portSecurityEnabled: true"))
	forgeries(c, "vxlan", own, []forged{
		{name: "any address, now that the port is secure", from: "h2", id: same, src: stranger, dst: vm1, counted: "foreign-source-mac"},
	})
}

// forgeries sends frames to h1, demands that each arrives where it must and nowhere else, and that each that does not is
// counted as what it is.
func forgeries(c *e2e.Cloud, typ string, id uint32, all []forged) {
	c.T.Helper()
	before, want, to := c.Drops("h1"), map[string]uint64{}, c.Get("host/h1").GetStatus().GetHost().GetTunnelIp()
	var cases []e2e.Case
	for _, f := range all {
		if f.counted != "" {
			want[f.counted]++
		}
		cases = append(cases, e2e.Case{Name: f.name, To: f.to, Send: func(nonce []byte) error {
			f.send(c, typ, id, to, e2e.Experimental(f.src, f.dst, nonce))
			return nil
		}})
	}
	c.Deliver(cases...)
	c.Eventually(patience, "what is dropped is counted", func() error {
		now := c.Drops("h1")
		var wrong []string
		for reason := range now {
			if got := now[reason] - before[reason]; got != want[reason] {
				wrong = append(wrong, fmt.Sprintf("%d %s, want %d", got, reason, want[reason]))
			}
		}
		if len(wrong) > 0 || len(now) == 0 {
			return fmt.Errorf("counted: %s", strings.Join(wrong, "; "))
		}
		return nil
	})
	metrics := c.Metrics()
	for reason, n := range c.Drops("h1") {
		if got := metrics.Sum("weft_dropped_packets_total", "host", "h1", "reason", reason); uint64(got) < n {
			c.T.Errorf("the metrics have %v packets dropped as %s, the status %d", got, reason, n)
		}
	}
}

// Hosts with IPv6 addresses carry every type of tunnel, and what is between them is what the type says.
func TestTunnelsOverIPv6(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, overIPv6(2))
	for _, k := range tunnels() {
		red := k.tenants()[0]
		red.VMs = 2
		c.Apply(red.YAML())
		vms := c.VMs(red, "h1", "h2")
		k.layers = strings.Replace(k.layers, "eth:ethertype:ip:", "eth:ethertype:ipv6:", 1)
		c.Run(k.typ, func(c *e2e.Cloud) {
			c.Talk(vms)
			c.FullSize(red.Project+"/web", vms[0], vms[1])
			onTheWire(c, k, vms)
		})
	}
}

// A host whose tunnel address is of the other family is said to be out of reach.
func TestTunnelsOfTwoFamilies(t *testing.T) {
	t.Parallel()
	hosts := e2e.Hosts(2)
	hosts[1].EncapIP = "fd99::2"
	c := e2e.New(t, e2e.Options{Hosts: hosts})
	red := e2e.Tenant{Project: "red", Type: "vxlan", VMs: 2}
	c.Apply(red.YAML())
	for i, name := range red.Names() {
		c.VM(fmt.Sprintf("h%d", i+1), name)
	}
	c.Eventually(patience, "the network says so", func() error {
		for _, condition := range c.Get("network/red/web").GetStatus().GetConditions() {
			if strings.Contains(condition.GetMessage(), `hosts "h1" (10.99.0.1) and "h2" (fd99::2) cannot reach each other`) {
				return nil
			}
		}
		return fmt.Errorf("%v", c.Get("network/red/web").GetStatus())
	})
}

// The UDP port of VXLAN is the operator's choice. Another one takes effect on all hosts when the controller comes back.
func TestVXLANPort(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	red := e2e.Tenant{Project: "red", Type: "vxlan", VMs: 2}
	c.Apply(red.YAML())
	vms := c.VMs(red, "h1", "h2")
	for _, port := range []string{"8472", "4789", "14789"} {
		c.Do(c.Weftd.Stop())
		c.Weftd.Arguments("--vxlan-port=" + port)
		c.Restart()
		c.Eventually(patience, "the hosts use the port", func() error {
			for _, name := range []string{"h1", "h2"} {
				options := netlab.Must(c.Host(name).Vsctl("get", "Interface", "weft-vxlan", "options"))(c.T)
				if strings.Contains(options, `dst_port="`+port+`"`) != (port != "4789") {
					return fmt.Errorf("%s has %s", name, options)
				}
			}
			return nil
		})
		c.Talk(vms)
		wire := netlab.Must(c.Host("h1").Capture(c.Host("h1").Underlay(), "udp and port "+port))(c.T)
		if r, err := vms[0].Ping(vms[1].IPv4().String(), netlab.PingOptions{}); err != nil || r.Lost() > 0 {
			t.Fatalf("ping: %v, %v", r, err)
		}
		packets := netlab.Must(wire.Stop())(t)
		decoded := netlab.Must(e2e.Dissect(packets, []string{"vxlan.vni"}, "-d", "udp.port=="+port+",vxlan"))(t)
		if len(decoded) < 6 {
			t.Errorf("port %s: three pings were %d packets", port, len(decoded))
		}
		for _, d := range decoded {
			if d["vxlan.vni"] == nil {
				t.Errorf("port %s: a packet is %s", port, d.Layers())
			}
		}
	}
}

// Hosts that share a network watch the tunnel between them: each says of the other that it is up, that it is down when the
// underlay between them is cut, and up again when it is mended. Hosts that share none do not.
func TestTunnelsAreWatched(t *testing.T) {
	t.Parallel()
	for _, u := range underlays {
		t.Run(u.name, func(t *testing.T) {
			t.Parallel()
			o := u.options(3)
			o.Weftd = append(o.Weftd, "--tunnel-bfd-interval=200ms")
			c := e2e.New(t, o)
			// One session for each pair of hosts, however many networks of whatever types they share.
			members := map[string][]*netlab.Endpoint{}
			for _, k := range tunnels() {
				red := e2e.Tenant{Project: "red-" + k.typ, Type: k.typ, VMs: 2}
				c.Apply(red.YAML())
				members[k.typ] = c.VMs(red, "h1", "h2")
			}
			tunnelsAre(c, map[string]string{"h1": "h2 up", "h2": "h1 up", "h3": ""})
			for _, vms := range members {
				c.Talk(vms) // the sessions' ports take no frames of networks
			}
			c.Do(c.Host("h2").CutUnderlay())
			tunnelsAre(c, map[string]string{"h1": "h2 down", "h2": "h1 down", "h3": ""})
			if said := c.Weft("describe", "host/h1"); !strings.Contains(said, `host "h2" does not answer over the tunnel`) {
				t.Errorf("weft describe host/h1 says nothing of the tunnel:\n%s", said)
			}
			c.Do(c.Host("h2").MendUnderlay())
			tunnelsAre(c, map[string]string{"h1": "h2 up", "h2": "h1 up", "h3": ""})
			for _, vms := range members {
				c.Do(vms[1].Unplug())
			}
			tunnelsAre(c, map[string]string{"h1": "", "h2": "", "h3": ""})
		})
	}
}

// tunnelsAre waits until each host says of its tunnels what it should.
func tunnelsAre(c *e2e.Cloud, want map[string]string) {
	c.T.Helper()
	c.Eventually(patience, fmt.Sprintf("tunnels are %v", want), func() error {
		for host, should := range want {
			var got []string
			for _, t := range c.Get("host/" + host).GetStatus().GetHost().GetTunnels() {
				got = append(got, t.GetHost()+" "+t.GetState())
			}
			if is := strings.Join(got, ", "); is != should {
				return fmt.Errorf("of %s: %q, want %q", host, is, should)
			}
		}
		return nil
	})
}
