package e2e

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/weft-sdn/weft/test/netlab"
)

// A harness that sees no leak would pass every test: on a switch without a controller, whose tenants are told apart by VLANs,
// Deliver is content, and once the VLANs are gone it names who heard what.
func TestDeliverSeesLeaks(t *testing.T) {
	t.Parallel()
	lab := netlab.ForTest(t)
	h := netlab.Must(lab.AddHost("h1", netlab.HostOptions{}))(t)
	if _, err := h.Vsctl("add-br", "br-int", "--", "set", "Bridge", "br-int", "datapath_type=netdev", "fail_mode=standalone"); err != nil {
		t.Fatal(err)
	}
	c := &Cloud{T: t, shared: &shared{Lab: lab, members: map[string][]*netlab.Endpoint{}}}
	add := func(project string, n, tag int) *netlab.Endpoint {
		e := netlab.Must(h.AddEndpoint(fmt.Sprintf("%s-vm%d", project, n), netlab.EndpointOptions{Addresses: []string{fmt.Sprintf("10.0.0.%d/24", n)}}))(t)
		if _, err := h.Vsctl("set", "Port", e.Port(), fmt.Sprintf("tag=%d", tag)); err != nil {
			t.Fatal(err)
		}
		c.Join(project+"/web", e)
		return e
	}
	red1, red2, blue1 := add("red", 1, 1), add("red", 2, 1), add("blue", 1, 2)
	add("blue", 2, 2)
	all := Case{Name: "broadcast", From: red1, To: []*netlab.Endpoint{red2}, Frame: UDP{SrcMAC: red1.MAC(), DstMAC: Broadcast(), Src: "10.0.0.1", Dst: "10.0.0.255"}.Frame}
	if errs := c.misdelivered([]Case{all}); errs != nil {
		t.Errorf("nothing is wrong, and still %v", errs)
	}
	lost := all
	lost.Name, lost.To = "lost", []*netlab.Endpoint{red2, blue1}
	if errs := c.misdelivered([]Case{lost}); len(errs) != 1 || errs[0].Error() != "lost: arrived at [red-vm2], and must at [blue-vm1 red-vm2]" {
		t.Errorf("a frame that did not arrive: %v", errs)
	}
	for _, e := range lab.Endpoints() {
		if _, err := h.Vsctl("clear", "Port", e.Port(), "tag"); err != nil {
			t.Fatal(err)
		}
	}
	if errs := c.misdelivered([]Case{all}); len(errs) != 1 || errs[0].Error() != "broadcast: arrived at [blue-vm1 blue-vm2 red-vm2], and must at [red-vm2]" {
		t.Errorf("a leak: %v", errs)
	}
}

