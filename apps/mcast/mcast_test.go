package mcast

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/punt"
)

var (
	noon    = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	network = intent.Key{Kind: intent.KindNetwork, Project: "red", Name: "web"}
	site    = intent.Site{Network: network, Host: "h1"}
)

func vm(i int) intent.Key {
	return intent.Key{Kind: intent.KindPort, Project: "red", Name: fmt.Sprintf("vm%d", i)}
}

// story is a listener over a network with three ports on one host, and what it sends.
type story struct {
	*listener
	online bool
	sent   []string
	out    *punt.Outbox
}

func newStory() *story {
	s := &story{listener: newListener(intent.NewTables()), online: true}
	s.out = punt.NewOutbox(func(host string, o punt.Out) bool {
		if s.online {
			s.sent = append(s.sent, fmt.Sprintf("%s: %x", host, o.Data[:6]))
		}
		return s.online
	})
	s.Networks.Put(intent.Network{Key: network, Tag: 7, Snoop: true})
	s.Sites.Put(site)
	s.Shards.Put(intent.Shard{Site: site})
	for i := range 3 {
		s.Bindings.Put(intent.Binding{Port: vm(i), Network: network, Host: "h1", OFPort: uint32(i)})
	}
	return s
}

func (s *story) says(port int, records ...record) {
	b, _ := s.Bindings.Peek(vm(port))
	for _, r := range records {
		s.report(b, r, s.out)
	}
}

func (s *story) members() string {
	var all []string
	for m := range s.Members.Scan() {
		all = append(all, m.String())
	}
	slices.Sort(all)
	return strings.ReplaceAll(strings.Join(all, "; "), "port/red/", "")
}

func (s *story) want(t *testing.T, when, members string) {
	t.Helper()
	if got := s.members(); got != members {
		t.Errorf("%s: %s\nwant %s", when, got, members)
	}
}

func addrs(texts ...string) []netip.Addr {
	var all []netip.Addr
	for _, s := range texts {
		all = append(all, netip.MustParseAddr(s))
	}
	return all
}

var group = netip.MustParseAddr("239.1.1.1")

// TestReports follows the state changes of RFC 3376, section 6.4.
func TestReports(t *testing.T) {
	a, b := "10.0.0.1", "10.0.0.2"
	fromA, fromB, fromAny := "239.1.1.1 from 10.0.0.1 for vm0", "239.1.1.1 from 10.0.0.2 for vm0", "239.1.1.1 for vm0"
	for _, c := range []struct {
		name    string
		records []record
		want    string
	}{
		{"any", []record{{kind: toExclude, group: group}}, fromAny},
		{"left", []record{{kind: toExclude, group: group}, {kind: toInclude, group: group}}, ""},
		{"one source", []record{{kind: allow, group: group, sources: addrs(a)}}, fromA},
		{"another source", []record{{kind: allow, group: group, sources: addrs(a)}, {kind: toInclude, group: group, sources: addrs(b)}}, fromB},
		{"one of two blocked", []record{{kind: isInclude, group: group, sources: addrs(a, b)}, {kind: block, group: group, sources: addrs(a)}}, fromB},
		{"any in place of one", []record{{kind: allow, group: group, sources: addrs(a)}, {kind: isExclude, group: group, sources: addrs(b)}}, fromAny},
		{"one in place of any", []record{{kind: toExclude, group: group}, {kind: isInclude, group: group, sources: addrs(a)}}, fromA},
		{"allowed already", []record{{kind: toExclude, group: group}, {kind: allow, group: group, sources: addrs(a)}}, fromAny},
		{"the link's own", []record{{kind: toExclude, group: netip.MustParseAddr("224.0.0.251")}, {kind: toExclude, group: netip.MustParseAddr("ff02::fb")}}, ""},
		{"no group", []record{{kind: toExclude, group: netip.MustParseAddr("10.0.0.1")}}, ""},
		{"no kind", []record{{kind: 9, group: group}}, ""},
	} {
		s := newStory()
		s.says(0, c.records...)
		s.want(t, c.name, c.want)
	}
}

// TestLeavesForItself has one port leave a group that another one listens to.
func TestLeavesForItself(t *testing.T) {
	s := newStory()
	s.says(0, record{kind: toExclude, group: group})
	s.says(1, record{kind: toExclude, group: group}, record{kind: toInclude, group: group})
	s.want(t, "after vm1 left", "239.1.1.1 for vm0")
}

func TestBounds(t *testing.T) {
	s := newStory()
	for i := range 2 * maxPerPort {
		s.says(0, record{kind: toExclude, group: netip.AddrFrom4([4]byte{239, 0, 1, byte(i)})})
	}
	if n := s.Members.Len(); n != maxPerPort {
		t.Errorf("one port has %d groups, want %d", n, maxPerPort)
	}
	s.says(1, record{kind: toExclude, group: group})
	if n := s.Members.Len(); n != maxPerPort+1 {
		t.Errorf("another port was refused as well")
	}
}

