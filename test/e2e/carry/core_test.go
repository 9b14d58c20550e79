package carry_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/apps/carry"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// core is two hosts at the edge of a ring of four label-switching routers with a chord:
//
//	h1 — p1 — p2 — p3 — h2
//	      \\   |   /
//	       \\— p4 —/
//
// The links over p2 are given, and cheaper than those that are found by LLDP.
type core struct {
	*e2e.Cloud
	switches map[string]*netlab.Host
	red      []*netlab.Endpoint
}

// coreWires are the links of the core.
var coreWires = [][2]string{{"h1", "p1"}, {"p1", "p2"}, {"p2", "p3"}, {"p3", "p4"}, {"p4", "p1"}, {"p2", "p4"}, {"p3", "h2"}}

const coreBridge = "br-core"

func newCore(t *testing.T) *core {
	k := &core{switches: map[string]*netlab.Host{}}
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2), Prepare: k.prepare})
	k.Cloud = c
	c.Weft("apply", "-f", filepath.Join(netlab.Must(e2e.Root())(t), "examples", "carry", "mpls", "core.yaml"))
	red := e2e.Tenant{Project: "red", VMs: 2}
	k.red = c.VMs(red, "h1", "h2")
	return k
}

// link is the manifest of a link between two of the core.
func link(ends [2]string, more string) string {
	return fmt.Sprintf("kind: Link\nname: %[1]s-%[2]s\nspec: {a: {host: %[1]s, port: w-%[2]s}, b: {host: %[2]s, port: w-%[1]s}, %[3]s}\n", ends[0], ends[1], more)
}

// prepare builds the core before weftd starts.
func (k *core) prepare(c *e2e.Cloud) {
	at := func(name, to string) netlab.Jack {
		if s := k.switches[name]; s != nil {
			return netlab.Jack{Host: s, Port: "w-" + to}
		}
		return netlab.Jack{Host: c.Host(name), Bridge: coreBridge, Port: "w-" + to}
	}
	for i := range 4 {
		name := fmt.Sprintf("p%d", i+1)
		k.switches[name] = netlab.Must(c.Lab.AddSwitch(name))(c.T)
		c.Do(k.switches[name].SetController(c.Lab.ControllerTarget(), uint64(0xa1+i)))
	}
	for _, h := range c.Lab.Hosts() {
		_, err := h.Vsctl("add-br", coreBridge, "--", "set", "Bridge", coreBridge, "datapath_type=netdev", "fail_mode=standalone",
			"--", "set", "Open_vSwitch", ".", "external_ids:weft-bridge-mappings=core:"+coreBridge)
		c.Do(err)
	}
	for _, w := range coreWires {
		c.Do(c.Lab.Wire(at(w[0], w[1]), at(w[1], w[0])))
	}
}

// settled waits until traffic passes.
func (k *core) settled() {
	k.T.Helper()
	k.Active("red/vm1", "red/vm2")
	k.Eventually(patience, "the path is there", func() error {
		status := k.Get("network/red/web").GetStatus()
		if status.GetPhase() != weftv1.Status_PHASE_ACTIVE {
			return fmt.Errorf("network is %s: %v", status.GetPhase(), status.GetConditions())
		}
		return nil
	})
}

// seen is what a ping's echo requests are on a link of a switch.
func (k *core) seen(on, link string) []e2e.Dissected {
	k.T.Helper()
	host := k.switches[on]
	capture := netlab.Must(host.Capture(link, "mpls"))(k.T)
	if result, err := k.red[0].Ping(k.red[1].IPv4().String(), netlab.PingOptions{}); err != nil || result.Lost() > 0 {
		k.T.Errorf("ping: %v, %v", result, err)
	}
	all := netlab.Must(e2e.Dissect(netlab.Must(capture.Stop())(k.T), []string{"eth.src", "mpls.label", "mpls.ttl", "mpls.bottom", "icmp.type", "frame.protocols"},
		"-d", "mpls.label==600001,pwethnocw"))(k.T)
	var some []e2e.Dissected
	for _, d := range all {
		if d.Is("icmp.type", "8") {
			some = append(some, d)
		}
	}
	return some
}

// TestLabelSwitching is the story of a network over a core of label-switching routers.
func TestLabelSwitching(t *testing.T) {
	t.Parallel()
	k := newCore(t)
	k.settled()
	k.Talk(k.red)
	for _, part := range []struct {
		name  string
		story func(*testing.T)
	}{{"on the wire", k.onTheWire}, {"isolation", k.isolation}, {"by hand", k.byHand}, {"popping", k.popping}, {"routed", k.vpn}, {"forged links", k.forged}, {"restart", k.restart}, {"failures", k.failures}} {
		k.Run(part.name, func(c *e2e.Cloud) {
			whole := k.Cloud
			defer func() { k.Cloud = whole }()
			k.Cloud = c
			part.story(c.T)
		})
	}
}

