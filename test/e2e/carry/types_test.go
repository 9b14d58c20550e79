package carry_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// physicals are the physical networks of the lab, on all hosts.
var physicals = []string{"physnet1", "physnet2"}

// Networks of every type at once on three hosts, two of each, all with the same addresses and MACs: members of a network
// reach each other, nobody else hears them, and what is between the hosts is what the type says.
func TestTypes(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(3), Prepare: func(c *e2e.Cloud) {
		for _, name := range physicals {
			c.Physical(name, "h1", "h2", "h3")
		}
	}})
	members := map[string][]*netlab.Endpoint{} // by project
	for _, k := range kinds() {
		for _, tenant := range k.tenants() {
			c.Apply(tenant.YAML())
			members[tenant.Project] = c.VMs(tenant, "h1", "h2", "h3")
		}
	}
	for _, k := range kinds() {
		red := k.tenants()[0].Project
		c.Run(k.typ, func(c *e2e.Cloud) {
			if mtu := c.Get("network/" + red + "/web").GetStatus().GetNetwork().GetMtu(); mtu != netlab.UnderlayMTU-k.overhead {
				c.T.Errorf("the network's MTU is %d, want %d", mtu, netlab.UnderlayMTU-k.overhead)
			}
			c.Run("talk", func(c *e2e.Cloud) { c.Talk(members[red]) })
			c.Run("full size", func(c *e2e.Cloud) { c.FullSize(red+"/web", members[red][0], members[red][1]) })
			c.Run("on the wire", func(c *e2e.Cloud) { onTheWire(c, k, members[red]) })
			c.Run("passes", func(c *e2e.Cloud) { passes(c, members[red], max(k.looks, 1)) })
		})
	}
	c.Run("nothing crosses", func(c *e2e.Cloud) { nothingCrosses(c, members) })
}

// nothingCrosses has a member of each network send what goes to all, to one and to none; captures on every endpoint say who
// got it.
func nothingCrosses(c *e2e.Cloud, members map[string][]*netlab.Endpoint) {
	var cases []e2e.Case
	for project, vms := range members {
		from, to := vms[0], vms[1]
		udp := func(name, dstMAC, dst string, expect ...*netlab.Endpoint) e2e.Case {
			return e2e.Case{Name: name + " of " + project, From: from, To: expect,
				Frame: e2e.UDP{SrcMAC: from.MAC(), DstMAC: e2e.MAC(dstMAC), Src: from.IPv4().String(), Dst: dst}.Frame}
		}
		cases = append(cases,
			udp("broadcast", e2e.Broadcast().String(), "10.0.0.255", vms[1:]...),
			udp("unicast", to.MAC().String(), to.IPv4().String(), to),
			udp("unknown unicast", "fa:16:3e:00:00:77", "10.0.0.77"),
		)
	}
	c.Deliver(cases...)
}

// conversations is how many different conversations the wire is looked at with.
const conversations = 16

// onTheWire looks at what is between hosts while two members of a network talk: every frame of theirs is where the type says
// and as it says, and on no other wire of the host.
func onTheWire(c *e2e.Cloud, k kind, vms []*netlab.Endpoint) {
	from, to := vms[0], vms[1]
	wires := captureWires(c, "h1")
	nonce := []byte("weft-on-the-wire")
	for _, dst := range []string{to.IPv4().String(), to.IPv6().String()} {
		if r, err := from.Ping(dst, netlab.PingOptions{Nonce: nonce}); err != nil || r.Lost() > 0 {
			c.T.Fatalf("ping %s: %v, %v", dst, r, err)
		}
	}
	heard := netlab.Must(to.Capture("udp"))(c.T)
	for port := range uint16(conversations) {
		c.Do(from.Send(e2e.UDP{SrcMAC: from.MAC(), DstMAC: to.MAC(), Src: from.IPv4().String(), Dst: to.IPv4().String(), SrcPort: 1000 + port}.Frame(nonce)))
	}
	c.Eventually(patience, "all conversations arrive", func() error {
		if n := len(heard.Received()); n < conversations {
			return fmt.Errorf("%d of %d have", n, conversations)
		}
		return nil
	})
	for wire, packets := range wires.stop(c, nonce) {
		if wire != k.wires[0] {
			if len(packets) > 0 {
				c.T.Errorf("%d frames are on wire %q, where none belongs: %v", len(packets), wire, packets[0].Decode())
			}
			continue
		}
		// Three pings with each IP version, there and back; the datagrams have nobody who takes them, and some are quoted back.
		out := 0
		for _, p := range packets {
			if p.Outgoing {
				out++
			}
		}
		if in := len(packets) - out; out != 6+conversations || in < 6 {
			c.T.Errorf("%d frames leave and %d arrive, want %d and at least 6", out, in, 6+conversations)
		}
		checkWire(c, k, packets)
	}
}

