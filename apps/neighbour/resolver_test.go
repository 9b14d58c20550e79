package neighbour

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/punt"
	"github.com/weft-sdn/weft/southbound/flow"
)

var (
	network = intent.Key{Kind: intent.KindNetwork, Project: "net", Name: "ext"}
	router  = intent.Key{Kind: intent.KindRouter, Project: "red", Name: "r1"}
	own     = flow.MACAddr{0xfa, 0x16, 0x3e, 0, 0, 1}
	station = flow.MACAddr{0x02, 0, 0, 0, 0, 9}
)

const tag = 7

// story is a resolver over one network outside, on which a router has an address of each family on h1, and a clock.
type story struct {
	*resolver
	now  time.Time
	said []string // what was sent and passed on
	out  *punt.Outbox
}

func newStory() *story {
	s := &story{resolver: newResolver(intent.NewTables()), now: time.Unix(1_000_000, 0)}
	s.out = punt.NewOutbox(func(host string, o punt.Out) bool {
		s.said = append(s.said, host+" "+describe(o.Data))
		return true
	})
	s.Networks.Put(intent.Network{Key: network, Tag: tag})
	for _, ip := range []string{"198.51.100.100", "2001:db8::100"} {
		s.Externals.Put(intent.External{Network: network, IP: netip.MustParseAddr(ip), MAC: own, Router: router, Host: "h1"})
	}
	s.Reaches.Put(intent.Reach{Network: network, Host: "h1"})
	return s
}

// describe says what a frame is.
func describe(frame []byte) string {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	if a, ok := p.Layer(layers.LayerTypeARP).(*layers.ARP); ok {
		ip, _ := netip.AddrFromSlice(a.DstProtAddress)
		return fmt.Sprintf("asks %s", ip)
	}
	if n, ok := p.Layer(layers.LayerTypeICMPv6NeighborSolicitation).(*layers.ICMPv6NeighborSolicitation); ok {
		ip, _ := netip.AddrFromSlice(n.TargetAddress)
		return fmt.Sprintf("asks %s", ip)
	}
	return string(frame)
}

// packet is one for a next hop, of h1.
func (s *story) packet(hop netip.Addr, data string) {
	match := flow.Match{pipeline.Net.Is(tag)}
	if hop.Is4() {
		raw := hop.As4()
		match = append(match, pipeline.NextHop4.Is(uint64(binary.BigEndian.Uint32(raw[:]))))
	} else {
		raw := hop.As16()
		for i, id := range []flow.FieldID{flow.Reg8, flow.Reg9, flow.Reg10, flow.Reg11} {
			match = append(match, flow.Whole(id).Is(uint64(binary.BigEndian.Uint32(raw[4*i:]))))
		}
	}
	s.Packet(&punt.Packet{Host: "h1", At: s.now, Match: match, Data: []byte(data)}, s.out)
}

// answer is one of somebody who has an address.
func (s *story) answer(t *testing.T, ip netip.Addr) {
	t.Helper()
	eth := &layers.Ethernet{SrcMAC: station[:], DstMAC: own[:], EthernetType: layers.EthernetTypeARP}
	frame, err := pipeline.Serialize(eth, &layers.ARP{AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
		Operation: layers.ARPReply, SourceHwAddress: station[:], SourceProtAddress: ip.AsSlice(), DstHwAddress: own[:], DstProtAddress: []byte{198, 51, 100, 100}})
	if err != nil {
		t.Fatal(err)
	}
	s.Packet(&punt.Packet{Host: "h1", Why: answers, At: s.now, Match: flow.Match{pipeline.Net.Is(tag)}, Data: frame}, s.out)
}

// passes lets seconds pass, and returns what was sent.
func (s *story) passes(seconds int) string {
	for range seconds {
		s.now = s.now.Add(time.Second)
		s.Tick(s.now, s.out)
	}
	return s.told()
}

// told is what was sent since it was asked.
func (s *story) told() string {
	all := s.said
	s.said = nil
	return strings.Join(all, ", ")
}

func (s *story) knows(ip netip.Addr) bool {
	n, ok := s.Neighbours.Peek(intent.ExternalKey{Network: network, IP: ip})
	return ok && n.MAC == station
}