// onTheWire looks at the frames of a ping on two links: two labels, of which the outer one is exchanged and counted down.
func (k *core) onTheWire(t *testing.T) {
	first, second := k.seen("p1", "w-h1"), k.seen("p3", "w-p2")
	if len(first) == 0 || len(second) == 0 {
		t.Fatalf("%d echo requests by the first link, %d by the third", len(first), len(second))
	}
	var outer []string
	for i, d := range []e2e.Dissected{first[0], second[0]} {
		labels, ttls, bottoms := d["mpls.label"], d["mpls.ttl"], d["mpls.bottom"]
		if len(labels) != 2 || labels[1] != "600001" || strings.Join(bottoms, "") != "01" && strings.Join(bottoms, "") != "FalseTrue" {
			t.Errorf("labels %v, bottoms %v", labels, bottoms)
			continue
		}
		if want := fmt.Sprint(64 - 2*i); ttls[0] != want || ttls[1] != "64" {
			t.Errorf("times to live %v, want %s and 64", ttls, want)
		}
		outer = append(outer, labels[0])
	}
	if len(outer) == 2 && outer[0] == outer[1] {
		t.Errorf("the outer label is %s on both links: it was not exchanged", outer[0])
	}
}

// isolation has a second network by labels, and one by tunnels, with the same addresses on the same hosts.
func (k *core) isolation(*testing.T) {
	c := k.Cloud
	blue := e2e.Tenant{Project: "blue", Type: "mpls", Spec: "physicalNetwork: core", VMs: 2}
	green := e2e.Tenant{Project: "green", Type: "vxlan", VMs: 2}
	c.Apply(blue.YAML(), green.YAML())
	members := map[string][]*netlab.Endpoint{"red": k.red, "blue": c.VMs(blue, "h1", "h2"), "green": c.VMs(green, "h1", "h2")}
	c.Active(append(blue.Names(), green.Names()...)...)
	nothingCrosses(c, members)
}

// mplsFrame is a frame behind labels as RFC 3032 writes them.
func mplsFrame(src, dst [6]byte, inner []byte, stack ...uint32) []byte {
	b := append(append(append([]byte{}, dst[:]...), src[:]...), 0x88, 0x47)
	for _, s := range stack {
		b = append(b, byte(s>>24), byte(s>>16), byte(s>>8), byte(s))
	}
	return append(b, inner...)
}

// entry is an entry of a label stack.
func entry(label uint32, bottom uint32, ttl uint8) uint32 { return label<<12 | bottom<<8 | uint32(ttl) }

// inject returns what sends frames that nobody's switch made into the core, as h1 would, and the label of its path to h2.
func (k *core) inject(t *testing.T) (send func(inner []byte, stack ...uint32), label uint32) {
	sample := k.seen("p1", "w-h1")
	if len(sample) == 0 {
		t.Fatal("no echo request was seen")
	}
	if _, err := fmt.Sscan(sample[0]["mpls.label"][0], &label); err != nil {
		t.Fatal(err)
	}
	mac := strings.Trim(strings.TrimSpace(netlab.Must(k.switches["p1"].Vsctl("get", "Interface", "w-h1", "mac_in_use"))(t)), `"`)
	dst, src := [6]byte(e2e.MAC(mac)), [6]byte(carry.EdgeMAC("h1", "core"))
	return func(inner []byte, stack ...uint32) { k.out("h1", "w-p1", mplsFrame(src, dst, inner, stack...)) }, label
}

// out sends a frame by a host's way into the core, past the controller.
func (k *core) out(host, port string, frame []byte) {
	k.T.Helper()
	_, err := k.Host(host).Ofctl("-O", "OpenFlow13", "packet-out", coreBridge, fmt.Sprintf("in_port=local,packet=%x,actions=output:%s", frame, port))
	k.Do(err)
}