// TestAgeing has a port fall silent: what it listened to ends after as many questions as it may leave unanswered, of which
// those that did not get out are none.
func TestAgeing(t *testing.T) {
	s := newStory()
	now := noon
	s.Tick(now, s.out)
	if len(s.sent) != 2 || s.sent[0] != "h1: 01005e000001" || s.sent[1] != "h1: 333300000001" {
		t.Fatalf("asked at first: %v", s.sent)
	}
	s.says(0, record{kind: toExclude, group: group})
	s.says(1, record{kind: toExclude, group: group})
	s.Members.Put(intent.Member{Port: vm(9), Group: group}) // plugged nowhere
	s.online = false
	for range 20 {
		now = now.Add(queryEvery)
		s.Tick(now, s.out)
	}
	s.want(t, "after a long time without a connection", "239.1.1.1 for vm0; 239.1.1.1 for vm1")
	s.online = true
	for range unansweredMost + 1 {
		now = now.Add(queryEvery)
		s.says(1, record{kind: isExclude, group: group})
		s.Tick(now, s.out)
	}
	s.want(t, "after a port was silent", "239.1.1.1 for vm1")
}

// TestOtherQuerier has an endpoint ask: it is taken for a router, and Weft is silent while it goes on.
func TestOtherQuerier(t *testing.T) {
	s := newStory()
	b, _ := s.Bindings.Peek(vm(2))
	s.query(b, message{query: true, toAll: true, from: netip.MustParseAddr("10.0.0.9"), within: answerWithin}, &punt.Packet{At: noon}, s.out)
	s.want(t, "after a query", "all groups for vm2")
	s.Tick(noon.Add(time.Second), s.out)
	if len(s.sent) != 1 || s.sent[0] != "h1: 333300000001" {
		t.Errorf("asked beside another querier: %v", s.sent)
	}
	s.Tick(noon.Add(queryEvery+answerWithin+2*time.Second), s.out)
	s.Tick(noon.Add(queryEvery+answerWithin+8*time.Second), s.out)
	if !slices.Contains(s.sent[1:], "h1: 01005e000001") {
		t.Errorf("did not ask after the other querier had fallen silent: %v", s.sent)
	}
}

// TestQueriesAreSound holds our own queries against another decoder and against our own.
func TestQueriesAreSound(t *testing.T) {
	for i, frame := range queries() {
		m, ok := parse(frame)
		if !ok || !m.query || !m.toAll || m.group.IsValid() || m.within != answerWithin {
			t.Errorf("%x is read as %+v, %t", frame, m, ok)
		}
		p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
		want := []gopacket.LayerType{layers.LayerTypeIGMP, layers.LayerTypeMLDv2MulticastListenerQuery}[i]
		if p.ErrorLayer() != nil || p.Layer(want) == nil {
			t.Errorf("another decoder finds %v in %s", p.ErrorLayer(), p)
		}
	}
}

// ipv4 is a frame with an IGMP message.
func ipv4(t testing.TB, body ...byte) []byte {
	t.Helper()
	be.PutUint16(body[2:], checksum(0, body))
	b := gopacket.NewSerializeBuffer()
	ip := &layers.IPv4{Version: 4, TTL: 1, Protocol: layers.IPProtocolIGMP, SrcIP: net.IP{10, 0, 0, 1}, DstIP: net.IP{224, 0, 0, 22}, Options: []layers.IPv4Option{{OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}}}}
	eth := &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{1, 0, 0x5e, 0, 0, 22}, EthernetType: layers.EthernetTypeIPv4}
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, eth, ip, gopacket.Payload(body)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestParse(t *testing.T) {
	report3 := ipv4(t, igmpReport3, 0, 0, 0, 0, 0, 0, 2, 3, 0, 0, 1, 239, 1, 1, 1, 10, 0, 0, 9, 4, 0, 0, 0, 239, 1, 1, 2)
	broken := slices.Clone(report3)
	broken[len(broken)-1] ^= 1
	for _, c := range []struct {
		name  string
		frame []byte
		want  string
	}{
		{"IGMPv2 report", ipv4(t, igmpReport2, 0, 0, 0, 239, 1, 1, 1), "[{4 239.1.1.1 []}]"},
		{"IGMPv2 leave", ipv4(t, igmpLeave, 0, 0, 0, 239, 1, 1, 1), "[{3 239.1.1.1 []}]"},
		{"IGMPv3 report", report3, "[{3 239.1.1.1 [10.0.0.9]} {4 239.1.1.2 []}]"},
		{"more records said than there are", ipv4(t, igmpReport3, 0, 0, 0, 0, 0, 255, 255, 4, 0, 0, 0, 239, 1, 1, 2), "[{4 239.1.1.2 []}]"},
		{"more sources said than there are", ipv4(t, igmpReport3, 0, 0, 0, 0, 0, 0, 1, 4, 0, 255, 255, 239, 1, 1, 2), "[]"},
		{"bad checksum", broken, "nothing"},
		{"cut off", report3[:len(report3)-1], "nothing"},
	} {
		m, ok := parse(c.frame)
		var all []string
		for _, r := range m.records {
			all = append(all, fmt.Sprintf("{%d %s %s}", r.kind, r.group, r.sources))
		}
		got := fmt.Sprint(all)
		if !ok {
			got = "nothing"
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, frame := range queries() {
		f.Add(frame)
	}
	f.Add(ipv4(f, igmpReport3, 0, 0, 0, 0, 0, 0, 2, 3, 0, 0, 1, 239, 1, 1, 1, 10, 0, 0, 9, 4, 0, 0, 0, 239, 1, 1, 2))
	f.Fuzz(func(t *testing.T, frame []byte) {
		m, ok := parse(frame)
		if ok && len(m.records) > maxRecords {
			t.Errorf("%d records", len(m.records))
		}
		for _, r := range m.records {
			if len(r.sources) > maxSources || !r.group.IsValid() {
				t.Errorf("%+v", r)
			}
		}
	})
}