func (s *story) want(t *testing.T, when, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, want %q", when, got, want)
	}
}

// TestAsks asks for who has an address in both families, three times, then tells who waits, and does not ask again for a while.
func TestAsks(t *testing.T) {
	for _, text := range []string{"198.51.100.7", "2001:db8::7"} {
		s, ip, asks := newStory(), netip.MustParseAddr(text), "h1 asks "+text
		s.packet(ip, "one")
		s.want(t, "the first packet", s.told(), asks)
		s.packet(ip, "two")
		s.want(t, "the second one", s.told(), "")
		s.want(t, "three seconds", s.passes(3), asks+", "+asks)
		s.want(t, "in silence", s.passes(5), "")
		s.packet(ip, "three")
		s.want(t, "a packet in silence", s.told(), "")
		s.passes(10)
		s.packet(ip, "four")
		s.want(t, "a packet after it", s.told(), asks)
	}
}

// TestHears lets packets that have waited go on, no more than four, and believes what nobody asked for as little as an answer that is over.
func TestHears(t *testing.T) {
	s, ip := newStory(), netip.MustParseAddr("198.51.100.7")
	s.answer(t, ip)
	if s.knows(ip) {
		t.Error("what nobody asked for is believed")
	}
	for i := range 2 * eachHeld {
		s.packet(ip, fmt.Sprint("p", i))
	}
	s.told()
	s.answer(t, ip)
	s.want(t, "after the answer", s.told(), "h1 p0, h1 p1, h1 p2, h1 p3")
	if !s.knows(ip) || s.held != 0 {
		t.Errorf("known: %t; %d packets are held", s.knows(ip), s.held)
	}
}

// TestAsksAgain asks who has an address again after a minute, and forgets it when it does not answer; who does stays known.
func TestAsksAgain(t *testing.T) {
	s, stays, goes := newStory(), netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("198.51.100.8")
	for _, ip := range []netip.Addr{stays, goes} {
		s.packet(ip, "x")
		s.answer(t, ip)
	}
	s.told()
	s.want(t, "most of a minute", s.passes(int(reprobe/time.Second)-1), "")
	s.want(t, "after a minute", s.passes(1), "h1 asks 198.51.100.7, h1 asks 198.51.100.8")
	s.answer(t, stays)
	s.want(t, "then", s.passes(tries), "h1 asks 198.51.100.8, h1 asks 198.51.100.8")
	if !s.knows(stays) || s.knows(goes) {
		t.Errorf("who answers is known: %t, who does not: %t", s.knows(stays), s.knows(goes))
	}
	// One that a restart finds has its minute, too.
	again := newStory()
	again.Neighbours.Put(intent.Neighbour{Network: network, IP: stays, MAC: station})
	again.want(t, "remembered", again.passes(int(reprobe/time.Second)), "")
	again.want(t, "a minute after the restart", again.passes(1), "h1 asks 198.51.100.7")
	s.Networks.Delete(network)
	s.passes(1)
	if s.knows(stays) {
		t.Error("a station of a network that is gone is known")
	}
}

// TestBounds asks for no more addresses at a time, holds no more packets, and remembers no more answers than it may.
func TestBounds(t *testing.T) {
	s := newStory()
	address := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}) }
	for i := range maxAsked + 10 {
		s.packet(address(i), "x")
	}
	if n := len(slices.Collect(strings.SplitSeq(s.told(), ", "))); n != maxAsked || len(s.asked) != maxAsked || s.held != maxHeld {
		t.Errorf("%d were asked for, %d are; %d packets are held", n, len(s.asked), s.held)
	}
	for i := range maxAsked {
		s.answer(t, address(i))
	}
	for i := maxAsked; i < maxKnown+10; i++ {
		s.packet(address(i), "x")
		s.answer(t, address(i))
	}
	known := 0
	for range s.Neighbours.Scan() {
		known++
	}
	if known != maxKnown || len(s.asked) != 0 || s.held != 0 {
		t.Errorf("%d are known, %d asked for; %d packets are held", known, len(s.asked), s.held)
	}
}
