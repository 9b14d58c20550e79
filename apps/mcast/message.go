package mcast

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/weft-sdn/weft/southbound/flow"
)

// Types of messages: IGMP (RFC 2236, section 2.1; RFC 3376, section 4) and MLD (RFC 2710, section 3; RFC 3810, section 5).
const (
	igmpQuery, igmpReport1, igmpReport2, igmpLeave, igmpReport3 = 0x11, 0x12, 0x16, 0x17, 0x22
	mldQuery, mldReport, mldDone, mldReport2                    = 130, 131, 132, 143
)

// recordKind is what a report says of a group (RFC 3376, section 4.2.12; RFC 3810, section 5.2.12).
type recordKind uint8

const (
	isInclude recordKind = iota + 1
	isExclude
	toInclude
	toExclude
	allow
	block
)

// Bounds of what is read of one message; what is beyond them is not looked at.
const (
	maxRecords = 64
	maxSources = 64
)

// record is what a message says of one group.
type record struct {
	kind    recordKind
	group   netip.Addr
	sources []netip.Addr
}

// message is an IGMP or MLD message.
type message struct {
	query   bool
	toAll   bool       // sent to the group of all nodes, so that everybody got it
	from    netip.Addr // sender
	group   netip.Addr // of a query; zero: a general one
	within  time.Duration
	records []record // of a report
}

var be = binary.BigEndian

// parse reads an IGMP or MLD message out of a frame; it says false for what is none, or is malformed.
func parse(frame []byte) (message, bool) {
	if len(frame) < 14 {
		return message{}, false
	}
	dst, ethType, packet := flow.MACAddr(frame[:6]), be.Uint16(frame[12:]), frame[14:]
	var m message
	var to netip.Addr
	var ok bool
	switch ethType {
	case ethIPv4:
		m, to, ok = parse4(packet)
		m.toAll = to == all4 && dst == groupMAC(all4)
	case ethIPv6:
		m, to, ok = parse6(packet)
		m.toAll = to == all6 && dst == groupMAC(all6)
	}
	return m, ok
}

// parse4 reads an IGMP message and where it is sent.
func parse4(b []byte) (m message, to netip.Addr, ok bool) {
	if len(b) < 20 || b[0]>>4 != 4 || b[9] != protoIGMP || be.Uint16(b[6:])&0x3fff != 0 {
		return m, to, false // or a fragment
	}
	header, total := int(b[0]&15)*4, int(be.Uint16(b[2:]))
	if header < 20 || total < header+8 || total > len(b) {
		return m, to, false
	}
	m.from, to = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	body := b[header:total]
	if checksum(0, body) != 0 {
		return m, to, false
	}
	group := netip.AddrFrom4([4]byte(body[4:8]))
	switch body[0] {
	case igmpQuery:
		m.query, m.within = true, time.Duration(max(10, int(body[1])))*100*time.Millisecond
		if !group.IsUnspecified() {
			m.group = group
		}
	case igmpReport1, igmpReport2:
		m.records = []record{{kind: toExclude, group: group}}
	case igmpLeave:
		m.records = []record{{kind: toInclude, group: group}}
	case igmpReport3:
		m.records = records(body[8:], int(be.Uint16(body[6:])), 4)
	default:
		return m, to, false
	}
	return m, to, true
}

// parse6 reads an MLD message and where it is sent.
func parse6(b []byte) (m message, to netip.Addr, ok bool) {
	if len(b) < 40 || b[0]>>4 != 6 || len(b) < 40+int(be.Uint16(b[4:])) {
		return m, to, false
	}
	m.from, to = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	pseudo := sum(sum(0, b[8:40]), []byte{0, protoICMPv6})
	next, body := b[6], b[40:40+int(be.Uint16(b[4:]))]
	for range maxExtensions {
		if next != protoHopByHop && next != protoDestination {
			break
		}
		if len(body) < 8 || len(body) < int(body[1])*8+8 {
			return m, to, false
		}
		next, body = body[0], body[int(body[1])*8+8:]
	}
	if next != protoICMPv6 || len(body) < 8 || checksum(pseudo+uint32(len(body)), body) != 0 {
		return m, to, false
	}
	if body[0] == mldReport2 {
		m.records = records(body[8:], int(be.Uint16(body[6:])), 16)
		return m, to, true
	}
	if len(body) < 24 {
		return m, to, false
	}
	group := netip.AddrFrom16([16]byte(body[8:24]))
	switch body[0] {
	case mldQuery:
		m.query, m.within = true, time.Duration(be.Uint16(body[4:]))*time.Millisecond
		if !group.IsUnspecified() {
			m.group = group
		}
	case mldReport:
		m.records = []record{{kind: toExclude, group: group}}
	case mldDone:
		m.records = []record{{kind: toInclude, group: group}}
	default:
		return m, to, false
	}
	return m, to, true
}