// checkWire has every frame decoded.
func checkWire(c *e2e.Cloud, k kind, packets []netlab.Packet) {
	network := c.Get("network/" + k.tenants()[0].Project + "/web").GetStatus().GetNetwork()
	decoded := netlab.Must(e2e.Dissect(packets, k.names()))(c.T)
	spread := map[string]bool{}
	for i, d := range decoded {
		if err := k.check(network, d); err != nil {
			c.T.Errorf("frame %d: %v\n%v", i, err, packets[i].Decode())
			return
		}
		if packets[i].Outgoing && k.entropy != "" {
			spread[d[k.entropy][0]] = true
		}
	}
	if k.entropy != "" && len(spread) < conversations/2 {
		c.T.Errorf("%d conversations have %d values of %s: %v", conversations, len(spread), k.entropy, spread)
	}
}

// passes sends many frames one way: the host that they leave looks each up once, the host where they arrive looks again at
// most so many times, after it has taken off what carried them.
func passes(c *e2e.Cloud, vms []*netlab.Endpoint, looks int) {
	const bursts, burst = 20, 50
	from, to := vms[0], vms[1]
	heard := netlab.Must(to.Capture("udp dst port 9"))(c.T)
	frame := e2e.UDP{SrcMAC: from.MAC(), DstMAC: to.MAC(), Src: from.IPv4().String(), Dst: to.IPv4().String()}.Frame([]byte("passes"))
	before := []netlab.Passes{netlab.Must(from.Host().Passes())(c.T), netlab.Must(to.Host().Passes())(c.T)}
	for sent := burst; sent <= bursts*burst; sent += burst {
		c.Do(from.Send(slices.Repeat([][]byte{frame}, burst)...))
		c.Eventually(patience, "a burst arrives", func() error {
			if n := len(heard.Received()); n < sent {
				return fmt.Errorf("%d of %d frames have", n, sent)
			}
			return nil
		})
	}
	for i, h := range []*netlab.Host{from.Host(), to.Host()} {
		// Of what else is about in the meantime, such as address resolution, there is much less.
		most := []uint64{bursts * burst / 20, uint64(looks*bursts*burst) * 21 / 20}[i]
		if again := netlab.Must(h.Passes())(c.T).Recirculations - before[i].Recirculations; again > most {
			c.T.Errorf("%s: %d frames went through the datapath again %d times, want at most %d", h.Name(), bursts*burst, again, most)
		}
	}
}

// wireCaptures records on all wires of a host: "" is the underlay, the others go by the names of the physical networks.
type wireCaptures map[string]*netlab.Capture

func captureWires(c *e2e.Cloud, host string) wireCaptures {
	c.T.Helper()
	h := c.Host(host)
	w := wireCaptures{"": netlab.Must(h.Capture(h.Underlay(), ""))(c.T)}
	for _, p := range c.Physicals() {
		w[p.Name] = netlab.Must(h.Capture(p.Link(), ""))(c.T)
	}
	return w
}

// stop returns, for each wire, the frames that carry the nonce.
func (w wireCaptures) stop(c *e2e.Cloud, nonce []byte) map[string][]netlab.Packet {
	c.T.Helper()
	marked := map[string][]netlab.Packet{}
	for name, capture := range w {
		packets := netlab.Must(capture.Stop())(c.T)
		marked[name] = nil
		for _, p := range packets {
			if bytes.Contains(p.Data, nonce) {
				marked[name] = append(marked[name], p)
			}
		}
	}
	return marked
}