// Frames are what they are called, whole, and carry their nonce.
func TestFrames(t *testing.T) {
	a, b := MAC("02:00:00:00:00:01"), MAC("02:00:00:00:00:02")
	for name, c := range map[string]struct {
		frame func([]byte) []byte
		layer gopacket.LayerType
	}{
		"udp":                    {UDP{SrcMAC: a, DstMAC: b, Src: "10.0.0.1", Dst: "10.0.0.2"}.Frame, layers.LayerTypeUDP},
		"udp over IPv6":          {UDP{SrcMAC: a, DstMAC: b, Src: "fd00::1", Dst: "fd00::2"}.Frame, layers.LayerTypeUDP},
		"arp":                    {ARP{SrcMAC: a, DstMAC: b, Op: 1, SPA: "10.0.0.1", TPA: "10.0.0.2"}.Frame, layers.LayerTypeARP},
		"solicitation":           {ND{SrcMAC: a, DstMAC: b, Src: "::", Dst: "ff02::1:ff00:1", Type: NeighborSolicitation, Target: "fd00::1"}.Frame, layers.LayerTypeICMPv6NeighborSolicitation},
		"advertisement":          {ND{SrcMAC: a, DstMAC: b, Src: "fd00::1", Dst: "ff02::1", Type: NeighborAdvertisement, Target: "fd00::1", LinkLayer: a}.Frame, layers.LayerTypeICMPv6NeighborAdvertisement},
		"router advertisement":   {ND{SrcMAC: a, DstMAC: b, Src: "fe80::1", Dst: "ff02::1", Type: RouterAdvertisement}.Frame, layers.LayerTypeICMPv6RouterAdvertisement},
		"router solicitation":    {ND{SrcMAC: a, DstMAC: b, Src: "fe80::1", Dst: "ff02::2", Type: RouterSolicitation, LinkLayer: a}.Frame, layers.LayerTypeICMPv6RouterSolicitation},
		"redirect":               {ND{SrcMAC: a, DstMAC: b, Src: "fe80::1", Dst: "fd00::2", Type: Redirect, Target: "fd00::3", LinkLayer: a}.Frame, layers.LayerTypeICMPv6Redirect},
		"experimental":           {func(n []byte) []byte { return Experimental(a, b, n) }, layers.LayerTypeEthernet},
		"experimental in a VLAN": {func(n []byte) []byte { return Tagged(a, b, 7, n) }, layers.LayerTypeDot1Q},
	} {
		nonce := newNonce()
		f := c.frame(nonce)
		p := gopacket.NewPacket(f, layers.LayerTypeEthernet, gopacket.DecodeOptions{})
		if p.Layer(c.layer) == nil || !bytes.Contains(f, nonce) || len(f) < 60 {
			t.Errorf("%s: %d bytes, %v", name, len(f), p)
		}
		if eth, ok := p.LinkLayer().(*layers.Ethernet); !ok || !bytes.Equal(eth.SrcMAC, a) || !bytes.Equal(eth.DstMAC, b) {
			t.Errorf("%s: %v", name, p.LinkLayer())
		}
	}
	ip, mac := SolicitedNode("fd00:10::aa:1234")
	if link := LinkLocal(net.HardwareAddr{0xfa, 0x16, 0x3e, 0, 0, 0x11}); link != "fe80::f816:3eff:fe00:11" || ip != "ff02::1:ffaa:1234" || mac.String() != "33:33:ff:aa:12:34" {
		t.Errorf("%s, %s, %s", link, ip, mac)
	}
}

func TestParseMetrics(t *testing.T) {
	got, err := parseMetrics("# HELP a b\n# TYPE a counter\na 1\na{host=\"h1\",kind=\"x \\\" y\"} 2.5e3 1700000000\nb_total{host=\"h2\"} +Inf\n")
	if err != nil {
		t.Fatal(err)
	}
	if got.Sum("a") != 2501 || got.Sum("a", "host", "h1") != 2500 || got.Sum("a", "host", "h2") != 0 || got.Sum("c") != 0 || !got.Has("b_total") || got.Has("b") {
		t.Errorf("%v", got)
	}
	if _, err := parseMetrics("<html>"); err == nil {
		t.Error("a web page is no metrics")
	}
}

func TestNameTables(t *testing.T) {
	got := NameTables(" table=160, priority=100,reg0=0x1 actions=set_field:40->reg1,goto_table:240\n table=176, actions=resubmit(,184),output:40\n table=99, actions=drop")
	want := " table=160/l2, priority=100,reg0=0x1 actions=set_field:40->reg1,goto_table:240/deliver\n table=176/flood, actions=resubmit(,184/flood_local),output:40\n table=99, actions=drop"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRef(t *testing.T) {
	for _, key := range []string{"Port/red/vm1", "Host//h1", "SegmentRange//small"} {
		r := Ref(strings.ToLower(strings.Replace(key, "//", "/", 1)))
		if got := r.GetKind() + "/" + r.GetProject() + "/" + r.GetName(); got != key {
			t.Errorf("%s became %s", key, got)
		}
	}
}