// byHand sends such frames: with the right labels they arrive, with others they are dropped and counted.
func (k *core) byHand(t *testing.T) {
	send, label := k.inject(t)
	inner := func(nonce []byte) []byte {
		return e2e.Experimental(k.red[0].MAC(), k.red[1].MAC(), nonce)
	}
	tests := []struct {
		name    string
		stack   []uint32
		arrives bool
		counter string // on which host, and as what
		where   string
	}{
		{"as RFC 3032 says", []uint32{entry(label, 0, 64), entry(600001, 1, 64)}, true, "", ""},
		{"an outer label of nobody", []uint32{entry(400000, 0, 64), entry(600001, 1, 64)}, false, "unknown-label", "p1"},
		{"an inner label of nobody", []uint32{entry(label, 0, 64), entry(700000, 1, 64)}, false, "unknown-label", "h2"},
		{"one label only", []uint32{entry(label, 1, 64)}, false, "unknown-label", "p1"},
		{"too far", []uint32{entry(label, 0, 1), entry(600001, 1, 64)}, false, "expired-label", "p1"},
		// Open vSwitch itself drops a stack that does not end, and counts nothing.
		{"a bottom that is none", []uint32{entry(label, 0, 64), entry(600001, 0, 64)}, false, "", ""},
	}
	for _, test := range tests {
		nonce := []byte("mpls " + strings.Repeat("x", 11) + test.name)
		before := uint64(0)
		if test.counter != "" {
			before = k.Get("host/" + test.where).GetStatus().GetHost().GetDrops()[test.counter]
		}
		capture := netlab.Must(k.red[1].Capture("ether proto 0x88b5"))(t)
		send(inner(nonce), test.stack...)
		arrived := func(nonce []byte) error {
			for _, p := range capture.Packets() {
				if strings.Contains(string(p.Data), string(nonce)) {
					return nil
				}
			}
			return errors.New("it has not arrived")
		}
		switch {
		case test.arrives:
			k.Eventually(patience, test.name, func() error { return arrived(nonce) })
		case test.counter == "":
			after := []byte("mpls the one after it")
			send(inner(after), tests[0].stack...)
			k.Eventually(patience, "the frame after "+test.name, func() error { return arrived(after) })
			if arrived(nonce) == nil {
				t.Errorf("%s: it has arrived", test.name)
			}
		default:
			k.Eventually(patience, test.name, func() error {
				if now := k.Get("host/" + test.where).GetStatus().GetHost().GetDrops()[test.counter]; now <= before {
					return fmt.Errorf("%s has dropped %d as %s, as before", test.where, now, test.counter)
				}
				return nil
			})
			if got := netlab.Must(capture.Stop())(t); len(got) > 0 {
				t.Errorf("%s: %d frames arrived", test.name, len(got))
			}
		}
	}
}

// lossBound is how long traffic may stand still when something of the core fails. It is for a busy machine; what is measured is
// logged.
const lossBound = 2 * time.Second

// failures cuts links and switches off under a ping of 100 a second, and takes a link out of use as an operator does.
func (k *core) failures(t *testing.T) {
	under := func(what string, bound time.Duration, do, undo func() error, goes, back string) {
		t.Helper()
		k.route(goesBefore)
		ping, err := k.red[0].StartPing(k.red[1].IPv4().String(), netlab.PingOptions{Interval: 10 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		k.Do(do())
		k.route(goes)
		k.some()
		k.Do(undo())
		k.route(back)
		k.some()
		result := ping.Stop()
		t.Logf("%s: %v", what, result)
		if result.LongestGap > bound {
			t.Errorf("%s: %v; at most %v", what, result, bound)
		}
	}
	apply := func(manifest string) func() error {
		return func() error { _, err := k.TryApply(manifest); return err }
	}
	under("link p1-p2 is cut", lossBound,
		func() error { return k.switches["p1"].SetLinkDown("w-p2") },
		func() error { return k.switches["p1"].SetLinkUp("w-p2") }, "h1 p1 p4 p3 h2", goesBefore)
	under("switch p2 dies", lossBound, k.switches["p2"].KillVswitchd, k.switches["p2"].StartVswitchd, "h1 p1 p4 p3 h2", goesBefore)
	under("link p2-p3 is taken down", 500*time.Millisecond, apply(link([2]string{"p2", "p3"}, "cost: 5, adminStateUp: false")),
		apply(link([2]string{"p2", "p3"}, "cost: 5")), "h1 p1 p4 p3 h2", goesBefore)
}

// goesBefore is the way of least cost.
const goesBefore = "h1 p1 p2 p3 h2"

// some has half a hundred echo requests of another ping pass, so that the one under way goes on meanwhile.
func (k *core) some() {
	k.T.Helper()
	if _, err := k.red[0].Ping(k.red[1].IPv6().String(), netlab.PingOptions{Count: 50, Interval: 10 * time.Millisecond}); err != nil {
		k.T.Error(err)
	}
}

// route waits until the paths between h1 and h2 go over p2, or around it.
func (k *core) route(want string) {
	k.T.Helper()
	k.Eventually(patience, "the path goes "+want, func() error {
		paths := k.Get("link/p1-p2").GetStatus().GetLink().GetPaths()
		if over := paths == 2; over != (want == goesBefore) {
			return fmt.Errorf("link p1-p2 has %d paths", paths)
		}
		return nil
	})
}