// Protocols that may come before an MLD message, and how many of them.
const (
	protoHopByHop, protoDestination, protoICMPv6 = 0, 60, 58
	maxExtensions                                = 4
)

// records reads at most n group records, whose addresses have a size. It stops where the message does.
func records(b []byte, n, size int) []record {
	var all []record
	for ; n > 0 && len(b) >= 4+size && len(all) < maxRecords; n-- {
		sources, auxiliary := int(be.Uint16(b[2:])), int(b[1])*4
		r := record{kind: recordKind(b[0])}
		r.group, _ = netip.AddrFromSlice(b[4 : 4+size])
		b = b[4+size:]
		if len(b) < sources*size+auxiliary {
			return all
		}
		for i := range min(sources, maxSources) {
			source, _ := netip.AddrFromSlice(b[i*size : (i+1)*size])
			r.sources = append(r.sources, source)
		}
		b = b[sources*size+auxiliary:]
		all = append(all, r)
	}
	return all
}

// sum adds bytes to a sum of 16-bit words (RFC 1071).
func sum(s uint32, b []byte) uint32 {
	for ; len(b) >= 2; b = b[2:] {
		s += uint32(be.Uint16(b))
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	return s
}

// checksum ends a sum with bytes; it is zero over a message that has its checksum.
func checksum(s uint32, b []byte) uint16 {
	s = sum(s, b)
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return ^uint16(s)
}

// groupMAC returns the Ethernet address of a group.
func groupMAC(group netip.Addr) flow.MACAddr {
	b := group.AsSlice()
	if group.Is4() {
		return flow.MACAddr{0x01, 0x00, 0x5e, b[1] & 0x7f, b[2], b[3]}
	}
	return flow.MACAddr{0x33, 0x33, b[12], b[13], b[14], b[15]}
}

// Who asks: an address that no port has. Queries from 0.0.0.0 do not take part in the election of a querier, so that a router
// of the tenant's stays what it is (RFC 4541, section 2.1.1).
var (
	askerMAC = flow.MACAddr{0x02, 0x77, 0x65, 0x66, 0x74, 0x01}
	asker6   = netip.MustParseAddr("fe80::77:65ff:fe66:7401")
)

// queries are general queries of both families, of the newest versions, which the older ones understand.
func queries() [][]byte {
	seconds := byte(queryEvery / time.Second)
	igmp := []byte{igmpQuery, byte(answerWithin / (100 * time.Millisecond)), 0, 0, 0, 0, 0, 0, robustness, seconds, 0, 0}
	be.PutUint16(igmp[2:], checksum(0, igmp))
	// With the router alert option (RFC 2113), to the link only.
	ip4 := []byte{0x46, 0xc0, 0, 24 + 12, 0, 0, 0, 0, 1, protoIGMP, 0, 0, 0, 0, 0, 0, 224, 0, 0, 1, 148, 4, 0, 0}
	be.PutUint16(ip4[10:], checksum(0, ip4))

	mld := make([]byte, 28)
	mld[0], mld[24], mld[25] = mldQuery, robustness, seconds
	be.PutUint16(mld[4:], uint16(answerWithin/time.Millisecond))
	src, dst := asker6.As16(), all6.As16()
	pseudo := sum(sum(sum(0, src[:]), dst[:]), []byte{0, protoICMPv6, 0, byte(len(mld))})
	be.PutUint16(mld[2:], checksum(pseudo, mld))
	ip6 := []byte{0x60, 0, 0, 0, 0, 8 + 28, protoHopByHop, 1}
	ip6 = append(append(ip6, src[:]...), dst[:]...)
	ip6 = append(ip6, protoICMPv6, 0, 5, 2, 0, 0, 1, 0) // router alert for MLD (RFC 2711), and padding

	return [][]byte{ethernet(all4, ethIPv4, ip4, igmp), ethernet(all6, ethIPv6, ip6, mld)}
}

func ethernet(group netip.Addr, ethType uint16, parts ...[]byte) []byte {
	to := groupMAC(group)
	frame := be.AppendUint16(append(to[:], askerMAC[:]...), ethType)
	for _, p := range parts {
		frame = append(frame, p...)
	}
	return frame
}
