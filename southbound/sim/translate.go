package sim

import (
	"net/netip"

	"github.com/weft-sdn/weft/southbound/flow"
)

// Bits of ct_state for packets that were translated (ovs-fields(7)).
const (
	ctSNAT = 1 << 6
	ctDNAT = 1 << 7
)

// Flags of the nat action, and bits that say which parts of a range it has (enum nx_nat_flags, enum nx_nat_range).
const (
	natSource      = 1 << 0
	natDestination = 1 << 1

	natIPv4Min = 1 << 0
	natIPv4Max = 1 << 1
	natIPv6Min = 1 << 2
	natIPv6Max = 1 << 3
	natPortMin = 1 << 4
	natPortMax = 1 << 5
)

// translation is what a nat action asks for. Without a way it translates as the connection was when it was committed.
type translation struct {
	way         uint16     // natSource, natDestination, or 0
	addr        netip.Addr // zero: as it is
	first, last uint16     // ports to choose from; 0: the packet's own, or else a free one
}

// translate reads a nat action.
func translate(r *reader) (*translation, error) {
	size := int(r.u16())
	if size < 16 || size-4 > len(r.b) {
		return nil, errCut
	}
	body := &reader{b: r.take(size - 4)}
	body.take(4 + 2 + 2) // experimenter, subtype, padding
	t := &translation{way: body.u16() & (natSource | natDestination)}
	present := body.u16()
	if present&(natIPv4Max|natIPv6Max) != 0 {
		return nil, &Error{Type: typeBadAction, Code: 5, Why: notModelled("translation to several addresses")}
	}
	if present&natIPv4Min != 0 {
		t.addr, _ = netip.AddrFromSlice(body.take(4))
	}
	if present&natIPv6Min != 0 {
		t.addr, _ = netip.AddrFromSlice(body.take(16))
	}
	if present&natPortMin != 0 {
		t.first = body.u16()
		t.last = t.first
	}
	if present&natPortMax != 0 {
		t.last = body.u16()
	}
	if body.bad {
		return nil, errCut
	}
	if t.way == natSource|natDestination || t.way == 0 && present != 0 {
		return nil, refuse(typeBadAction, 5, "nat with flags %d and a range %d", t.way, present)
	}
	return t, nil
}

// answer is what the answers of a new connection look like that is translated, and false when no port is free for it.
func (k tracker) answer(dir tuple5, t *translation) (tuple5, bool) {
	back := dir.reverse()
	if t == nil || t.way == 0 {
		return back, true
	}
	addr, port := &back.dst, &back.dstPort
	if t.way == natDestination {
		addr, port = &back.src, &back.srcPort
	}
	if t.addr.IsValid() {
		*addr = t.addr
	}
	hasPorts := dir.proto == protoTCP || dir.proto == protoUDP || dir.proto == protoSCTP
	if !hasPorts {
		_, taken := k[back]
		return back, !taken
	}
	if t.first != 0 {
		for p := uint32(t.first); p <= uint32(t.last); p++ {
			*port = uint16(p)
			if _, taken := k[back]; !taken {
				return back, true
			}
		}
		return back, false
	}
	// The sender's port changes, whichever address does: to the next one of its kind.
	low, high := kindred(dir.srcPort)
	for range uint32(high-low) + 1 {
		if _, taken := k[back]; !taken {
			return back, true
		}
		if back.dstPort++; back.dstPort > high || back.dstPort < low {
			back.dstPort = low
		}
	}
	return back, false
}

// kindred is from where Open vSwitch takes a port in place of one that is taken.
func kindred(port uint16) (low, high uint16) {
	switch {
	case port < 512:
		return 1, 511
	case port < 1024:
		return 600, 1023
	}
	return 1024, 65535
}

// state tells in which way a connection is translated: bits of ct_state.
func (t *translation) state() uint64 {
	switch {
	case t == nil || t.way == 0:
		return 0
	case t.way == natSource:
		return ctSNAT
	}
	return ctDNAT
}

// rewrite gives a packet the addresses that it has at the other side of the translation.
func (p *packet) rewrite(t tuple5) {
	src, dst := flow.IPv4Src, flow.IPv4Dst
	if t.src.Is6() {
		src, dst = flow.IPv6Src, flow.IPv6Dst
	}
	p.set(src, number(t.src.AsSlice()), low(src.Bits()))
	p.set(dst, number(t.dst.AsSlice()), low(dst.Bits()))
	from, to := flow.TCPSrc, flow.TCPDst
	switch t.proto {
	case protoTCP:
	case protoUDP:
		from, to = flow.UDPSrc, flow.UDPDst
	case protoSCTP:
		from, to = flow.SCTPSrc, flow.SCTPDst
	default:
		return
	}
	p.set(from, flow.Bits{Lo: uint64(t.srcPort)}, low(16))
	p.set(to, flow.Bits{Lo: uint64(t.dstPort)}, low(16))
}
